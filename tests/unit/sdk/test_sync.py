from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import httpx
import pytest

from kymograph.sdk.journal import Journal
from kymograph.sdk.local_runs import find_run_folders, read_local_run
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.changes import RunChanges
from kymograph.sdk.sync import SyncOptions, SyncOutcome, SyncResult, sync_run, sync_runs
from tests.unit.sdk.fake_server import FakeServer
from tests.unit.sdk.folders import write_run


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


def sync(folder: RunFolder, server: FakeServer, options: SyncOptions | None = None) -> SyncResult:
    with server.client() as client:
        return sync_run(folder, client, options=options)


def test_everything_of_a_run_arrives_and_the_receipt_says_so(server: FakeServer, tmp_path: Path) -> None:
    result = sync(write_run(tmp_path), server)

    run = server.run("p", "run1")
    assert (result.outcome, result.is_whole, result.is_abandoned) == (SyncOutcome.SENT, True, False)
    assert result.receipt is not None
    assert (result.receipt.lines, result.receipt.lines_acknowledged) == (5, 5)
    assert len(run.texts("wandb-history.jsonl")) == 5
    assert run.files["kept.txt"] == b"kept"
    assert (run.state, run.exit_code) == ("finished", 0)
    assert read_local_run(result.run.folder).is_synced


def test_a_second_sync_sends_no_row_and_no_file_again(server: FakeServer, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    sync(folder, server)
    server.requests.clear()

    result = sync(folder, server)

    assert result.is_whole
    assert not any(b"wandb-history" in request.content for request in server.requests)
    assert not any(request.method == "PUT" for request in server.requests)
    assert server.run("p", "run1").state == "finished"


def test_a_server_that_has_lost_the_run_gets_all_of_it_again(server: FakeServer, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    sync(folder, server)
    server.runs.clear()

    sync(folder, server)

    run = server.run("p", "run1")
    assert len(run.texts("wandb-history.jsonl")) == 5
    assert run.files["kept.txt"] == b"kept"


def test_a_server_that_was_put_back_gets_the_rows_that_it_lacks(server: FakeServer, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    sync(folder, server)
    lines = server.run("p", "run1").lines["wandb-history.jsonl"]
    del lines[4], lines[3]

    sync(folder, server)

    assert len(server.run("p", "run1").texts("wandb-history.jsonl")) == 5


def test_a_run_whose_process_died_without_a_word_has_failed(server: FakeServer, tmp_path: Path) -> None:
    result = sync(write_run(tmp_path, exit_code=None), server)

    assert (result.outcome, result.is_abandoned) == (SyncOutcome.SENT, True)
    assert (server.run("p", "run1").state, server.run("p", "run1").exit_code) == ("failed", 1)


def test_a_run_that_is_being_written_goes_on_and_is_not_marked(server: FakeServer, tmp_path: Path) -> None:
    folder = write_run(tmp_path, exit_code=None)
    copy = tmp_path / "copy"
    shutil.copytree(folder.files, copy / "files")
    journal = Journal(copy / "run-run1.wandb")
    with journal.path.open("wb") as file:
        file.write(folder.journal.read_bytes())

    result = sync(RunFolder(copy, "run1"), server)

    journal.close()
    assert (result.outcome, result.is_whole) == (SyncOutcome.GROWING, True)
    assert server.run("p", "run1").state == "running"
    assert not read_local_run(RunFolder(copy, "run1")).is_synced


def test_a_journal_of_another_client_is_taken_to_be_written_while_it_grows(tmp_path: Path) -> None:
    folder = write_run(tmp_path, exit_code=None, producer="0.31.0")

    assert read_local_run(folder).is_being_written
    long_ago = time.time() - 3600
    os.utime(folder.journal, (long_ago, long_ago))
    assert not read_local_run(folder).is_being_written


def test_a_run_can_go_elsewhere_and_the_first_place_is_left_alone(server: FakeServer, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    sync(folder, server)

    changes = RunChanges(run_id="other", project="q", job_type="eval", tags={"old": "new"})
    sync(folder, server, SyncOptions(changes=changes))

    there = server.run("q", "other")
    assert len(there.texts("wandb-history.jsonl")) == 5
    assert (there.fields["jobType"], there.fields["tags"]) == ("eval", ["new"])
    assert there.files["kept.txt"] == b"kept"
    assert len(server.run("p", "run1").texts("wandb-history.jsonl")) == 5


def test_what_cannot_be_read_is_told_with_its_place_and_the_rest_is_sent(server: FakeServer, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    folder.journal.write_bytes(folder.journal.read_bytes()[:-5])

    result = sync(folder, server)

    (damage,) = result.damages
    assert damage.position + damage.size_bytes == folder.journal.stat().st_size
    assert result.is_whole
    assert len(server.run("p", "run1").texts("wandb-history.jsonl")) == 5


def test_a_file_that_is_gone_is_missing_from_the_receipt(server: FakeServer, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    (folder.files / "kept.txt").unlink()

    result = sync(folder, server)

    assert not result.is_whole
    assert result.missing_files == ("kept.txt: No such file or directory",)


def test_one_bad_run_does_not_stop_the_rest(server: FakeServer, tmp_path: Path) -> None:
    good = [write_run(tmp_path, f"good{number}") for number in range(3)]
    bad = write_run(tmp_path, "bad")
    bad.journal.write_bytes(b"this is no journal")
    heard: list[str] = []

    with server.client() as client:
        results = sync_runs([good[0], bad, *good[1:]], client, done=lambda result: heard.append(result.run.run_id))

    assert [result.run.run_id for result in results] == ["good0", "bad", "good1", "good2"]
    assert [result.is_whole for result in results] == [True, False, True, True]
    assert "is it one?" in results[1].problem
    assert sorted(heard) == ["bad", "good0", "good1", "good2"]


def test_a_refusal_is_told_in_the_words_of_the_server(server: FakeServer, tmp_path: Path) -> None:
    server.trouble = lambda request: (
        httpx.Response(403, json={"error": {"kind": "Forbidden", "message": "not yours"}})
        if b"upsertBucket" in request.content
        else None
    )

    result = sync(write_run(tmp_path), server)

    assert (result.outcome, result.problem) == (SyncOutcome.FAILED, "not yours")


def test_a_server_that_stays_away_is_given_up_and_a_later_sync_goes_on(server: FakeServer, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    server.trouble = lambda _request: httpx.Response(503, headers={"Retry-After": "0"})

    result = sync(folder, server, SyncOptions(patience_s=0.01))
    server.trouble = lambda _request: None
    again = sync(folder, server)

    assert result.outcome is SyncOutcome.FAILED
    assert "sync again" in result.problem
    assert again.is_whole


def test_a_sync_that_is_stopped_begins_no_further_run(server: FakeServer, tmp_path: Path) -> None:
    folders = [write_run(tmp_path, f"run{number}") for number in range(3)]
    stop = threading.Event()

    with server.client() as client:
        results = sync_runs(folders, client, options=SyncOptions(at_once=1), done=lambda _result: stop.set(), stop=stop)

    assert [result.run.run_id for result in results] == ["run0"]


def test_runs_are_found_once_below_folders_and_behind_links(tmp_path: Path) -> None:
    write_run(tmp_path / "kymograph", "b")
    first = write_run(tmp_path / "kymograph", "a", is_online=True)
    write_run(tmp_path / "wandb", "c")
    (tmp_path / "kymograph" / "latest-run").symlink_to(first.path.name, target_is_directory=True)
    (tmp_path / "kymograph" / "run-20260102_030405-empty").mkdir()

    paths = [tmp_path, first.path, tmp_path / "kymograph" / "latest-run", first.journal]
    found = [folder.run_id for folder in find_run_folders(paths)]

    assert found == ["a", "b", "c"]
