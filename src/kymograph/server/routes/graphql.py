"""``POST /graphql``: the protocol's structured half."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from kymograph.core import exact_json
from kymograph.errors import MalformedRequest
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.graphql.context import RequestContext
from kymograph.server.graphql.execution import GraphQLExecutor
from kymograph.server.json import JsonResponse
from kymograph.server.limits import MAX_GRAPHQL_BYTES, read_body
from kymograph.server.logging import request_id_var
from kymograph.wire.filestream import decompress
from kymograph.wire.sharing import writer_of

router = APIRouter(include_in_schema=False)


@router.post("/graphql")
async def graphql(request: Request, caller: CallerDep, services: ServicesDep) -> JsonResponse:
    """Execute one document."""
    body = await read_body(request, MAX_GRAPHQL_BYTES)
    encoding = request.headers.get("content-encoding")
    executor: GraphQLExecutor = request.app.state.graphql
    context = RequestContext(caller, services, request_id_var.get(), writer=writer_of(request.headers))
    return await run_in_threadpool(_answer, executor, body, encoding, context)


def _answer(executor: GraphQLExecutor, body: bytes, encoding: str | None, context: RequestContext) -> JsonResponse:
    try:
        document: Any = exact_json.loads(decompress(body, encoding, limit=MAX_GRAPHQL_BYTES))
    except ValueError as exc:
        raise MalformedRequest(f"not JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise MalformedRequest("expected one JSON object; batches are not served")
    reply = executor.execute(document, context)
    return JsonResponse(reply.body, status_code=reply.status)
