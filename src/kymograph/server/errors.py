"""Errors to responses: one shape for REST and protocol routes alike.

``{"error": {"kind", "message", "request_id", "details"?}}``; clients of the protocol read ``error.message``.
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

_KIND_BY_STATUS = {400: "MalformedRequest", 404: "NotFound", 405: "MethodNotAllowed", 413: "RequestTooLarge"}


def error_response(
    status: int, kind: str, message: str, *, details: Sequence[object] = (), headers: dict[str, str] | None = None
) -> Response:
    """An error in the one shape."""
    error: dict[str, object] = {"kind": kind, "message": message, "request_id": request_id_var.get()}
    if details:
        error["details"] = list(details)
    body = orjson.dumps({"error": error}, default=str)
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def response_of(error: KymographError) -> Response:
    """The response to one of our errors."""
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Basic realm="Kymograph", charset="UTF-8"'
    if isinstance(error, ServerBusy):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return error_response(status_of(error), type(error).__name__, str(error), headers=headers)


def internal_error() -> Response:
    """The response to a bug of ours; the log has the traceback under the same request id."""
    return error_response(500, "InternalError", "internal error; the server's log has it under this request id")


def install_error_handlers(app: FastAPI) -> None:
    """Answer every failure in the one shape."""

    @app.exception_handler(KymographError)
    async def on_known(_request: Request, error: KymographError) -> Response:
        return response_of(error)

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
