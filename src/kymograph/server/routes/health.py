"""Health: ``/healthz`` (the process lives), ``/readyz`` and ``/ready`` (it can serve)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
@router.get("/ready")
async def readyz(request: Request) -> PlainTextResponse:
    """The database answers."""
    database = request.app.state.deployment.database
    await run_in_threadpool(database.read, lambda tx: tx.accounts.count_users())
    return PlainTextResponse("ready\n")
