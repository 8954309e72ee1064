"""A history as a plain mapping of lines, to compare with what the store says of the same operations."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kymograph.core.history import HistoryPart, LineBatch, RowQuery, Stream
from kymograph.storage.base import Database
from kymograph.storage.history.base import HistoryReader
from kymograph.types import RunKey, WriterId

WRITERS = ("", "w")
MAX_STEP = 30


@dataclass
class HistoryModel:
    """What a run's history ought to be."""

    lines: dict[tuple[int, str], str] = field(default_factory=dict)
    """By number and writer."""

    def append(self, batch: LineBatch) -> None:
        for number, line in enumerate(batch.lines, start=batch.first_line):
            self.lines[number, batch.writer] = line

    def rewind(self, after_step: int) -> None:
        self.lines = {key: line for key, line in self.lines.items() if json.loads(line)["_step"] <= after_step}

    def end_of(self, writer: str) -> int:
        return max((number for number, of in self.lines if of == writer), default=-1) + 1

    def rows(self) -> dict[int, dict[str, Any]]:
        merged: dict[int, dict[str, Any]] = {}
        for _, line in sorted(self.lines.items()):
            row = json.loads(line)
            merged.setdefault(row["_step"], {}).update(row)
        return merged


def random_batch(model: HistoryModel, chance: random.Random) -> LineBatch:
    """Lines that go on, repeat, overlap or leave a gap, with steps that are mostly the line numbers."""
    writer = chance.choice(WRITERS)
    end = model.end_of(writer)
    first = chance.choice([end, end, end, max(end - 2, 0), end + 1, chance.randint(0, end)])
    lines = []
    for number in range(first, first + chance.randint(1, 5)):
        step = chance.choice([number, number, chance.randint(0, MAX_STEP)])
        value = chance.randint(0, 999)
        lines.append(json.dumps({"_step": step, f"of {writer or 'first'}": value, "both": value}))
    return LineBatch(Stream.HISTORY, first, lines, WriterId(writer))


def append(database: Database, run: RunKey, batches: Sequence[LineBatch]) -> None:
    database.write(lambda tx: tx.tail.append(run, batches))


def rewind(database: Database, reader: HistoryReader, run: RunKey, after_step: int) -> None:
    while not database.write(reader.rewind(run, after_step=after_step)):
        pass


def assert_same(reader: HistoryReader, run: RunKey, model: HistoryModel) -> None:
    """Rows, catalogue and lines are those of the model."""
    parts = (HistoryPart(run),)
    expected = model.rows()
    found = {row.step: row.values for row in reader.rows(parts, RowQuery()).rows}
    assert found == expected
    points: dict[str, int] = {}
    for row in expected.values():
        for name in row:
            points[name] = points.get(name, 0) + 1
    assert {info.name: info.points for info in reader.catalogue(parts).metrics} == points
    assert {(line.number, line.writer): line.text for line in reader.lines(run, Stream.HISTORY)} == model.lines
