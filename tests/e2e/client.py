"""Unmodified ``wandb`` clients, each in its own virtual environment, as subprocesses with a home of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.processes import TIMEOUT_S, run_to_end

ROOT = Path(__file__).parents[2]
NEWEST = "0.31.0"
MIDDLE = "0.18.7"
OLDEST = "0.13.11"
VERSIONS = (NEWEST, MIDDLE, OLDEST)
"""The newest, the last generation that probes the schema, and one that sends the file stream from Python."""

PRELUDE = '''\
import json as _json, os as _os
def report(value):
    """Hand a value to the test."""
    with open(_os.environ["REPORT"] + ".draft", "w") as file:
        _json.dump(value, file)
    _os.replace(file.name, _os.environ["REPORT"])
'''


@dataclass(frozen=True, slots=True)
class Finished:
    """What a client process left behind."""

    exit_status: int
    stdout: str
    stderr: str
    reported: Any
    """What the script gave to `report`."""


class Client:
    """One installed client version, set up to log to one server.

    Args:
        version: One of `VERSIONS`.
        home: A folder of its own: home directory, settings, caches and run directories live there.
        url: The server's address.
        key: The API key.
    """

    def __init__(self, version: str, home: Path, *, url: str, key: str) -> None:
        self.version = version
        self.home = home
        self.python = ROOT / ".cache" / "clients" / version / "bin" / "python"
        assert self.python.exists(), f"client {version} is not installed; run `make clients`"
        home.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "USER": "tester",
            "NETRC": str(home / "netrc"),
            "LANG": "C.UTF-8",
            "TMPDIR": str(home),
            "PYTHONWARNINGS": "ignore",
            "REPORT": str(home / "report.json"),
            "WANDB_BASE_URL": url,
            "WANDB_API_KEY": key,
            "WANDB_DIR": str(home),
            "WANDB_CONFIG_DIR": str(home / "config"),
            "WANDB_CACHE_DIR": str(home / "cache"),
            "WANDB_DATA_DIR": str(home / "data"),
            "WANDB_ARTIFACT_DIR": str(home / "artifacts"),
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_DISABLE_GIT": "true",
            # It waits for its own service process, and for its first answer, as long as the test waits for it.
            "WANDB__SERVICE_WAIT": str(TIMEOUT_S),
            "WANDB_X_SERVICE_WAIT": str(TIMEOUT_S),
            "WANDB_INIT_TIMEOUT": str(TIMEOUT_S),
            # Nobody listens there: what a client would ask of other hosts fails at once and stays on this machine.
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }

    @property
    def generation(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor, _ = self.version.split(".")
        return int(major), int(minor)

    def run(
        self, script: str, *arguments: str, environment: Mapping[str, str] | None = None, is_checked: bool = True
    ) -> Finished:
        """Run a script to its end; with `is_checked` a non-zero exit status fails the test."""
        return self._finish([str(self._write(script)), *arguments], environment, is_checked=is_checked)

    def ask(self, script: str, *arguments: str) -> Any:
        """What a script reports; its end is not waited for.

        For reading history from files: the service process of client 0.31.0 then hangs about once in two hundred times
        when it is to end, with no request under way, and the client waits for it without end.
        """
        report = self.home / "report.json"
        report.unlink(missing_ok=True)
        deadline = time.monotonic() + TIMEOUT_S
        with self.started(script, *arguments) as process:
            while not report.exists():
                if process.poll() is not None and not report.exists():
                    raise AssertionError(f"exit status {process.returncode}, and nothing reported")
                assert time.monotonic() < deadline, f"nothing reported within {TIMEOUT_S} s"
                time.sleep(0.05)
            return json.loads(report.read_text())

    def command(
        self, *arguments: str, environment: Mapping[str, str] | None = None, is_checked: bool = True
    ) -> Finished:
        """Run the client's command line."""
        return self._finish(["-m", "wandb", *arguments], environment, is_checked=is_checked)

    @contextmanager
    def started(
        self, script: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """A script that goes on while the test does; killed with all its children at the end of the block.

        What fails or is waited for too long in the block tells what the script printed, and where it stood.
        """
        with subprocess.Popen(
            [str(self.python), str(self._write(script)), *arguments],
            cwd=self.home,
            env={**self.environment, "PYTHONFAULTHANDLER": "1", "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            except (AssertionError, subprocess.TimeoutExpired) as exc:
                process.send_signal(signal.SIGABRT)
                exc.add_note(f"the script printed:\n{_last_words(process)}")
                raise
            finally:
                kill_group(process)

    def offline_runs(self) -> list[Path]:
        """Run directories that were written offline, oldest first."""
        return sorted((self.home / "wandb").glob("offline-run-*"))

    def online_runs(self) -> list[Path]:
        """Run directories that were written online, oldest first."""
        return sorted((self.home / "wandb").glob("run-*"))

    def _write(self, script: str) -> Path:
        path = self.home / "script.py"
        path.write_text(PRELUDE + script)
        return path

    def _finish(self, arguments: list[str], environment: Mapping[str, str] | None, *, is_checked: bool) -> Finished:
        report = self.home / "report.json"
        report.unlink(missing_ok=True)
        process = run_to_end(
            [str(self.python), *arguments],
            folder=self.home,
            environment={**self.environment, **(environment or {})},
        )
        if is_checked:
            assert process.returncode == 0, f"exit status {process.returncode}\n{process.stdout}\n{process.stderr}"
        reported = json.loads(report.read_text()) if report.exists() else None
        return Finished(process.returncode, process.stdout, process.stderr, reported)


def _last_words(process: subprocess.Popen[str]) -> str:
    """What a process printed that is at its end; its children are killed, for they hold its output open."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)
    kill_group(process)
    output, _ = process.communicate()
    return output


def kill_group(process: subprocess.Popen[str]) -> None:
    """``kill -9`` for a process and all that it started, such as the client's own service process."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)
