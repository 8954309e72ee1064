"""Scripts that log with our own SDK, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.processes import TIMEOUT_S, run_to_end
from tests.e2e.server import ADMIN_KEY, KYMOGRAPH

_KEPT = ("PATH", "PYTHONPATH", "LANG", "TMPDIR", "SYSTEMROOT")


class Training:
    """A folder in which scripts run, with a home of its own: nothing of this machine's settings reaches them."""

    def __init__(self, folder: Path, *, url: str, key: str = ADMIN_KEY) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self.environment = {
            **kept,
            "HOME": str(folder),
            "NETRC": str(folder / "netrc"),
            "WANDB_CONFIG_DIR": str(folder / "config"),
            "WANDB_BASE_URL": url,
            "WANDB_API_KEY": key,
            "PYTHONWARNINGS": "error",
        }

    def start(
        self, script: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a script; its output is read from the process."""
        path = self.folder / "script.py"
        path.write_text(script)
        return subprocess.Popen(
            [sys.executable, str(path), *arguments],
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script: str, *arguments: str, environment: Mapping[str, str] | None = None) -> tuple[str, str]:
        """Run a script to its end; fails the test unless it ends well. Returns what it printed."""
        process = self.start(script, *arguments, environment=environment)
        printed, complained = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, complained
        return printed, complained

    def command(self, *arguments: str) -> str:
        """Run our command to its end; fails the test unless it ends well. Returns what it printed."""
        return self.call(str(KYMOGRAPH), *arguments).stdout

    def call(
        self, *command: str, status: int = 0, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; fails the test unless it ends with that status."""
        done = run_to_end(command, folder=self.folder, environment={**self.environment, **(environment or {})})
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def run_folders(self) -> list[Path]:
        """Folders of the runs that were made here, the oldest first."""
        return sorted(self.folder.glob("kymograph/*run-*"))
