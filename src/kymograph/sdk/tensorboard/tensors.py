"""Numbers in the tensors of event files; without NumPy, for a script need not have it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from kymograph.errors import InvalidMedia
from kymograph.wire.events_pb2 import Tensor

_KINDS = {1: ("f", "float_val"), 2: ("d", "double_val"), 3: ("i", "int_val"), 9: ("q", "int64_val")}
"""Type of a tensor → how `struct` reads its content, and the list that may stand in place of that."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A tensor of numbers."""

    values: Sequence[float]
    """Row by row."""
    shape: tuple[int, ...]

    def scalar(self) -> float:
        """Its only number.

        Raises:
            InvalidMedia: It has more, or none.
        """
        if len(self.values) != 1:
            raise InvalidMedia("Tensor", f"one of {len(self.values)} numbers is no scalar")
        return self.values[0]

    def rows(self) -> list[Sequence[float]]:
        """Of a table of two dimensions.

        Raises:
            InvalidMedia: It has more or fewer dimensions, or not as many numbers as they say.
        """
        if len(self.shape) != 2 or self.shape[0] * self.shape[1] != len(self.values):
            raise InvalidMedia("Tensor", f"{len(self.values)} numbers of shape {list(self.shape)} are no table")
        n_rows, width = self.shape
        return [self.values[row * width : (row + 1) * width] for row in range(n_rows)]


def numbers_of(tensor: Tensor) -> Numbers:
    """The numbers of a tensor.

    Raises:
        InvalidMedia: It holds something else than float32, float64, int32 or int64.
    """
    if tensor.dtype not in _KINDS:
        raise InvalidMedia("Tensor", f"one of type {tensor.dtype} holds no numbers that can be read")
    code, listed = _KINDS[tensor.dtype]
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    content = tensor.tensor_content
    if not content:
        return Numbers(list(getattr(tensor, listed)), shape)
    if len(content) % struct.calcsize(code):
        raise InvalidMedia("Tensor", f"{len(content)} bytes are no whole number of values")
    # Written in the order of the machine that wrote it, which has been little-endian on all that TensorFlow runs on.
    return Numbers(struct.unpack(f"<{len(content) // struct.calcsize(code)}{code}", content), shape)


def shortest(value: float) -> float:
    """The number with the fewest digits that is this one in 32 bits: 0.1 instead of 0.10000000149011612."""
    for digits in range(6, 9):
        candidate = float(f"{value:.{digits}g}")
        try:
            if struct.unpack("<f", struct.pack("<f", candidate))[0] == value:
                return candidate
        except OverflowError:  # rounded up beyond the largest
            continue
    return value
