"""Everything that is captured while a run goes on: console, machine, surroundings. Begins and ends with the run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kymograph.sdk.capture.console import ConsoleCapture, LoggerCapture
from kymograph.sdk.settings import Settings
from kymograph.wire.records_pb2 import EnvironmentRecord

if TYPE_CHECKING:
    from kymograph.sdk.capture.system.monitor import SystemMonitor

_log = logging.getLogger(__name__)
PROBE_WAIT_S = 10.0
"""How long the end of a run waits for what is still being found out about its surroundings."""


class CaptureSession:
    """The captures of one run."""

    def __init__(
        self,
        settings: Settings,
        files_folder: Path,
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
            files_folder: The run's ``files`` folder.
            started_at: When the run began.
            writer_id: Names this process among those that write the run.
            on_text: Told the stream and each piece of text that is printed.
            on_sample: Told each sample of the machine, and when.
            on_environment: Told what was found out about the surroundings.
            on_files: Told names of files that were written.
        """
        self._settings, self._files = settings, files_folder
        self._started_at, self._writer_id = started_at, writer_id
        self._on_environment, self._on_files = on_environment, on_files
        self._console = ConsoleCapture(on_text, settings.console or "auto")
        levels = settings.capture_loggers
        self._loggers = LoggerCapture(on_text, dict(levels)) if levels else None
        self._on_sample = on_sample
        self._monitor: SystemMonitor | None = None
        self._starter: threading.Thread | None = None
        self._probe: threading.Thread | None = None

    def start(self) -> None:
        """Begin. What takes time is done on threads of its own."""
        self._console.start()
        if self._loggers is not None:
            self._loggers.start()
        settings = self._settings
        if not settings.x_disable_meta:
            self._probe = threading.Thread(target=self._look_around, name="kymograph-surroundings", daemon=True)
            self._probe.start()
        if not settings.x_disable_stats:
            self._starter = threading.Thread(target=self._start_monitor, name="kymograph-system-start", daemon=True)
            self._starter.start()

    def stop(self) -> None:
        """End; everything that was captured has been told."""
        self._console.stop()
        if self._loggers is not None:
            self._loggers.stop()
        if self._starter is not None:
            self._starter.join(PROBE_WAIT_S)
        if self._monitor is not None:
            self._monitor.stop()
        if self._probe is not None:
            self._probe.join(PROBE_WAIT_S)

    def _start_monitor(self) -> None:
        # Loads psutil, which a training does not wait for.
        from kymograph.sdk.capture.system.monitor import SystemMonitor
        from kymograph.sdk.capture.system.sampler import ProbeOptions, SystemSampler, default_probes

        settings = self._settings
        probes = default_probes(
            ProbeOptions(
                pid=settings.x_stats_pid,
                disk_paths=settings.x_stats_disk_paths or (),
                track_process_tree=settings.x_stats_track_process_tree,
                use_cgroup=not settings.x_stats_no_cgroup,
                gpu_device_ids=settings.x_stats_gpu_device_ids,
                open_metrics_endpoints=settings.x_stats_open_metrics_endpoints or {},
                open_metrics_filters=settings.x_stats_open_metrics_filters,
                open_metrics_headers=settings.x_stats_open_metrics_http_headers or {},
            )
        )
        monitor = SystemMonitor(
            SystemSampler(probes),
            self._on_sample,
            interval_s=float(settings.x_stats_sampling_interval),
            label=settings.x_label,
        )
        self._monitor = monitor
        monitor.start()

    def _look_around(self) -> None:
        try:
            self._write_surroundings()
        except Exception:  # the edge of a thread: what it finds out is welcome and never needed
            _log.debug("looking around failed", exc_info=True)

    def _write_surroundings(self) -> None:
        from kymograph.sdk.capture import environment, packages
        from kymograph.sdk.capture.git import GitRepository

        settings = self._settings
        git_root = Path(settings.git_root) if settings.git_root else None
        facts = environment.probe(
            environment.ProbeSettings(
                started_at=self._started_at,
                root=settings.root_dir,
                writer_id=self._writer_id,
                host=settings.host,
                username=settings.username,
                email=settings.email,
                executable=settings.x_executable,
                program=settings.program,
                is_notebook=settings._notebook,
                docker=settings.docker,
                secrets=tuple(filter(None, [settings.api_key])),
                git_remote=settings.git_remote,
                git_root=git_root,
                git_commit=settings.git_commit,
                git_remote_url=settings.git_remote_url,
                with_git=not settings.disable_git,
                with_machine=not settings.x_disable_machine_info,
                disk_paths=settings.x_stats_disk_paths or (),
                cpu_count=settings.x_stats_cpu_count,
                cpu_count_logical=settings.x_stats_cpu_logical_count,
                gpu_count=settings.x_stats_gpu_count,
                gpu_type=settings.x_stats_gpu_type,
            )
        )
        self._on_environment(environment.to_record(facts))
        names: list[str] = []
        if settings.x_save_requirements:
            text = packages.requirements_text(packages.installed_packages())
            (self._files / "requirements.txt").write_text(text, encoding="utf-8")
            names.append("requirements.txt")
            conda = packages.conda_environment_text()
            if conda is not None:
                (self._files / "conda-environment.yaml").write_text(conda, encoding="utf-8")
                names.append("conda-environment.yaml")
        if not settings.disable_git:
            repository = GitRepository.find(git_root or Path.cwd())
            if repository is not None:
                names += repository.save_patches(self._files, fork_point=not settings.disable_git_fork_point)
        if names:
            self._on_files(names)


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)
