from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.sdk.media.base import MediaPlace
from kymograph.sdk.media.histogram import Histogram
from kymograph.sdk.media.values import loggable_row
from kymograph.sdk.tensorboard.histograms import rebinned
from kymograph.sdk.tensorboard.pictures import Pictures
from kymograph.sdk.tensorboard.tensors import shortest
from kymograph.sdk.tensorboard.values import Curve, SummaryReader
from kymograph.wire.events_pb2 import Shape, Summary, Tensor
from tests.unit.event_files import GIF, PNG, floats, number, of_kind, old_histogram, tensor, texts


class Reading:
    def __init__(self, namespace: str = "") -> None:
        self.warnings: list[str] = []
        self._reader = SummaryReader(namespace, warn=self.warnings.append)

    def read(self, *values: Summary.Value) -> dict[str, Any]:
        return self._reader.values_of(Summary(value=values))


@pytest.fixture
def reading() -> Reading:
    return Reading()


def test_scalars_of_older_writers_have_the_digits_that_were_meant(reading: Reading) -> None:
    assert reading.read(number("loss", 0.1), number("inf", math.inf)) == {"loss": 0.1, "inf": math.inf}


@given(value=st.floats(width=32))
def test_the_shortest_number_is_the_same_in_32_bits(value: float) -> None:
    assert floats([shortest(value)]).tensor_content == floats([value]).tensor_content


@pytest.mark.parametrize(
    ("held", "value"),
    [
        (floats([2.5]), 2.5),
        (Tensor(dtype=1, float_val=[2.5]), 2.5),
        (Tensor(dtype=2, double_val=[0.1]), 0.1),
        (Tensor(dtype=3, int_val=[-3]), -3),
        (Tensor(dtype=9, tensor_content=(1 << 40).to_bytes(8, "little")), 1 << 40),
    ],
)
def test_scalars_of_newer_writers_are_tensors(reading: Reading, held: Tensor, value: float) -> None:
    assert reading.read(tensor("loss", "scalars", held)) == {"loss": value}


def test_the_kind_of_a_tag_is_remembered_since_later_values_do_not_say_it(reading: Reading) -> None:
    reading.read(tensor("loss", "scalars", floats([1.0])))

    assert reading.read(Summary.Value(tag="loss", tensor=floats([2.0]))) == {"loss": 2.0}


def test_a_namespace_is_put_before_tags() -> None:
    assert Reading("train").read(number("a/b", 1)) == {"train/a/b": 1.0}


def test_a_histogram_of_rows_has_the_edges_of_its_bins(reading: Reading) -> None:
    rows = [0.0, 0.5, 7, 0.5, 1.0, 5]

    found = reading.read(tensor("h", "histograms", floats(rows, (2, 3))))["h"]

    assert (found.histogram, found.bins) == ([7, 5], [0.0, 0.5, 1.0])


def test_a_histogram_of_nothing_is_not_logged(reading: Reading) -> None:
    assert reading.read(tensor("h", "histograms", floats([], (0, 3)))) == {}
    assert reading.warnings == []


@pytest.mark.parametrize(
    ("counts", "edges", "found"),
    [([0, 5, 10], [0.5, 1.0, 1.5], ([5, 10], [0.5, 1.0, 1.5])), ([3, 5], [0.5, 1.0], ([3, 5], [-1.0, 0.5, 1.0]))],
)
def test_the_open_first_bin_of_an_older_histogram_is_left_out_if_empty_and_else_ends_at_the_least_value(
    reading: Reading, counts: list[float], edges: list[float], found: tuple[list[float], list[float]]
) -> None:
    histogram = reading.read(old_histogram("h", edges, counts, least=-1.0))["h"]

    assert (histogram.histogram, histogram.bins) == found


def test_more_bins_than_a_run_keeps_are_put_together(reading: Reading) -> None:
    rows = [part for index in range(1000) for part in (index, index + 1, 1)]

    histogram = reading.read(tensor("h", "histograms", floats(rows, (1000, 3))))["h"]

    assert len(histogram.histogram) == Histogram.max_length
    assert (histogram.bins[0], histogram.bins[-1]) == (0, 1000)


@given(
    counts=st.lists(st.integers(0, 100), min_size=3, max_size=60),
    widths=st.lists(st.floats(0.01, 100), min_size=60, max_size=60),
    n_bins=st.integers(1, 59),
)
def test_fewer_bins_hold_as_much(counts: list[int], widths: list[float], n_bins: int) -> None:
    n_bins = min(n_bins, len(counts) - 1)
    edges = [sum(widths[:index]) for index in range(len(counts) + 1)]

    new_edges, new_counts = rebinned(edges, counts, n_bins)

    assert (len(new_edges), len(new_counts)) == (n_bins + 1, n_bins)
    assert sum(new_counts) == pytest.approx(sum(counts))
    assert new_edges == sorted(new_edges)
    assert new_edges[0] == edges[0]
    assert new_edges[-1] == pytest.approx(edges[-1])


def test_images_are_kept_as_they_were_encoded(reading: Reading, tmp_path: Path) -> None:
    kept: list[str] = []
    row = reading.read(tensor("batch", "images", texts(b"1", b"1", PNG, PNG + b"!")))

    form = loggable_row(row, 3, MediaPlace(tmp_path, kept.append))["batch"]

    assert isinstance(form, dict)
    assert {**form, "filenames": None} == {
        "_type": "images/separated",
        "width": 1,
        "height": 1,
        "format": "png",
        "count": 2,
        "filenames": None,
    }
    assert form["filenames"] == kept
    assert [(tmp_path / name).read_bytes() for name in kept] == [PNG, PNG + b"!"]


def test_an_image_of_an_older_writer_is_a_list_of_one(reading: Reading) -> None:
    image = Summary.Image(width=1, height=1, encoded_image_string=GIF)

    found = reading.read(Summary.Value(tag="film", image=image))["film"]

    assert isinstance(found, Pictures)
    assert (found.format, len(found.encoded)) == ("gif", 1)


def test_a_precision_recall_curve_is_a_table_of_its_name_and_a_chart(reading: Reading, tmp_path: Path) -> None:
    configured: dict[tuple[str, ...], Any] = {}
    row = reading.read(tensor("pr", "pr_curves", floats([9, 9, 0.25, 0.5, 1, 0.75], (3, 2))))

    place = MediaPlace(tmp_path, lambda _name: None, configured.__setitem__)
    form = loggable_row(row, 0, place)

    assert isinstance(row["pr"], Curve)
    assert row["pr"].table.data == [[1.0, 0.25], [0.75, 0.5]]
    assert form.keys() == {"pr"}
    (panel,) = configured.values()
    assert panel["panel_config"]["stringSettings"] == {"title": "pr Precision v. Recall"}


@pytest.mark.parametrize(
    "value",
    [
        number("", 1.0),
        tensor("t", "scalars", floats([1, 2])),
        tensor("t", "scalars", texts(b"x")),
        tensor("t", "scalars", Tensor(dtype=1, tensor_content=b"123")),
        tensor("t", "histograms", floats([1, 2, 3])),
        tensor("t", "histograms", floats([1, 2], (1, 2))),
        tensor("t", "histograms", Tensor(dtype=1, tensor_shape=Shape(dim=[Shape.Dim(size=-1), Shape.Dim(size=3)]))),
        tensor("t", "images", texts(b"1", b"1")),
        tensor("t", "images", texts(b"2a", b"1", PNG)),
        tensor("t", "images", texts(b"1", b"1", b"no picture")),
        tensor("t", "images", texts(b"1", b"1", PNG, GIF)),
        tensor("t", "pr_curves", floats([1, 2], (1, 2))),
        old_histogram("t", [], []),
        old_histogram("t", [1.0, 2.0], [1.0]),
        old_histogram("t", [1.0, 2.0], [1.0, 1.0], least=1.5),
    ],
)
def test_what_cannot_be_logged_is_told_and_the_rest_is_logged(reading: Reading, value: Summary.Value) -> None:
    assert reading.read(value, number("loss", 1.0)) == {"loss": 1.0}
    assert len(reading.warnings) == 1
    assert "is not logged: " in reading.warnings[0]


@pytest.mark.parametrize("kind", ["text", "audio", "hparams"])
def test_other_kinds_are_left_to_the_event_file(reading: Reading, kind: str) -> None:
    assert reading.read(Summary.Value(tag="t", tensor=texts(b"x"), metadata=of_kind(kind))) == {}
    assert reading.warnings == []
