from __future__ import annotations

import os
import random
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kymograph.errors import RunExists
from kymograph.sdk.journal import Durability, Journal
from kymograph.wire.journal import JournalReader
from kymograph.wire.records_pb2 import OutputRawRecord, Record
from tests.unit.sdk.reading import rows_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def records_of(path: Path) -> list[Record]:
    reader, records = JournalReader(), []
    for payload in reader.feed(path.read_bytes()):
        record = Record()
        record.ParseFromString(payload)
        records.append(record)
    assert (reader.damages, reader.end()) == ([], None)
    return records


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """A disk that is full once a file has this size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_records_are_read_in_the_order_they_were_appended(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run.wandb")

    journal.append_row({"loss": 0.5})
    journal.append(Record(output_raw=OutputRawRecord(line="said")))

    records = records_of(journal.path)
    assert [(record.num, record.WhichOneof("record_type")) for record in records] == [(1, "history"), (2, "output_raw")]


def test_what_was_appended_is_in_the_file_at_once(tmp_path: Path) -> None:
    """Nothing is buffered in the process: it may be killed at any time."""
    journal = Journal(tmp_path / "run.wandb")

    for step in range(3):
        journal.append_row({"_step": step})

        assert len(records_of(journal.path)) == step + 1


def test_threads_append_whole_records(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run.wandb")

    def log(name: str) -> None:
        for value in range(500):
            journal.append_row({name: value, "text": "x" * value})

    threads = [threading.Thread(target=log, args=(f"thread{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    records = records_of(journal.path)
    assert [record.num for record in records] == list(range(1, 2001))


def test_a_journal_is_never_written_twice(tmp_path: Path) -> None:
    Journal(tmp_path / "run.wandb")

    with pytest.raises(RunExists):
        Journal(tmp_path / "run.wandb")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are a thing of POSIX")
def test_a_full_disk_loses_what_is_logged_meanwhile_and_the_journal_says_so(tmp_path: Path) -> None:
    warnings: list[str] = []
    journal = Journal(tmp_path / "run.wandb", warn=warnings.append, clock=lambda: NOON)
    journal.append_row({"kept": 0})

    with no_file_longer_than(journal.size_bytes + 100):
        for step in range(50):
            journal.append_row({"step": step, "text": "y" * 40})
    journal.append_row({"kept": 1})

    records = records_of(journal.path)
    kinds = [record.WhichOneof("record_type") for record in records]
    lost = 50 - (len(records) - 3)
    assert kinds == ["history"] * (len(records) - 2) + ["output_logger", "history"]
    assert journal.lost_records == lost > 40
    assert records[-2].output_logger.line.startswith(f"kymograph: {lost} records were lost")
    assert [record.num for record in records] == list(range(1, len(records) + 1))
    assert len(warnings) == 1
    assert "make space" in warnings[0]


def test_with_fsync_the_disk_has_what_was_appended(tmp_path: Path) -> None:
    """The order of system calls is what power loss sees; simulated by tests/faults."""
    journal = Journal(tmp_path / "run.wandb", durability=Durability.FSYNC)

    journal.append_row({"loss": 1.0})

    assert journal._synced == journal.size_bytes == os.path.getsize(journal.path)


def test_closing_twice_is_closing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run.wandb")

    journal.close()
    journal.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_goes_on_in_a_journal_of_its_own(tmp_path: Path) -> None:
    """Two processes that append to one file would tear each other's records apart."""
    journal = Journal(tmp_path / "run.wandb", path_of_writer=lambda writer: tmp_path / f"writer-{writer}.wandb")
    journal.append_row({"of": 0})

    pid = os.fork()
    if not pid:
        journal.append_row({"of": 1})
        journal.append_row({"of": 1})
        os._exit(0)
    os.waitpid(pid, 0)
    journal.append_row({"of": 0})

    (further,) = tmp_path.glob("writer-*.wandb")
    assert [record.num for record in records_of(journal.path)] == [1, 2]
    assert [record.history.item[0].value_json for record in records_of(further)] == ["1", "1"]


@pytest.mark.parametrize("seed", range(20))
def test_power_loss_takes_nothing_whose_append_had_returned(tmp_path: Path, seed: int) -> None:
    """What was not flushed is cut off anywhere, and of its sectors some never reached the disk."""
    chance = random.Random(seed)
    journal = Journal(tmp_path / "run.wandb", durability=Durability.FSYNC)
    flushed: list[int] = []
    for value in range(60):
        journal.append_row({"value": value, "text": "x" * chance.choice([10, 500, 40_000])})
        flushed.append(journal._synced)
    content = journal.path.read_bytes()
    returned = chance.randrange(len(flushed))
    kept = flushed[returned]

    torn = bytearray(content[: chance.randint(kept, min(len(content), kept + 200_000))])
    for sector in range(kept // 512 + 1, len(torn) // 512):
        if chance.random() < 0.3:
            torn[sector * 512 : (sector + 1) * 512] = bytes(512)
    journal.path.write_bytes(torn)

    values = [int(row["value"]) for row in rows_of(journal.path)]
    assert values[: returned + 1] == list(range(returned + 1))
    assert values == sorted(set(values))
