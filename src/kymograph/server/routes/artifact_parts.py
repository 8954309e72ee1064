"""Bodies of many small contents, to and from signed addresses. Source: docs/protocol/bulk-transfers.md."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from kymograph.errors import MalformedRequest
from kymograph.server.auth import ServicesDep
from kymograph.server.json import JsonResponse
from kymograph.server.limits import MAX_JSON_BYTES, body_stream, read_body
from kymograph.wire.content_parts import MEDIA_TYPE, body_size

MAX_PATHS = 5_000
"""Asked for in one request."""

router = APIRouter(include_in_schema=False)


@router.put("/storage/artifact-parts/{token}")
async def put_parts(token: str, request: Request, services: ServicesDep) -> Response:
    """Store contents; the address alone is the credential."""
    received = await services.artifact_bulk.receive(token, body_stream(request))
    return JsonResponse({"stored": received.stored, "refused": received.refused})


@router.post("/storage/artifact-parts/{token}")
async def get_parts(token: str, request: Request, services: ServicesDep) -> Response:
    """Give the contents of the files whose paths are in the body; the address alone is the credential."""
    paths = _paths(await read_body(request, MAX_JSON_BYTES))
    entries = await run_in_threadpool(services.artifact_bulk.find, token, paths)
    size = body_size(entry.size_bytes for entry in entries)
    return StreamingResponse(
        services.artifact_bulk.give(entries), media_type=MEDIA_TYPE, headers={"Content-Length": str(size)}
    )


@router.put("/storage/artifact-contents/{token}")
async def put_content(token: str, request: Request, services: ServicesDep) -> Response:
    """Store a content, or the rest of one, and answer with its digest; the address alone is the credential."""
    told = request.headers.get("upload-offset", "0")
    if not (told.isascii() and told.isdigit()):
        raise MalformedRequest(f"Upload-Offset is a number of bytes, not {told[:40]!r}", where="Upload-Offset")
    stored = await services.artifact_contents.receive(token, body_stream(request), start=int(told))
    return Response(status_code=200, headers={"ETag": f'"{stored.digest}"'})


def _paths(body: bytes) -> list[str]:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise MalformedRequest(f"not JSON: {exc}", where="body") from exc
    if not isinstance(found, list) or not all(isinstance(path, str) for path in found) or len(found) > MAX_PATHS:
        raise MalformedRequest(f"the body is a list of {MAX_PATHS:,} paths at most", where="body")
    return found
