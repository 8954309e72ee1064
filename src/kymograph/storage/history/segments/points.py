"""Reads the points of a segment (`points_layout`): maps the file, decodes nothing, verifies what it hands out."""

from __future__ import annotations

import mmap
import os
import struct
import threading
import zlib
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import orjson
import zstandard

from kymograph.core.levels import Level, level_sizes
from kymograph.core.rows import nesting_prefixes
from kymograph.core.value_kinds import MAPPING
from kymograph.errors import StoreCorrupt
from kymograph.storage.history.segments.draft import (
    Codes,
    Floats,
    Ints,
    Places,
    Points,
    Rows,
    needs_text,
)
from kymograph.storage.history.segments.parquet import MAGIC
from kymograph.storage.history.segments.points_layout import (
    ALL_NUMERIC,
    BLOCK_BYTES,
    DENSE,
    GROUP,
    METRIC,
    MIXED,
    NEVER_FALLS,
    PRESENCE,
    TRAILER,
    VERSION,
)
from kymograph.types import WriterId

T = TypeVar("T", bound=np.generic)


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
        return bool(self._entry["flags"] & PRESENCE)

    @property
    def all_numeric(self) -> bool:
        """Whether every value is a number."""
        return bool(self._entry["flags"] & ALL_NUMERIC)

    @property
    def never_falls(self) -> bool:
        """Whether its numbers never fall with rising step."""
        return bool(self._entry["flags"] & NEVER_FALLS)

    @property
    def code(self) -> int | None:
        """The code of all its values; None if they have several."""
        code = int(self._entry["code"])
        return None if code == MIXED else code

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
            if size < len(MAGIC) * 2 + 4 + TRAILER.size:
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
        trailer_at = size - 8 - footer_size - TRAILER.size
        if self.buffer[size - 4 :] != MAGIC or self.buffer[:4] != MAGIC or trailer_at < 0:
            raise StoreCorrupt(self.name, problem="it is cut off, or no Parquet file")
        at, length, crc = TRAILER.unpack_from(self.buffer, trailer_at)
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
        return self.array(at, size, np.uint8, crc).view(GROUP)

    @cached_property
    def _metrics(self) -> npt.NDArray[Any]:
        at, size, crc = self._directory["metrics"]
        return self.array(at, size, np.uint8, crc).view(METRIC)

    def places_of(self, group: int) -> Places:
        """Rows of the points of a group of metrics."""
        entry = self._groups[group]
        if entry["places_at"] == DENSE:
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
        if entry["places_at"] == DENSE:
            return self.row_count - 1
        return int(self.read_one("<i", int(entry["places_at"]) + 4 * (int(entry["count"]) - 1)))

    def step_at(self, place: int) -> int:
        """The step of a row, likewise."""
        return int(self.read_one("<q", int(self._groups[0]["steps_at"]) + 8 * place))

    @cached_property
    def _indices_by_name(self) -> dict[str, list[int]]:
        indices: dict[str, list[int]] = defaultdict(list)
        names = self.names
        is_value = (self._metrics["flags"] & PRESENCE) == 0
        for index, name in zip(
            np.flatnonzero(is_value).tolist(), self._metrics["name"][is_value].tolist(), strict=True
        ):
            indices[names[name]].append(index)
        return dict(indices)

    @cached_property
    def _presence_by_top(self) -> dict[str, int]:
        is_presence = np.flatnonzero(self._metrics["flags"] & PRESENCE)
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
