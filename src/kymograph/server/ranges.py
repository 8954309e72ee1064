"""Answers that carry stored bytes: ranges, names, and headers that keep a browser safe."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from kymograph.core.files import ByteSpan
from kymograph.server.large_bodies import FROM_BYTES, LargeBodies

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
    path: Path | None = None,
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
        path: Where the object lies as a file of this machine, for addresses whose answers are not compressed.
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
        whole = ByteSpan(0, size_bytes)
        return _StoredResponse(read(None), whole, path, status_code=200, media_type=content_type, headers=headers)
    end = span.end if span.end is not None else size_bytes
    headers["Content-Length"] = str(end - span.start)
    headers["Content-Range"] = f"bytes {span.start}-{end - 1}/{size_bytes}"
    part = ByteSpan(span.start, end)
    return _StoredResponse(read(span), part, path, status_code=206, media_type=content_type, headers=headers)


class _StoredResponse(StreamingResponse):
    """A stream; what is large, and a file of this machine, goes past the HTTP server."""

    def __init__(self, pieces: AsyncIterator[bytes], span: ByteSpan, path: Path | None, **options: Any) -> None:
        super().__init__(pieces, **options)
        self._span, self._path = span, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        start, size_bytes = self._span.start, (self._span.end or 0) - self._span.start
        direct = LargeBodies.of(scope)
        file = None
        if direct is not None and self._path is not None and size_bytes >= FROM_BYTES:
            with suppress(OSError):  # the stream will say what is the matter
                file = await asyncio.to_thread(open, self._path, "rb", 0)
        if direct is None or file is None:
            await super().__call__(scope, receive, send)
            return
        with file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if await direct.send(file.fileno(), start, size_bytes):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
