"""The points of a segment: a Parquet file for everybody, which our own reader maps and reads without decoding.

As Parquet it is one long table: ``metric``, ``step``, ``value`` (double, NaN where the value is no number), ``kind``
and ``text`` (the JSON of what a double does not hold), sorted by metric and step. Between the pages lies what our
reader needs besides: the rows that the points come from, coarser levels, the places of non-finite points, and a
directory. Each array carries a checksum that is verified when it is first read. So does each block of the file, for
what belongs to no array, for single values, and for whoever wants to know that every byte is as it was written.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
import orjson
import zstandard

from kymograph.core.levels import Level, build_levels, level_sizes
from kymograph.core.rows import nesting_prefixes
from kymograph.core.value_kinds import LAST_NUMERIC, MAPPING, VALUE_KINDS
from kymograph.errors import StoreCorrupt
from kymograph.storage.history.segments.draft import (
    Codes,
    Draft,
    Floats,
    Ints,
    Places,
    Points,
    Rows,
    Source,
    needs_text,
)
from kymograph.storage.history.segments.parquet import MAGIC, Chunk, Column, ParquetWriter, Physical
from kymograph.types import WriterId

T = TypeVar("T", bound=np.generic)

SCHEMA = (
    Column("metric", Physical.BYTE_ARRAY),
    Column("step", Physical.INT64),
    Column("value", Physical.DOUBLE),
    Column("kind", Physical.BYTE_ARRAY),
    Column("text", Physical.BYTE_ARRAY, is_optional=True),
)
KIND_NAMES = (
    *("float", "integer", "boolean", "null", "text", "list", "map", "media"),
    *(kind.wire_name for kind in VALUE_KINDS[8:]),
)
"""The words of the column ``kind``, by code."""
_KIND_WORDS = tuple(name.encode() for name in KIND_NAMES)

VERSION = 1
BLOCK_BYTES = 16 * 1024
"""What one checksum of the file as a whole covers: to look at one value, no more than this is verified."""
OWN_GROUP_POINTS = 4096
"""A metric with this many points has a row group of its own; others share one, or footers would outgrow the data."""
_SHARED_GROUP_ROWS = 131_072
_TRAILER = struct.Struct("<QII")
_DENSE = -1

_METRIC = np.dtype(
    [
        ("name", "<u4"),
        ("top", "<u4"),
        ("group", "<i4"),
        ("code", "u1"),
        ("flags", "u1"),
        ("odd_count", "<i4"),
        ("points", "<i8"),
        ("values_at", "<i8"),
        ("codes_at", "<i8"),
        ("levels_at", "<i8"),
        ("odd_at", "<i8"),
        ("texts_at", "<i8"),
        ("texts_size", "<i8"),
        ("texts_skipped", "<i4"),
        ("values_crc", "<u4"),
        ("codes_crc", "<u4"),
        ("levels_crc", "<u4"),
        ("odd_crc", "<u4"),
    ]
)
_GROUP = np.dtype(
    [("places_at", "<i8"), ("count", "<i8"), ("steps_at", "<i8"), ("places_crc", "<u4"), ("steps_crc", "<u4")]
)
_MIXED = 255
_PRESENCE, _ALL_NUMERIC, _NEVER_FALLS = 1, 2, 4


# --- writing ---------------------------------------------------------------------------------------------------------


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
        self._groups.append((_DENSE, len(rows), row_steps.values_at, 0, _crc(rows.steps)))
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
        entry: dict[str, Any] = dict.fromkeys(_METRIC.names or (), 0)
        entry |= {
            "name": self._name(source.name),
            "top": self._name(source.top),
            "group": group,
            "points": len(points.places),
            **dict.fromkeys(("values_at", "codes_at", "levels_at", "odd_at", "texts_at"), -1),
        }
        first_code = int(points.codes[0])
        is_uniform = bool((points.codes == first_code).all())
        entry["code"] = first_code if is_uniform else _MIXED
        if source.is_presence:
            entry |= {"flags": _PRESENCE, "code": MAPPING}
            return entry
        self._n_points += len(points.places)
        all_numeric = bool((points.codes <= LAST_NUMERIC).all())
        entry["flags"] = (_ALL_NUMERIC if all_numeric else 0) | (_NEVER_FALLS if _never_falls(points) else 0)
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
        if entry["code"] == _MIXED:
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
            if small.entry["code"] == _MIXED:
                small.entry["codes_at"] = kinds.values_at + offset
                small.entry["codes_crc"] = _crc(small.points.codes)
            offset += len(small.steps)
        self._file.row_group((metric, steps, values, kinds, chunk))

    def _finish(self, row_steps: Chunk) -> None:
        rows = self._draft.rows
        metrics = np.array([tuple(entry.values()) for entry in self._metrics], _METRIC)
        directory: dict[str, Any] = {
            "version": VERSION,
            "rows": len(rows),
            "points": self._n_points,
            "writers": list(rows.writer_names),
            "shared_steps": bool((rows.steps[1:] == rows.steps[:-1]).any()),
            "unreadable": [list(item) for item in self._draft.unreadable],
            "names": self._section(orjson.dumps(list(self._names))),
            "metrics": self._section(metrics.tobytes()),
            "groups": self._section(np.array(self._groups, _GROUP).tobytes()),
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
        self._file.write(_TRAILER.pack(at, len(packed), zlib.crc32(packed)))
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


# --- reading ---------------------------------------------------------------------------------------------------------


class Metric:
    """The points of one metric under one top-level key, mapped. Arrays are shared: nobody writes to them."""

    __slots__ = ("_entry", "_file")

    def __init__(self, file: PointsFile, entry: Any) -> None:
        self._file = file
        self._entry = entry

    @property
    def name(self) -> str:
        """Its dotted name."""
        return self._file.names[int(self._entry["name"])]

    @property
    def top(self) -> str:
        """The top-level key of the rows that holds it."""
        return self._file.names[int(self._entry["top"])]

    @property
    def is_presence(self) -> bool:
        """See `Source.is_presence`: it has places and no values."""
        return bool(self._entry["flags"] & _PRESENCE)

    @property
    def all_numeric(self) -> bool:
        """Whether every value is a number."""
        return bool(self._entry["flags"] & _ALL_NUMERIC)

    @property
    def never_falls(self) -> bool:
        """Whether its numbers never fall with rising step."""
        return bool(self._entry["flags"] & _NEVER_FALLS)

    @property
    def code(self) -> int | None:
        """The code of all its values; None if they have several."""
        code = int(self._entry["code"])
        return None if code == _MIXED else code

    def __len__(self) -> int:
        return int(self._entry["points"])

    @property
    def group(self) -> int:
        """Metrics of one group have points in the same rows."""
        return int(self._entry["group"])

    @property
    def is_dense(self) -> bool:
        """Whether every row has a point."""
        return self.group == 0

    @property
    def places(self) -> Places:
        """Rows of its points."""
        return self._file.places_of(self.group)

    @property
    def steps(self) -> Ints:
        """Steps of its points, strictly ascending."""
        return self._file.steps_of(self.group)

    @property
    def values(self) -> Floats:
        """NaN where the value is no number."""
        entry = self._entry
        if self.is_presence:
            return np.full(len(self), np.nan)
        return self._file.array(int(entry["values_at"]), len(self), np.float64, int(entry["values_crc"]))

    @property
    def codes(self) -> Codes:
        """Codes of `core.value_kinds`."""
        entry = self._entry
        if self.code is not None:
            return np.full(len(self), self.code, np.uint8)
        return self._file.array(int(entry["codes_at"]), len(self), np.uint8, int(entry["codes_crc"]))

    @property
    def odd_places(self) -> Places:
        """Indices of its points that are numbers and not finite."""
        entry = self._entry
        return self._file.array(int(entry["odd_at"]), int(entry["odd_count"]), np.int32, int(entry["odd_crc"]))

    @property
    def non_finite(self) -> int:
        """How many of its points are numbers and not finite."""
        return int(self._entry["odd_count"])

    @property
    def last_value(self) -> tuple[float, int]:
        """Value and code of its last point; verifies no more than the block that they are in."""
        entry, index = self._entry, len(self) - 1
        value = self._file.read_one("<d", int(entry["values_at"]) + 8 * index)
        code = self.code
        if code is None:
            code = self._file.read_one("<B", int(entry["codes_at"]) + index)
        return value, code

    @property
    def first_value(self) -> float:
        """Its first value, likewise."""
        return float(self._file.read_one("<d", int(self._entry["values_at"])))

    @property
    def last_place(self) -> int:
        """Row of its last point, likewise."""
        return self._file.last_place_of(self.group)

    @property
    def last_step(self) -> int:
        """Step of its last point, likewise."""
        return self._file.step_at(self.last_place)

    def levels(self) -> list[Level]:
        """Coarser levels, the finest first; empty if there are none."""
        entry = self._entry
        if entry["levels_at"] < 0:
            return []
        sizes = level_sizes(len(self))
        total = sum(sizes)
        has_counts = self.non_finite > 0
        raw = self._file.array(
            int(entry["levels_at"]), total * (28 if has_counts else 24), np.uint8, int(entry["levels_crc"])
        )
        blocks = raw[: total * 24].view(np.float64)
        counts = raw[total * 24 :].view(np.int32) if has_counts else None
        levels: list[Level] = []
        at = count_at = 0
        for size in sizes:
            low, high, sums = (blocks[at + part * size : at + (part + 1) * size] for part in range(3))
            levels.append(Level(low, high, sums, None if counts is None else counts[count_at : count_at + size]))
            at, count_at = at + 3 * size, count_at + size
        return levels

    def texts(self) -> list[bytes | None]:
        """JSON of the values that a double does not hold, None for the others; empty if it holds all."""
        entry = self._entry
        if entry["texts_at"] < 0:
            return []
        wanted = needs_text(self.values, self.codes)
        n_wanted = int(np.count_nonzero(wanted))
        if not n_wanted:
            return []
        packed = self._file.checked(int(entry["texts_at"]), int(entry["texts_size"]))
        held = iter(_texts_of_page(packed.tobytes(), int(entry["texts_skipped"]), n_wanted, self._file.name))
        return [next(held) if is_wanted else None for is_wanted in wanted.tolist()]

    def to_presence(self) -> Points:
        """Where it is, without what it is."""
        places = self.places
        return Points(places, np.full(len(places), np.nan), np.full(len(places), MAPPING, np.uint8), [])

    def to_points(self) -> Points:
        """All of it, to be written again."""
        return Points(self.places, self.values, self.codes, [] if self.is_presence else self.texts())


def _texts_of_page(packed: bytes, skipped: int, count: int, where: str) -> list[bytes]:
    try:
        body = zstandard.ZstdDecompressor().decompress(packed)
    except zstandard.ZstdError as exc:
        raise StoreCorrupt(where, problem=f"its texts: {exc}") from exc
    at = 4 + struct.unpack_from("<I", body)[0]
    found: list[bytes] = []
    for index in range(skipped + count):
        size = struct.unpack_from("<I", body, at)[0]
        if index >= skipped:
            found.append(body[at + 4 : at + 4 + size])
        at += 4 + size
    return found


class PointsFile:
    """A segment's points, mapped. Safe to share between threads; arrays stay valid while somebody holds them."""

    def __init__(self, path: Path, *, name: str) -> None:
        """Map a file.

        Args:
            path: Where it is.
            name: What error messages call it.

        Raises:
            StoreCorrupt: Cut off, damaged, or of a newer release.
            FileNotFoundError: Not there.
        """
        self.name = name
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < len(MAGIC) * 2 + 4 + _TRAILER.size:
                raise StoreCorrupt(name, problem="it is cut off")
            self.buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.size_bytes = size
        self._bytes = np.frombuffer(self.buffer, np.uint8)
        self._verified: set[tuple[int, int]] = set()
        self._lock = threading.Lock()
        directory = self._read_directory(size)
        self.row_count = int(directory["rows"])
        self.point_count = int(directory["points"])
        self.has_shared_steps = bool(directory["shared_steps"])
        self.writer_names = tuple(WriterId(writer) for writer in directory["writers"])
        self.unreadable = tuple((WriterId(writer), int(number)) for writer, number in directory["unreadable"])
        self._directory = directory

    def _read_directory(self, size: int) -> dict[str, Any]:
        footer_size = struct.unpack_from("<I", self.buffer, size - 8)[0]
        trailer_at = size - 8 - footer_size - _TRAILER.size
        if self.buffer[size - 4 :] != MAGIC or self.buffer[:4] != MAGIC or trailer_at < 0:
            raise StoreCorrupt(self.name, problem="it is cut off, or no Parquet file")
        at, length, crc = _TRAILER.unpack_from(self.buffer, trailer_at)
        packed = self.buffer[at : at + length]
        if len(packed) != length or zlib.crc32(packed) != crc:
            raise StoreCorrupt(self.name, problem="its directory is damaged")
        directory: dict[str, Any] = orjson.loads(packed)
        if directory["version"] > VERSION:
            raise StoreCorrupt(self.name, problem="it is of a newer Kymograph; upgrade this server")
        return directory

    def array(self, at: int, count: int, dtype: type[T], crc: int) -> npt.NDArray[T]:
        """A mapped array, its checksum verified the first time; no checksum is 0.

        Raises:
            StoreCorrupt: It is not what was written.
        """
        size = count * np.dtype(dtype).itemsize
        raw = self._bytes[at : at + size]
        if len(raw) != size:
            raise StoreCorrupt(self.name, problem=f"{size} bytes at {at} lie beyond its end")
        if crc and (at, size) not in self._verified:
            if zlib.crc32(raw.data) != crc:
                raise StoreCorrupt(self.name, problem=f"bytes {at} to {at + size} are damaged")
            with self._lock:
                self._verified.add((at, size))
        return raw.view(dtype)

    def checked(self, at: int, size: int) -> npt.NDArray[np.uint8]:
        """Bytes of the file whose blocks are verified the first time.

        Raises:
            StoreCorrupt: One of the blocks is not what was written.
        """
        first, end = at // BLOCK_BYTES, -(-(at + size) // BLOCK_BYTES)
        for block in range(first, end):
            if not self._is_block_verified[block]:
                if not self.is_block_whole(block):
                    begins = block * BLOCK_BYTES
                    ends = min(begins + BLOCK_BYTES, self._blocks_end)
                    raise StoreCorrupt(self.name, problem=f"bytes {begins} to {ends} are damaged")
                self._is_block_verified[block] = 1
        return self._bytes[at : at + size]

    def is_block_whole(self, block: int) -> bool:
        """Whether `BLOCK_BYTES` of the file are what was written."""
        begins = block * BLOCK_BYTES
        return (
            zlib.crc32(self._bytes[begins : min(begins + BLOCK_BYTES, self._blocks_end)].data)
            == self._block_sums[block]
        )

    def damaged_blocks(self) -> list[tuple[int, int]]:
        """Every part of the file that is not what was written, as begin and end, in ascending order.

        Raises:
            StoreCorrupt: The checksums of the blocks are themselves damaged.
        """
        found = [
            (block * BLOCK_BYTES, min((block + 1) * BLOCK_BYTES, self._blocks_end))
            for block in range(len(self._block_sums))
            if not self.is_block_whole(block)
        ]
        # What has no block's checksum has one of its own: these sums, the directory (read already), and the footer.
        footer_size, footer_crc = self._directory["footer"]
        begin = self.size_bytes - 8 - footer_size
        whole_size = struct.unpack_from("<I", self.buffer, self.size_bytes - 8)[0]
        if whole_size != footer_size or zlib.crc32(self.buffer[begin : begin + footer_size]) != footer_crc:
            found.append((begin, self.size_bytes))
        return found

    def read_one(self, code: str, at: int) -> Any:
        """A single number, by its code of `struct`; verifies the block that it is in.

        Raises:
            StoreCorrupt: The block is not what was written.
        """
        self.checked(at, struct.calcsize(code))
        return struct.unpack_from(code, self.buffer, at)[0]

    @cached_property
    def _block_sums(self) -> list[int]:
        sums: list[int] = self._section("blocks", np.uint32).tolist()
        return sums

    @cached_property
    def _is_block_verified(self) -> bytearray:
        return bytearray(len(self._block_sums))

    @property
    def _blocks_end(self) -> int:
        """Where what the checksums of blocks cover ends."""
        return int(self._directory["blocks"][0])

    def _section(self, key: str, dtype: type[T]) -> npt.NDArray[T]:
        at, size, crc = self._directory[key]
        return self.array(at, size // np.dtype(dtype).itemsize, dtype, crc)

    @cached_property
    def names(self) -> list[str]:
        """Names of metrics and top-level keys; metrics come in order of first appearance."""
        names: list[str] = orjson.loads(self._section("names", np.uint8).tobytes())
        return names

    @cached_property
    def rows(self) -> Rows:
        """Where the points come from."""
        if "first_number" in self._directory:
            first = self._directory["first_number"]
            numbers = np.arange(first, first + self.row_count)
        else:
            numbers = self._section("numbers", np.int64)
        if len(self.writer_names) > 1:
            writers = self._section("row_writers", np.int32)
        else:
            writers = np.zeros(self.row_count, np.int32)
        return Rows(self.steps_of(0), numbers, writers, self.writer_names)

    @cached_property
    def _groups(self) -> npt.NDArray[Any]:
        at, size, crc = self._directory["groups"]
        return self.array(at, size, np.uint8, crc).view(_GROUP)

    @cached_property
    def _metrics(self) -> npt.NDArray[Any]:
        at, size, crc = self._directory["metrics"]
        return self.array(at, size, np.uint8, crc).view(_METRIC)

    def places_of(self, group: int) -> Places:
        """Rows of the points of a group of metrics."""
        entry = self._groups[group]
        if entry["places_at"] == _DENSE:
            return np.arange(self.row_count, dtype=np.int32)
        return self.array(int(entry["places_at"]), int(entry["count"]), np.int32, int(entry["places_crc"]))

    def steps_of(self, group: int) -> Ints:
        """Steps of the points of a group of metrics."""
        entry = self._groups[group]
        if entry["steps_at"] < 0:
            return self.steps_of(0)[self.places_of(group)]
        return self.array(int(entry["steps_at"]), int(entry["count"]), np.int64, int(entry["steps_crc"]))

    def last_place_of(self, group: int) -> int:
        """The last row of a group of metrics; verifies no more than the block that it is in."""
        entry = self._groups[group]
        if entry["places_at"] == _DENSE:
            return self.row_count - 1
        return int(self.read_one("<i", int(entry["places_at"]) + 4 * (int(entry["count"]) - 1)))

    def step_at(self, place: int) -> int:
        """The step of a row, likewise."""
        return int(self.read_one("<q", int(self._groups[0]["steps_at"]) + 8 * place))

    @cached_property
    def _indices_by_name(self) -> dict[str, list[int]]:
        indices: dict[str, list[int]] = defaultdict(list)
        names = self.names
        is_value = (self._metrics["flags"] & _PRESENCE) == 0
        for index, name in zip(
            np.flatnonzero(is_value).tolist(), self._metrics["name"][is_value].tolist(), strict=True
        ):
            indices[names[name]].append(index)
        return dict(indices)

    @cached_property
    def _presence_by_top(self) -> dict[str, int]:
        is_presence = np.flatnonzero(self._metrics["flags"] & _PRESENCE)
        return {self.names[int(self._metrics[index]["top"])]: index for index in is_presence.tolist()}

    @cached_property
    def metric_names(self) -> list[str]:
        """Every metric once, in order of first appearance."""
        return list(self._indices_by_name)

    def find(self, name: str) -> list[Metric]:
        """A metric under every top-level key that it was logged under; the ones that count more come later."""
        found = [Metric(self, self._metrics[index]) for index in self._indices_by_name.get(name, ())]
        if len(found) > 1:
            order = {top: rank for rank, top in enumerate((name, *nesting_prefixes(name)))}
            found.sort(key=lambda metric: order[metric.top])
        return found

    def find_presence(self, top: str) -> Metric | None:
        """The rows in which a key that has held mappings is, whatever it held; None for other keys."""
        index = self._presence_by_top.get(top)
        return None if index is None else Metric(self, self._metrics[index])

    def find_top(self, top: str) -> Metric | None:
        """The rows in which a top-level key is, whatever it held: of the metric, only steps and places tell."""
        presence = self.find_presence(top)
        if presence is not None:
            return presence
        return next((metric for metric in self.find(top) if metric.top == top), None)

    def metrics(self) -> Iterator[Metric]:
        """All that it holds, presences included."""
        for entry in self._metrics:
            yield Metric(self, entry)
