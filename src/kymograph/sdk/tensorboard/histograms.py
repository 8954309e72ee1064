"""Histograms of event files, in the bins that a run keeps: adjacent, finite, 512 at most."""

from __future__ import annotations

from collections.abc import Sequence

from kymograph.errors import InvalidMedia
from kymograph.sdk.media.histogram import Histogram
from kymograph.sdk.tensorboard.tensors import Numbers
from kymograph.wire.events_pb2 import Histogram as HistogramMessage

Edges = Sequence[float]
Counts = Sequence[float]


def histogram_of_tensor(numbers: Numbers) -> Histogram | None:
    """Of rows (left edge, right edge, count); None without rows.

    Raises:
        InvalidMedia: Those are no such rows.
    """
    rows = numbers.rows()
    if not rows:
        return None
    if len(rows[0]) != 3:
        raise InvalidMedia("Histogram", f"it has rows of {len(rows[0])} numbers, instead of 3")
    return _histogram([*(row[0] for row in rows), rows[-1][1]], [row[2] for row in rows])


def histogram_of_message(message: HistogramMessage) -> Histogram:
    """Of right edges and counts, as older writers have them.

    The first bin has no left edge. It is left out where it is empty, and else begins at the least value.

    Raises:
        InvalidMedia: Edges and counts do not fit.

    Source: the vendor's `processHistogramsProto`.
    """
    edges, counts = list(message.bucket_limit), list(message.bucket)
    if not edges or len(edges) != len(counts):
        raise InvalidMedia("Histogram", f"it has {len(edges)} edges of bins and {len(counts)} counts")
    if counts[0] == 0:
        return _histogram(edges, counts[1:])
    if message.min >= edges[0]:
        raise InvalidMedia("Histogram", "it has values in its first bin, and its least value is beyond that")
    return _histogram([message.min, *edges], counts)


def _histogram(edges: Edges, counts: Counts) -> Histogram:
    if len(counts) > Histogram.max_length:
        edges, counts = rebinned(edges, counts, Histogram.max_length)
    return Histogram(np_histogram=(list(counts), list(edges)))


def rebinned(edges: Edges, counts: Counts, n_bins: int) -> tuple[list[float], list[float]]:
    """The same histogram in fewer bins: as many edges in every stretch as before, the sum of counts as it was.

    Args:
        edges: Ascending; one more than `counts`.
        counts: More than `n_bins`.
        n_bins: How many there are to be.

    Returns:
        Edges and counts. What a new edge cuts in two is shared out by width.
    """
    places = [index * len(counts) / n_bins for index in range(n_bins + 1)]
    new_edges = [_between(edges, place) for place in places]
    new_counts = [0.0] * n_bins
    for index, count in enumerate(counts):
        # Of the bins that this one lies in: its width in places is 1, and theirs is more, so they are two at most.
        first = min(index * n_bins // len(counts), n_bins - 1)
        inside = min(1.0, _share(edges[index], edges[index + 1], new_edges[first + 1]))
        new_counts[first] += count * inside
        if inside < 1.0:
            new_counts[min(first + 1, n_bins - 1)] += count * (1.0 - inside)
    return new_edges, new_counts


def _between(edges: Edges, place: float) -> float:
    """The edge at a place between two others."""
    index = min(int(place), len(edges) - 2)
    return edges[index] + (edges[index + 1] - edges[index]) * (place - index)


def _share(left: float, right: float, edge: float) -> float:
    """How much of a bin is left of an edge."""
    return 1.0 if right <= left else max(0.0, (edge - left) / (right - left))
