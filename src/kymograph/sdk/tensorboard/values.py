"""Events to what `Run.log` takes: scalars, histograms, images and precision-recall curves.

Texts, audio, graphs and hyperparameters are left to the event file, which is kept with the run.

Source: the vendor's `core/internal/tensorboard` of 0.31.0, by what it logs; compared with it by tests/e2e.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kymograph.errors import InvalidMedia
from kymograph.sdk.media.charts import CustomChart
from kymograph.sdk.media.table import Table
from kymograph.sdk.tensorboard.histograms import histogram_of_message, histogram_of_tensor
from kymograph.sdk.tensorboard.pictures import Pictures
from kymograph.sdk.tensorboard.tensors import numbers_of, shortest
from kymograph.wire.events_pb2 import Summary

Value = Summary.Value
Loggable = object
_SIZES = 2
"""An images tensor begins with width and height, as texts."""


class Curve(CustomChart):
    """A line through the points of a table, which is logged under the chart's own name."""

    __slots__ = ()

    def table_key(self, key: str) -> str:  # noqa: D102 — docstring inherited
        return key


class SummaryReader:
    """Reads the summaries of one event file, in their order.

    The kind of a tag's values stands with the first of them only, so it is remembered.
    """

    def __init__(self, namespace: str = "", *, warn: Callable[[str], object]) -> None:
        """Begin.

        Args:
            namespace: Put before each tag, with a slash between.
            warn: Is told of values that cannot be logged.
        """
        self._prefix = f"{namespace}/" if namespace else ""
        self._warn = warn
        self._kinds: dict[str, str] = {}

    def values_of(self, summary: Summary) -> dict[str, Loggable]:
        """What can be logged, by the names of metrics; what cannot is told and left out."""
        found: dict[str, Loggable] = {}
        for value in summary.value:
            key = self._prefix + value.tag
            try:
                if not value.tag:
                    raise InvalidMedia("Value", "it has no name")
                loggable = self._loggable(key, value)
            except InvalidMedia as exc:
                self._warn(f"TensorBoard's {key!r} is not logged: {exc}")
                continue
            if loggable is not None:
                found[key] = loggable
        return found

    def _loggable(self, key: str, value: Value) -> Loggable | None:
        kind = value.metadata.plugin_data.plugin_name or self._kinds.get(value.tag, "")
        self._kinds[value.tag] = kind
        convert = _CONVERTERS.get((kind, value.WhichOneof("value") or ""))
        return convert(key, value) if convert is not None else None


def _number(_key: str, value: Value) -> float:
    return shortest(value.simple_value)


def _scalar(_key: str, value: Value) -> float:
    return numbers_of(value.tensor).scalar()


def _old_histogram(_key: str, value: Value) -> Loggable:
    return histogram_of_message(value.histo)


def _histogram(_key: str, value: Value) -> Loggable | None:
    return histogram_of_tensor(numbers_of(value.tensor))


def _image(_key: str, value: Value) -> Loggable:
    image = value.image
    return Pictures([image.encoded_image_string], width=image.width, height=image.height)


def _images(_key: str, value: Value) -> Loggable:
    texts = value.tensor.string_val
    if len(texts) <= _SIZES or not all(text.isdigit() for text in texts[:_SIZES]):
        raise InvalidMedia("Image", "images need width, height and at least one image")
    return Pictures(texts[_SIZES:], width=int(texts[0]), height=int(texts[1]))


def _curve(key: str, value: Value) -> Loggable:
    rows = numbers_of(value.tensor).rows()
    if len(rows) < 2:
        raise InvalidMedia("Curve", f"it has {len(rows)} rows, and needs two, of precision and recall")
    precision, recall = rows[-2:]
    table = Table(columns=["recall", "precision"], data=list(zip(recall, precision, strict=True)))
    title = {"title": f"{key} Precision v. Recall"}
    return Curve(table, "wandb/line/v0", {"x": "recall", "y": "precision"}, title)


_CONVERTERS: Mapping[tuple[str, str], Callable[[str, Value], Loggable | None]] = {
    ("", "simple_value"): _number,
    ("", "histo"): _old_histogram,
    ("", "image"): _image,
    ("scalars", "simple_value"): _number,
    ("scalars", "tensor"): _scalar,
    ("histograms", "histo"): _old_histogram,
    ("histograms", "tensor"): _histogram,
    ("images", "image"): _image,
    ("images", "tensor"): _images,
    ("pr_curves", "tensor"): _curve,
}
"""Kind of a tag, and how the value is held → what makes a loggable of it. Others are not logged."""
