"""Telemetry that clients send about themselves: taken and dropped. Source: protocol.md §17."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

router = APIRouter(include_in_schema=False)


@router.post("/sdk/otel/v1/metrics")
@router.post("/sdk/otel/v1/logs")
async def drop(request: Request) -> Response:
    """Say thanks and keep nothing."""
    async for _ in request.stream():
        pass
    return Response(status_code=200, media_type="application/x-protobuf")
