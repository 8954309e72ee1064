"""Bounds on what a request may bring."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from fastapi import Request

from kymograph.errors import MalformedRequest, RequestTooLarge
from kymograph.server.large_bodies import FROM_BYTES, LargeBodies

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
    header = request.headers.get("content-length", "")
    declared = int(header) if header.isdigit() else None
    size = 0
    async with aclosing(_chunks(request, declared or 0)) as chunks:
        async for chunk in chunks:
            size += len(chunk)
            yield chunk
    if declared is not None and size != declared:
        raise MalformedRequest(f"{declared} bytes were announced and {size} came")


async def _chunks(request: Request, declared: int) -> AsyncGenerator[bytes, None]:
    left = declared
    direct = LargeBodies.of(request.scope)
    async for chunk in request.stream():
        left -= len(chunk)
        if chunk:
            yield chunk
        if direct is not None and left >= FROM_BYTES:
            break
    else:
        return
    async with aclosing(direct.receive(left)) as blocks:
        async for block in blocks:
            yield block
