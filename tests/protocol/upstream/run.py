"""Run the vendor's own system tests, unmodified, against our server.

None of that code is in this repository. The caller provides a checkout of the client's public repository and a virtual
environment that holds the client and what its tests import (`docs/compatibility.md` says how to lay out both):

    python -m tests.protocol.upstream.run --checkout DIR --python DIR/.venv/bin/python

The script starts our server with an empty data folder and the fixture service beside it, registers both with the
vendor's tool, runs pytest, stops what it started, and prints the table of `report`. With `--write` it also
puts the table into `docs/compatibility.md`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.protocol.upstream.fixture_service import ADMIN_KEY_VARIABLE
from tests.protocol.upstream.public_objects import public_objects
from tests.protocol.upstream.report import (
    count,
    parse_baseline,
    parse_junit,
    parse_reasons,
    render,
    replace_section,
    started_at,
)

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[2] / "docs" / "compatibility.md"

SYSTEM_TESTS = Path("tests/system_tests")
PARTS = {
    "runs": ("test_core", "test_api", "test_plot.py", "test_system_metrics", "test_sandbox"),
    "artifacts": ("test_artifacts",),
    "registries": ("test_registries",),
}
"""What is shown on the page, part by part: runs, their files and the public API first."""
ALL_FILES = (
    *(file for files in PARTS.values() for file in files),
    *("test_sweep", "test_launch", "test_automations"),
)

STORAGE_REGION = "minio-local"
"""A storage region that the vendor's tests take for granted."""
READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0


def main() -> int:
    """Parse the command line and run; the exit status is pytest's."""
    options = _parse_options()
    # A request to end must unwind the blocks below, or what they started would be left running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    checkout: Path = options.checkout.resolve()
    # Not resolved: a virtual environment's python is a link, and is one only under its own name.
    python: Path = options.python.absolute()
    files: Sequence[str] = options.only or (ALL_FILES if options.all else PARTS[options.part])
    if options.write and (options.only or options.all):
        sys.exit("--write needs one whole part: leave out --only and --all")

    with ExitStack() as stack:
        work = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="upstream-")))
        work.mkdir(parents=True, exist_ok=True)
        junit = (options.report or work / "junit.xml").resolve()
        status = 0 if options.report else _run(checkout, python, files, junit, work, options)
        if not junit.exists():
            print(f"pytest left no report; its exit status is {status}", file=sys.stderr)
            return status or 1
        document = junit.read_text("utf-8")

    known_files = [str(path.relative_to(checkout / SYSTEM_TESTS)) for path in _test_files(checkout)]
    cases = parse_junit(document, known_files)
    headline = f"Client {_client_version(python)}; run began {started_at(document)}."
    table = render(
        cases,
        parse_baseline((HERE / "mock_baseline.json").read_text("utf-8")),
        parse_reasons((HERE / "reasons.toml").read_text("utf-8")),
    )
    section = f"{headline}\n\n{table}"
    print(section)
    if options.write:
        PAGE.write_text(replace_section(PAGE.read_text("utf-8"), section, part=options.part), "utf-8")
    return 0 if options.minimum is not None and count(cases).pass_rate >= options.minimum else status


def _run(
    checkout: Path, python: Path, files: Sequence[str], junit: Path, work: Path, options: argparse.Namespace
) -> int:
    """Start everything, run pytest, stop everything; the result is pytest's exit status."""
    server_port, fixture_port = options.port or _free_port(), options.fixture_port or _free_port()
    address = f"http://localhost:{server_port}"
    admin_key = secrets.token_hex(20)
    client_env = _client_environment(python, work)
    with (
        ExitStack() as stack,
        _server(server_port, address, work, admin_key, options),
        _fixture_service(fixture_port, address, work, admin_key),
        _registered(checkout, python, server_port, fixture_port, client_env),
    ):
        if options.public_objects:
            client_env |= stack.enter_context(public_objects(work))
        return _run_pytest(checkout, python, files, junit, client_env, options)


def _client_version(python: Path) -> str:
    program = "import importlib.metadata as m; print(m.version('wandb'))"
    return subprocess.run([str(python), "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", required=True, type=Path, help="folder with the vendor's tests/ and tools/")
    parser.add_argument("--python", required=True, type=Path, help="python with the client under test")
    parser.add_argument("--only", nargs="+", metavar="FILE", help="files, folders or node ids below tests/system_tests")
    parser.add_argument("--part", choices=PARTS, default="runs", help="part of the suite (default: runs)")
    parser.add_argument("--all", action="store_true", help="all folders but the functional and notebook tests")
    parser.add_argument("--port", type=int, help="port of our server (default: a free one)")
    parser.add_argument("--fixture-port", type=int, help="port of the fixture service (default: a free one)")
    parser.add_argument("--database", metavar="URL", help="database of our server (default: SQLite in its data folder)")
    parser.add_argument("--objects", metavar="URL", help="object store of our server (default: its data folder)")
    parser.add_argument(
        "--public-objects", action="store_true", help="serve the public objects that artifact tests read: no internet"
    )
    parser.add_argument("--workers", type=int, default=3, help="processes that run tests (default: 3)")
    parser.add_argument("--timeout", type=int, default=60, help="seconds for one case (default: 60)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave logs, data and the junit report in this folder")
    parser.add_argument("--report", type=Path, metavar="JUNIT", help="run nothing; show what this junit report says")
    parser.add_argument("--minimum", type=float, metavar="SHARE", help="succeed when this share (0 to 1) passes")
    parser.add_argument("--write", action="store_true", help="put the table into docs/compatibility.md")
    return parser.parse_args()


def _test_files(checkout: Path) -> Iterator[Path]:
    return (checkout / SYSTEM_TESTS).rglob("test_*.py")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _server(port: int, address: str, work: Path, admin_key: str, options: argparse.Namespace) -> Iterator[None]:
    command = [
        str(Path(sys.executable).with_name("kymograph")),
        "server",
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *("--public-url", address),
        *("--data", str(work / "data")),
        *(("--database", options.database) if options.database else ()),
        *(("--objects", options.objects) if options.objects else ()),
    ]
    env = _own_environment(admin_key) | {"KYMOGRAPH_STORAGE_REGIONS": STORAGE_REGION}
    with _process(command, work / "server.log", env) as process:
        _wait_until_ready(f"{address}/ready", process, work / "server.log")
        yield


@contextmanager
def _fixture_service(port: int, server: str, work: Path, admin_key: str) -> Iterator[None]:
    command = [sys.executable, str(HERE / "fixture_service.py"), "--server", server, "--port", str(port)]
    log = work / "fixture_service.log"
    with _process(command, log, _own_environment(admin_key)) as process:
        _wait_until_ready(f"http://localhost:{port}/health", process, log)
        yield


@contextmanager
def _process(command: list[str], log: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the block ends; it is asked to stop first and killed only if it does not."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=1).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    sys.exit(f"{url} did not answer.\n{log.read_text('utf-8', errors='replace')[-4000:]}")


@contextmanager
def _registered(checkout: Path, python: Path, port: int, fixture_port: int, env: dict[str, str]) -> Iterator[None]:
    """Tell the vendor's tool, which its tests ask, where our server is; forget it afterwards."""
    tool = [str(python), str(checkout / "tools" / "local_wandb_server.py")]
    name = ["--name", "wandb-local-testcontainer"]
    ports = ["--hostname", "localhost", "--base-port", str(port), "--fixture-port", str(fixture_port)]

    # A run that was interrupted leaves its entry behind, and the tool refuses a second one.
    subprocess.run([*tool, "stop", *name], env=env, capture_output=True, check=False)
    subprocess.run([*tool, "start", *name, *ports], env=env, check=True)
    try:
        yield
    finally:
        subprocess.run([*tool, "stop", *name], env=env, capture_output=True, check=False)


def _run_pytest(
    checkout: Path,
    python: Path,
    files: Sequence[str],
    junit: Path,
    env: dict[str, str],
    options: argparse.Namespace,
) -> int:
    command = [
        str(python),
        *("-m", "pytest", "-q", "-o", "addopts="),
        *("-n", str(options.workers)),
        *("--timeout", str(options.timeout)),
        *("-p", "no:cacheprovider"),
        f"--junitxml={junit.resolve()}",
        *(str(SYSTEM_TESTS / file) for file in files),
    ]
    return subprocess.run(command, cwd=checkout, env=env, check=False).returncode


def _own_environment(admin_key: str) -> dict[str, str]:
    """For our processes: nothing of ours or the client's from outside, but the administrator's key."""
    return _without_settings() | {ADMIN_KEY_VARIABLE: admin_key}


def _client_environment(python: Path, work: Path) -> dict[str, str]:
    """For the tests: an empty home, no settings, and `python` meaning the environment under test."""
    home = work / "home"
    home.mkdir(exist_ok=True)
    return _without_settings() | {
        "HOME": str(home),
        "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def _without_settings() -> dict[str, str]:
    prefixes = ("WANDB_", "KYMOGRAPH_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


if __name__ == "__main__":
    sys.exit(main())
