"""Runs in folders of this machine: where they are, what they say of themselves, and whether a server has them.

Folders of our SDK and of the protocol's own client alike.

Source: seeds.md E.3; names of folders are pinned by tests/e2e/test_sync.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kymograph.client.settings_files import FOREIGN_FOLDERS, OWN_FOLDER
from kymograph.errors import JournalCorrupt
from kymograph.sdk import writer_lock
from kymograph.sdk.run_folder import JOURNAL_SUFFIX, JournalTail, RunFolder
from kymograph.wire.records_pb2 import RunRecord
from kymograph.wire.telemetry import PRODUCER

ROOT_NAMES = (OWN_FOLDER, f".{OWN_FOLDER}", *FOREIGN_FOLDERS)
"""Folders that hold folders of runs, below that of a project."""
_OFFLINE_PREFIX = "offline-run-"
_RUN_PREFIX = "run-"
_HEAD_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class LocalRun:
    """What can be said of a folder without reading its journal to the end."""

    folder: RunFolder
    is_ours: bool
    """Whether our SDK wrote it."""
    is_online: bool
    """Whether it was sent while it ran, whole or not."""
    is_synced: bool
    """Whether a mark says that a server has all of it."""
    is_busy: bool
    """Whether a sender works on it right now."""
    is_being_written: bool
    """Whether its process is alive, or another that writes it too."""
    size_bytes: int
    changed_at: datetime
    """When its journal last grew."""
    entity: str = ""
    project: str = ""
    display_name: str = ""
    started_at: datetime | None = None
    producer: str = ""
    """Who wrote it, with the version."""
    problem: str = ""
    """Why its journal cannot be read, even at the beginning."""

    @property
    def run_id(self) -> str:
        """As its folder says."""
        return self.folder.run_id

    @property
    def path(self) -> str:
        """``entity/project/id``, as far as it is known."""
        return "/".join(filter(None, (self.entity, self.project, self.run_id)))


def default_roots(folder: Path) -> list[Path]:
    """Where runs are kept below the folder of a project."""
    return [root for name in ROOT_NAMES if (root := folder / name).is_dir()]


def find_run_folders(paths: Iterable[Path], *, missing_ok: bool = False) -> Iterator[RunFolder]:
    """The runs that paths mean: journals, folders of runs, or folders of those; each once, oldest name first.

    Raises:
        JournalCorrupt: There is none at one of the paths, and that is not `missing_ok`.
    """
    seen: set[Path] = set()
    for path in paths:
        found = list(_below(path))
        if not found and not missing_ok:
            raise JournalCorrupt(f"there is no run (a folder with run-*{JOURNAL_SUFFIX}) here", path=str(path))
        for folder in found:
            # Links such as `latest-run` lead to a folder that is there itself.
            real = folder.journal.resolve()
            if real not in seen:
                seen.add(real)
                yield RunFolder(real.parent, folder.run_id)


def _below(path: Path) -> Iterator[RunFolder]:
    try:
        yield RunFolder.find(path)
    except JournalCorrupt:
        pass
    else:
        return
    if not path.is_dir():
        return
    inner = sorted(child for child in path.iterdir() if child.is_dir() and not child.is_symlink())
    runs = [child for child in inner if child.name.startswith((_RUN_PREFIX, _OFFLINE_PREFIX))]
    for child in sorted(runs, key=lambda child: child.name.removeprefix("offline-")):
        try:
            yield RunFolder.find(child)
        except JournalCorrupt:
            continue  # a run that ended before its journal was made
    if not runs:
        for root in default_roots(path):
            yield from _below(root)


def read_local_run(folder: RunFolder) -> LocalRun:
    """What a folder says of itself.

    Raises:
        OSError: It cannot be read.
    """
    run, producer, problem = RunRecord(), "", ""
    try:
        run, producer = _read_head(folder)
    except JournalCorrupt as exc:
        problem = str(exc)
    is_ours = producer.startswith(PRODUCER)
    stat = folder.journal.stat()
    journals = [folder.journal, *(path for _, path in folder.further_journals())]
    is_written = any(map(writer_lock.is_held, journals))
    if not is_ours and not is_written:
        is_written = writer_lock.has_grown_lately(folder.journal) and not has_exit(folder)
    return LocalRun(
        folder,
        is_ours=is_ours,
        is_online=not folder.path.name.startswith(_OFFLINE_PREFIX),
        is_synced=folder.synced_mark.exists(),
        is_busy=folder.lock.exists() and writer_lock.is_held(folder.lock),
        is_being_written=is_written,
        size_bytes=size_of(folder.path),
        changed_at=datetime.fromtimestamp(stat.st_mtime, UTC),
        entity=run.entity,
        project=run.project,
        display_name=run.display_name,
        started_at=run.start_time.ToDatetime(UTC) if run.HasField("start_time") else None,
        producer=producer,
        problem=problem,
    )


def _read_head(folder: RunFolder) -> tuple[RunRecord, str]:
    tail, producer = JournalTail(folder.journal), ""
    try:
        while (records := tail.read(_HEAD_BYTES)) is not None:
            for record in records:
                if record.HasField("header"):
                    producer = record.header.version_info.producer
                elif record.HasField("run"):
                    return record.run, producer
    finally:
        tail.close()
    return RunRecord(), producer


def has_exit(folder: RunFolder) -> bool:
    """Whether a journal says that its run has ended; reads all of it."""
    tail = JournalTail(folder.journal)
    try:
        while (records := tail.read()) is not None:
            if any(record.HasField("exit") for record in records):
                return True
    except JournalCorrupt:
        return False
    finally:
        tail.close()
    return False


def size_of(path: Path) -> int:
    """Bytes of the files in a folder; links are not followed."""
    total = 0
    for parent, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):  # gone meanwhile
                total += Path(parent, name).lstat().st_size
    return total
