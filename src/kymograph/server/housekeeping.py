"""What a server does by itself, now and then, beside answering requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from kymograph.server.deps import Deployment

logger = logging.getLogger(__name__)

SILENCE_CHECK_INTERVAL_S = 30.0
INDEX_INTERVAL_S = 60.0
DELETED_INTERVAL_S = 600.0
STRAY_OBJECTS_INTERVAL_S = 86_400.0
"""Walks over all objects of runs, which costs a request per thousand of them on S3."""
_JITTER = 0.2
"""Part of an interval that is left to chance, so that replicas that start together do not work in step."""


@dataclass(frozen=True, slots=True)
class Chore:
    """A piece of work that is repeated; a failure is logged and the next turn tries again."""

    what: str
    interval_s: float
    work: Callable[[], object]

    async def repeat(self) -> None:
        """Do it once per interval, the first time after one has passed, until cancelled."""
        while True:
            await asyncio.sleep(self.interval_s * random.uniform(1 - _JITTER, 1))
            try:
                await asyncio.to_thread(self.work)
            except Exception:  # the edge of this task: whatever it is, the next turn may succeed
                logger.exception("a chore failed; it will be tried again", extra={"chore": self.what})


def chores_of(deployment: Deployment) -> list[Chore]:
    """Everything that a server does by itself; each may be done by several replicas at once."""
    services = deployment.services
    return [
        Chore("tell watchers of silent runs", SILENCE_CHECK_INTERVAL_S, services.runs.announce_silent),
        Chore("index values of runs", INDEX_INTERVAL_S, services.runs.index_values),
        Chore("collect deleted runs", DELETED_INTERVAL_S, services.garbage.collect_runs),
        Chore("collect artifacts", DELETED_INTERVAL_S, services.garbage.collect_artifacts),
        Chore("collect replaced segments", DELETED_INTERVAL_S, services.garbage.collect_segments),
        Chore("collect stray objects", STRAY_OBJECTS_INTERVAL_S, services.garbage.collect_strays),
    ]


@contextlib.asynccontextmanager
async def housekeeping(deployment: Deployment) -> AsyncIterator[None]:
    """Do the chores while the block runs."""
    deployment.services.compactor.start()
    tasks = [asyncio.create_task(chore.repeat(), name=chore.what) for chore in chores_of(deployment)]
    try:
        yield
    finally:
        deployment.services.garbage.stop()
        deployment.services.runs.stop_indexing()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
