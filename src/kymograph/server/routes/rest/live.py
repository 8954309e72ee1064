"""Live updates of a project as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import orjson
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from kymograph.core.live import LiveEvent, LiveKind
from kymograph.errors import ProjectNotFound
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.routes.rest.common import ERRORS, EntityPath, ProjectPath, encode_run
from kymograph.services.access import Caller
from kymograph.services.container import Services
from kymograph.types import JsonObject

router = APIRouter(tags=["live"], responses=ERRORS)

MIN_INTERVAL_S = 0.5
"""At most two events a second per run and kind."""
KEEPALIVE_S = 15.0
RECONNECT_MS = 2000


class Mailbox:
    """What a watcher has not been told yet; events of one run and kind merge, so a slow watcher costs little memory."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[tuple[str, LiveKind], LiveEvent] = {}
        self._arrived = asyncio.Event()

    def put(self, event: LiveEvent) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop has ended, and with it whoever watched
            self._loop.call_soon_threadsafe(self._put, event)

    def _put(self, event: LiveEvent) -> None:
        key = (event.run, event.kind)
        previous = self._waiting.get(key)
        self._waiting[key] = previous.merge(event) if previous is not None else event
        self._arrived.set()

    async def take(self, timeout_s: float) -> list[LiveEvent]:
        """All waiting events, after at most `timeout_s`; empty if none came."""
        try:
            await asyncio.wait_for(self._arrived.wait(), timeout_s)
        except TimeoutError:
            return []
        self._arrived.clear()
        events = list(self._waiting.values())
        self._waiting.clear()
        return events


@router.get(
    "/projects/{entity}/{project}/live",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "events until either side closes"}},
)
async def live(
    entity: EntityPath, project: ProjectPath, request: Request, caller: CallerDep, services: ServicesDep
) -> Response:
    """Changes of the project's runs as they happen."""
    found = await run_in_threadpool(services.projects.get, caller, entity, project)
    closing: asyncio.Event = request.app.state.closing

    async def stream() -> AsyncIterator[bytes]:
        # Not before the stream is read: a client that went away earlier would never be unsubscribed.
        mailbox = Mailbox(asyncio.get_running_loop())
        unsubscribe = services.live.subscribe(found.id, mailbox.put)
        try:
            yield f"retry: {RECONNECT_MS}\n\n".encode()
            for event in await run_in_threadpool(services.runs.recent_events, caller, entity, project):
                mailbox.put(event)
            while not closing.is_set():
                events = await _take_or_close(mailbox, closing)
                # Also when there is nothing to tell: whoever may not read the project any more is not kept waiting.
                encoded = await run_in_threadpool(_encode_events, services, caller, entity, project, events)
                yield encoded or b": still here\n\n"
                if events:
                    await asyncio.sleep(MIN_INTERVAL_S)
        except ProjectNotFound:
            return  # deleted, renamed, or not the caller's any more: asking again gives the reason
        finally:
            unsubscribe()

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream(), media_type="text/event-stream", headers=headers)


async def _take_or_close(mailbox: Mailbox, closing: asyncio.Event) -> list[LiveEvent]:
    """Events, or nothing once the server closes or the keep-alive is due."""
    take = asyncio.ensure_future(mailbox.take(KEEPALIVE_S))
    close = asyncio.ensure_future(closing.wait())
    done, pending = await asyncio.wait({take, close}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return take.result() if take in done else []


def _encode_events(services: Services, caller: Caller, entity: str, project: str, events: list[LiveEvent]) -> bytes:
    """Events as the stream has them.

    Raises:
        ProjectNotFound: The caller may not read the project any more.
    """
    changed = [event.run for event in events if event.kind is LiveKind.RUN]
    runs = {run.id: run for run in services.runs.find_many(caller, entity, project, changed)}
    now = services.runs.now
    lines: list[bytes] = []
    for event in events:
        content: JsonObject = {"run": event.run, **event.details}
        if event.kind is LiveKind.RUN:
            if event.run not in runs:
                continue
            content = encode_run(runs[event.run], now)
        lines.append(b"event: " + event.kind.value.encode() + b"\ndata: " + orjson.dumps(content) + b"\n\n")
    return b"".join(lines)
