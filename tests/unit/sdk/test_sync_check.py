from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kymograph.client.run_reads import RunReads
from kymograph.errors import RunNotFound
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sync import sync_run
from kymograph.sdk.sync_check import CheckReport, check_run
from tests.unit.sdk.fake_server import FakeRun, FakeServer
from tests.unit.sdk.folders import write_run


def check(folder: RunFolder, server: FakeServer) -> CheckReport:
    with server.client() as client:
        return check_run(folder, RunReads(client))


def synced(folder: RunFolder) -> FakeServer:
    server = FakeServer()
    with server.client() as client:
        assert sync_run(folder, client).is_whole
    return server


def test_a_run_that_was_sent_is_equal(tmp_path: Path) -> None:
    folder = write_run(tmp_path, rows=2500)

    report = check(folder, synced(folder))

    assert (report.is_equal, report.differences) == (True, [])
    assert report.counts["rows"] == 2500
    assert report.counts["console"] == 2


def change_row(run: FakeRun) -> None:
    run.lines["wandb-history.jsonl"][1] = '{"loss":0.25,"_step":1}'


def drop_row(run: FakeRun) -> None:
    del run.lines["wandb-history.jsonl"][4]


def add_row(run: FakeRun) -> None:
    run.lines["wandb-history.jsonl"][9] = '{"loss":1,"_step":9}'


def change_summary(run: FakeRun) -> None:
    run.lines["wandb-summary.json"] = {0: '{"loss": 0.4, "_step": 4, "more": true}'}


def change_config(run: FakeRun) -> None:
    run.fields["config"] = '{"lr": {"value": "0.5"}}'


def change_file(run: FakeRun) -> None:
    run.files["kept.txt"] = b"kepT"


def drop_file(run: FakeRun) -> None:
    del run.files["kept.txt"]


def change_console(run: FakeRun) -> None:
    run.lines["output.log"][1] = "2026-01-02T03:04:05.000000 moon"


def change_state(run: FakeRun) -> None:
    run.state = "crashed"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (change_row, "rows: step 1, loss: here 0.1, on the server 0.25"),
        (drop_row, "rows: step 4: here a row of 1 values, on the server no row"),
        (add_row, "rows: step 9: here no row, on the server a row of 1 values"),
        (change_summary, "summary: more: here nothing, on the server true"),
        (change_config, 'config: lr: here 0.5, on the server "0.5"'),
        (change_file, "files: kept.txt: here MD5 "),
        (drop_file, "files: kept.txt: here 4 bytes, on the server no such file"),
        (change_console, "console: line 1: here world, on the server moon"),
        (change_state, "state: of the run: here finished, on the server crashed"),
    ],
)
def test_any_difference_is_found_and_named(damage: Callable[[FakeRun], None], words: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    server = synced(folder)

    damage(server.run("p", "run1"))
    report = check(folder, server)

    assert not report.is_equal
    assert next(map(str, report.differences)).startswith(words)
    assert len(report.differences) == 1


def test_a_run_that_the_server_does_not_have_is_an_error(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    server = synced(folder)
    server.runs.clear()

    with pytest.raises(RunNotFound):
        check(folder, server)
