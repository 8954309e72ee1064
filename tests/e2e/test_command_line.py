"""The command line beside a running server, as a user would type it."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import ADMIN_KEY, KYMOGRAPH, ServerProcess, wait_until


def kymograph(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [str(KYMOGRAPH), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **variables},
    )


def assert_one_clear_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    for word in words:
        assert word in lines[0]


def test_second_server_on_a_data_folder_ends_with_one_clear_line(server: ServerProcess) -> None:
    done = kymograph("server", "--port", "0", "--data", str(server.data))

    assert_one_clear_line(done, str(server.data), "in use", f"process {server.pid}", "--data")


def test_taken_port_ends_with_one_clear_line(server: ServerProcess, tmp_path: Path) -> None:
    done = kymograph("server", "--port", str(server.port), "--data", str(tmp_path / "data"))

    assert_one_clear_line(done, f"127.0.0.1:{server.port}", "--port")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--port", "99999"), ("port", "65535")),
        (("--database", "mysql://host/name"), ("database", "postgresql://")),
        (("--objects", "ftp://host/name"), ("objects", "s3://")),
        (("--public-url", "not an address"), ("public_url", "https://")),
    ],
)
def test_bad_setting_ends_with_one_clear_line(
    arguments: tuple[str, ...], words: tuple[str, ...], tmp_path: Path
) -> None:
    defaults = () if "--port" in arguments else ("--port", "0")

    done = kymograph("server", *defaults, "--data", str(tmp_path), *arguments)

    assert_one_clear_line(done, *words)


def test_login_link_is_made_beside_a_running_server_and_works_once(server: ServerProcess) -> None:
    done = kymograph("admin", "login-link", "--data", str(server.data), "--public-url", server.url)
    assert done.returncode == 0, done.stderr
    match = re.fullmatch(rf"{re.escape(server.url)}/login/(\S+)\n", done.stdout)
    assert match is not None, done.stdout

    with httpx.Client(base_url=f"{server.url}/api/v1") as browser:
        first = browser.post("/session", json={"token": match[1]})
        assert first.status_code == 200
        assert first.json()["user"]["username"] == "admin"
        assert browser.get("/session").status_code == 200
        second = browser.post("/session", json={"token": match[1]}, headers={"Cookie": ""})

    assert second.status_code == 401
    assert "login-link" in second.json()["error"]["message"]


def test_user_made_beside_a_running_server_can_log_at_once(server: ServerProcess) -> None:
    done = kymograph("admin", "create-user", "grace", "--data", str(server.data))

    with server.rest(done.stdout.strip()) as rest:
        assert rest.session()["user"]["username"] == "grace"


def test_garbage_is_counted_beside_a_running_server(server: ServerProcess) -> None:
    done = kymograph("admin", "gc", "--dry-run", "--data", str(server.data))

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"0 runs, [\d,]+ objects, [\d,]+ bytes would go\n", done.stdout)


def test_server_with_an_open_live_stream_stops_at_once(own_server: ServerProcess) -> None:
    """A browser tab keeps its stream open for hours; a restart must not wait for it."""
    with own_server.rest() as rest:
        rest.create_run("admin/p", "r")
    opened = threading.Event()

    def watch() -> None:
        with own_server.http() as http, http.stream("GET", "/api/v1/projects/admin/p/live") as response:
            for _ in response.iter_raw():
                opened.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    wait_until(opened.is_set, what="the live stream")

    began = time.monotonic()
    own_server.stop()
    took_s = time.monotonic() - began
    watcher.join()

    assert took_s < 5
    assert ADMIN_KEY not in own_server.read_log()
