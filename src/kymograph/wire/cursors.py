"""Cursors of pages: where the next one begins, as an opaque text."""

from __future__ import annotations

from kymograph.errors import InvalidCursor
from kymograph.wire.ids import encode_id, find_id


def offset_of(after: str | None) -> int:
    """Read a page cursor.

    Raises:
        InvalidCursor: Not one of ours.
    """
    if after is None:
        return 0
    offset = find_id("Cursor", after)
    if offset is None:
        raise InvalidCursor(after)
    return offset


def next_cursor(offset: int, shown: int, total: int) -> str | None:
    """The cursor of the following page, None at the end."""
    return encode_id("Cursor", offset + shown) if shown and offset + shown < total else None
