"""Runs out of folders of event files that some training has left: written as a run is, to be sent as one is.

The same files give the same run, so a folder may be taken again: when nothing was added, nothing is done, and else the
run is written anew under the same id.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path

from kymograph.errors import JournalCorrupt
from kymograph.sdk import records
from kymograph.sdk.capture.files import SavePlan
from kymograph.sdk.init import run_in_folder
from kymograph.sdk.journal import Journal
from kymograph.sdk.notices import PLAIN_VOICE
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.settings import Settings
from kymograph.sdk.tensorboard.event_files import EventFile
from kymograph.sdk.tensorboard.names import base_of, guessed_root, is_event_file, namespace_of
from kymograph.sdk.tensorboard.step_rows import StepRows
from kymograph.wire.events_pb2 import Event
from kymograph.wire.records_pb2 import RunRecord

SOURCES_NAME = "event-files.json"
"""In the folder of the run: the event files that it was made of, with their sizes."""
ID_CHARACTERS = 12


def find_event_files(path: Path) -> list[Path]:
    """The event files that a path means, itself or those below it, the oldest first."""
    if path.is_file():
        return [path] if is_event_file(path.name) else []
    found = [Path(parent, name) for parent, _, names in os.walk(path) for name in names if is_event_file(name)]
    return sorted(found, key=lambda file: (file.name, file))


def import_event_files(
    path: Path, runs: Path, settings: Settings, *, warn: Callable[[str], object] = PLAIN_VOICE.warn
) -> RunFolder:
    """Write the run of the event files at a path.

    Args:
        path: Of a folder, or of one file.
        runs: The folder in which runs are kept.
        settings: Of runs.
        warn: Is told what cannot be logged.

    Returns:
        The run's folder.

    Raises:
        JournalCorrupt: There are no events.
        OSError: Something cannot be read or written.
    """
    path = path.resolve()
    files = find_event_files(path)
    first = next((event for file in files for event in _events_of(file, warn=lambda _text: None)), None)
    if first is None:
        raise JournalCorrupt("there are no events of TensorBoard here", path=str(path))
    run_id = _id_of(files[0], first)
    started_at = datetime.fromtimestamp(first.wall_time, UTC)
    folder = RunFolder(runs / f"offline-run-{started_at.astimezone():%Y%m%d_%H%M%S}-{run_id}", run_id)
    sources = {str(file): file.stat().st_size for file in files}
    if _sources_of(folder) == sources:
        return folder
    shutil.rmtree(folder.path, ignore_errors=True)
    folder.files.mkdir(parents=True)
    name = path.name if path.is_dir() else path.parent.name
    record = RunRecord(
        run_id=run_id,
        display_name=name,
        project=settings.project or "",
        entity=settings.entity or "",
        start_time=records.stamp(started_at),
        telemetry=records.telemetry(),
    )
    _write(folder, settings, record, path, files, warn=warn)
    (folder.path / SOURCES_NAME).write_text(json.dumps(sources, indent=1), encoding="utf-8")
    return folder


def _write(
    folder: RunFolder,
    settings: Settings,
    record: RunRecord,
    path: Path,
    files: list[Path],
    *,
    warn: Callable[[str], object],
) -> None:
    journal = Journal(folder.journal, warn=warn)
    journal.append(records.header())
    journal.append(records.run(record))
    run = run_in_folder(settings, folder, journal, record, {})
    root = guessed_root({file.parent for file in files})
    all_rows, streams, ended_at = [], [], run.start_time
    for file in files:
        all_rows.append(StepRows(run._rows.log_past, namespace=namespace_of(file.parent, root), warn=warn))
        streams.append(zip(repeat(all_rows[-1]), _events_of(file, warn=warn), strict=False))
        base = base_of(file.parent, root, path if path.is_dir() else path.parent)
        for saved in SavePlan((file,), base, "now").place(folder.files, uses_symlinks=settings.symlink):
            journal.append(records.files([saved.name]))
    for rows, event in heapq.merge(*streams, key=lambda pair: pair[1].wall_time):
        rows.add(event)
        ended_at = max(ended_at, event.wall_time)
    for rows in all_rows:
        rows.write()
    run._append_summary()
    journal.append(records.exit_of(0, ended_at - run.start_time))
    journal.close()


def _events_of(file: Path, *, warn: Callable[[str], object]) -> Iterator[Event]:
    opened = EventFile(file, warn=warn)
    try:
        yield from opened.read(0.0, is_final=True)
    finally:
        opened.close()


def _id_of(file: Path, first: Event) -> str:
    """Of the run: its first file's name, which has a time and a machine, and the moment of the first event."""
    told = f"{file.name} {first.wall_time!r}"
    return hashlib.sha256(told.encode()).hexdigest()[:ID_CHARACTERS]


def _sources_of(folder: RunFolder) -> Mapping[str, int] | None:
    try:
        found = json.loads((folder.path / SOURCES_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
