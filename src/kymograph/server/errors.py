"""Errors to responses: one shape for REST and protocol routes alike.

``{"error": {"kind", "message", "request_id", "details"?}}``; clients of the protocol read ``error.message``, and on
``/graphql`` nothing but ``errors[].message``, so there the message stands in both places.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kymograph.errors import KymographError, ServerBusy, Unauthenticated
from kymograph.server.logging import request_id_var
from kymograph.wire.errors import status_of

logger = logging.getLogger(__name__)

GRAPHQL_PATH = "/graphql"
_KIND_BY_STATUS = {400: "MalformedRequest", 404: "NotFound", 405: "MethodNotAllowed", 413: "RequestTooLarge"}


def error_response(
    status: int,
    kind: str,
    message: str,
    *,
    details: Sequence[object] = (),
    headers: dict[str, str] | None = None,
    for_graphql: bool = False,
) -> Response:
    """An error in the one shape."""
    error: dict[str, object] = {"kind": kind, "message": message, "request_id": request_id_var.get()}
    if details:
        error["details"] = list(details)
    body: dict[str, object] = {"error": error}
    if for_graphql:
        body["errors"] = [{"message": message, "path": [], "extensions": {"kind": kind}}]
    content = orjson.dumps(body, default=str)
    return Response(content, status_code=status, media_type="application/json", headers=headers)


def response_of(error: KymographError, *, for_graphql: bool = False) -> Response:
    """The response to one of our errors."""
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        # Not Basic, though that is accepted: a browser would answer its challenge with a dialog of its own, and
        # the page's request would hang behind it. Clients of the protocol send their key unasked.
        headers["WWW-Authenticate"] = 'Bearer realm="Kymograph"'
    if isinstance(error, ServerBusy):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s or 1)))
    kind = type(error).__name__
    return error_response(status_of(error), kind, str(error), headers=headers, for_graphql=for_graphql)


def internal_error() -> Response:
    """The response to a bug of ours; the log has the traceback under the same request id."""
    return error_response(500, "InternalError", "internal error; the server's log has it under this request id")


def install_error_handlers(app: FastAPI) -> None:
    """Answer every failure in the one shape."""

    @app.exception_handler(KymographError)
    async def on_known(request: Request, error: KymographError) -> Response:
        return response_of(error, for_graphql=request.url.path == GRAPHQL_PATH)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: RequestValidationError) -> Response:
        details = [
            {"where": ".".join(str(part) for part in problem["loc"]), "message": problem["msg"]}
            for problem in error.errors()
        ]
        message = "; ".join(f"{detail['where']}: {detail['message']}" for detail in details[:3])
        return error_response(422, "MalformedRequest", message or "the request is malformed", details=details)

    @app.exception_handler(HTTPException)
    async def on_http(_request: Request, error: HTTPException) -> Response:
        kind = _KIND_BY_STATUS.get(error.status_code, "HTTPError")
        return error_response(error.status_code, kind, str(error.detail), headers=dict(error.headers or {}))
