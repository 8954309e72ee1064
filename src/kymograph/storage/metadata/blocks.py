"""Blocks: columns of config and summary values of some thousand runs, as bytes.

A block is never changed. It says of which runs it holds the values, and of which revision of their documents; an entry
counts as long as the run has that revision. So a run whose documents change simply leaves its block.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import orjson
import zstandard

from kymograph.core.filters import Scope
from kymograph.core.leaves import searched_leaves
from kymograph.errors import StoreCorrupt
from kymograph.storage.metadata.arrays import NO_TEXT, Ints, TextArray, Texts, ValueArray, resized
from kymograph.storage.metadata.values import Kind
from kymograph.types import JsonValue, RunKey

BLOCK_RUNS = 4_096
"""Runs of a full block: 25 reads give a column of 100,000 runs, and one that is made takes less than a second."""

_HEADER = struct.Struct("<II")
"""Runs, and entries of them that are not missing."""
_LEVEL = 3
_NUMERIC = (Kind.BOOL, Kind.INT, Kind.FLOAT)


@dataclass(frozen=True, slots=True)
class RunDocuments:
    """What a block is made from."""

    key: RunKey
    revision: int
    config_json: str
    summary_json: str


@dataclass(frozen=True, slots=True)
class BlockColumn:
    """One column of a block."""

    scope: Scope
    name: str
    kinds: int
    """Bit per `Kind` that occurs."""
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class BlockRuns:
    """The runs of a block, ascending by key."""

    keys: Ints
    revisions: Ints

    def pack(self) -> bytes:
        """To be read with `unpack_runs`."""
        return _compress(np.concatenate([self.keys, self.revisions]).astype("<i8").tobytes())


def make_block(documents: Sequence[RunDocuments]) -> tuple[BlockRuns, Iterable[BlockColumn]]:
    """The runs of a block and its columns; of runs in ascending order of their keys."""
    runs = BlockRuns(
        np.array([item.key for item in documents], dtype=np.int64),
        np.array([item.revision for item in documents], dtype=np.int64),
    )
    leaves: dict[tuple[Scope, str], dict[int, JsonValue]] = {}
    for row, item in enumerate(documents):
        for scope, document in ((Scope.CONFIG, item.config_json), (Scope.SUMMARY, item.summary_json)):
            for name, leaf in searched_leaves(scope, document):
                leaves.setdefault((scope, name), {})[row] = leaf
    return runs, (_pack_column(*column, found, len(documents)) for column, found in leaves.items())


def _pack_column(scope: Scope, name: str, found: dict[int, JsonValue], run_count: int) -> BlockColumn:
    rows = np.fromiter(found, dtype=np.int64, count=len(found))
    values = ValueArray.missing(run_count).with_rows(rows, list(found.values()), length=run_count)
    kinds = sum(1 << int(kind) for kind in np.unique(values.kinds[rows]))
    return BlockColumn(scope, name, kinds, pack_values(values))


def pack_values(values: ValueArray) -> bytes:
    """A column as bytes: kinds, numbers of what has one, codes of what has a text, the texts."""
    has_number, has_text = values.is_kind(*_NUMERIC), values.texts.is_present
    texts = [values.texts.texts[code] for code in range(len(values.texts.texts))]
    return _compress(
        b"".join(
            [
                _HEADER.pack(len(values.kinds), int(has_text.sum())),
                values.kinds.tobytes(),
                values.numbers[has_number].astype("<f8").tobytes(),
                np.flatnonzero(has_text).astype("<i4").tobytes(),
                values.texts.codes[has_text].astype("<i4").tobytes(),
                orjson.dumps(texts),
            ]
        )
    )


def unpack_values(data: bytes) -> ValueArray:
    """The column that `pack_values` packed.

    Raises:
        StoreCorrupt: It did not.
    """
    try:
        raw = _decompress(data)
        run_count, text_count = _HEADER.unpack_from(raw)
        kinds = np.frombuffer(raw, dtype=np.uint8, count=run_count, offset=_HEADER.size)
        end = _HEADER.size + run_count
        values = replace(ValueArray.missing(run_count), kinds=kinds)
        has_number = values.is_kind(*_NUMERIC)
        values.numbers[has_number] = np.frombuffer(raw, dtype="<f8", count=int(has_number.sum()), offset=end)
        end += int(has_number.sum()) * 8
        rows, codes = np.frombuffer(raw, dtype="<i4", count=2 * text_count, offset=end).reshape(2, text_count)
        texts = TextArray.empty(run_count)
        if text_count:
            distinct = Texts(orjson.loads(raw[end + 8 * text_count :]))
            texts = TextArray(resized(texts.codes, run_count, NO_TEXT), distinct)
            texts.codes[rows] = codes
    except (ValueError, IndexError, struct.error, zstandard.ZstdError) as exc:
        raise StoreCorrupt("the database", problem="a block of run values cannot be read") from exc
    return ValueArray(kinds, values.numbers, texts)


def unpack_runs(data: bytes) -> BlockRuns:
    """The runs that `BlockRuns.pack` packed.

    Raises:
        StoreCorrupt: It did not.
    """
    try:
        keys, revisions = np.frombuffer(_decompress(data), dtype="<i8").reshape(2, -1).astype(np.int64)
    except (ValueError, zstandard.ZstdError) as exc:
        raise StoreCorrupt("the database", problem="the runs of a block of values cannot be read") from exc
    return BlockRuns(keys, revisions)


def _compress(raw: bytes) -> bytes:
    # One context per call: they are not to be shared between threads, and a block takes far longer.
    return zstandard.ZstdCompressor(level=_LEVEL).compress(raw)


def _decompress(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data)
