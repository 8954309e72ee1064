from __future__ import annotations

from pathlib import Path

from kymograph.client.run_reads import RunReads
from kymograph.client.runs import RunAddress
from kymograph.sdk import records
from kymograph.sdk.journal import Journal
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sync import sync_run
from kymograph.sdk.tail import Follower, JournalTailSource, ServerTail, TailLine, TailUpdate
from kymograph.wire.records_pb2 import RunRecord
from tests.unit.sdk.fake_server import FakeServer
from tests.unit.sdk.folders import AT, write_run


def update(*texts: str, first: int = 0, step: int | None = None, is_over: bool = False) -> TailUpdate:
    lines = tuple(TailLine(number, text) for number, text in enumerate(texts, first))
    return TailUpdate(lines, {"loss": 1, "_step": step}, step, "running", is_over)


def shown(follower: Follower, look: TailUpdate) -> list[str]:
    return [line.text for line in follower.lines(look)]


def test_a_line_is_shown_once_another_follows() -> None:
    follower = Follower()

    assert shown(follower, update("one", "tw")) == ["one"]
    assert shown(follower, update("one", "two", "")) == ["two"]


def test_a_progress_bar_is_not_shown_at_each_of_its_steps() -> None:
    follower = Follower()

    said = [shown(follower, update(text)) for text in ("10 %", "20 %", "30 %", "30 %")]

    assert said == [[], [], [], ["30 %"]]


def test_a_line_that_stays_as_it_is_is_shown_though_none_follows() -> None:
    follower = Follower()
    shown(follower, update("waiting for data"))

    assert shown(follower, update()) == ["waiting for data"]
    assert shown(follower, update()) == []


def test_at_the_end_everything_is_shown() -> None:
    assert shown(Follower(), update("one", "two", is_over=True)) == ["one", "two"]


def test_a_row_is_told_once_without_notes() -> None:
    follower = Follower()

    assert follower.row(update(step=1)) == {"loss": 1}
    assert follower.row(update(step=1)) is None
    assert follower.row(update(step=2)) == {"loss": 1}


def test_a_journal_is_followed_while_it_grows(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run-a.wandb")
    journal.append(records.header())
    journal.append(records.run(RunRecord(run_id="a")))
    source = JournalTailSource(RunFolder(tmp_path, "a"))
    empty = source.look()

    journal.append_row({"loss": 0.5, "_step": 3})
    journal.append(records.output("stdout", "hello\n", AT))
    first = source.look()
    journal.append(records.output("stderr", "oh\n", AT))
    journal.append(records.exit_of(1, 1))
    last = source.look()
    journal.close()
    source.close()

    assert (empty.lines, empty.step, empty.is_over) == ((), None, False)
    assert [line.text for line in first.lines] == ["hello"]
    assert (first.step, first.values["loss"], first.state) == (3, 0.5, "running")
    assert [(line.text, line.is_error) for line in last.lines] == [("oh", True)]
    assert (last.state, last.is_over) == ("failed", True)


def test_a_journal_that_nobody_ended_is_of_a_crashed_run(tmp_path: Path) -> None:
    import os

    folder = write_run(tmp_path, exit_code=None)
    os.utime(folder.journal, (0, 0))
    source = JournalTailSource(folder)

    look = source.look()

    source.close()
    assert (look.state, look.is_over) == ("crashed", True)


def test_a_run_on_a_server_is_followed_from_its_last_lines_on(tmp_path: Path) -> None:
    server, folder = FakeServer(), write_run(tmp_path)
    with server.client() as client:
        sync_run(folder, client)
        source = ServerTail(RunReads(client), RunAddress("ada", "p", "run1"), first_lines=1)

        first = source.look()
        run = server.run("p", "run1")
        run.lines["output.log"].update((number, f"line {number}") for number in range(2, 500))
        second = source.look()

    assert [line.text for line in first.lines] == ["world"]
    assert (first.step, first.state, first.is_over) == (4, "finished", True)
    assert {line.number for line in second.lines} >= set(range(2, 500))
