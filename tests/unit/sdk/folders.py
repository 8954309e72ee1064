"""Folders of runs for tests, written record by record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from kymograph.sdk import records
from kymograph.sdk.journal import Journal
from kymograph.sdk.run_folder import RunFolder
from kymograph.wire.records_pb2 import HeaderRecord, Record, RunRecord, VersionInfo

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def write_run(
    root: Path,
    run_id: str = "run1",
    *,
    rows: int = 5,
    exit_code: int | None = 0,
    is_online: bool = False,
    producer: str | None = None,
    more: tuple[Record, ...] = (),
) -> RunFolder:
    """A run with rows of ``loss``, two lines of console and one file."""
    path = root / f"{'' if is_online else 'offline-'}run-20260102_030405-{run_id}"
    (path / "files").mkdir(parents=True)
    (path / "files" / "kept.txt").write_text("kept")
    folder = RunFolder(path, run_id)
    journal = Journal(folder.journal)
    header = records.header()
    if producer is not None:
        header = Record(header=HeaderRecord(version_info=VersionInfo(producer=producer)))
    run = RunRecord(run_id=run_id, project="p", display_name="far away", tags=["old"], start_time=records.stamp(AT))
    for record in (header, records.run(run), records.config_change(("lr",), 0.5), *more):
        journal.append(record)
    for step in range(rows):
        journal.append_row({"loss": step / 10, "_step": step})
    journal.append(records.output("stdout", "hello\nworld\n", AT))
    journal.append(records.stats({"cpu": 3.5}, AT))
    journal.append(records.files(["kept.txt"]))
    if exit_code is not None:
        journal.append(records.exit_of(exit_code, 3))
    journal.close()
    return folder
