"""Everything that is captured while a run goes on: console, machine, surroundings. Begins and ends with the run."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import IO, Any

from kymograph.sdk.capture.code import INTERACTIVE, name_of_main
from kymograph.sdk.capture.companion import CompanionOrder
from kymograph.sdk.capture.console import ConsoleCapture, LoggerCapture
from kymograph.sdk.processes import start_module
from kymograph.sdk.run_folder import LOOK_TIMEOUT_S, RunFolder
from kymograph.sdk.settings import Settings
from kymograph.wire.records_pb2 import EnvironmentRecord

_log = logging.getLogger(__name__)


_left: list[threading.Thread] = []
"""Listeners of processes that still look around for runs that have ended."""


def wait_for_what_was_left() -> None:
    """Return once the folders of all runs are whole: as a process exits, its machine or container may go, too."""
    deadline_s = time.monotonic() + LOOK_TIMEOUT_S
    while _left:
        _left.pop().join(max(deadline_s - time.monotonic(), 0))


class CaptureSession:
    """The captures of one run."""

    def __init__(
        self,
        settings: Settings,
        folder: RunFolder,
        *,
        started_at: datetime,
        writer_id: str,
        on_text: Callable[[str, str], None],
        on_sample: Callable[[dict[str, float], datetime], None],
        on_environment: Callable[[EnvironmentRecord], None],
        on_files: Callable[[Sequence[str]], None],
    ) -> None:
        """Prepare; nothing is captured yet.

        Args:
            settings: What is to be captured.
            folder: Of the run.
            started_at: When the run began.
            writer_id: Names this process among those that write the run.
            on_text: Told the stream and each piece of text that is printed.
            on_sample: Told each sample of the machine, and when.
            on_environment: Told what was found out about the surroundings.
            on_files: Told names of files that were written.
        """
        self._folder = folder
        self._order = _order_of(settings, folder, started_at=started_at, writer_id=writer_id)
        self._on_sample, self._on_environment, self._on_files = on_sample, on_environment, on_files
        self._console = ConsoleCapture(on_text, settings.console or "auto")
        levels = settings.capture_loggers
        self._loggers = LoggerCapture(on_text, dict(levels)) if levels else None
        self._companion: subprocess.Popen[bytes] | None = None
        self._has_looked = threading.Event()

    def start(self) -> None:
        """Begin; what takes time is done by another process."""
        self._console.start()
        if self._loggers is not None:
            self._loggers.start()
        if self._order.environment is None and self._order.system is None:
            return
        try:
            self._companion = start_module("kymograph.sdk.capture.companion", errors=subprocess.DEVNULL)
        except OSError as error:
            _log.debug("nothing looks around: %s", error)
            return
        assert self._companion.stdin is not None
        assert self._companion.stdout is not None
        with suppress(OSError):
            self._companion.stdin.write(json.dumps(asdict(self._order)).encode() + b"\n")
            self._companion.stdin.flush()
        self._listener = threading.Thread(
            target=self._listen,
            args=(self._companion.stdout, self._companion.pid),
            name="kymograph companion",
            daemon=True,
        )
        self._listener.start()

    def stop(self) -> None:
        """End. What is still being found out about the surroundings is left in the run's folder, by that process."""
        self._console.stop()
        if self._loggers is not None:
            self._loggers.stop()
        if self._companion is None:
            return
        if self._order.environment is not None and not self._has_looked.is_set():
            with suppress(OSError):  # the disk takes nothing
                self._folder.looking_mark.touch()
            _left[:] = [*(thread for thread in _left if thread.is_alive()), self._listener]
        assert self._companion.stdin is not None
        with suppress(OSError):
            self._companion.stdin.close()
        # It ends by itself; without this, the interpreter would warn that nobody waited.
        self._companion.returncode = 0

    # --- on a thread of its own --------------------------------------------------------------------------------------

    def _listen(self, findings: IO[bytes], pid: int) -> None:
        with findings:
            for line in findings:
                try:
                    self._take(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    _log.debug("not understood: %s", error)
        self._has_looked.set()
        if os.name != "nt":
            with suppress(OSError):  # somebody else was told of its end
                os.waitpid(pid, 0)

    def _take(self, finding: dict[str, Any]) -> None:
        kind = finding["kind"]
        if kind == "sample":
            self._on_sample(finding["values"], datetime.fromtimestamp(finding["at"], UTC))
        elif kind == "environment":
            self._on_environment(EnvironmentRecord.FromString(b64decode(finding["record"])))
        elif kind == "files":
            self._on_files(finding["names"])
        elif kind == "looked":
            self._has_looked.set()


def _order_of(settings: Settings, folder: RunFolder, *, started_at: datetime, writer_id: str) -> CompanionOrder:
    environment: dict[str, Any] | None = None
    if not settings.x_disable_meta:
        environment = {
            "root": settings.root_dir,
            "writer_id": writer_id,
            "host": settings.host,
            "username": settings.username,
            "email": settings.email,
            "executable": settings.x_executable or sys.executable,
            "program": settings.program or name_of_main() or INTERACTIVE,
            "docker": settings.docker,
            "is_notebook": settings._notebook,
            "secrets": [settings.api_key] if settings.api_key else [],
            "git_remote": settings.git_remote,
            "git_root": settings.git_root,
            "git_commit": settings.git_commit,
            "git_remote_url": settings.git_remote_url,
            "with_git": not settings.disable_git,
            "with_machine": not settings.x_disable_machine_info,
            "disk_paths": [*(settings.x_stats_disk_paths or ())],
            "cpu_count": settings.x_stats_cpu_count,
            "cpu_count_logical": settings.x_stats_cpu_logical_count,
            "gpu_count": settings.x_stats_gpu_count,
            "gpu_type": settings.x_stats_gpu_type,
        }
    system: dict[str, Any] | None = None
    if not settings.x_disable_stats:
        system = {
            "pid": settings.x_stats_pid,
            "disk_paths": [*(settings.x_stats_disk_paths or ())],
            "track_process_tree": settings.x_stats_track_process_tree,
            "use_cgroup": not settings.x_stats_no_cgroup,
            "gpu_device_ids": settings.x_stats_gpu_device_ids,
            "open_metrics_endpoints": settings.x_stats_open_metrics_endpoints or {},
            "open_metrics_filters": settings.x_stats_open_metrics_filters,
            "open_metrics_headers": settings.x_stats_open_metrics_http_headers or {},
        }
    return CompanionOrder(
        run_folder=str(folder.path),
        run_id=folder.run_id,
        started_at=started_at.isoformat(),
        arguments=settings._args,
        environment=environment,
        with_requirements=bool(settings.x_save_requirements),
        with_patches=not settings.disable_git,
        with_fork_point=not settings.disable_git_fork_point,
        saves_program=bool(settings.save_code) and not settings.disable_code,
        system=system,
        interval_s=float(settings.x_stats_sampling_interval),
        label=settings.x_label,
    )
