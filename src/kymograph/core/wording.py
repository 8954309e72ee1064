"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, word: str) -> str:
    """So many of something, in words."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def shown_bytes(size: float) -> str:
    """A size for people."""
    if size == 1:
        return "1 byte"
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError
