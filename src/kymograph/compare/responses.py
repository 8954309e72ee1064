"""Answers with an `ETag`: whoever has the same one already is told so instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import xxhash
from fastapi import Request, Response

from kymograph.core import exact_json

REVALIDATE = "private, no-cache"
"""To be kept, and asked about before it is shown again."""


def json_response(request: Request, content: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A document; to a GET of somebody who has it already, 304.

    Args:
        request: What its sender has stands in ``If-None-Match``.
        content: Of JSON alone; numbers that it cannot carry were replaced before.
        headers: Further ones.
    """
    try:
        body = orjson.dumps(content)
    except TypeError:  # a lone surrogate in a caption
        body = exact_json.dumps(content).encode()
    # Weak: the same answer may be sent compressed.
    etag = f'W/"{xxhash.xxh3_128_hexdigest(body)}"'
    told = {"ETag": etag, "Cache-Control": REVALIDATE, **(headers or {})}
    known = [entry.strip() for entry in request.headers.get("if-none-match", "").split(",")]
    if request.method == "GET" and etag in known:
        return Response(status_code=304, headers=told)
    return Response(body, media_type="application/json", headers=told)
