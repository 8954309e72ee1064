"""Artifacts that are read by way of file systems while a run is on: they become its inputs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from kymograph.client.artifact_reads import ArtifactRead, listen
from kymograph.sdk.active import active_run
from kymograph.sdk.run import Run

if TYPE_CHECKING:
    from kymograph.client.runs import RunAddress


class ActiveRunReads:
    """Notes each version once in each run. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: WeakKeyDictionary[Run, set[str]] = WeakKeyDictionary()

    def note_read(self, read: ArtifactRead) -> None:
        """The active run has read a version."""
        run = self._run_at(read.base_url)
        if run is None:
            return
        with self._lock:
            noted = self._noted.setdefault(run, set())
            if read.artifact_id in noted:
                return
            noted.add(read.artifact_id)
        run._operate_on_artifacts().note_use(read.artifact_id, type_name=read.type_name, name=read.name)

    def find_run(self, base_url: str) -> RunAddress | None:
        """The active run, if it is at that server."""
        from kymograph.client.runs import RunAddress  # brings HTTP: a training that reads nothing needs none

        run = self._run_at(base_url)
        return None if run is None else RunAddress(run.entity, run.project, run.id)

    def _run_at(self, base_url: str) -> Run | None:
        run = active_run()
        if run is None or run.disabled or run.offline or not run._settings.fs_lineage:
            return None
        return run if run._settings.base_url.rstrip("/") == base_url.rstrip("/") else None


_reads = ActiveRunReads()


def follow_file_systems() -> None:
    """Note what is read from now on."""
    listen(_reads)
