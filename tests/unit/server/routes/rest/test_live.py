"""Live updates: merged for slow watchers, ended for those who may no longer look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from fastapi import Request
from starlette.responses import StreamingResponse

from kymograph.core.accounts import Role
from kymograph.core.history import LineBatch, Stream
from kymograph.core.live import LiveEvent, LiveKind
from kymograph.errors import ProjectNotFound
from kymograph.server.app import create_app
from kymograph.server.routes.rest import live
from kymograph.server.routes.rest.live import Mailbox
from kymograph.services.access import Caller
from kymograph.services.history import StreamUpdate
from kymograph.testing.deployments import DeploymentUnderTest
from kymograph.types import ProjectId, RunId


def event(run: str = "r", kind: LiveKind = LiveKind.HISTORY, **details: int) -> LiveEvent:
    return LiveEvent(ProjectId(1), RunId(run), kind, dict(details))


# --- the mailbox ------------------------------------------------------------------------------------------------------


async def test_events_of_one_run_and_kind_merge_and_others_keep_apart() -> None:
    mailbox = Mailbox(asyncio.get_running_loop())
    for step in range(1000):
        mailbox.put(event(last_step=step, lines=step))
    mailbox.put(event(last_step=5000))
    mailbox.put(event(kind=LiveKind.CONSOLE, total=3))
    mailbox.put(event("other"))
    await asyncio.sleep(0)

    taken = await mailbox.take(1)

    assert taken == [event(last_step=5000, lines=999), event(kind=LiveKind.CONSOLE, total=3), event("other")]


async def test_empty_mailbox_waits_no_longer_than_it_is_told() -> None:
    mailbox = Mailbox(asyncio.get_running_loop())

    assert await mailbox.take(0.01) == []


async def test_what_was_taken_is_not_given_again() -> None:
    mailbox = Mailbox(asyncio.get_running_loop())
    mailbox.put(event())
    await asyncio.sleep(0)

    assert len(await mailbox.take(1)) == 1
    assert await mailbox.take(0.01) == []


async def test_event_from_another_thread_wakes_the_watcher() -> None:
    mailbox = Mailbox(asyncio.get_running_loop())
    waiting = asyncio.create_task(mailbox.take(5))
    await asyncio.sleep(0)

    await asyncio.to_thread(mailbox.put, event(last_step=1))

    assert await waiting == [event(last_step=1)]


def test_event_for_a_watcher_whose_loop_has_ended_is_no_error() -> None:
    """The writer that publishes must not fail because a server process is closing."""
    loop = asyncio.new_event_loop()
    mailbox = Mailbox(loop)
    loop.close()

    mailbox.put(event())


# --- the stream -------------------------------------------------------------------------------------------------------


class Reading:
    """What a browser reads."""

    def __init__(self, pieces: AsyncIterator[Any]) -> None:
        self._pieces = pieces

    async def next(self) -> str:
        """The next piece; raises `StopAsyncIteration` at the end."""
        return bytes(await asyncio.wait_for(anext(self._pieces), 10)).decode()

    async def next_events(self) -> list[tuple[str, Any]]:
        """The next events, as pairs of kind and content."""
        blocks = [block.split("\n") for block in (await self.next()).strip().split("\n\n")]
        return [(kind.removeprefix("event: "), orjson.loads(data.removeprefix("data: "))) for kind, data in blocks]


@asynccontextmanager
async def watching(deployment: DeploymentUnderTest, caller: Caller, address: str) -> AsyncIterator[Reading]:
    """Follow a project."""
    app = create_app(deployment.deployment)
    app.state.closing = asyncio.Event()
    entity, project = address.split("/")
    request = Request({"type": "http", "method": "GET", "headers": [], "app": app})
    response = await live.live(entity, project, request, caller, deployment.services)
    assert isinstance(response, StreamingResponse)
    pieces = response.body_iterator
    assert isinstance(pieces, AsyncGenerator)
    stream = Reading(pieces)
    assert (await stream.next()).startswith("retry: ")
    try:
        yield stream
    finally:
        await pieces.aclose()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between events, and a keep-alive that tests can wait for."""
    monkeypatch.setattr(live, "MIN_INTERVAL_S", 0)
    monkeypatch.setattr(live, "KEEPALIVE_S", 0.05)


async def test_change_of_a_run_comes_with_the_whole_run(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("admin/live-run/r")
    deployment.clock.advance(minutes=1)
    async with watching(deployment, deployment.admin, "admin/live-run") as stream:
        await asyncio.to_thread(deployment.services.runs.request_stop, deployment.admin, run.key)

        ((kind, content),) = await stream.next_events()

    assert kind == "run"
    assert (content["id"], content["stop_requested"], content["state"]) == ("r", True, "running")


async def test_deleted_run_is_told_as_gone_without_its_content(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("admin/live-gone/r")
    async with watching(deployment, deployment.admin, "admin/live-gone") as stream:
        deployment.services.live.publish(LiveEvent(run.project_id, run.id, LiveKind.RUN))
        await asyncio.to_thread(deployment.services.runs.delete, deployment.admin, run.key)

        assert await stream.next_events() == [("gone", {"run": "r"})]


async def test_what_just_happened_is_told_to_a_new_watcher(deployment: DeploymentUnderTest) -> None:
    """The page looks first and listens then: what comes between the two must not be missed."""
    deployment.run("admin/live-recent/quiet")
    deployment.clock.advance(minutes=1)
    deployment.run("admin/live-recent/r")
    update = StreamUpdate(batches=[LineBatch(Stream.HISTORY, 0, ['{"_step":7}'])])
    deployment.services.history.record(deployment.admin, "admin", "live-recent", "r", update)
    async with watching(deployment, deployment.admin, "admin/live-recent") as stream:
        events = dict(await stream.next_events())

    assert set(events) == {"run", "summary", "files", "history"}
    assert events["run"]["id"] == "r"
    assert events["history"] == {"run": "r", "last_step": 7, "lines": 1}


async def test_silent_project_sends_signs_of_life(deployment: DeploymentUnderTest) -> None:
    deployment.run("admin/live-silent/r")
    deployment.clock.advance(minutes=1)
    async with watching(deployment, deployment.admin, "admin/live-silent") as stream:
        assert await stream.next() == ": still here\n\n"


async def test_watcher_who_loses_the_right_to_read_is_told_nothing_more(deployment: DeploymentUnderTest) -> None:
    deployment.team("live-team", watcher=Role.VIEWER)
    run = deployment.run("live-team/p/r")
    async with watching(deployment, deployment.caller("watcher"), "live-team/p") as stream:
        deployment.services.accounts.delete_user(deployment.admin, "watcher")
        deployment.services.live.publish(LiveEvent(run.project_id, run.id, LiveKind.HISTORY, {"last_step": 1}))

        with pytest.raises(StopAsyncIteration):
            await stream.next()


async def test_stream_of_a_deleted_project_ends(deployment: DeploymentUnderTest) -> None:
    deployment.run("admin/live-doomed/r")
    async with watching(deployment, deployment.admin, "admin/live-doomed") as stream:
        deployment.services.projects.delete(deployment.admin, "admin", "live-doomed")

        with pytest.raises(StopAsyncIteration):
            await stream.next()


async def test_closing_server_ends_the_stream(deployment: DeploymentUnderTest) -> None:
    deployment.run("admin/live-closing/r")
    app = create_app(deployment.deployment)
    app.state.closing = asyncio.Event()
    request = Request({"type": "http", "method": "GET", "headers": [], "app": app})
    response = await live.live("admin", "live-closing", request, deployment.admin, deployment.services)
    assert isinstance(response, StreamingResponse)

    app.state.closing.set()

    assert len([piece async for piece in response.body_iterator]) == 1


async def test_stranger_gets_no_stream(deployment: DeploymentUnderTest) -> None:
    deployment.run("admin/live-private/r")
    stranger = deployment.user("live-stranger")

    with pytest.raises(ProjectNotFound):
        async with watching(deployment, stranger, "admin/live-private"):
            pass


async def test_watcher_who_left_is_forgotten(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("admin/live-left/r")
    async with watching(deployment, deployment.admin, "admin/live-left"):
        pass

    assert run.project_id not in deployment.services.live._listeners._by_project  # type: ignore[attr-defined]
