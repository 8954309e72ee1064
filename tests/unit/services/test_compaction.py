"""The compactor: what is due, who works on it, and what is put in place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from kymograph.core.history import HistoryPart, LineBatch, RowQuery, Stream
from kymograph.errors import ServerBusy, StorageFull
from kymograph.services.compaction import CompactionPolicy, Compactor
from kymograph.services.history import StreamUpdate
from kymograph.storage.base import Database
from kymograph.storage.history.base import Replacement, SegmentFactory
from kymograph.storage.history.query import StoredHistory
from kymograph.testing.clock import ManualClock
from kymograph.testing.databases import PostgresServer, sqlite_database
from kymograph.testing.deployments import open_test_deployment
from kymograph.types import RunKey
from tests.unit.storage.history.compacting import Compactions

RUN, OTHER = RunKey(1), RunKey(2)
POLICY = CompactionPolicy(full_bytes=100, quiet_bytes=10, quiet_s=30.0, sweep_s=60.0)
FULL_LINE = '{"_step":0,"a":"' + "x" * 100 + '"}'


@dataclass
class Factory:
    """Builds in this process, and does what a test asks for in between."""

    builder: SegmentFactory
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    is_closed: bool = False
    built: list[tuple[str, RunKey, Stream]] = field(default_factory=list)

    def compact(self, run: RunKey, stream: Stream, *, take_open: bool) -> Replacement | None:
        self.built.append(("compact", run, stream))
        self.before()
        built = self.builder.compact(run, stream, take_open=take_open)
        self.after()
        return built

    def merge(self, run: RunKey, stream: Stream) -> Replacement | None:
        return self.builder.merge(run, stream)

    def close(self) -> None:
        self.is_closed = True


@dataclass
class World:
    """Compactors over one database, and time by hand."""

    compactions: Compactions
    clock: ManualClock = field(default_factory=ManualClock)
    seconds: float = 0.0

    @property
    def database(self) -> Database:
        return self.compactions.database

    def factory(self) -> Factory:
        return Factory(self.compactions.builder)

    def compactor(
        self,
        factory: SegmentFactory | None = None,
        *,
        worker: str = "one",
        policy: CompactionPolicy = POLICY,
        is_alone: bool = False,
    ) -> Compactor:
        return Compactor(
            self.database,
            factory or self.compactions.builder,
            self.clock,
            worker=worker,
            is_alone=is_alone,
            policy=policy,
            monotonic=lambda: self.seconds,
        )

    def send(self, *lines: str, first: int = 0, run: RunKey = RUN, stream: Stream = Stream.HISTORY) -> None:
        self.database.write(lambda tx: tx.tail.append(run, [LineBatch(stream, first, lines)]))

    def steps(self, run: RunKey = RUN) -> list[int]:
        reader = StoredHistory(self.database, self.compactions.files, cache_bytes=1_000_000)
        return [row.step for row in reader.rows((HistoryPart(run),), RowQuery()).rows]

    def segment_count(self, run: RunKey = RUN, stream: Stream = Stream.HISTORY) -> int:
        return len(self.database.read(lambda tx: tx.segments.list_live([run], stream)).get(run, ()))

    def claim(self, worker: str) -> bool:
        now = self.clock()
        return self.database.write(
            lambda tx: tx.segments.claim(
                RUN, Stream.HISTORY, worker=worker, now=now, expires_at=now + POLICY.claim_time
            )
        )


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "sqlite":
        with sqlite_database(tmp_path) as opened:
            yield World(Compactions(opened, tmp_path))
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as opened:
            yield World(Compactions(opened, tmp_path))


# --- what is due ------------------------------------------------------------------------------------------------------


def test_full_stream_is_compacted_at_once_and_a_small_one_once_it_is_quiet(world: World) -> None:
    compactor = world.compactor()
    world.send(*[FULL_LINE] * 400)
    world.send('{"_step":5,"a":1}', run=OTHER)
    compactor.note(RUN, Stream.HISTORY, 40_000)
    compactor.note(OTHER, Stream.HISTORY, 20)

    assert compactor.work() == 1
    assert (world.segment_count(RUN), world.segment_count(OTHER)) == (1, 0)
    world.seconds += 31
    assert compactor.work() == 1
    assert (world.segment_count(OTHER), world.steps(OTHER)) == (1, [5])


def test_compactor_finds_by_itself_what_came_in_before_it_was_started(world: World) -> None:
    world.send(*[FULL_LINE] * 400)

    assert world.compactor().work() == 1


def test_console_is_never_compacted(tmp_path: Path) -> None:
    """Its lines have parts and no steps: a segment would hide them."""
    policy = CompactionPolicy(full_bytes=1, quiet_bytes=1)
    with open_test_deployment(tmp_path) as deployment:
        run = deployment.run()
        compactor = deployment.services.compactor
        compactor._policy = policy
        batches = [LineBatch(Stream.CONSOLE, 0, ["hello", "world"])]
        deployment.services.history.record(
            deployment.admin, run.entity, run.project, run.id, StreamUpdate(batches=batches)
        )

        assert compactor.work() == 0
        assert [line.text for line in deployment.services.history.console_tail(run, 10)] == ["hello", "world"]


def test_objects_in_memory_are_compacted_too(tmp_path: Path) -> None:
    with open_test_deployment(tmp_path) as deployment:
        run = deployment.run()
        compactor = deployment.services.compactor
        compactor._policy = CompactionPolicy(full_bytes=1, quiet_bytes=1)
        batches = [LineBatch(Stream.HISTORY, 0, [FULL_LINE] * 400)]
        deployment.services.history.record(
            deployment.admin, run.entity, run.project, run.id, StreamUpdate(batches=batches)
        )

        assert compactor.work() == 1
        assert [row.step for row in deployment.services.history.rows(run, RowQuery()).rows] == [0]


# --- what is late -----------------------------------------------------------------------------------------------------


def test_runs_that_wait_for_one_another_are_not_late_and_one_that_grows_on_is(world: World) -> None:
    compactor = world.compactor()
    for run in range(1000):
        compactor.note(RunKey(run), Stream.HISTORY, 2 * POLICY.full_bytes)
    assert compactor.overdue_bytes == 0

    compactor.note(RunKey(7), Stream.HISTORY, 1000)
    assert (compactor.overdue_bytes, compactor.backlog_bytes) == (1000, 2000 * POLICY.full_bytes + 1000)


def test_what_cannot_be_compacted_is_not_late(world: World) -> None:
    """The object store is away, say: lines are taken in and wait."""

    def fail() -> None:
        raise ServerBusy

    factory = world.factory()
    factory.before = fail
    compactor = world.compactor(factory)
    world.send(*[FULL_LINE] * 400)
    compactor.note(RUN, Stream.HISTORY, 50_000)
    assert compactor.overdue_bytes == 50_000 - 2 * POLICY.full_bytes

    assert compactor.work() == 0
    assert (compactor.overdue_bytes, compactor.backlog_bytes) == (0, 50_000)


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [StorageFull("the folder"), ServerBusy("the process has ended")], ids=["full", "ended"]
)
def test_after_a_failure_it_is_tried_again_later_and_later(world: World, error: Exception) -> None:
    def fail() -> None:
        raise error

    factory = world.factory()
    factory.before = fail
    compactor = world.compactor(factory)
    world.send(*[FULL_LINE] * 400)
    tries = []
    for second in range(20):
        world.seconds = second
        before = len(factory.built)
        compactor.work()
        tries += [second] * (len(factory.built) - before)

    assert tries == [0, 1, 3, 7, 15]
    assert world.steps() == [0]

    factory.before = lambda: None
    world.seconds = 100
    assert compactor.work() == 1
    assert world.steps() == [0]


def test_failure_that_nobody_expected_is_logged_and_does_not_end_the_thread(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    factory = world.factory()
    compactor = world.compactor(factory, policy=CompactionPolicy(full_bytes=1, quiet_bytes=1, look_s=0.001))
    turns = 0

    def fail_once() -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise RuntimeError("a bug")

    factory.before = fail_once
    world.send(*[FULL_LINE] * 400)
    with caplog.at_level(logging.ERROR):
        compactor.start()
        deadline = 200
        while not world.segment_count() and deadline:
            deadline -= 1
            compactor._stopping.wait(0.05)
        compactor.stop()

    assert world.segment_count() == 1
    assert "compaction failed" in caplog.text
    assert factory.is_closed


# --- several compactors -----------------------------------------------------------------------------------------------


def test_stream_that_somebody_works_on_is_left_alone_until_the_claim_expires(world: World) -> None:
    compactor = world.compactor(worker="second")
    world.send(*[FULL_LINE] * 400)
    assert world.claim("killed")

    assert compactor.work() == 0
    world.seconds += 1000
    assert compactor.work() == 0
    world.clock.advance(seconds=POLICY.claim_time.total_seconds() + 1)
    world.seconds += 1000
    assert compactor.work() == 1


def test_claim_is_given_back_and_may_be_kept_for_longer(world: World) -> None:
    assert world.claim("one")
    assert not world.claim("two")
    world.clock.advance(seconds=POLICY.claim_time.total_seconds() - 1)
    assert world.claim("one")
    world.clock.advance(seconds=2)
    assert not world.claim("two")
    world.database.write(lambda tx: tx.segments.release(RUN, Stream.HISTORY, worker="two"))
    assert not world.claim("two")
    world.database.write(lambda tx: tx.segments.release(RUN, Stream.HISTORY, worker="one"))
    assert world.claim("two")


def test_expired_claims_can_be_dropped(world: World) -> None:
    assert world.claim("one")

    def drop() -> int:
        return world.database.write(lambda tx: tx.segments.drop_claims(before=world.clock()))

    assert drop() == 0
    world.clock.advance(seconds=POLICY.claim_time.total_seconds() + 1)
    assert drop() == 1
    assert world.claim("two")


def test_embedded_server_takes_no_notice_of_claims_of_the_one_before_it(world: World) -> None:
    """There is one server on a data folder, so they are those of a server that was killed."""
    world.send(*[FULL_LINE] * 400)
    assert world.claim("killed")
    compactor = world.compactor(is_alone=True, policy=CompactionPolicy(full_bytes=100, quiet_bytes=10, look_s=0.001))

    compactor.start()
    for _ in range(200):
        if world.segment_count():
            break
        compactor._stopping.wait(0.05)
    compactor.stop()

    assert world.segment_count() == 1


def test_two_that_built_the_same_put_it_in_place_once(world: World) -> None:
    """The claim of the first expires while it builds, a second one does the work, and then the first comes back."""
    world.send(*[FULL_LINE] * 400)
    second = world.compactor(worker="second")
    factory = world.factory()

    def be_overtaken() -> None:
        world.clock.advance(seconds=POLICY.claim_time.total_seconds() + 1)
        assert second.work() == 1

    factory.after = be_overtaken
    first = world.compactor(factory, worker="first")

    assert first.work() == 0
    assert (world.segment_count(), world.steps()) == (1, [0])
    stored = [info.key for info in world.compactions.objects.list_keys("segments/")]
    assert len(stored) == 4  # those of the first are left for the collector


def test_segment_that_took_too_long_is_not_put_in_place(world: World) -> None:
    """Nothing names its objects yet: the collector, which may wake up first after a sleep, takes them for strays."""
    world.send(*[FULL_LINE] * 400)
    factory = world.factory()

    def sleep() -> None:
        world.clock.advance(seconds=POLICY.build_time.total_seconds() + 1)

    factory.after = sleep
    compactor = world.compactor(factory)

    assert compactor.work() == 0
    assert (world.segment_count(), world.steps()) == (0, [0])
    factory.after = lambda: None
    world.seconds += 100
    assert compactor.work() == 1


def test_building_time_ends_well_before_objects_count_as_strays() -> None:
    assert CompactionPolicy().build_time * 2 <= timedelta(hours=1)
    assert CompactionPolicy().claim_time < CompactionPolicy().build_time
