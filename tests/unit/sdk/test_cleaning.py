from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from kymograph.sdk.cleaning import choose_removable, remove_runs
from kymograph.sdk.journal import Journal
from kymograph.sdk.local_runs import LocalRun, read_local_run
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.loop import alone_on
from tests.unit.sdk.folders import write_run

DAY = timedelta(hours=24)
LATER = datetime.now(UTC) + timedelta(days=2)


def synced(root: Path, run_id: str = "run1") -> LocalRun:
    folder = write_run(root, run_id)
    folder.synced_mark.touch()
    return read_local_run(folder)


def test_only_what_is_synced_and_old_enough_goes(tmp_path: Path) -> None:
    runs = [synced(tmp_path, "old"), read_local_run(write_run(tmp_path, "unsynced"))]

    later = choose_removable(runs, min_age=DAY, now=LATER)
    now = choose_removable(runs, min_age=DAY, now=datetime.now(UTC))

    assert [run.run_id for run in later.removable] == ["old"]
    assert [run.run_id for run in later.unsynced] == ["unsynced"]
    assert now.removable == []
    assert [run.run_id for run in now.young] == ["old"]


def test_what_is_unsynced_goes_only_when_told(tmp_path: Path) -> None:
    run = read_local_run(write_run(tmp_path))

    choice = choose_removable([run], min_age=DAY, now=LATER, with_unsynced=True)

    assert choice.removable == [run]


def test_a_run_that_is_sent_or_written_stays_whatever_is_told(tmp_path: Path) -> None:
    sent = write_run(tmp_path, "sent")
    (tmp_path / "run-x-w").mkdir()
    journal = Journal(tmp_path / "run-x-w" / "run-w.wandb")

    with alone_on(sent):
        runs = [read_local_run(sent), read_local_run(RunFolder(journal.path.parent, "w"))]
        choice = choose_removable(runs, min_age=timedelta(0), now=LATER, with_unsynced=True)
    journal.close()

    assert [run.run_id for run in choice.busy] == ["sent", "w"]


def test_removing_tells_what_is_freed_and_goes_on_after_a_failure(tmp_path: Path) -> None:
    gone, there = synced(tmp_path, "gone"), synced(tmp_path, "there")
    remove_runs([gone])

    removal = remove_runs([gone, there])

    assert removal.removed == [there]
    assert removal.freed_bytes == there.size_bytes > 0
    assert len(removal.problems) == 1
    assert not there.folder.path.exists()
