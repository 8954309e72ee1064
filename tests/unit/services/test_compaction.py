"""The compactor of a deployment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from kymograph.core.history import LineBatch, Stream
from kymograph.errors import ServerBusy
from kymograph.services.compaction import CompactionPolicy, Compactor
from kymograph.services.history import StreamUpdate
from kymograph.storage.history.base import Replacement
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from kymograph.types import RunKey


class Never:
    """A factory whose object store is away."""

    def compact(self, run: RunKey, stream: Stream, *, take_open: bool) -> Replacement | None:
        raise ServerBusy

    def merge(self, run: RunKey, stream: Stream) -> Replacement | None:
        raise ServerBusy

    def close(self) -> None:
        """Nothing to stop."""


def test_console_lines_stay_where_the_console_reads_them(tmp_path: Path) -> None:
    lines = [f"2026-11-22T04:29:05.261346 line {number} {'x' * 200}" for number in range(60_000)]
    with open_test_deployment(tmp_path, objects=(tmp_path / "objects").as_uri()) as deployment:
        run, services = deployment.run(), deployment.services
        update = StreamUpdate([LineBatch(Stream.CONSOLE, 0, lines)])
        services.history.record(deployment.admin, "admin", "project", "run", update)

        made = services.compactor.work()

        assert made == 0
        assert len(services.history.console(run, first=0, limit=len(lines))) == len(lines)


def test_runs_that_wait_for_one_another_are_not_late_and_one_that_grows_on_is(
    deployment: DeploymentUnderTest,
) -> None:
    compactor = Compactor(
        deployment.database,
        Never(),
        lambda: datetime(2026, 11, 22, tzinfo=UTC),
        worker="test",
        policy=CompactionPolicy(full_bytes=100),
    )
    for run in range(1000):
        compactor.note(RunKey(run), Stream.HISTORY, 150)
    assert compactor.overdue_bytes == 0

    compactor.note(RunKey(7), Stream.HISTORY, 1000)
    assert (compactor.overdue_bytes, compactor.backlog_bytes) == (950, 151_000)


def test_what_cannot_be_compacted_now_is_not_late(deployment: DeploymentUnderTest) -> None:
    """The object store is away, say: lines are taken in and wait."""
    compactor = Compactor(
        deployment.database,
        Never(),
        lambda: datetime(2026, 11, 22, tzinfo=UTC),
        worker="test",
        policy=CompactionPolicy(full_bytes=100),
        monotonic=lambda: 0.0,
    )
    compactor.note(RunKey(7), Stream.HISTORY, 1000)
    assert compactor.overdue_bytes == 800

    assert compactor.work() == 0
    assert (compactor.overdue_bytes, compactor.backlog_bytes) == (0, 1000)
