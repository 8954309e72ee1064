from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from kymograph.client.connection import Attempts
from kymograph.errors import RunExists, RunNotResumable, ServerBusy, Unauthenticated
from kymograph.sdk import records
from kymograph.sdk.journal import Journal
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.changes import RunChanges
from kymograph.sdk.sender.sender import MAX_PENDING_BYTES, SenderOptions
from kymograph.wire.records_pb2 import EnvironmentRecord, Record
from tests.unit.sdk.sender.journals import CONNECTION, NOON, Sending, Training, VirtualTime
from tests.unit.sdk.sender.servers import CONSOLE, EVENTS, SUMMARY, MemoryServer

HOUR_S = 3600.0
SYNC = SenderOptions(is_sync=True)


@contextmanager
def sending(folder: RunFolder, server: MemoryServer, **arguments: Any) -> Iterator[Sending]:
    started = Sending(folder, server, **arguments)
    try:
        yield started
    finally:
        started.close()


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer()


def send_all(folder: RunFolder, server: MemoryServer, **arguments: Any) -> Sending:
    with sending(folder, server, **arguments) as it:
        assert it.run_for(HOUR_S)
    return it


def test_everything_that_a_journal_says_is_on_the_server(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run", config={"lr": 0.1}, tags=["a"])
    for value in range(3):
        training.log(loss=value)
    training.journal.append(records.output("stdout", "said\n", NOON))
    training.journal.append(records.stats({"cpu": 5.0}, NOON))
    training.save("note.txt", b"text")
    training.journal.append(records.alert("title", "text", "WARN", 5000))
    training.end()

    it = send_all(training.folder, server)

    assert [(row["_step"], row["loss"]) for row in server.rows()] == [(0, 0), (1, 1), (2, 2)]
    assert server.lines["", CONSOLE] == {0: "2026-01-01T12:00:00.000000 said"}
    assert '"system.cpu":5.0' in server.lines["", EVENTS][0]
    assert server.files["note.txt"] == b"text"
    assert (server.summary["loss"], server.config["lr"], server.run["tags"]) == (2, {"value": 0.1}, ["a"])
    assert [alert["title"] for alert in server.alerts] == ["title"]
    assert (server.is_complete, server.exit_code) == (True, 0)
    assert it.sender.receipt is not None
    assert it.sender.receipt.is_whole
    assert it.listener.kinds() == ["started", "finished"]


def test_rows_of_one_step_are_one_line(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    training.log(loss=1)
    training.log(step=0, accuracy=2)
    training.log(step=1, loss=3)
    training.end()

    send_all(training.folder, server)

    assert server.rows() == [{"loss": 1, "_step": 0, "accuracy": 2}, {"loss": 3, "_step": 1}]


def test_a_row_is_on_the_server_within_a_second_and_grows_there(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    with sending(training.folder, server) as it:
        it.run_for(5)
        training.log(step=0, loss=1)
        it.run_for(1)
        first = server.rows()
        training.log(step=0, accuracy=2)
        it.run_for(1)

        assert (first, server.rows()) == ([{"loss": 1, "_step": 0}], [{"loss": 1, "_step": 0, "accuracy": 2}])


def test_under_load_requests_are_few_and_large(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    for _ in range(20_000):
        training.log(loss=0.123456789)
    training.end()

    send_all(training.folder, server)

    assert len(server.rows()) == 20_000
    assert server.stream_requests < 10


def test_an_idle_run_is_heard_of_every_half_minute(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    with sending(training.folder, server) as it:
        it.run_for(5)
        before = server.stream_requests

        it.run_for(300)

        assert 9 <= server.stream_requests - before <= 11


def test_sending_twice_changes_nothing(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    for value in range(5):
        training.log(loss=value)
    training.save("note.txt", b"text")
    training.end()
    send_all(training.folder, server)
    lines, files = dict(server.lines), dict(server.files)
    training.folder.ledger.unlink()

    send_all(training.folder, server, options=SYNC)

    assert (dict(server.lines), dict(server.files)) == (lines, files)


@pytest.mark.parametrize("seed", range(10))
def test_a_sender_that_starts_anew_sends_every_row_once(tmp_path: Path, server: MemoryServer, seed: int) -> None:
    """Killed anywhere: what it had not noted is sent again under the same numbers."""
    chance = random.Random(seed)
    training = Training(tmp_path / "run")
    clock = VirtualTime()
    logged = 0
    for _ in range(8):
        for _ in range(chance.randrange(40)):
            training.log(step=chance.choice([training.step, max(training.step - 1, 0)]), value=logged)
            logged += 1
        it = Sending(training.folder, server, clock=clock)
        for _ in range(chance.randrange(6)):
            it.sender.step()
            clock.now_s += 1.0
        if chance.random() < 0.5:
            it.close()
        else:  # killed: nothing is noted at the end
            for strand in it.sender.strands:
                strand.close()
            it.client.close()
    training.end()
    send_all(training.folder, server, clock=clock)

    merged: dict[int, int] = {}
    for row in server.rows():
        merged[row["_step"]] = row["value"]
    assert max(merged.values(), default=-1) == logged - 1
    assert server.is_complete


def test_after_hours_without_a_server_all_is_there_exactly_once(tmp_path: Path, server: MemoryServer) -> None:
    """Six hours away, then every kind of bad answer, then back; memory stays bounded."""
    chance = random.Random(1)
    training = Training(tmp_path / "run")
    clock = VirtualTime()
    with sending(training.folder, server, clock=clock) as it:
        it.run_for(10)

        def away(request: httpx.Request) -> httpx.Response | None:
            raise httpx.ConnectError("refused", request=request)

        server.failure = away
        text = "x" * 2_000
        for _ in range(72):
            for _ in range(250):
                training.log(loss=training.step, text=text)
            it.run_for(300)
        # Bounded: one more read than what may wait.
        assert MAX_PENDING_BYTES <= it.most_pending_bytes < MAX_PENDING_BYTES + (4 << 20)

        def unwell(request: httpx.Request) -> httpx.Response | None:
            kind = chance.randrange(6)
            if kind == 0:
                return httpx.Response(429, headers={"Retry-After": "3"}, json={"error": "slow down"})
            if kind == 1:
                return httpx.Response(500, text="<html>")
            if kind == 2:
                return httpx.Response(503)
            if kind == 3:
                raise httpx.ReadError("reset", request=request)
            if kind == 4:
                raise httpx.ReadTimeout("no answer", request=request)
            return None

        server.failure = None
        server.failure_after = unwell
        it.run_for(600)
        server.failure, server.failure_after = unwell, None
        it.run_for(600)
        server.failure = None
        training.end()
        assert it.run_for(HOUR_S)

        assert [row["loss"] for row in server.rows()] == list(range(72 * 250))
        assert it.sender.receipt is not None
        assert it.sender.receipt.is_whole
        kinds = it.listener.kinds()
        assert kinds[0] == "started"
        assert {"trouble", "recovered"} <= set(kinds)


def test_a_server_that_asks_to_wait_is_not_asked_before(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    with sending(training.folder, server) as it:
        it.run_for(5)
        times = list[float]()

        def busy(_request: httpx.Request) -> httpx.Response:
            times.append(it.clock.now_s)
            return httpx.Response(429, headers={"Retry-After": "60"}, json={"error": "busy"})

        server.failure = busy
        training.log(loss=1)

        it.run_for(400)

        assert len(times) > 3
        assert all(later - earlier >= 60 for earlier, later in pairwise(times))


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422])
def test_a_final_refusal_ends_the_sender_and_keeps_the_journal(
    tmp_path: Path, server: MemoryServer, status: int
) -> None:
    training = Training(tmp_path / "run")
    with sending(training.folder, server) as it:
        it.run_for(5)
        server.failure = lambda _request: httpx.Response(status, json={"error": "no, and never"})
        training.log(loss=1)

        assert it.run_for(60)

        assert "no, and never" in str(it.sender.refusal)
        assert it.listener.kinds() == ["started", "refused"]
    server.failure = None
    training.end()
    send_all(training.folder, server)
    assert len(server.rows()) == 1


def test_a_sender_whose_training_is_gone_does_not_ask_for_ever(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    training.end()

    def away(request: httpx.Request) -> httpx.Response | None:
        raise httpx.ConnectError("refused", request=request)

    server.failure = away
    with sending(training.folder, server) as it:
        it.listener.is_alone = True
        assert not it.run_for(6 * 24 * HOUR_S)

        assert it.run_for(2 * 24 * HOUR_S)


def test_a_wrong_key_is_told_at_once(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    server.failure = lambda _request: httpx.Response(401, json={"error": "who are you"})

    with sending(training.folder, server) as it:
        assert it.run_for(10)

        assert isinstance(it.sender.refusal, Unauthenticated)


def test_a_request_that_is_too_large_is_said_in_pieces(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    for _ in range(200):
        training.log(text="x" * 1_000)
    training.end()

    def picky(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(413, json={"error": "too large"}) if len(request.content) > 50_000 else None

    server.failure = picky

    send_all(training.folder, server)

    assert len(server.rows()) == 200


def test_a_live_file_is_sent_when_it_has_grown_and_whole_at_the_end(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    training.save("log.txt", b"x" * 100, policy="live")
    training.save("model.bin", b"late", policy="end")
    with sending(training.folder, server) as it:
        it.run_for(5)
        assert server.files == {"log.txt": b"x" * 100}
        (training.folder.files / "log.txt").write_bytes(b"x" * 200)
        it.run_for(5)
        assert len(server.files["log.txt"]) == 100
        it.run_for(20)
        assert len(server.files["log.txt"]) == 200
        (training.folder.files / "log.txt").write_bytes(b"x" * 201)
        training.end()

        assert it.run_for(60)

        assert len(server.files["log.txt"]) == 201
        assert server.files["model.bin"] == b"late"


def test_a_stop_from_the_page_reaches_the_training(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    server.stopped = True
    training.log(loss=1)

    with sending(training.folder, server) as it:
        it.run_for(3)
        training.log(loss=2)
        it.run_for(3)

        assert it.listener.kinds().count("stop") == 1, "being told again would interrupt its end"


def test_another_process_of_the_run_sends_under_its_own_name(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    further = Journal(training.folder.further_journal("worker"))
    training.log(loss=1)
    further.append_row({"_step": 0, "rank1/loss": 2})
    further.close()
    training.end()

    send_all(training.folder, server)

    assert server.rows() == [{"loss": 1, "_step": 0}]
    assert server.rows("worker") == [{"_step": 0, "rank1/loss": 2}]
    assert server.summary["rank1/loss"] == 2


def test_a_process_that_writes_on_after_the_end_is_sent_and_the_end_said_again(
    tmp_path: Path, server: MemoryServer
) -> None:
    training = Training(tmp_path / "run")
    further = Journal(training.folder.further_journal("worker"))
    further.append_row({"_step": 0, "worker": 1})
    training.end()
    with sending(training.folder, server) as it:
        assert not it.run_for(60)
        assert it.listener.kinds() == ["started", "finished"], "the training need not wait"
        assert (server.is_complete, len(server.rows("worker"))) == (True, 1)
        assert not training.folder.synced_mark.exists()
        requests = server.requests

        assert not it.run_for(HOUR_S)
        assert server.requests == requests, "for the server it has ended"

        server.is_complete = False
        further.append_row({"_step": 1, "worker": 2})
        assert not it.run_for(10)
        assert [row["worker"] for row in server.rows("worker")] == [1, 2]
        assert (server.is_complete, server.summary["worker"]) == (True, 2)

        further.append_row({"_step": 2, "worker": 3})
        further.close()
        assert it.run_for(10)
        assert it.sender.receipt is not None
        assert it.sender.receipt.lines_acknowledged == 3
        assert training.folder.synced_mark.exists()


def test_a_process_that_begins_to_write_after_the_end_is_seen(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    first = Journal(training.folder.further_journal("first"))
    training.end()
    with sending(training.folder, server) as it:
        it.run_for(10)
        second = Journal(training.folder.further_journal("second"))
        first.close()
        assert not it.run_for(10)
        second.append_row({"_step": 0, "second": 1})
        second.close()
        assert it.run_for(10)

    assert server.rows("second") == [{"_step": 0, "second": 1}]


def test_a_run_whose_first_process_was_killed_goes_on_with_the_others(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    further = Journal(training.folder.further_journal("worker"))
    training.journal.close()  # without a word
    with sending(training.folder, server) as it:
        it.listener.is_alone = True
        assert not it.run_for(5)
        requests = server.stream_requests
        assert not it.run_for(300)
        assert server.stream_requests > requests, "the server is to know that it is alive"

        further.append_row({"_step": 0, "worker": 1})
        further.close()
        assert it.run_for(10)
    assert server.rows("worker") == [{"_step": 0, "worker": 1}]
    assert not server.is_complete


def test_a_sync_does_not_wait_for_who_still_writes_and_leaves_no_mark(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    further = Journal(training.folder.further_journal("worker"))
    further.append_row({"_step": 0, "worker": 1})
    training.end()

    send_all(training.folder, server, options=SYNC)
    assert (len(server.rows("worker")), training.folder.synced_mark.exists()) == (1, False)

    further.close()
    send_all(training.folder, server, options=SYNC)
    assert training.folder.synced_mark.exists()


# --- resuming --------------------------------------------------------------------------------------------------------

EXISTING = {
    "id": "storage-id",
    "name": "run1",
    "displayName": "there before",
    "summaryMetrics": '{"best": 7, "_step": 4, "_wandb": {"runtime": 30}}',
    "historyLineCount": 5,
    "eventsLineCount": 2,
    "logLineCount": 3,
    "historyTail": '["{\\"_step\\": 4, \\"_runtime\\": 31.5}"]',
    "eventsTail": "[]",
    "config": '{"old": {"value": 1}, "lr": {"value": 1}, "_wandb": {"value": {"t": {}}}}',
    "wandbConfig": '{"t": {}}',
}


def test_a_sync_may_append_to_a_run_that_is_there(tmp_path: Path, server: MemoryServer) -> None:
    server.existing = EXISTING | {"summaryMetrics": '{"best": 7, "loss": 9, "odd": Infinity, "_step": 4}'}
    training = Training(tmp_path / "run")
    training.log(step=5, loss=1)
    training.journal.append(records.output("stdout", "said\n", NOON))
    training.end()
    appended = SenderOptions(is_sync=True, changes=RunChanges(is_appended=True))

    for _ in range(2):
        send_all(training.folder, server, options=appended)

    assert list(server.lines["", "wandb-history.jsonl"]) == [5]
    assert list(server.lines["", CONSOLE]) == [3]
    assert (server.summary["best"], server.summary["loss"], server.summary["odd"]) == (7, 1, math.inf)


def test_the_console_may_be_left_out(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    further = Journal(training.folder.further_journal("worker"))
    for journal in (training.journal, further):
        journal.append(records.output("stdout", "said\n", NOON))
    further.close()
    training.save("output.log", b"said\n", policy="end")
    training.log(loss=1)
    training.end()

    send_all(training.folder, server, options=SenderOptions(is_sync=True, changes=RunChanges(without_console=True)))

    assert len(server.rows()) == 1
    assert not any(name == CONSOLE for _, name in server.lines)
    assert "output.log" not in server.files


def test_a_resumed_run_goes_on_behind_what_is_there(tmp_path: Path, server: MemoryServer) -> None:
    server.existing = EXISTING
    training = Training(tmp_path / "run", config={"lr": 2}, settings={"resume": "allow"})
    training.log(step=5, loss=1)
    training.end()

    it = send_all(training.folder, server)

    started = it.listener.heard[0]
    assert (started["is_resumed"], started["starting_step"], started["runtime_s"]) == (True, 5, 31.5)
    assert list(server.lines["", "wandb-history.jsonl"]) == [5]
    assert {key: entry["value"] for key, entry in server.config.items() if key != "_wandb"} == {"old": 1, "lr": 2}
    assert (server.summary["best"], server.summary["loss"]) == (7, 1)


def test_a_run_that_must_be_there_and_is_not_is_refused(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run", settings={"resume": "must"})

    with sending(training.folder, server) as it:
        assert it.run_for(5)

        assert isinstance(it.sender.refusal, RunNotResumable)
        assert "resume='must' but run (run1) doesn't exist" in str(it.sender.refusal)


def test_a_run_that_must_not_be_there_and_is_is_refused(tmp_path: Path, server: MemoryServer) -> None:
    server.existing = EXISTING
    training = Training(tmp_path / "run", settings={"resume": "never"})

    with sending(training.folder, server) as it:
        assert it.run_for(5)

        assert isinstance(it.sender.refusal, RunExists)
        assert "resume='never' but run (run1) exists" in str(it.sender.refusal)


def test_a_sync_of_a_run_that_never_ended_does_not_call_it_finished(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    training.log(loss=1)
    training.journal.close()

    send_all(training.folder, server, options=SYNC)

    assert len(server.rows()) == 1
    assert (server.is_complete, server.exit_code) != (True, 0)


def test_damage_is_reported_and_the_rest_is_sent(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    for _ in range(2_000):
        training.log(text="x" * 50)
    training.end()
    content = bytearray(training.folder.journal.read_bytes())
    content[70_000] ^= 0xFF
    training.folder.journal.write_bytes(content)

    it = send_all(training.folder, server, options=SYNC)

    assert 1_500 < len(server.rows()) < 2_000
    assert it.sender.receipt is not None
    assert any("checksum" in problem for problem in it.sender.receipt.problems)


def test_a_server_is_asked_as_often_as_settings_say(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    training.log(loss=1)
    server.failure = lambda _request: httpx.Response(503)
    impatient = replace(CONNECTION, graphql=Attempts(30, retries=3, shortest_wait_s=10, longest_wait_s=10))
    with sending(training.folder, server, connection=impatient) as it:
        assert it.run_for(HOUR_S)

        assert server.requests == 4
        assert 30 <= it.clock.now_s <= 40
        assert isinstance(it.sender.refusal, ServerBusy)
        assert it.listener.kinds() == ["trouble", "refused"]


def test_after_it_began_the_stream_has_its_own_patience(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    impatient = replace(CONNECTION, stream=Attempts(30, retries=2))
    with sending(training.folder, server, connection=impatient) as it:
        it.run_for(5)
        server.failure = lambda _request: httpx.Response(503)
        training.log(loss=1)
        before = server.requests
        assert it.run_for(HOUR_S)

        assert server.requests - before == 3
    server.failure = None
    training.end()
    send_all(training.folder, server, options=SYNC)
    assert server.rows() == [{"loss": 1, "_step": 0}]


def test_requests_of_the_stream_are_as_large_and_as_often_as_settings_say(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    for _ in range(100):
        training.log(text="x" * 100)
    slow = replace(CONNECTION, stream_bytes=2_000, stream_every_s=20.0)
    with sending(training.folder, server, connection=slow) as it:
        it.run_for(61)
        assert server.stream_requests == 4
        assert server.largest_body < 3_000
        training.end()
        assert it.run_for(HOUR_S)
    assert len(server.rows()) == 100


def test_lines_of_a_labelled_writer_carry_its_label(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run", settings={"x_label": "node/1"})
    training.journal.append(records.output("stderr", "said\n", NOON))
    training.end()

    send_all(training.folder, server)

    assert server.lines["", CONSOLE] == {0: "ERROR 2026-01-01T12:00:00.000000 [node/1] said"}
    assert server.files["output_node_1.log"] == b"said\n"


def test_one_of_several_writers_says_what_it_knows_and_leaves_the_rest_to_the_primary(
    tmp_path: Path, server: MemoryServer
) -> None:
    shared = {"mode": "shared", "x_writer": "w1", "x_primary": False, "x_update_finish_state": False}
    training = Training(tmp_path / "run", settings=shared, config={"lr": 0.1}, tags=["a"], host="node")
    training.log(loss=1)
    training.journal.append(records.output("stdout", "said\n", NOON))
    with sending(training.folder, server) as it:
        it.run_for(5)
        first = server.run
        training.journal.append(records.config_change(("depth",), 2))
        training.end(3)
        assert it.run_for(HOUR_S)

    assert (first["tags"], first["host"]) == (["a"], None)
    assert "tags" not in server.run
    assert set(server.config) == {"lr", "depth", "_wandb"}
    assert '"loss":1' in server.lines["w1", SUMMARY][0]
    assert set(server.files) == {"output_w1.log"}
    assert not server.is_complete


def test_the_end_waits_for_what_is_still_found_out_about_the_surroundings(tmp_path: Path, server: MemoryServer) -> None:
    training = Training(tmp_path / "run")
    training.log(loss=1)
    training.folder.looking_mark.touch()
    training.end()
    with sending(training.folder, server) as it:
        assert not it.run_for(5)
        is_early = server.is_complete
        (training.folder.files / "requirements.txt").write_bytes(b"numpy==2\n")
        journal = Journal(training.folder.further_journal("surroundings-1"))
        journal.append(Record(environment=EnvironmentRecord(writer_id="w1", python="3.11")))
        journal.append(records.files(["requirements.txt"]))
        journal.close()
        training.folder.looking_mark.unlink()
        assert it.run_for(5)

    assert not is_early
    assert server.is_complete
    assert server.files["requirements.txt"] == b"numpy==2\n"
    assert server.config["_wandb"]["value"]["e"]["w1"] == {"python": "3.11"}
    assert b'"3.11"' in server.files["wandb-metadata.json"]
