"""Bounds on what a request may bring."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Request

from kymograph.errors import MalformedRequest, RequestTooLarge

MAX_GRAPHQL_BYTES = 64 * 1024 * 1024
"""Clients send configs of 10 MB and more in one variable."""
MAX_JSON_BYTES = 4 * 1024 * 1024


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises:
        RequestTooLarge: More than `limit` bytes; nothing more is read.
        MalformedRequest: The client went away or broke off.
    """
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise RequestTooLarge("request body", limit=limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in body_stream(request):
        size += len(chunk)
        if size > limit:
            raise RequestTooLarge("request body", limit=limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def body_stream(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; a body that breaks off raises, so that nothing half is ever stored.

    Raises:
        MalformedRequest: Fewer bytes came than were announced.
    """
    declared = request.headers.get("content-length")
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if chunk:
            yield chunk
    if declared is not None and declared.isdigit() and size != int(declared):
        raise MalformedRequest(f"{declared} bytes were announced and {size} came")
