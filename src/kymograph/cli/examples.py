"""Examples at the end of a command's help."""

from __future__ import annotations


def examples(*lines: tuple[str, str]) -> str:
    """What a command shows below its options.

    Args:
        lines: Commands, and what each of them does; empty where that is plain.
    """
    width = max(len(command) for command, _ in lines)
    shown = [f"  {command:<{width}}  {what}".rstrip() for command, what in lines]
    # The backspace keeps click from filling the lines.
    return "\n".join(["\b", "Examples:", *shown])
