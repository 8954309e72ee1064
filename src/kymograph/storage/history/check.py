"""Reads whole segments and says what is not as it was written, to the byte; and builds points again from whole lines.

What a reader of charts verifies on its way is a part of each file. Here everything is: every block and frame, and the
Parquet file once more by a reader that is not ours.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np

from kymograph.core.history import Stream
from kymograph.errors import StoreCorrupt
from kymograph.storage.history.columns import Columns
from kymograph.storage.history.payload import decode_lines, decompress
from kymograph.storage.history.segments.draft import Ints
from kymograph.storage.history.segments.lines import Frame, LinesFile
from kymograph.storage.history.segments.points import PointsFile
from kymograph.storage.history.segments.points_writer import write_points

_DUCKDB_MEMORY = "512MB"
MAX_NAMED_METRICS = 10


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes of an object, the end not included."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class ObjectProblem:
    """What is wrong with one object."""

    problem: str
    """``missing``, or a sentence."""
    ranges: tuple[ByteRange, ...] = ()
    """Bytes that are not what was written, as far as that can be told."""
    metrics: tuple[str, ...] = ()
    """Metrics that cannot be read because of it: the first ones."""
    lines: tuple[Frame, ...] = ()
    """Lines that lie in them."""


MISSING = ObjectProblem("the object is missing")


def check_points(path: Path, *, name: str) -> ObjectProblem | None:
    """What is wrong with an object of points; None if every byte is as it was written and others can read it.

    Args:
        path: Where it is.
        name: What error messages call it.
    """
    try:
        file = PointsFile(path, name=name)
        ranges = tuple(_damaged_ranges(file))
    except FileNotFoundError:
        return MISSING
    except StoreCorrupt as exc:
        return ObjectProblem(exc.problem)
    if ranges:
        return ObjectProblem("bytes are damaged", ranges, _damaged_metrics(file))
    problem = _compare_with_duckdb(path, file)
    return None if problem is None else ObjectProblem(problem)


def _damaged_ranges(file: PointsFile) -> Iterator[ByteRange]:
    """Where the file is not what was written, in ascending order.

    Raises:
        StoreCorrupt: The checksums themselves are gone.
    """
    found: list[ByteRange] = []
    for begin, end in file.damaged_blocks():
        if found and found[-1].end == begin:
            found[-1] = ByteRange(found[-1].begin, end)
        else:
            found.append(ByteRange(begin, end))
    yield from found


def _damaged_metrics(file: PointsFile) -> tuple[str, ...]:
    """The first metrics that cannot be read; none if they all can, or if what tells of them is damaged."""
    named: dict[str, None] = {}
    try:
        for metric in file.metrics():
            try:
                _ = metric.steps, metric.to_points(), metric.levels()
            except StoreCorrupt:
                named[metric.name] = None
            if len(named) == MAX_NAMED_METRICS:
                break
    except StoreCorrupt:
        return ()
    return tuple(named)


def _compare_with_duckdb(path: Path, file: PointsFile) -> str | None:
    """What DuckDB reads otherwise than we do; None if it agrees."""
    expected: dict[str, tuple[int, int, int]] = {}
    for metric in file.metrics():
        if metric.is_presence:
            continue
        steps = metric.steps
        count, low, high = expected.get(metric.name, (0, int(steps[0]), int(steps[-1])))
        expected[metric.name] = (count + len(metric), min(low, int(steps[0])), max(high, int(steps[-1])))
    connection = duckdb.connect(":memory:", config={"memory_limit": _DUCKDB_MEMORY, "threads": 1, "temp_directory": ""})
    try:
        rows = connection.execute(
            "SELECT metric, count(*), min(step), max(step), count(kind) FROM read_parquet(?) GROUP BY metric",
            [str(path)],
        ).fetchall()
    except duckdb.Error as exc:
        return f"it is no Parquet file that DuckDB can read: {str(exc).splitlines()[0]}"
    finally:
        connection.close()
    found = {name: (count, low, high) for name, count, low, high, _ in rows}
    if found != expected:
        names = [name for name in sorted({*found, *expected}) if found.get(name) != expected.get(name)]
        return f"DuckDB reads other points than its directory tells, of {names[0]!r} for one"
    return None


def check_lines(path: Path, *, name: str) -> ObjectProblem | None:
    """What is wrong with an object of lines; None if every byte is as it was written.

    Args:
        path: Where it is.
        name: What error messages call it.
    """
    try:
        file = LinesFile(path, name=name)
    except FileNotFoundError:
        return MISSING
    except StoreCorrupt as exc:
        return ObjectProblem(exc.problem)
    damaged: list[Frame] = []
    position = 0
    with path.open("rb") as opened:
        for frame in sorted(file.frames(), key=lambda frame: frame.offset):
            if frame.offset != position:
                return ObjectProblem(f"its index leaves out bytes {position} to {frame.offset}")
            position += frame.size
            if not _is_whole(opened, frame):
                damaged.append(frame)
    if position != file.index_at:
        return ObjectProblem(f"its index leaves out bytes {position} to {file.index_at}")
    if damaged:
        ranges = tuple(ByteRange(frame.offset, frame.offset + frame.size) for frame in damaged)
        return ObjectProblem("bytes are damaged", ranges, lines=tuple(damaged))
    return None


def _is_whole(file: BinaryIO, frame: Frame) -> bool:
    file.seek(frame.offset)
    payload = file.read(frame.size)
    if len(payload) != frame.size or zlib.crc32(payload) != frame.crc:
        return False
    try:
        return len(decode_lines(payload)) == frame.line_count
    except StoreCorrupt:
        return False


def steps_of_lines(points: PointsFile, frames: Sequence[Frame]) -> tuple[int, int] | None:
    """First and last step of the rows that some lines are; None if they are no rows, or the points do not tell.

    Args:
        points: Of the same segment.
        frames: Which lines.
    """
    try:
        rows = points.rows
    except StoreCorrupt:
        return None
    within: list[Ints] = []
    for frame in frames:
        codes = [code for code, writer in enumerate(rows.writer_names) if writer == frame.writer]
        is_within = (rows.numbers >= frame.first_line) & (rows.numbers < frame.end) & np.isin(rows.writers, codes)
        within.append(rows.steps[is_within])
    steps = np.concatenate(within) if within else np.empty(0, np.int64)
    return (int(steps.min()), int(steps.max())) if len(steps) else None


def rebuild_points(sink: BinaryIO, lines: LinesFile, stream: Stream) -> int:
    """Write the points of a segment anew, from its lines.

    Law: readers cannot tell them from the ones that were written with the lines.

    Args:
        sink: Where they go.
        lines: All lines of the segment.
        stream: Which stream they are of.

    Returns:
        How many points.

    Raises:
        StoreCorrupt: A line is damaged.
    """
    columns = Columns(stream, keeps_texts=True)
    frames = lines.frames()
    for frame, payload in zip(frames, lines.payloads(frames), strict=True):
        columns.extend(frame.writer, frame.first_line, decompress(payload))
    return write_points(sink, columns.draft())
