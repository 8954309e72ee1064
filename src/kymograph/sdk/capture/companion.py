"""What looks around a training, in a process of its own: ``python -m kymograph.sdk.capture.companion``.

Listing packages, asking git and drivers, and sampling the machine take processor time and the interpreter's lock; in
the training's process they would hold up its calls of `log` (measured: 363 µs instead of 16 at 99 of 100 calls of the
first second). A driver that crashes takes this process with it, not the training.

One JSON document on standard input says what is wanted; findings are said on standard output, one a line. It ends with
its standard input. A training that ends before all is found out does not wait: it leaves a mark in the run's folder,
and the findings go into a journal of their own there, which the sender reads as it reads those of other processes.
"""

from __future__ import annotations

import os
import sys
import threading
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from kymograph.sdk import records
from kymograph.sdk.journal import Journal
from kymograph.sdk.run_folder import LOOK_TIMEOUT_S, RunFolder
from kymograph.wire.records_pb2 import FilesItem, Record


@dataclass(frozen=True, slots=True)
class CompanionOrder:
    """What a companion is asked for."""

    run_folder: str
    run_id: str
    started_at: str
    """ISO 8601, with a zone."""
    arguments: list[str]
    """Of the training's command line."""
    environment: dict[str, Any] | None = None
    """Of `ProbeSettings`; None to leave the surroundings alone."""
    with_requirements: bool = True
    with_patches: bool = True
    with_fork_point: bool = False
    saves_program: bool = False
    system: dict[str, Any] | None = None
    """Of `ProbeOptions`; None to take no samples."""
    interval_s: float = 15.0
    label: str | None = None


class Companion:
    """Carries out one order."""

    def __init__(self, order: CompanionOrder) -> None:
        """Prepare; nothing is looked at yet."""
        self._order = order
        self._folder = RunFolder(Path(order.run_folder), order.run_id)
        self._files = self._folder.files
        self._lock = threading.Lock()
        self._findings: list[Record] = []
        self._is_left = threading.Event()
        self._has_ended = threading.Event()

    def run(self) -> None:
        """Look around once, then sample until nobody listens."""
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        monitor = self._start_monitor()
        if self._order.environment is not None:
            self._tell_environment(self._order.environment)
            names = [*self._write_requirements(), *self._write_patches(), *self._save_program()]
            if names:
                self._findings.append(records.files(names, kind=FilesItem.WANDB))
                self._say(kind="files", names=names)
        self._say(kind="looked")
        self._is_left.wait()
        if self._folder.looking_mark.exists():
            self._keep_findings()
        self._has_ended.set()
        if monitor is not None:
            monitor.stop()

    def _listen(self) -> None:
        sys.stdin.buffer.read()
        self._is_left.set()
        if not self._has_ended.wait(LOOK_TIMEOUT_S):
            os._exit(1)  # a driver hangs

    def _keep_findings(self) -> None:
        """Write all again: what was said may not have been heard, and hearing it twice changes nothing."""
        journal = Journal(self._folder.further_journal(f"surroundings-{os.getpid()}"))
        for record in self._findings:
            journal.append(record)
        journal.close()
        self._folder.looking_mark.unlink(missing_ok=True)

    def _say(self, **finding: Any) -> None:
        line = orjson.dumps(finding) + b"\n"
        with self._lock, suppress(BrokenPipeError):  # the training is gone
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

    def _start_monitor(self) -> Any:
        options = self._order.system
        if options is None:
            return None
        from kymograph.sdk.capture.system.monitor import SystemMonitor
        from kymograph.sdk.capture.system.sampler import ProbeOptions, SystemSampler, default_probes

        monitor = SystemMonitor(
            SystemSampler(default_probes(ProbeOptions(**options))),
            self._tell_sample,
            interval_s=self._order.interval_s,
            label=self._order.label,
        )
        monitor.start()
        return monitor

    def _tell_sample(self, values: Mapping[str, float], at: datetime) -> None:
        self._say(kind="sample", at=at.timestamp(), values=dict(values))

    def _tell_environment(self, wanted: dict[str, Any]) -> None:
        from kymograph.sdk.capture import environment

        settings = environment.ProbeSettings(
            **{
                **wanted,
                "started_at": datetime.fromisoformat(self._order.started_at).astimezone(UTC),
                "git_root": Path(wanted["git_root"]) if wanted.get("git_root") else None,
                "secrets": tuple(wanted.get("secrets") or ()),
            }
        )
        record = environment.to_record(environment.probe(settings, arguments=self._order.arguments))
        self._findings.append(Record(environment=record))
        self._say(kind="environment", record=b64encode(record.SerializeToString()).decode())

    def _write_requirements(self) -> list[str]:
        if not self._order.with_requirements:
            return []
        from kymograph.sdk.capture import packages

        text = packages.requirements_text(packages.installed_packages())
        written = {"requirements.txt": text, "conda-environment.yaml": packages.conda_environment_text()}
        names = [name for name, content in written.items() if content is not None]
        for name in names:
            (self._files / name).write_text(written[name] or "", encoding="utf-8")
        return names

    def _write_patches(self) -> list[str]:
        if not self._order.with_patches:
            return []
        from kymograph.sdk.capture.git import GitRepository

        root = (self._order.environment or {}).get("git_root")
        repository = GitRepository.find(Path(root) if root else Path.cwd())
        return (
            [] if repository is None else repository.save_patches(self._files, fork_point=self._order.with_fork_point)
        )

    def _save_program(self) -> list[str]:
        if not self._order.saves_program:
            return []
        from kymograph.sdk.capture.code import find_program, save_program

        program = find_program(name=(self._order.environment or {}).get("program"))
        saved = None if program is None else save_program(program, self._files)
        return [] if saved is None else [saved]


def main() -> None:
    """Read the order and carry it out."""
    Companion(CompanionOrder(**orjson.loads(sys.stdin.buffer.readline()))).run()


if __name__ == "__main__":
    main()
