"""Connections: pages of a list, in the protocol's shape. Cursors hold an offset, and are opaque to clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kymograph.errors import InvalidCursor, MalformedRequest
from kymograph.server.graphql.context import Payload
from kymograph.wire.ids import encode_id, find_id

MAX_PAGE = 10_000


def page_bounds(arguments: dict[str, Any], *, default: int = 50) -> tuple[int, int]:
    """Offset and limit from `first` and `after`.

    Raises:
        InvalidCursor: `after` is not one of ours.
        MalformedRequest: `first` is negative.
    """
    first, after = arguments.get("first"), arguments.get("after")
    if first is not None and first < 0:
        raise MalformedRequest("must not be negative", where="first")
    limit = min(default if first is None else first, MAX_PAGE)
    if not after:
        return 0, limit
    offset = find_id("Cursor", after)
    if offset is None:
        raise InvalidCursor(after)
    return offset, limit


def connection(nodes: Sequence[Any], *, offset: int, total: int, **more: Any) -> Payload:
    """One page; `more` goes beside `edges`."""
    edges = [{"node": node, "cursor": encode_id("Cursor", offset + i + 1)} for i, node in enumerate(nodes)]
    return {
        "edges": edges,
        "pageInfo": {
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasNextPage": offset + len(edges) < total,
        },
        "totalCount": total,
        **more,
    }


def whole(nodes: Sequence[Any], **more: Any) -> Payload:
    """A connection that holds everything there is."""
    return connection(nodes, offset=0, total=len(nodes), **more)
