"""The file stream's route: what it lets in, and what it counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from kymograph.services.admission import SMALL_BYTES, Admission
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from tests.unit.server.http import Http
from tests.unit.server.test_counters import values_of


def send(http: Http, *lines: str, offset: int = 0, **arguments: Any) -> httpx.Response:
    body = {"files": {"wandb-history.jsonl": {"offset": offset, "content": list(lines)}} if lines else {}}
    return http.request("POST", "/files/admin/project/run/file_stream", json=body, **arguments)


def test_lines_that_come_faster_than_they_can_be_compacted_are_pushed_back(tmp_path: Path) -> None:
    overdue_bytes = 1
    now_s = 0.0
    admission = Admission(lambda: overdue_bytes, max_overdue_bytes=0, monotonic=lambda: now_s)
    large = '{"_step":0,"text":"' + "x" * SMALL_BYTES + '"}'
    with open_test_deployment(tmp_path) as opened:
        run = opened.run()
        http = Http(replace(opened.deployment, services=replace(opened.services, admission=admission)))

        refused, heartbeat = send(http, large), send(http)
        overdue_bytes, now_s = 0, 10.0
        taken = send(http, large)

        assert (refused.status_code, refused.json()["error"]["kind"]) == (429, "ServerBusy")
        assert refused.headers["retry-after"] == "2"
        assert (heartbeat.status_code, taken.status_code) == (200, 200)
        assert opened.services.history.last_step(run) == 0


@pytest.mark.parametrize("key", [None, "0" * 40])
def test_nothing_is_read_of_a_request_without_a_known_key(http: Http, key: str | None) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was asked for")
        yield b""

    response = http.request("POST", "/files/admin/project/run/file_stream", key=key, content=body())

    assert response.status_code == 401


def test_what_was_taken_in_is_counted(deployment: DeploymentUnderTest, http: Http) -> None:
    deployment.run()
    before = values_of(http.get("/metrics", key=None).text)

    send(http, '{"_step":0,"a":1}', '{"_step":1,"a":2}')
    send(http, "{", offset=2)
    send(http, key="0" * 40)
    after = values_of(http.get("/metrics", key=None).text)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert grown('kymograph_lines_total{stream="history"}') == 3
    assert grown("kymograph_file_stream_bytes_total") > 100
    assert grown("kymograph_tail_bytes") == len('{"_step":0,"a":1}\n{"_step":1,"a":2}\n{\n')
    assert grown("kymograph_tail_chunks") == 1
    assert grown('kymograph_requests_total{face="file_stream",status="200"}') == 2
    assert grown('kymograph_requests_total{face="file_stream",status="401"}') == 1
    assert grown('kymograph_answer_seconds_count{face="file_stream"}') == 3
