"""Writes the points of a segment (`points_layout`)."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import orjson

from kymograph.core.levels import Level, build_levels
from kymograph.core.value_kinds import LAST_NUMERIC, MAPPING
from kymograph.storage.history.segments.draft import (
    Draft,
    Ints,
    Places,
    Points,
    Source,
)
from kymograph.storage.history.segments.parquet import Chunk, ParquetWriter, Physical
from kymograph.storage.history.segments.points_layout import (
    ALL_NUMERIC,
    BLOCK_BYTES,
    DENSE,
    GROUP,
    KIND_NAMES,
    METRIC,
    MIXED,
    NEVER_FALLS,
    PRESENCE,
    SCHEMA,
    TRAILER,
    VERSION,
)

_KIND_WORDS = tuple(name.encode() for name in KIND_NAMES)

OWN_GROUP_POINTS = 4096
"""A metric with this many points has a row group of its own; others share one, or footers would outgrow the data."""
_SHARED_GROUP_ROWS = 131_072


def write_points(sink: BinaryIO, draft: Draft) -> int:
    """Write a segment's points.

    Returns:
        How many points it holds.
    """
    return _PointsWriter(sink, draft).write()


@dataclass(slots=True)
class _Small:
    """A metric that waits for its shared row group."""

    entry: dict[str, Any]
    name: str
    points: Points
    steps: Ints


class _BlockSums:
    """Passes bytes on, and takes a checksum of every `BLOCK_BYTES` of them."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._sums: list[int] = []
        self._held = 0
        self._crc = 0

    def write(self, data: bytes | memoryview) -> None:
        self._sink.write(data)
        rest = memoryview(data).cast("B")
        while len(rest):
            piece = rest[: BLOCK_BYTES - self._held]
            self._crc = zlib.crc32(piece, self._crc)
            self._held += len(piece)
            rest = rest[len(piece) :]
            if self._held == BLOCK_BYTES:
                self._sums.append(self._crc)
                self._held = self._crc = 0

    def sums(self) -> npt.NDArray[np.uint32]:
        """Of all that was written; the last one may be of less than a block."""
        return np.array([*self._sums, self._crc] if self._held else self._sums, np.uint32)


class _PointsWriter:
    def __init__(self, sink: BinaryIO, draft: Draft) -> None:
        self._draft = draft
        self._sums = _BlockSums(sink)
        self._file = ParquetWriter(self._sums, SCHEMA)
        self._names: dict[str, int] = {}
        self._metrics: list[dict[str, Any]] = []
        self._groups: list[tuple[int, int, int, int, int]] = []
        self._group_by_places: dict[bytes | None, int] = {}
        self._step_chunks: dict[int, Chunk] = {}
        self._waiting: list[_Small] = []
        self._waiting_rows = 0
        self._n_points = 0

    def write(self) -> int:
        rows = self._draft.rows
        row_steps = self._file.plain(rows.steps)
        self._groups.append((DENSE, len(rows), row_steps.values_at, 0, _crc(rows.steps)))
        self._group_by_places[None] = 0
        self._step_chunks[0] = row_steps
        order = sorted(range(len(self._draft.sources)), key=lambda index: self._draft.sources[index].name)
        for source in self._draft.sources:
            self._name(source.name)
        entries = {index: self._add(self._draft.sources[index]) for index in order}
        self._flush()
        self._metrics = [entry for _, entry in sorted(entries.items()) if entry is not None]
        self._finish(row_steps)
        return self._n_points

    def _name(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))

    def _add(self, source: Source) -> dict[str, Any] | None:
        points = source.load()
        if not len(points.places):
            return None  # every value was replaced by a later line of its step
        group = self._group_of(points.places)
        entry: dict[str, Any] = dict.fromkeys(METRIC.names or (), 0)
        entry |= {
            "name": self._name(source.name),
            "top": self._name(source.top),
            "group": group,
            "points": len(points.places),
            **dict.fromkeys(("values_at", "codes_at", "levels_at", "odd_at", "texts_at"), -1),
        }
        first_code = int(points.codes[0])
        is_uniform = bool((points.codes == first_code).all())
        entry["code"] = first_code if is_uniform else MIXED
        if source.is_presence:
            entry |= {"flags": PRESENCE, "code": MAPPING}
            return entry
        self._n_points += len(points.places)
        all_numeric = bool((points.codes <= LAST_NUMERIC).all())
        entry["flags"] = (ALL_NUMERIC if all_numeric else 0) | (NEVER_FALLS if _never_falls(points) else 0)
        entry["values_crc"] = _crc(points.values)
        is_finite = np.isfinite(points.values)
        odd = np.flatnonzero(~is_finite & (points.codes <= LAST_NUMERIC)).astype(np.int32)
        if len(odd):
            entry |= {"odd_at": self._file.write_array(odd), "odd_count": len(odd), "odd_crc": _crc(odd)}
        if all_numeric:
            self._add_levels(entry, build_levels(points.values, all_finite=not len(odd)))
        if len(points.places) >= OWN_GROUP_POINTS:
            self._write_group(entry, source.name, points)
        else:
            self._waiting.append(_Small(entry, source.name, points, self._draft.rows.steps[points.places]))
            self._waiting_rows += len(points.places)
            if self._waiting_rows >= _SHARED_GROUP_ROWS:
                self._flush()
        return entry

    def _group_of(self, places: Places) -> int:
        key = None if len(places) == len(self._draft.rows) else places.tobytes()
        if key not in self._group_by_places:
            self._group_by_places[key] = len(self._groups)
            places_at = self._file.write_array(places)
            self._groups.append((places_at, len(places), -1, _crc(places), 0))
        return self._group_by_places[key]

    def _add_levels(self, entry: dict[str, Any], levels: Sequence[Level]) -> None:
        if not levels:
            return
        packed = np.concatenate([array for level in levels for array in (level.low, level.high, level.total)])
        counts = [level.count for level in levels if level.count is not None]
        entry["levels_at"] = self._file.write_array(packed)
        crc = _crc(packed)
        if counts:
            joined = np.concatenate(counts)
            self._file.write(joined.tobytes())  # right behind, so that one checksum covers both
            crc = zlib.crc32(joined.tobytes(), crc)
        entry["levels_crc"] = crc

    def _write_group(self, entry: dict[str, Any], name: str, points: Points) -> None:
        group = entry["group"]
        if group not in self._step_chunks:
            steps = self._draft.rows.steps[points.places]
            chunk = self._step_chunks[group] = self._file.plain(steps)
            places_at, count, _, places_crc, _ = self._groups[group]
            self._groups[group] = (places_at, count, chunk.values_at, places_crc, _crc(steps))
        values = self._file.plain(points.values)
        entry["values_at"] = values.values_at
        count = len(points.values)
        if entry["code"] == MIXED:
            kinds = self._file.coded(_KIND_WORDS, points.codes)
            entry |= {"codes_at": kinds.values_at, "codes_crc": _crc(points.codes)}
        else:
            kinds = self._file.runs([(_KIND_WORDS[entry["code"]], count)])
        texts = self._texts(points.texts, count, [entry])
        metric = self._file.runs([(name.encode(), count)])
        self._file.row_group((metric, self._step_chunks[group], values, kinds, texts))

    def _texts(self, texts: Sequence[bytes | None], count: int, entries: Sequence[dict[str, Any]]) -> Chunk:
        """The column of texts, empty if there is none; `entries` are the metrics that it is of, in order."""
        if not texts:
            return self._file.nulls(Physical.BYTE_ARRAY, count)
        chunk = self._file.texts(texts)
        size = self._file.position - chunk.values_at
        for entry in entries:
            entry |= {"texts_at": chunk.values_at, "texts_size": size}
        return chunk

    def _flush(self) -> None:
        """Write the metrics that wait as one row group."""
        waiting, self._waiting, self._waiting_rows = self._waiting, [], 0
        if not waiting:
            return
        all_values = np.concatenate([small.points.values for small in waiting])
        all_codes = np.concatenate([small.points.codes for small in waiting])
        words: dict[bytes, int] = {}
        texts: list[bytes | None] = []
        n_texts, offset = 0, 0
        for small in waiting:
            word = small.name.encode()
            words[word] = words.get(word, 0) + len(small.steps)
            small.entry["texts_skipped"] = n_texts
            if small.points.texts:
                texts += [None] * (offset - len(texts))
                texts += small.points.texts
                n_texts += sum(text is not None for text in small.points.texts)
            offset += len(small.steps)
        if texts:
            texts += [None] * (offset - len(texts))
        metric = self._file.runs(words.items())
        steps = self._file.plain(np.concatenate([small.steps for small in waiting]))
        values = self._file.plain(all_values)
        kinds = self._file.coded(_KIND_WORDS, all_codes)
        chunk = self._texts(texts, offset, [small.entry for small in waiting])
        offset = 0
        for small in waiting:
            small.entry["values_at"] = values.values_at + 8 * offset
            if small.entry["code"] == MIXED:
                small.entry["codes_at"] = kinds.values_at + offset
                small.entry["codes_crc"] = _crc(small.points.codes)
            offset += len(small.steps)
        self._file.row_group((metric, steps, values, kinds, chunk))

    def _finish(self, row_steps: Chunk) -> None:
        rows = self._draft.rows
        metrics = np.array([tuple(entry.values()) for entry in self._metrics], METRIC)
        directory: dict[str, Any] = {
            "version": VERSION,
            "rows": len(rows),
            "points": self._n_points,
            "writers": list(rows.writer_names),
            "shared_steps": bool((rows.steps[1:] == rows.steps[:-1]).any()),
            "unreadable": [list(item) for item in self._draft.unreadable],
            "names": self._section(orjson.dumps(list(self._names))),
            "metrics": self._section(metrics.tobytes()),
            "groups": self._section(np.array(self._groups, GROUP).tobytes()),
        }
        if len(rows) and np.array_equal(rows.numbers, np.arange(rows.numbers[0], rows.numbers[0] + len(rows))):
            directory["first_number"] = int(rows.numbers[0])
        else:
            directory["numbers"] = self._section(rows.numbers.tobytes())
        if len(rows.writer_names) > 1:
            directory["row_writers"] = self._section(rows.writers.astype(np.int32).tobytes())
        notes = {"kymograph.format": f"points {VERSION}"}
        footer = self._file.footer(notes)
        directory["footer"] = [len(footer), zlib.crc32(footer)]
        # Last before the directory: everything before it has a checksum here, everything behind it has its own.
        self._file.write(b"\0" * (-self._file.position % 8))
        directory["blocks"] = self._section(self._sums.sums().tobytes())
        packed = orjson.dumps(directory)
        at = self._file.write(packed)
        self._file.write(TRAILER.pack(at, len(packed), zlib.crc32(packed)))
        self._file.close(notes)

    def _section(self, data: bytes) -> list[int]:
        self._file.write(b"\0" * (-self._file.position % 8))
        return [self._file.write(data), len(data), zlib.crc32(data)]


def _never_falls(points: Points) -> bool:
    numbers = points.values[points.codes <= LAST_NUMERIC]
    known = numbers[~np.isnan(numbers)]
    return bool((known[1:] >= known[:-1]).all())


def _crc(array: npt.NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data) if array.size else 0
