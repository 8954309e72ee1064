"""Exports against a plain reading of the lines, for random histories sent in random ways, compacted or not."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kymograph.core.history import (
    ExportFormat,
    ExportQuery,
    HistoryFrame,
    HistoryPart,
    KeyMode,
    LineBatch,
    RowQuery,
    Stream,
)
from kymograph.storage.history.query import StoredHistory
from kymograph.testing.databases import sqlite_database
from kymograph.types import MetricName, RunKey, WriterId
from tests.unit.storage.history.compacting import Compactions
from tests.unit.storage.history.test_properties import Plain, Sent, batches, run_keys, same


@pytest.fixture(scope="module")
def compactions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compactions]:
    folder = tmp_path_factory.mktemp("history")
    with sqlite_database(folder) as opened:
        yield Compactions(opened, folder)


def send(compactions: Compactions, sent: list[Sent], run: RunKey) -> Plain:
    plain = Plain()
    for batch in sent:
        lines = LineBatch(Stream.HISTORY, batch.first, batch.lines, WriterId(batch.writer))
        compactions.database.write(lambda tx, lines=lines: tx.tail.append(run, [lines]))  # type: ignore[misc]
        plain.take(batch)
        for _ in range(batch.compactions):
            compactions.compact(run)
            compactions.merge(run)
    return plain


def read_parquet(data: bytes, folder: Path) -> list[dict[str, Any]]:
    path = folder / "export.parquet"
    path.write_bytes(data)
    with duckdb.connect() as connection:
        names = [
            column[0]
            for column in connection.execute(
                f"SELECT name FROM parquet_schema('{path}') WHERE num_children IS NULL"
            ).fetchall()
        ]
        cursor = connection.execute(f"SELECT * FROM '{path}'")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def kinds_of(data: bytes, folder: Path) -> dict[str, str]:
    path = folder / "export.parquet"
    path.write_bytes(data)
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT name, coalesce(converted_type, type) FROM parquet_schema('{path}') WHERE num_children IS NULL"
        ).fetchall()
    return {name: "JSON" if kind == "JSON" else kind for name, kind in rows}


def expected_cells(plain: Plain) -> dict[int, dict[str, Any]]:
    """Leaves by step and name; nulls left out."""
    names = plain.names() - {"_step"}
    cells: dict[int, dict[str, Any]] = {step: {} for step in plain.rows()}
    for name in names:
        for step, value in plain.points(name):
            if value is not None:
                cells[step][name] = value
    return cells


def is_beyond_64_bits(value: Any) -> bool:
    return type(value) is int and not -(2**63) <= value < 2**64


def check_cell(kind: str, found: Any, wanted: Any) -> None:
    if is_beyond_64_bits(wanted):
        assert float(found) == float(wanted)  # columns may hold the nearest double
    elif kind == "JSON":
        assert same(json.loads(found), wanted)
    elif kind == "DOUBLE":
        assert same(float(found), float(wanted))
        assert type(wanted) in (int, float)
    else:
        assert same(found, wanted)


@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sent=batches, low=st.one_of(st.none(), st.integers(-3, 8)), high=st.one_of(st.none(), st.integers(0, 15)))
def test_exports_hold_every_row_exactly(
    compactions: Compactions, tmp_path: Path, sent: list[Sent], low: int | None, high: int | None
) -> None:
    run = next(run_keys)
    parts = (HistoryPart(run),)
    plain = send(compactions, sent, run)
    reader = StoredHistory(compactions.database, compactions.files, cache_bytes=1_000_000)

    def export(kind: ExportFormat) -> bytes:
        return b"".join(reader.export(parts, ExportQuery(kind, min_step=low, max_step=high)).pieces())

    def is_within(step: int) -> bool:
        return (low is None or step >= low) and (high is None or step < high)

    rows = {step: row for step, row in plain.rows().items() if is_within(step)}
    lines = [json.loads(line) for line in export(ExportFormat.JSON_LINES).decode().splitlines()]
    assert len(lines) == len(rows)
    for line, (step, row) in zip(lines, rows.items(), strict=True):
        assert same(line, {"_step": step, **row}), (line, row)
    texts = reader.row_texts(parts, RowQuery(min_step=low, max_step=high)).texts
    assert all(same(json.loads(text), line) for text, line in zip(texts, lines, strict=True))

    cells = {step: row for step, row in expected_cells(plain).items() if is_within(step)}
    data = export(ExportFormat.PARQUET)
    kinds = kinds_of(data, tmp_path)
    found = read_parquet(data, tmp_path)
    assert [row["_step"] for row in found] == list(cells)
    for row in found:
        wanted = cells[row.pop("_step")]
        assert {name for name, value in row.items() if value is not None} == set(wanted)
        for name, value in wanted.items():
            check_cell(kinds[name], row[name], value)

    table = list(csv.reader(io.StringIO(export(ExportFormat.CSV).decode(), newline="")))
    assert table[0] == list(kinds)
    assert [int(fields[0]) for fields in table[1:]] == list(cells)
    for fields, wanted in zip(table[1:], cells.values(), strict=True):
        check_fields(dict(zip(table[0], fields, strict=True)), wanted, kinds)


def check_fields(fields: Mapping[str, str], wanted: Mapping[str, Any], kinds: Mapping[str, str]) -> None:
    for name, kind in kinds.items():
        if name == "_step":
            continue
        if name not in wanted:
            assert fields[name] == ""
        elif is_beyond_64_bits(wanted[name]):
            assert float(fields[name]) == float(wanted[name])
        elif kind == "UTF8":
            assert fields[name] == wanted[name]
        elif kind == "DOUBLE":
            assert same(float(fields[name]), float(wanted[name]))
        else:
            assert same(json.loads(fields[name]), wanted[name])


@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    sent=batches,
    keys=st.lists(st.sampled_from(["a", "b", "a.x", "none"]), max_size=2, unique=True),
    samples=st.one_of(st.none(), st.integers(1, 6)),
)
def test_frames_hold_the_rows_that_a_query_chooses(
    compactions: Compactions, sent: list[Sent], keys: list[str], samples: int | None
) -> None:
    run = next(run_keys)
    plain = send(compactions, sent, run)
    reader = StoredHistory(compactions.database, compactions.files, cache_bytes=1_000_000)
    parts, names = (HistoryPart(run),), tuple(map(MetricName, keys))
    chosen = reader.rows(parts, RowQuery(keys=names, mode=KeyMode.ALL, samples=samples)).rows
    query = ExportQuery(ExportFormat.JSON_LINES, keys=names, mode=KeyMode.ALL, samples=samples)
    cells = expected_cells(plain)

    found = [row for frame in reader.export(parts, query).frames() for row in rows_of_frame(frame)]
    lines = b"".join(reader.export(parts, query).pieces()).decode().splitlines()

    assert [row["_step"] for row in found] == [row.step for row in chosen]
    for row in found:
        wanted = {
            name: value
            for name, value in cells[row.pop("_step")].items()
            if not keys or any(name == key or name.startswith(f"{key}.") for key in keys)
        }
        assert set(row) == set(wanted)
        for name, value in wanted.items():
            assert is_beyond_64_bits(value) or same(row[name], float(value) if type(row[name]) is float else value)
    if not keys:
        assert len(lines) == len(chosen)
        assert all(same(json.loads(line), row.values) for line, row in zip(lines, chosen, strict=True))


def rows_of_frame(frame: HistoryFrame) -> Iterator[dict[str, Any]]:
    """The rows of a frame; what is not there is left out."""
    rows: list[dict[str, Any]] = [{} for _ in range(frame.rows)]
    for cells in frame.columns:
        held = cells.values if isinstance(cells.values, list) else cells.values.tolist()
        places = range(frame.rows) if cells.present is None else cells.present.nonzero()[0].tolist()
        for place, value in zip(places, held, strict=True):
            if cells.kind == "json":
                value = json.loads(value)
            rows[place][cells.name] = value.decode() if cells.kind == "text" else value
    yield from rows


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    sent=batches,
    keys=st.lists(st.sampled_from(["a", "b", "a.x", "", "none"]), min_size=1, max_size=2, unique=True),
)
def test_keys_choose_rows_that_hold_one_of_them(
    compactions: Compactions, tmp_path: Path, sent: list[Sent], keys: list[str]
) -> None:
    run = next(run_keys)
    plain = send(compactions, sent, run)
    reader = StoredHistory(compactions.database, compactions.files, cache_bytes=1_000_000)
    query = ExportQuery(ExportFormat.PARQUET, keys=tuple(map(MetricName, keys)))
    data = b"".join(reader.export((HistoryPart(run),), query).pieces())

    def is_chosen(name: str) -> bool:
        return any(name == key or name.startswith(f"{key}.") for key in keys)

    cells = {
        step: {name: value for name, value in row.items() if is_chosen(name)}
        for step, row in expected_cells(plain).items()
    }
    nulls = {step for name in plain.names() if is_chosen(name) and name != "_step" for step, _ in plain.points(name)}
    kinds, found = kinds_of(data, tmp_path), read_parquet(data, tmp_path)
    assert [row["_step"] for row in found] == [step for step in cells if step in nulls]
    for row in found:
        wanted = cells[row.pop("_step")]
        assert {name for name, value in row.items() if value is not None} == set(wanted)
        for name, value in wanted.items():
            check_cell(kinds[name], row[name], value)


@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sent=batches)
def test_a_plain_history_is_one_whose_rows_parquet_types_hold(compactions: Compactions, sent: list[Sent]) -> None:
    run = next(run_keys)
    plain = send(compactions, sent, run)
    reader = StoredHistory(compactions.database, compactions.files, cache_bytes=1_000_000)
    export = reader.export((HistoryPart(run),), ExportQuery(ExportFormat.PARQUET))
    rows = list(plain.rows().items())

    is_plain = bool(rows) and len({frozenset(row) - {"_step"} for _, row in rows}) == 1
    for name in rows[0][1] if is_plain else ():
        if name == "_step":
            continue
        if any(is_beyond_64_bits(row[name]) for _, row in rows):
            return  # either way
        kinds = {type(row[name]) for _, row in rows} - {type(None)}
        integers = [abs(row[name]) for _, row in rows if type(row[name]) is int]
        is_plain = is_plain and (kinds <= {int, float} or (len(kinds) == 1 and kinds <= {bool, str}))
        if float in kinds:
            is_plain = is_plain and max(integers, default=0) < 1_000_000
        is_plain = is_plain and all(-(2**63) <= row[name] < 2**63 for _, row in rows if type(row[name]) is int)
    is_plain = is_plain and all(type(row.get("_step", 0)) is int for _, row in rows)

    assert export.is_plain == is_plain
    assert math.isfinite(export.row_count)
