"""A small history from its first line to its collection, step by step, each of which may fail and be done again."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kymograph.core.history import HistoryPart, LineBatch, RowQuery, Stream
from kymograph.core.run import Run
from kymograph.errors import KymographError, NotFoundError
from kymograph.services.artifact_garbage import ArtifactCollector
from kymograph.services.compaction import CompactionPolicy, Compactor
from kymograph.services.garbage import GRACE, Collector
from kymograph.services.history import StreamUpdate
from kymograph.storage import sqlite
from kymograph.storage.history.query import StoredHistory
from kymograph.storage.history.segments.build import Limits, SegmentBuilder
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.objects.store import open_folder
from kymograph.storage.sqlite import SqliteDatabase
from kymograph.storage.transaction import SqlTransaction
from kymograph.testing.clock import ManualClock
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from tests.faults.broken_disk import Disk, FaultyDisk, FaultyObjects

MAIN, OTHER = "main", "other"
Rows = dict[int, dict[str, Any]]
State = Mapping[str, Rows | None]
"""Rows of each run; None for one that is deleted."""


class World:
    """Services over one data folder, all in this process."""

    def __init__(self, deployment: DeploymentUnderTest, folder: Path, disk: Disk) -> None:
        self._deployment = deployment
        database, clock = deployment.database, deployment.clock
        self.objects = FaultyObjects(open_folder(folder / "objects"), disk)
        files = SegmentFiles(self.objects)
        scratch = folder / "scratch"
        scratch.mkdir(exist_ok=True)
        builder = SegmentBuilder(
            database, self.objects, files, scratch=scratch, limits=Limits(raw_bytes=1_000_000, fan_in=2)
        )
        seconds = itertools.count()
        self._compactor = Compactor(
            database,
            builder,
            clock,
            worker="scripted",
            is_alone=True,
            policy=CompactionPolicy(full_bytes=1, quiet_bytes=1, quiet_s=0.0, sweep_s=0.0),
            monotonic=lambda: next(seconds) * 1000.0,  # no waiting after failures
        )
        self._collector = Collector(
            database,
            self.objects,
            clock,
            lambda _: None,
            ArtifactCollector(database, self.objects, clock, grace=GRACE, undelete=GRACE, abandon=GRACE),
            let_go=files.let_go,
        )
        self._reader = StoredHistory(database, files, cache_bytes=1_000_000)

    def make(self, name: str) -> None:
        self._deployment.run(f"admin/p/{name}")

    def _run(self, name: str) -> Run:
        return self._deployment.services.runs.get(self._deployment.admin, "admin", "p", name)

    def append(self, name: str, first: int, *rows: Mapping[str, Any]) -> None:
        batch = LineBatch(Stream.HISTORY, first, [json.dumps(row) for row in rows])
        self._deployment.services.history.record(
            self._deployment.admin, "admin", "p", name, StreamUpdate(batches=[batch])
        )

    def compact(self) -> None:
        """Compact what there is; gives up silently, as the compactor does."""
        self._compactor.work()

    def rewind(self, name: str, after_step: int) -> None:
        run = self._run(name)
        while not self._deployment.database.write(self._reader.rewind(run.key, after_step=after_step)):
            pass

    def delete(self, name: str) -> None:
        with suppress(NotFoundError):
            self._deployment.services.runs.delete(self._deployment.admin, self._run(name).key)

    def collect(self) -> None:
        self._deployment.clock.advance(hours=2)
        self._collector.collect()

    def checkpoint(self) -> None:
        database = self._deployment.database
        assert isinstance(database, SqliteDatabase)
        database.checkpoint()

    def state(self) -> State:
        """What can be read."""
        return {name: self._rows(name) for name in (MAIN, OTHER)}

    def _rows(self, name: str) -> Rows | None:
        try:
            run = self._run(name)
        except NotFoundError:
            return None
        parts = (HistoryPart(run.key),)
        rows = {row.step: dict(row.values) for row in self._reader.rows(parts, RowQuery()).rows}
        points = {info.name: info.points for info in self._reader.catalogue(parts).metrics}
        assert points == {name: sum(name in row for row in rows.values()) for name in points}
        return rows

    def stray_objects(self) -> set[str]:
        """Objects and half objects that no segment names."""
        named = {
            key
            for name in (MAIN, OTHER)
            for segment in self._deployment.database.read(lambda tx, name=name: _segments_of(tx, name))  # type: ignore[misc]
            for key in (segment.points_key, segment.lines_key)
        }
        stored = {info.key for info in self.objects.list_keys("segments/")}
        assert named <= stored, f"missing: {named - stored}"
        folder = self.objects.local_path(next(iter(named), "x"))  # type: ignore[arg-type]
        assert folder is not None
        halves = {path.name for path in folder.parent.rglob("*#*") if path.is_file()}
        return (stored - named) | halves


def _segments_of(tx: SqlTransaction, name: str) -> list[Any]:
    project = tx.projects.find("admin", "p")
    run = tx.runs.find(project.id, name) if project is not None else None
    return [] if run is None else list(tx.segments.list_of_run(run.key))


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the script: what is done, and what it changes."""

    name: str
    do: Callable[[World], None]
    change: Callable[[dict[str, Rows | None]], None] = lambda _: None


def rows(first: int, count: int, tag: str) -> list[dict[str, Any]]:
    return [{"_step": step, "a": step, "of": tag} for step in range(first, first + count)]


def _append(name: str, first: int, count: int, tag: str) -> Step:
    sent = rows(first, count, tag)

    def change(state: dict[str, Rows | None]) -> None:
        state[name] = {**(state[name] or {}), **{row["_step"]: row for row in sent}}

    return Step(f"append {first}-{first + count - 1} to {name}", lambda world: world.append(name, first, *sent), change)


def _make(name: str) -> Step:
    return Step(f"make {name}", lambda world: world.make(name), lambda state: state.update({name: {}}))


def _rewind(name: str, after_step: int) -> Step:
    def change(state: dict[str, Rows | None]) -> None:
        state[name] = {step: row for step, row in (state[name] or {}).items() if step <= after_step}

    return Step(f"rewind {name} to {after_step}", lambda world: world.rewind(name, after_step), change)


_COMPACT = Step("compact", World.compact)
_COLLECT = Step("collect", World.collect)
_CHECKPOINT = Step("checkpoint", World.checkpoint)
SHORT = (
    _make(MAIN),
    _append(MAIN, 0, 4, "first"),
    _COMPACT,
    _append(MAIN, 3, 3, "overlapping"),
    _CHECKPOINT,
    _COMPACT,
    _rewind(MAIN, 4),
    _append(MAIN, 5, 2, "again"),
    _COLLECT,
    _CHECKPOINT,
)
"""What is necessary."""
LONG = (
    _make(MAIN),
    _append(MAIN, 0, 6, "first"),
    _COMPACT,
    _append(MAIN, 6, 6, "second"),
    _COMPACT,  # two segments become one
    _append(MAIN, 4, 6, "overlapping"),
    _make(OTHER),
    _append(OTHER, 0, 3, "other"),
    _COMPACT,
    _append(MAIN, 12, 4, "tail"),
    _rewind(MAIN, 8),
    _append(MAIN, 9, 3, "again"),
    _COMPACT,
    Step("delete other", lambda world: world.delete(OTHER), lambda state: state.update({OTHER: None})),
    _COLLECT,
    _CHECKPOINT,
    _append(MAIN, 12, 2, "last"),
    _COMPACT,
    _COLLECT,
    _CHECKPOINT,
)
"""Also several segments that are merged, and a run that is deleted."""


@dataclass
class Progress:
    """How far a script got, and what may be there."""

    script: Sequence[Step]
    state: dict[str, Rows | None] = field(default_factory=lambda: {MAIN: None, OTHER: None})
    """What was acknowledged."""
    index: int = 0
    """The step that comes next."""
    is_under_way: bool = False
    """It was begun and not acknowledged."""

    def possible(self) -> list[State]:
        """What may be there."""
        if not self.is_under_way:
            return [self.state]
        after = dict(self.state)
        self.script[self.index].change(after)
        return [self.state, after]

    def go(self, world: World, *, tries: int, look: bool) -> bool:
        """Do the steps that are left; False if one failed too often.

        Args:
            world: Where to do them.
            tries: Of each step.
            look: After each, whether what can be read is what it should be.
        """
        while self.index < len(self.script):
            step = self.script[self.index]
            self.is_under_way = True
            if not any(_succeeds(step, world) for _ in range(tries)):
                return False
            step.change(self.state)
            self.is_under_way = False
            self.index += 1
            if look:
                assert _read(world) == self.state, f"after {step.name!r}"
        return True


def _succeeds(step: Step, world: World) -> bool:
    try:
        step.do(world)
    except KymographError:  # anything else is a bug
        return False
    return True


def _read(world: World) -> State:
    try:
        return world.state()
    except KymographError:
        return world.state()


@contextmanager
def opened(folder: Path, disk: Disk, clock: ManualClock) -> Iterator[World]:
    """A world over a data folder; only the script makes checkpoints, so that it always writes equally often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "CHECKPOINT_WAIT_S", (3600.0, 3600.0))
        with open_test_deployment(folder, clock=clock, objects=(folder / "objects").as_uri()) as deployment:
            yield World(deployment, folder, disk)


def make_template(folder: Path) -> None:
    """A data folder on which nothing has happened yet."""
    with opened(folder, FaultyDisk(), ManualClock(datetime.now(UTC))) as world:
        world.state()


def crash(folder: Path, copy: Path) -> None:
    """What a process that is killed now leaves behind."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*-shm", "server.lock"))
