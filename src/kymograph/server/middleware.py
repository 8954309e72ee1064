"""What every request passes through: an id, security headers, and a last net for bugs of ours."""

from __future__ import annotations

import logging
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kymograph.server.counters import Counters
from kymograph.server.errors import internal_error
from kymograph.server.logging import request_id_var
from kymograph.server.routes.rest import series
from kymograph.wire import columns, content_parts

logger = logging.getLogger("kymograph.request")

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; frame-ancestors 'none'; object-src 'none'; base-uri 'none'; form-action 'self'"
)
"""Source: ui.md §6."""


COMPRESSED_PATHS = ("/api/", "/graphql", "/assets/")
UNCOMPRESSED_ENDINGS = ("/export", "/histories", "/run-nodes", ".zip")
COMPRESSION_LEVEL = 1
"""JSON columns shrink to a third at the lowest level, for a tenth of the time of the highest."""
UNCOMPRESSED_TYPES = (
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    series.MEDIA_TYPE,
    columns.MEDIA_TYPE,
    content_parts.MEDIA_TYPE,
)
"""Columns of numbers shrink by a third (100 series: 2.2 to 1.5 MB), for 50 ms: more than the query takes."""


class CompressionMiddleware:
    """Compresses documents and code, never stored bytes: those have ranges, lengths and often a compression already.

    Nor exports and archives: they are as fast as the disk, compression is not.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._compressed = GZipMiddleware(
            app,
            minimum_size=1024,
            compresslevel=COMPRESSION_LEVEL,
            exclude_content_types=UNCOMPRESSED_TYPES,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = scope.get("path", "")
        is_document = (
            path.startswith(COMPRESSED_PATHS) and "/files/" not in path and not path.endswith(UNCOMPRESSED_ENDINGS)
        )
        await (self._compressed if is_document else self._plain)(scope, receive, send)


class RequestMiddleware:
    """Gives each request an id, counts it, logs slow and failed ones, and answers bugs with a 500 in the one shape."""

    def __init__(self, app: ASGIApp, counters: Counters) -> None:
        self._app = app
        self._counters = counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        token = request_id_var.set(request_id)
        started_at = time.perf_counter()
        answered_at: float | None = None
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status, answered_at
            if message["type"] == "http.response.start":
                status, answered_at = message["status"], time.perf_counter()
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            logger.exception("request failed", extra={"method": scope["method"], "path": scope["path"]})
            if status == 0:
                await internal_error()(scope, receive, send_with_headers)
        finally:
            # Until the answer begins: a download or a live stream lasts as long as its reader likes.
            elapsed_s = (answered_at or time.perf_counter()) - started_at
            if status:
                self._counters.add_request(scope["path"], status, elapsed_s)
            if status >= 500 or elapsed_s > 5:
                logger.warning(
                    "slow or failed request",
                    extra={
                        "method": scope["method"],
                        "path": scope["path"],
                        "status": status,
                        "elapsed_s": round(elapsed_s, 3),
                    },
                )
            request_id_var.reset(token)
