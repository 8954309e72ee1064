"""What a server does by itself."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import pytest

from kymograph.server import housekeeping as module
from kymograph.server.housekeeping import Chore, chores_of, housekeeping
from kymograph.services.garbage import Collected
from kymograph.testing.deployments import DeploymentUnderTest


async def test_chore_is_repeated_and_a_failure_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    turns = 0
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        nonlocal turns
        turns += 1
        if turns >= 3:
            loop.call_soon_threadsafe(done.set)
        raise RuntimeError("no luck")

    task = asyncio.create_task(Chore("try", 0.001, work).repeat())
    await asyncio.wait_for(done.wait(), 10)
    task.cancel()

    assert turns >= 3
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert failures[0].__dict__["chore"] == "try"


async def test_all_chores_run_beside_the_server_and_end_with_it(
    deployment: DeploymentUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: set[str] = set()
    both = asyncio.Event()
    loop = asyncio.get_running_loop()

    def note(name: str) -> None:
        called.add(name)
        if len(called) == len(chores_of(deployment.deployment)):
            loop.call_soon_threadsafe(both.set)

    noted = [Chore(chore.what, 0.001, partial(note, chore.what)) for chore in chores_of(deployment.deployment)]
    monkeypatch.setattr(module, "chores_of", lambda _deployment: noted)
    async with housekeeping(deployment.deployment):
        await asyncio.wait_for(both.wait(), 10)

    assert called == {chore.what for chore in chores_of(deployment.deployment)}
    assert deployment.services.garbage.collect_strays() == Collected()
