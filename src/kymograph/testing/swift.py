"""A real S3 server for tests: OpenStack Swift with its S3 interface, from the package index, on loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ACCESS_KEY, SECRET_KEY, REGION = "test:tester", "testing", "us-east-1"
LISTING_PAGE = 20
"""Small, since each object costs this server 0.1 s."""

_KINDS = ("account", "container", "object")
_PATIENCE_S = 30.0

_COMMON = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
fallocate_reserve = 0
workers = 0
user = {user}
log_level = ERROR
"""

_STORAGE = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

_PROXY = f"""
[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats bulk s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers =
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = {REGION}
max_bucket_listing = {LISTING_PAGE}
[filter:tempauth]
use = egg:swift#tempauth
user_{ACCESS_KEY.replace(":", "_")} = {SECRET_KEY} .admin
[filter:slo]
use = egg:swift#slo
"""


@dataclass(frozen=True, slots=True)
class SwiftServer:
    """A running server."""

    address: str
    """``http://host:port`` of the S3 interface."""


@contextmanager
def swift_server() -> Iterator[SwiftServer]:
    """Start a one-disk cluster in a temporary folder and stop it at the end.

    Raises:
        RuntimeError: It does not start; the message holds what it printed.
    """
    # Not on a memory file system: Swift keeps metadata in extended attributes, which older ones lack.
    folder = Path(tempfile.mkdtemp(prefix="kymograph-swift-"))
    try:
        ports = _free_ports(len(_KINDS) + 1)
        _write_settings(folder, ports)
        with ExitStack() as stack, (folder / "output.txt").open("wb") as output:
            for kind in (*_KINDS, "proxy"):
                stack.enter_context(_running(kind, folder, output.fileno()))
            _wait_for(ports[-1], folder / "output.txt")
            yield SwiftServer(f"http://127.0.0.1:{ports[-1]}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_settings(folder: Path, ports: list[int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dependencies' age
        from swift.common.ring import RingBuilder  # type: ignore[import-untyped]

    (folder / "devices" / "disk").mkdir(parents=True)
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = tests\n[storage-policy:0]\nname = only\ndefault = yes\n"
    )
    user = pwd.getpwuid(os.getuid()).pw_name
    for kind, port in zip((*_KINDS, "proxy"), ports, strict=True):
        settings = _COMMON.format(port=port, folder=folder, user=user)
        settings += _PROXY if kind == "proxy" else _STORAGE.format(kind=kind)
        (folder / f"{kind}.conf").write_text(settings)
    for kind, port in zip(_KINDS, ports, strict=False):
        ring = RingBuilder(4, 1, 0)  # 2^4 partitions, one copy, moved at any time
        disk = {"id": 0, "region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "port": port, "device": "disk"}
        ring.add_dev({**disk, "meta": ""})
        ring.rebalance()
        ring.get_ring().save(str(folder / f"{kind}.ring.gz"))


@contextmanager
def _running(kind: str, folder: Path, output: int) -> Iterator[None]:
    program = Path(sys.executable).parent / f"swift-{kind}-server"
    process = subprocess.Popen(
        [program, folder / f"{kind}.conf"],
        env={**os.environ, "SWIFT_DIR": str(folder), "PYTHONWARNINGS": "ignore"},
        stdout=output,
        stderr=output,
    )
    try:
        yield
    finally:
        process.kill()  # nothing of it is kept, so nothing needs an orderly end
        process.wait()


def _wait_for(port: int, output: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"Swift did not start within {_PATIENCE_S:g} s:\n{output.read_text(errors='replace')}")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for held in sockets:
            held.bind(("127.0.0.1", 0))
        return [int(held.getsockname()[1]) for held in sockets]
