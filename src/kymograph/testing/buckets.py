"""A real S3 server for tests, in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where it listens."""

    endpoint: str

    def create_bucket(self, name: str) -> str:
        """Make a bucket; gives its URL for `storage.objects.store.open_objects`."""
        httpx.put(f"{self.endpoint}/{name}", timeout=30).raise_for_status()
        return f"s3://{name}?endpoint={self.endpoint}&region=us-east-1"

    @property
    def environment(self) -> Mapping[str, str]:
        """Credentials that it takes."""
        return {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


@contextmanager
def moto_server() -> Iterator[S3Server]:
    """Start moto's server on a free port and stop it at the end."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server = S3Server(f"http://127.0.0.1:{port}")
        _wait_for(server, process)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:  # it waits for threads of connections that nobody closed
            process.kill()
            process.wait()


def _wait_for(server: S3Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(server.endpoint, timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"moto's server did not start (exit status {process.poll()})")
