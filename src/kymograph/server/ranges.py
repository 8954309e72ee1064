"""Answers that carry stored bytes: ranges, names, and headers that keep a browser safe."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from kymograph.core.files import ByteSpan

PREVIEWABLE = ("image/", "audio/", "video/", "text/", "application/pdf", "application/json")
ACTIVE_TYPES = ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/xml")
SANDBOX_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; media-src data: blob:"
)
"""What users logged runs in an opaque origin without cookies and network. Source: ui.md §6."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def parse_range(header: str | None, size_bytes: int) -> ByteSpan | None:
    """One byte range of an object of that size; None for "all" and for forms that may be ignored.

    Raises:
        ValueError: The range lies outside the object (416).
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size_bytes)
        if length == 0:
            raise ValueError("empty range")
        return ByteSpan(size_bytes - length, size_bytes)
    start = int(first)
    end = min(int(last) + 1, size_bytes) if last else size_bytes
    if start >= size_bytes or end <= start:
        raise ValueError("range outside of the object")
    return ByteSpan(start, end)


def bytes_response(
    read: Callable[[ByteSpan | None], AsyncIterator[bytes]],
    request: Request,
    *,
    size_bytes: int,
    mimetype: str,
    name: str,
    etag: str | None,
    attachment: bool = False,
) -> Response:
    """Stored bytes as an answer.

    Args:
        read: Streams the object or a part of it.
        request: Its ``Range`` and method count.
        size_bytes: Of the whole object.
        mimetype: As recorded; the browser must not guess another.
        name: For the download dialog.
        etag: Quoted, or None.
        attachment: Always offer to save instead of showing.
    """
    shown = not attachment and mimetype.startswith(PREVIEWABLE)
    headers = {
        "Accept-Ranges": "bytes",
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": "private, max-age=0, must-revalidate",
        "Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": SANDBOX_POLICY if mimetype in ACTIVE_TYPES else "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    if etag:
        headers["ETag"] = etag
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
    content_type = f"{mimetype}; charset=utf-8" if mimetype.startswith("text/") else mimetype
    try:
        span = parse_range(request.headers.get("range"), size_bytes)
    except ValueError:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size_bytes}"})
    if request.method == "HEAD":
        headers["Content-Length"] = str(size_bytes)
        return Response(media_type=content_type, headers=headers)
    if span is None:
        headers["Content-Length"] = str(size_bytes)
        return StreamingResponse(read(None), media_type=content_type, headers=headers)
    end = span.end if span.end is not None else size_bytes
    headers["Content-Length"] = str(end - span.start)
    headers["Content-Range"] = f"bytes {span.start}-{end - 1}/{size_bytes}"
    return StreamingResponse(read(span), status_code=206, media_type=content_type, headers=headers)
