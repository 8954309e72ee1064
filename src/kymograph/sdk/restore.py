"""Files of runs, brought back: ``restore``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

from kymograph.core.names import parse_file_path
from kymograph.errors import UsageError
from kymograph.sdk.active import active_run
from kymograph.sdk.settings import Settings
from kymograph.sdk.settings_sources import load_settings


def restore(
    name: str, run_path: str | None = None, replace: bool = False, root: str | os.PathLike[str] | None = None
) -> IO[Any] | None:
    """Fetch a file of a run.

    Args:
        name: Of the file, among those of the run.
        run_path: ``entity/project/id``; default: the active run.
        replace: Whether it is fetched though it is there already.
        root: The folder where it goes; default: that of the active run, else this one.

    Returns:
        The file, open for reading text; None if the run has no such file.

    Raises:
        UsageError: No run is named, and none is active.
        RunNotFound: There is no such run.
        KymographError: The server cannot be asked.
    """
    run = active_run()
    if run_path is None:
        if run is None:
            raise UsageError("restore() needs run_path='entity/project/id' while no run is active")
        run_path = run.path
    folder = Path(root) if root is not None else Path(run.dir) if run is not None else Path.cwd()
    target = folder / parse_file_path(name)
    if replace or not target.exists():
        if run is not None and run.disabled:
            return None
        settings = load_settings() if run is None else run._settings
        if not _fetch(settings, run_path, name, folder):
            return None
    return target.open(encoding="utf-8", errors="surrogateescape")


def _fetch(settings: Settings, run_path: str, name: str, folder: Path) -> bool:
    from kymograph.client.run_reads import RunReads
    from kymograph.client.runs import RunAddress, RunClient
    from kymograph.sdk.login import connection_of
    from kymograph.sdk.pulling import pull_file

    parts = [part for part in run_path.strip("/").split("/") if part not in ("", "runs")]
    if not 1 <= len(parts) <= 3:
        raise UsageError(f"run_path {run_path!r} names no run: write 'entity/project/id'")
    known = [settings.entity or "", settings.project or "uncategorized", ""]
    entity, project, run_id = known[: 3 - len(parts)] + parts
    with RunClient(connection_of(settings)) as client:
        reads = RunReads(client)
        file = reads.find_file(RunAddress(entity or client.viewer().entity, project, run_id), name)
        if file is None:
            return False
        pull_file(reads, file, folder)
    return True
