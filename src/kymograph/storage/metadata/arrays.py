"""Columns of the run table in memory: one entry per run, distinct texts held once.

Arrays are not changed once made: `with_rows` gives the next one. Only `Texts` grows in place, which an older array
never sees, because its codes lie below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kymograph.storage.metadata.values import Kind, searched_value
from kymograph.types import JsonValue

Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.int32]
Kinds: TypeAlias = NDArray[np.uint8]
Doubles: TypeAlias = NDArray[np.float64]

NO_TEXT = -1
"""Code of a run without a text."""
NO_INT = -(2**63)
"""Stands for absence in arrays of times and ids."""
_TEXT_OVERHEAD = 60
"""Bytes that Python adds to a text and its places in list and dictionary, roughly."""


class Texts:
    """Distinct texts in order of arrival. One thread adds at a time; any number may read what was there before."""

    __slots__ = ("_codes", "_folded", "_order", "_ranks", "_texts", "size_bytes")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: list[str] = list(dict.fromkeys(texts))
        self._codes: dict[str, int] = {text: code for code, text in enumerate(self._texts)}
        self._folded: list[str] = []
        self._order: list[int] = []
        self._ranks: Codes = np.empty(0, dtype=np.int32)
        self.size_bytes = sum(map(len, self._texts)) + len(self._texts) * _TEXT_OVERHEAD

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, code: int) -> str:
        return self._texts[code]

    def add(self, text: str) -> int:
        """The code of a text, a new one if need be."""
        code = self._codes.get(text)
        if code is None:
            code = self._codes[text] = len(self._texts)
            self._texts.append(text)
            self.size_bytes += len(text) + _TEXT_OVERHEAD
        return code

    def find(self, text: str) -> int | None:
        """The code of a text, if it has one."""
        return self._codes.get(text)

    def test(self, test: Callable[[Iterable[str]], Iterable[bool]], *, folded: bool = False) -> Bools:
        """The outcome of a test per text; `folded` gives it the texts without case."""
        size = len(self._texts)
        texts = self._without_case(size) if folded else self._texts
        outcome: Bools = np.fromiter(test(islice(texts, size)), dtype=np.bool_, count=size)
        return outcome

    def ranks(self) -> Codes:
        """The place of each text in the order of code points."""
        size = len(self._texts)
        ranks = self._ranks
        if len(ranks) < size:
            # Sorted already but for the end, which makes it ten times quicker than the first time.
            order = [*self._order, *range(len(self._order), size)]
            order.sort(key=self._texts.__getitem__)
            ranks = np.empty(size, dtype=np.int32)
            ranks[order] = np.arange(size, dtype=np.int32)
            self._order, self._ranks = order, ranks
        return ranks

    def _without_case(self, size: int) -> list[str]:
        folded = self._folded
        if len(folded) < size:
            # A new list, and not a longer one: another thread may be reading this.
            self._folded = folded = [*folded, *(text.casefold() for text in self._texts[len(folded) : size])]
        return folded


@dataclass(frozen=True, slots=True, eq=False)
class TextArray:
    """A text per run, or none."""

    codes: Codes
    texts: Texts

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def empty(cls, length: int) -> TextArray:
        """Of runs without texts: most columns are numbers, so this takes no memory. Its codes cannot be written to."""
        return cls(np.broadcast_to(np.int32(NO_TEXT), length), Texts())

    @classmethod
    def of(cls, values: Sequence[str | None]) -> TextArray:
        """Made from all values at once."""
        places: dict[str | None, int] = {None: NO_TEXT}
        codes = np.fromiter(
            (places.setdefault(text, len(places) - 1) for text in values), dtype=np.int32, count=len(values)
        )
        return cls(codes, Texts(text for text in places if text is not None))

    @property
    def size_bytes(self) -> int:
        """What it takes of memory."""
        is_empty = self.codes.strides == (0,)
        return (0 if is_empty else self.codes.nbytes) + self.texts.size_bytes

    @property
    def is_present(self) -> Bools:
        """Which runs have a text."""
        is_present: Bools = self.codes != NO_TEXT
        return is_present

    def with_rows(self, rows: Ints, values: Iterable[str | None], *, length: int) -> TextArray:
        """The same with other texts in some rows; `length` may be greater than before."""
        texts = self.texts
        if len(texts) > 2 * length + 1_000:  # mostly of values that are gone
            used, places = np.unique(self.codes, return_inverse=True)
            texts = Texts(texts[code] for code in used if code != NO_TEXT)
            codes = resized((places - (1 if used.size and used[0] == NO_TEXT else 0)).astype(np.int32), length, NO_TEXT)
        else:
            codes = resized(self.codes, length, NO_TEXT)
        codes[rows] = [NO_TEXT if text is None else texts.add(text) for text in values]
        return TextArray(codes, texts)

    def where(self, hits: Bools) -> Bools:
        """Which runs have one of the texts that are hit."""
        found: Bools = np.append(hits, False)[self.codes]  # NO_TEXT finds the last
        return found

    def where_equal(self, wanted: Iterable[str]) -> Bools:
        """Which runs have one of these texts."""
        codes = [code for text in wanted if (code := self.texts.find(text)) is not None]
        return np.isin(self.codes, codes) if codes else np.zeros(len(self.codes), dtype=np.bool_)

    def ranks(self) -> Codes:
        """Per run the place of its text in the order of code points; anything for runs without one."""
        ranks: Codes = np.append(self.texts.ranks(), np.int32(0))[self.codes]
        return ranks


@dataclass(frozen=True, slots=True, eq=False)
class ValueArray:
    """A config or summary leaf per run, as `searched_value` tells it."""

    kinds: Kinds
    numbers: Doubles
    texts: TextArray

    def __len__(self) -> int:
        return len(self.kinds)

    @classmethod
    def missing(cls, length: int) -> ValueArray:
        """Of runs that all lack the leaf."""
        return cls(np.zeros(length, dtype=np.uint8), np.zeros(length), TextArray.empty(length))

    @classmethod
    def of(cls, leaves: Sequence[JsonValue]) -> ValueArray:
        """Made from all leaves at once."""
        return cls.missing(0).with_rows(np.arange(len(leaves)), leaves, length=len(leaves))

    @property
    def size_bytes(self) -> int:
        """What it takes of memory."""
        return self.kinds.nbytes + self.numbers.nbytes + self.texts.size_bytes

    def is_kind(self, *kinds: int) -> Bools:
        """Which runs have a leaf of one of these kinds."""
        first, *others = kinds
        mask: Bools = self.kinds == first
        for kind in others:
            mask |= self.kinds == kind
        return mask

    def with_rows(self, rows: Ints, leaves: Sequence[JsonValue], *, length: int) -> ValueArray:
        """The same with other leaves in some rows; `length` may be greater than before."""
        kinds, numbers = resized(self.kinds, length, 0), resized(self.numbers, length, 0.0)
        texts: Iterable[str | None]
        if set(map(type, leaves)) == {float}:  # as most columns are, and ten times quicker than one by one
            doubles = np.array(leaves, dtype=np.float64)
            is_nan = np.isnan(doubles)
            kinds[rows] = np.where(is_nan, Kind.NAN, Kind.FLOAT)
            numbers[rows] = np.where(is_nan, 0.0, doubles)
            if not len(self.texts.texts):
                return ValueArray(kinds, numbers, TextArray.empty(length))
            texts = repeat(None, len(leaves))
        elif leaves:
            kinds[rows], numbers[rows], texts = zip(*map(searched_value, leaves), strict=True)
        else:
            texts = ()
        return ValueArray(kinds, numbers, self.texts.with_rows(rows, texts, length=length))


def resized(array: NDArray[Any], length: int, fill: float) -> NDArray[Any]:
    """A copy, longer if need be."""
    longer = np.full(length, fill, dtype=array.dtype)
    longer[: len(array)] = array
    return longer
