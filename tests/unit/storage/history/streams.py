"""Lines of runs, and the jobs that put them there, take them away and read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from kymograph.core.history import (
    LineBatch,
    NumberedLine,
    Stream,
    StreamExtent,
)
from kymograph.storage.base import Database, Transaction
from kymograph.storage.history.base import HistoryReader
from kymograph.types import MetricName, RunKey, WriterId

RUN = RunKey(1)
OTHER = RunKey(2)
A, B = WriterId("a"), WriterId("b")
METRIC, OLD = MetricName("a"), MetricName("old")
STARTED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def history(first: int, *lines: str, writer: str = "") -> LineBatch:
    return LineBatch(Stream.HISTORY, first, lines, WriterId(writer))


def console(first: int, *lines: str, writer: str = "", part: str = "") -> LineBatch:
    return LineBatch(Stream.CONSOLE, first, lines, WriterId(writer), part)


def append(database: Database, *batches: LineBatch, run: RunKey = RUN) -> Mapping[Stream, int]:
    return database.write(lambda tx: tx.tail.append(run, batches))


def rewind(database: Database, reader: HistoryReader, *, after_step: int, run: RunKey = RUN) -> None:
    """What `HistoryService.rewind` does."""
    assert database.write(reader.rewind(run, after_step=after_step))


def forget(database: Database, *, run: RunKey = RUN) -> None:
    """Drop the history of a run, as the collector does."""

    def job(tx: Transaction) -> None:
        tx.tail.delete(run)
        tx.segments.forget([segment.id for segment in tx.segments.list_of_run(run)])

    database.write(job)


def texts(lines: Sequence[NumberedLine]) -> list[tuple[int, str]]:
    return [(line.number, line.text) for line in lines]


def read_lines(
    database: Database, stream: Stream = Stream.HISTORY, *, run: RunKey = RUN, first: int = 0, limit: int | None = None
) -> list[tuple[int, str]]:
    return texts(database.read(lambda tx: tx.tail.lines(run, stream, first=first, limit=limit)))


def extents(database: Database, run: RunKey = RUN) -> list[StreamExtent]:
    return database.read(lambda tx: tx.tail.extents(run))
