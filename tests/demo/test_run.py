"""The demo around its trainings: what it tells the person at the terminal."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import httpx
import pytest

from run import DemoFailed, boxed, complaints_of, find_sign_in_link, refuse_busy_port, tail
from tests.e2e.server import ServerProcess


def test_the_link_that_the_server_prints_is_found_and_leads_to_its_page(server: ServerProcess) -> None:
    link = find_sign_in_link(server.log)

    assert link is not None
    assert link.startswith(f"{server.url}/login/")
    assert httpx.get(link).status_code == 200


def test_without_a_link_in_the_log_there_is_none(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("http://127.0.0.1:8080/projects\n")

    assert find_sign_in_link(log, timeout_s=0.01) is None


def test_a_busy_port_is_named_with_a_way_out() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        with pytest.raises(DemoFailed, match=rf"port {port} is in use; .* PORT={port + 1}"):
            refuse_busy_port(port)


def test_warnings_and_errors_of_the_server_are_complaints_and_nothing_else(tmp_path: Path) -> None:
    records = [{"level": level, "message": level} for level in ("info", "warning", "error")]
    log = tmp_path / "server.log"
    log.write_text("\n  Kymograph   http://127.0.0.1:8080\n" + "\n".join(map(json.dumps, records)))

    assert [json.loads(line)["level"] for line in complaints_of(log)] == ["warning", "error"]


def test_the_tail_of_a_log_takes_progress_bars_apart(tmp_path: Path) -> None:
    log = tmp_path / "trainer.log"
    log.write_text("first\nepoch 1\repoch 2\nlast\n")

    assert tail(log, 2) == "    epoch 2\n    last"
    assert tail(tmp_path / "absent.log") == ""


def test_a_box_is_as_wide_as_its_longest_line() -> None:
    lines = boxed("Open this:", "http://127.0.0.1:8080").splitlines()

    assert {len(line) for line in lines} == {len("http://127.0.0.1:8080") + 6}
