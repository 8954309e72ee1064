"""The comparer as a program of its own, over any server of the protocol."""

from __future__ import annotations

import base64
import binascii
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware

from kymograph import __version__
from kymograph.client.runs import RunClient
from kymograph.compare import router as compare
from kymograph.compare.remote import RemoteSource, StepCache
from kymograph.compare.responses import REVALIDATE
from kymograph.errors import KymographError, ServerBusy, TransportError, Unauthenticated
from kymograph.wire.errors import status_of

MAX_CALLERS = 100
"""Whose connections are kept; the one that asked longest ago has to connect anew."""
_BAD_GATEWAY = 502

MakeClient = Callable[[str], RunClient]
"""A client of the server for an API key."""


@dataclass(frozen=True, slots=True)
class Alone:
    """How the program serves."""

    make_client: MakeClient
    own_client: RunClient | None
    """Asks for those who bring no key; None if everybody has to."""
    entity: str | None = None
    """Meant when none is named; None for the caller's own."""
    project: str | None = None
    hosts: Sequence[str] = ("localhost", "127.0.0.1", "::1")
    """Names that it may be addressed by: a page of another site must not reach it by a name of its own."""
    origins: Sequence[str] = ()
    """Pages of these sites may call it."""


class _Callers:
    """What is known of each caller. Safe to share between threads."""

    def __init__(self, alone: Alone) -> None:
        self._alone = alone
        self._known: OrderedDict[str, tuple[RunClient, StepCache]] = OrderedDict()
        self._own_cache = StepCache()
        self._lock = threading.Lock()

    def source_for(self, api_key: str | None) -> RemoteSource:
        """What the bearer of a key may read.

        Raises:
            Unauthenticated: There is no key, and there has to be one.
        """
        if api_key is not None:
            client, cache = self._of_key(api_key)
        elif self._alone.own_client is not None:
            client, cache = self._alone.own_client, self._own_cache
        else:
            raise Unauthenticated("send the API key of the server as Basic `api:<key>` or as Bearer")
        return RemoteSource(client, cache, entity=self._alone.entity, project=self._alone.project)

    def _of_key(self, api_key: str) -> tuple[RunClient, StepCache]:
        with self._lock:
            if api_key not in self._known:
                self._known[api_key] = (self._alone.make_client(api_key), StepCache())
            self._known.move_to_end(api_key)
            if len(self._known) > MAX_CALLERS:
                # Not closed: one of its requests may be under way.
                self._known.popitem(last=False)
            return self._known[api_key]


def create_app(alone: Alone) -> FastAPI:
    """The application; closing its clients is the caller's."""
    app = FastAPI(
        title="Kymograph compare",
        version=__version__,
        summary="Media of runs beside one another, over any server of the protocol",
    )
    callers = _Callers(alone)

    async def comparison_source(request: Request) -> RemoteSource:
        return await run_in_threadpool(callers.source_for, _api_key_of(request.headers.get("authorization")))

    app.state.comparison_source = comparison_source
    if alone.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(alone.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match"],
            expose_headers=["ETag", "Link", "X-Total-Count", "X-Next-Page"],
        )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(alone.hosts))
    app.include_router(compare.router, prefix=compare.PREFIX)
    app.include_router(compare.router, include_in_schema=False)
    app.add_api_route("/healthz", _health, methods=["GET"], include_in_schema=False)
    _install_error_handlers(app)
    return app


def _health() -> dict[str, str]:
    """That the program runs; the server that it reads from may be away."""
    return {"status": "ok"}


def _api_key_of(header: str | None) -> str | None:
    """The key in an Authorization header, None without one.

    Raises:
        Unauthenticated: It cannot be read.
    """
    if not header:
        return None
    scheme, _, credential = header.partition(" ")
    if scheme.lower() == "bearer":
        return credential.strip()
    try:
        return base64.b64decode(credential, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise Unauthenticated("the Authorization header is neither Basic nor Bearer") from exc


def _install_error_handlers(app: FastAPI) -> None:
    """Answer failures in the shape that the server answers them in."""

    @app.exception_handler(KymographError)
    async def on_known(_request: Request, error: KymographError) -> Response:
        headers = {}
        if isinstance(error, ServerBusy):
            headers["Retry-After"] = str(max(1, round(error.retry_after_s or 1)))
        elif isinstance(error, Unauthenticated):
            headers["WWW-Authenticate"] = 'Bearer realm="Kymograph"'
        is_away = isinstance(error, TransportError) and not isinstance(error, ServerBusy)
        return _error(_BAD_GATEWAY if is_away else status_of(error), type(error).__name__, str(error), headers=headers)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: RequestValidationError) -> Response:
        details = [{"where": ".".join(map(str, found["loc"])), "message": found["msg"]} for found in error.errors()]
        message = "; ".join(f"{detail['where']}: {detail['message']}" for detail in details[:3])
        return _error(422, "MalformedRequest", message, details=details)


def _error(
    status: int,
    kind: str,
    message: str,
    *,
    details: Sequence[dict[str, str]] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    body: dict[str, object] = {"kind": kind, "message": message, "request_id": secrets.token_hex(8)}
    if details:
        body["details"] = list(details)
    content = orjson.dumps({"error": body})
    return Response(content, status, {"Cache-Control": REVALIDATE, **(headers or {})}, "application/json")
