"""What a server could not read of its own store: told, never passed over."""

from __future__ import annotations

from collections.abc import Iterable

from kymograph.sdk.artifacts.voice import current_voice


def tell(where: str, damaged: Iterable[str]) -> None:
    """Warn of what is missing from an answer, once for each part.

    Args:
        where: A run, or a project.
        damaged: In the server's words; empty texts do not count.
    """
    for text in dict.fromkeys(filter(None, damaged)):
        current_voice().warn(f"rows of {where} are missing: the server cannot read {text}; see `kymograph check` there")
