"""Parts of files, as callers of file systems name them."""

from __future__ import annotations

from kymograph.client.transfers import Span


def span_of(size_bytes: int, start: int | None, end: int | None) -> Span:
    """The part of a file that a slice of its bytes is; of size 0 where that is empty.

    Args:
        size_bytes: Of the file.
        start: First byte; negative ones count from the end. None is 0.
        end: Byte after the last one; as `start`. None is the end of the file.
    """
    first, last, _ = slice(start, end).indices(size_bytes)
    return Span(first, max(last - first, 0))
