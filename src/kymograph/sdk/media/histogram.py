"""Histograms: how often values fall into each of a row of bins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import MediaPlace, Shelf, Value
from kymograph.types import JsonObject, JsonValue

if TYPE_CHECKING:
    import numpy as np


class Histogram(Value):
    """A histogram, which is logged whole: it has no file.

    Values that are not finite fall into no bin. Without any finite value, all bins are empty, between 0 and 1.

    Attributes:
        histogram: How many values fall into each bin.
        bins: Edges of the bins, ascending; one more than there are bins.
    """

    log_type: ClassVar[str] = "histogram"
    max_length: ClassVar[int] = 512
    """Bins at most. Source: seeds.md E.10."""
    MAX_LENGTH: ClassVar[int] = max_length

    def __init__(
        self,
        sequence: Sequence[float] | np.ndarray | None = None,
        np_histogram: tuple[Any, Any] | None = None,
        num_bins: int = 64,
    ) -> None:
        """Count `sequence` in `num_bins` bins of equal width, or take counts and edges as NumPy gives them.

        Raises:
            InvalidMedia: There are more than 512 bins, counts and edges do not fit, or the values are no numbers.
            MissingPackage: `sequence` is to be counted without NumPy.
        """
        if np_histogram is not None:
            if len(np_histogram) != 2:
                raise InvalidMedia("Histogram", "np_histogram is a pair of counts and edges of bins")
            counts, edges = (_listed(part) for part in np_histogram)
        elif sequence is not None:
            counts, edges = _count(sequence, num_bins)
        else:
            raise InvalidMedia("Histogram", "give a sequence of numbers, or np_histogram")
        self.histogram, self.bins = counts, edges
        if len(self.histogram) > self.max_length:
            raise InvalidMedia("Histogram", f"it has {len(self.histogram)} bins, and may have {self.max_length}")
        if len(self.histogram) + 1 != len(self.bins):
            raise InvalidMedia("Histogram", "there must be one more edge of bins than there are counts")

    def in_artifact(self, shelf: Shelf) -> JsonValue:  # noqa: D102 — docstring inherited
        return {"_type": self.log_type, "values": [*self.histogram], "bins": [*self.bins]}

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:  # noqa: D102 — docstring inherited
        return {"_type": self.log_type, "values": [*self.histogram], "bins": [*self.bins]}


def _listed(part: Any) -> list[float]:
    return list(part.tolist() if hasattr(part, "tolist") else part)


def _count(sequence: Any, num_bins: int) -> tuple[list[float], list[float]]:
    numpy = foreign.require("numpy", "a histogram of values")
    if not 1 <= num_bins <= Histogram.max_length:
        raise InvalidMedia("Histogram", f"num_bins is {num_bins}, and may be 1 to {Histogram.max_length}")
    try:
        array = foreign.as_array(sequence)
        values = numpy.asarray(list(sequence) if array is None else array).reshape(-1)
    except (TypeError, ValueError) as exc:
        raise InvalidMedia("Histogram", "its values are not all numbers") from exc
    if values.dtype.kind not in "biuf":
        try:
            values = values.astype(numpy.float64)
        except (TypeError, ValueError) as exc:
            raise InvalidMedia("Histogram", "its values are not all numbers") from exc
    if values.dtype.kind == "b":
        values = values.astype(numpy.uint8)
    elif values.dtype == numpy.float16:  # whose largest number is soon reached by the width of a bin
        values = values.astype(numpy.float32)
    if values.dtype.kind == "f":
        values = values[numpy.isfinite(values)]
    counts, edges = _binned(numpy, values, num_bins)
    return counts.tolist(), edges.tolist()


def _binned(numpy: Any, values: np.ndarray, num_bins: int) -> tuple[np.ndarray, np.ndarray]:
    if not values.size:
        return numpy.zeros(num_bins, dtype=int), numpy.linspace(0.0, 1.0, num_bins + 1)
    low, high = float(values.min()), float(values.max())
    with numpy.errstate(all="ignore"):
        if not numpy.isfinite((high - low) * 2) or not numpy.isfinite(
            values.dtype.type(high - low) if values.dtype.kind == "f" else 0.0
        ):
            # Wider than the largest number: counted at an eighth of the scale, which is exact.
            counts, edges = _binned(numpy, values.astype(numpy.float64) / 8, num_bins)
            return counts, edges * 8
        try:
            return numpy.histogram(values, bins=num_bins)  # type: ignore[no-any-return]
        except ValueError:
            # The values lie too close together for so many bins: counted in bins about them.
            middle = low + (high - low) / 2
            half = max(0.5, abs(middle) * 1e-3, (high - low))
            return numpy.histogram(  # type: ignore[no-any-return]
                values.astype(numpy.float64), bins=num_bins, range=(middle - half, middle + half)
            )
