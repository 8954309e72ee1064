"""Where the server has the comparer itself, its own answers: they come from its columns, and need no scan.

It stands before the application: a request that the server answers never reaches the routes, which would read whole
histories for it by the protocol alone.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import orjson
from fastapi import Request, Response
from fastapi.concurrency import iterate_in_threadpool, run_in_threadpool
from fastapi.responses import StreamingResponse

from kymograph.client.runs import RunClient
from kymograph.client.transport import Pieces
from kymograph.compare.router import PREFIX
from kymograph.errors import KymographError

FEATURE = "X_KYMOGRAPH_COMPARE"
"""Announced by servers that answer below `PREFIX`. Source: docs/reference/compare.md."""
# Whatever else is asked below the prefix stays here: a path that climbs out of it would be any request of the API.
_PATH = re.compile(
    r"/(runs/(?P<run>[^/]+)/(?P<of_run>steps|images)|runs|metrics|steps|keys|notches|media|history|media\.zip)"
)
_IN_BODY = frozenset({"/keys", "/notches", "/media", "/history"})
"""Requests that name their project in the body."""
_PROJECT = ("entity", "project")
_PASSED_HEADERS = (
    "Cache-Control", "Content-Disposition", "Content-Type", "ETag", "Link", "Retry-After", "WWW-Authenticate",
    "X-Next-Page", "X-Total-Count",
)  # fmt: skip

Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
FindClient = Callable[[Request], RunClient | None]
"""The client that answers the sender of a request by its server's own comparer, None if that has none. May block."""
ErrorResponse = Callable[[KymographError], Response]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What is meant where a request names nothing."""

    entity: str | None
    project: str | None

    def fill(self, named: dict[str, Any]) -> dict[str, Any]:
        """What a request names, and what it leaves to us."""
        given = zip(_PROJECT, (self.entity, self.project), strict=True)
        return {**named, **{name: value for name, value in given if value and not named.get(name)}}


class PassingMiddleware:
    """Passes requests of the comparer on to a server that has one, and its answers back."""

    def __init__(self, app: App, find_client: FindClient, defaults: Defaults, error_response: ErrorResponse) -> None:
        """Stand before an application.

        Args:
            app: Answers everything that is not passed on.
            find_client: Tells whether a request is.
            defaults: Of its project.
            error_response: Answers what goes wrong on the way.
        """
        self._app, self._find_client = app, find_client
        self._defaults, self._error_response = defaults, error_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = _compared_path(scope) if scope["type"] == "http" and scope["method"] in ("GET", "POST") else None
        if path is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            client = await run_in_threadpool(self._find_client, request)
            response = None if client is None else await self._pass_on(client, request, path)
        except KymographError as exc:
            response = self._error_response(exc)
        await (response or self._app)(scope, receive, send)

    async def _pass_on(self, client: RunClient, request: Request, path: str) -> Response:
        query = parse_qsl(request.url.query, keep_blank_values=True)
        content = await request.body()
        if path in _IN_BODY:
            content = self._filled(content)
        else:
            query = [(name, value) for name, value in query if value or name not in _PROJECT]
            named = dict(query)
            query += [(name, value) for name, value in self._defaults.fill(named).items() if name not in named]
        names = ("content-type", "if-none-match")
        stack = ExitStack()
        answer = client.streaming(
            request.method,
            f"{PREFIX}{path}?{urlencode(query)}",
            raises=False,
            content=content,
            headers={name: request.headers[name] for name in names if name in request.headers},
        )
        pieces = await run_in_threadpool(stack.enter_context, answer)
        headers = {name: pieces.headers[name] for name in _PASSED_HEADERS if name in pieces.headers}
        if pieces.status == 304:
            await run_in_threadpool(stack.close)
            return Response(status_code=304, headers=headers)
        return StreamingResponse(_drain(stack, pieces), pieces.status, headers)

    def _filled(self, content: bytes) -> bytes:
        try:
            body = orjson.loads(content)
        except ValueError:
            return content  # the server says what is wrong with it
        return orjson.dumps(self._defaults.fill(body)) if isinstance(body, dict) else content


async def _drain(stack: ExitStack, pieces: Pieces) -> AsyncIterator[bytes]:
    with stack:
        async for piece in iterate_in_threadpool(pieces):
            yield piece


def _compared_path(scope: Scope) -> str | None:
    """The path of a request below the prefix, in the one spelling that is passed on; None if it is another's."""
    path = scope["path"]
    found = _PATH.fullmatch(path.removeprefix(PREFIX))
    if found is None or found["run"] in (".", ".."):
        return None
    return f"/runs/{quote(found['run'], safe='')}/{found['of_run']}" if found["run"] else found[0]
