"""What a segment's points say to us, and as Parquet to another reader."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pytest

from kymograph.core.history import SOLE_WRITER, Stream
from kymograph.errors import StoreCorrupt
from kymograph.storage.history.columns import Columns
from kymograph.storage.history.payload import encode_lines
from kymograph.storage.history.segments.points import PointsFile
from kymograph.storage.history.segments.points_writer import OWN_GROUP_POINTS, write_points


def write(path: Path, lines: Sequence[str]) -> PointsFile:
    columns = Columns(Stream.HISTORY, keeps_texts=True)
    columns.extend(SOLE_WRITER, 0, encode_lines(lines).raw)
    with path.open("wb") as file:
        write_points(file, columns.draft())
    return PointsFile(path, name="the segment")


def query(statement: str) -> list[tuple[object, ...]]:
    return duckdb.connect().execute(statement).fetchall()


def table(path: Path) -> list[tuple[object, ...]]:
    return query(f"select metric, step, value, kind, text from '{path}' order by metric, step")


def test_another_reader_sees_a_long_table(tmp_path: Path) -> None:
    path = tmp_path / "points.parquet"
    write(
        path,
        [
            '{"loss":0.5,"n":1,"_step":0}',
            '{"loss":NaN,"n":9007199254740993,"name":"ünïcødé \\u0000","_step":1}',
            '{"image":{"_type":"image-file","size":1},"nested":{"a":{"b":true}},"_step":2}',
            '{"loss":-Infinity,"nothing":null,"list":[1,2],"empty":{},"_step":5}',
        ],
    )

    found = {(metric, step): (value, kind, text) for metric, step, value, kind, text in table(path)}
    assert found["loss", 0] == (0.5, "float", None)
    assert math.isnan(found["loss", 1][0])  # type: ignore[arg-type]
    assert found["loss", 5] == (-math.inf, "float", None)
    assert found["n", 1] == (2.0**53, "integer", "9007199254740993")
    assert json.loads(str(found["name", 1][2])) == "ünïcødé \x00"
    assert found["image", 2][1:] == ("image-file", '{"_type":"image-file","size":1}')
    assert found["nested.a.b", 2] == (1.0, "boolean", None)
    assert [found[name, 5][1:] for name in ("nothing", "list", "empty")] == [
        ("null", "null"),
        ("list", "[1,2]"),
        ("map", "{}"),
    ]


def test_metrics_of_the_same_rows_share_their_steps(tmp_path: Path) -> None:
    """A reader must not care; the file is half as large."""
    path = tmp_path / "points.parquet"
    count = OWN_GROUP_POINTS
    lines = [json.dumps({"a": step * 0.1, "b": -step, "_step": step * 2}) for step in range(count)]
    file = write(path, lines)

    assert file.size_bytes < count * 8 * 4.5  # steps and rows once, three metrics, levels
    assert query(f"select count(*), sum(value), max(step) from '{path}' where metric = 'b'") == [
        (count, -sum(range(count)), (count - 1) * 2)
    ]


def test_a_hundred_thousand_metrics_make_few_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "points.parquet"
    file = write(path, [json.dumps({f"metric {number}": number for number in range(100_000)})])

    assert len(file.metric_names) == 100_000
    assert query(f"select count(distinct row_group_id) from parquet_metadata('{path}')") == [(1,)]
    (metric,) = file.find("metric 77777")
    assert metric.values.tolist() == [77777]
    assert query(f"select value from '{path}' where metric = 'metric 77777'") == [(77777.0,)]


def test_arrays_are_mapped_and_texts_come_back(tmp_path: Path) -> None:
    lines = [json.dumps({"loss": 1 / (step + 1), "_step": step}) for step in range(10_000)]
    lines[17] = '{"loss":"a text","_step":17}'
    file = write(tmp_path / "points.parquet", lines)

    (loss,) = file.find("loss")
    assert not loss.values.flags.owndata
    assert loss.steps[17] == 17
    assert loss.texts()[17] == b'"a text"'
    assert not any(text for step, text in enumerate(loss.texts()) if step != 17)
    assert np.isnan(loss.values[17])
    assert not loss.all_numeric


def test_an_empty_segment_can_be_read(tmp_path: Path) -> None:
    file = write(tmp_path / "points.parquet", ["no row", "[]"])

    assert file.row_count == 0
    assert file.metric_names == []
    assert [number for _, number in file.unreadable] == [0, 1]


@pytest.mark.parametrize("kept", [0, 3, 100, -1])
def test_a_file_that_is_cut_off_is_recognised(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "points.parquet"
    write(path, ['{"a":1}'])
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(StoreCorrupt, match="the segment"):
        PointsFile(path, name="the segment")


def test_a_flipped_byte_of_the_values_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "points.parquet"
    file = write(path, [json.dumps({"loss": 0.1 * step}) for step in range(OWN_GROUP_POINTS)])
    at = path.read_bytes().find(np.float64(0.1 * 1000).tobytes())
    damaged = bytearray(path.read_bytes())
    damaged[at] ^= 1
    path.write_bytes(damaged)

    with pytest.raises(StoreCorrupt, match="damaged"):
        _ = PointsFile(path, name="the segment").find("loss")[0].values
    assert len(file.find("loss")) == 1
