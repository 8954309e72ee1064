"""``/metrics``: what the server counts of itself, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from kymograph.server.auth import ServicesDep
from kymograph.server.counters import Counters, Gauges, render

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def metrics(request: Request, services: ServicesDep) -> Response:
    """Counters of this process, and how much waits in the database."""
    counters: Counters = request.app.state.counters
    tail = await run_in_threadpool(services.history.tail_size)
    compactor = services.compactor
    gauges = Gauges(tail.chunks, tail.raw_bytes, compactor.backlog_bytes, compactor.overdue_bytes)
    return Response(render(counters, gauges), media_type=CONTENT_TYPE)
