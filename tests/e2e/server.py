"""A real server in a process of its own, as a user would start it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import httpx

from tests.e2e.rest import Rest

ADMIN_KEY = "0123456789abcdef0123456789abcdef01234567"
KYMOGRAPH = Path(sys.executable).with_name("kymograph")
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0

T = TypeVar("T")


class ServerFailed(Exception):
    """The server did not start, or ended by itself; the message holds its log."""


class ServerProcess:
    """``kymograph server`` on a data folder and a port that both stay the same over restarts.

    Not started by the constructor. `stop` ends it in order, `kill` as a power failure would.
    """

    def __init__(
        self,
        data: Path,
        *,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
        command: tuple[str, ...] = (),
    ) -> None:
        self.data = data
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data.parent / f"{data.name}.log"
        self._command = command
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def start(self) -> None:
        """Start it and return once it says that it is ready."""
        self.launch()
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise ServerFailed(f"exit status {self._process.returncode}:\n{self.read_log()}")
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.02)
        self.kill()
        raise ServerFailed(f"not ready after {START_TIMEOUT_S} s:\n{self.read_log()}")

    def launch(self) -> None:
        """Start it and return at once."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, str(KYMOGRAPH), "server", "--port", str(self.port), "--data", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**as_users_have_it(os.environ), "KYMOGRAPH_ADMIN_API_KEY": ADMIN_KEY, **self._environment},
                # A group of its own, so that `kill` reaches worker processes too.
                start_new_session=True,
            )

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """The exit status, once it has ended by itself."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def stop(self) -> None:
        """End it in order; does nothing if it does not run.

        Raises:
            ServerFailed: It took too long, or ended before it had closed its parts.
        """
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                status = self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise ServerFailed(f"did not stop within {STOP_TIMEOUT_S} s:\n{self.read_log()}") from None
            if status != 0:
                raise ServerFailed(f"did not stop in order, exit status {status}:\n{self.read_log()}")
        self._process = None

    def kill(self) -> None:
        """``kill -9``, workers included."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT_S)
        self._process = None

    def restart(self) -> None:
        """Start it again on the same data and port."""
        self.kill()
        self.start()

    def read_log(self) -> str:
        """What it has written, the last 20,000 characters."""
        return self.log.read_text(errors="replace")[-20_000:] if self.log.exists() else ""

    def http(self, key: str | None = ADMIN_KEY) -> httpx.Client:
        """An HTTP client, signed in with `key`; close it."""
        return httpx.Client(base_url=self.url, auth=("api", key) if key else None, timeout=60)

    def rest(self, key: str | None = ADMIN_KEY) -> Rest:
        """The REST API as `key` sees it; close it."""
        return Rest(self.http(key))


def as_users_have_it(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the habit of some build machines to compile every module again at every start."""
    return {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until(look: Callable[[], T | None], *, timeout_s: float = 30.0, interval_s: float = 0.1, what: str) -> T:
    """The first true value that `look` gives.

    Raises:
        AssertionError: None came in time; names `what` was waited for.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(interval_s)
    raise AssertionError(f"waited {timeout_s:g} s in vain for {what}")
