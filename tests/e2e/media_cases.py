"""Values that are logged through the newest client and through ours: run by both, so written against `wandb` alone."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import io
from collections.abc import Callable
from typing import Any

import numpy as np


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Pair:
    x: int = 1


BOXES = {
    "box_data": [
        {
            "position": {"minX": 0.1, "maxX": 0.2, "minY": 0.3, "maxY": 0.4},
            "class_id": 1,
            "box_caption": "x",
            "scores": {"acc": 0.5},
        },
        {"position": {"middle": [1, 2], "width": 3, "height": 4}, "domain": "pixel", "class_id": 2},
    ]
}
PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
MASK = np.array([[0, 1], [2, 200]])


def cases(wandb: Any) -> dict[str, Callable[[], Any]]:
    """Key → what makes the value that is logged under it."""
    from PIL import Image as PillowImage

    table = wandb.Table
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 678)

    def graph() -> Any:
        result = wandb.Graph()
        result.add_node(id=1, name="n", size=(2, 3))
        result.add_node(id=2)
        result.add_edge(result[1], result[2])
        return result

    def images(*captions: str | None) -> list[Any]:
        return [wandb.Image(np.full((4, 6), index, np.uint8), caption=text) for index, text in enumerate(captions)]

    return {
        "float32": lambda: np.float32(0.1),
        "float16": lambda: np.float16(0.1),
        "int64": lambda: np.int64(3),
        "bool_": lambda: np.bool_(True),
        "nan": lambda: np.float32("nan"),
        "longdouble": lambda: np.longdouble(0.1),
        "complex": lambda: 1 + 2j,
        "complex64": lambda: np.complex64(1),
        "datetime": lambda: moment,
        "datetime_utc": lambda: moment.replace(tzinfo=datetime.UTC),
        "datetime_zone": lambda: moment.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        "date": lambda: moment.date(),
        "time": lambda: moment.time(),
        "datetime64": lambda: np.datetime64("2026-01-02T03:04:05"),
        "enum": lambda: Color.RED,
        "set": lambda: {1},
        "tuple": lambda: (1, 2),
        "deque": lambda: collections.deque([1, 2]),
        "bytes": lambda: b"abc",
        "none": lambda: None,
        "function": lambda: len,
        "dataclass": lambda: Pair(),
        "array_one": lambda: np.array([5]),
        "array_32": lambda: np.arange(32),
        "array_33": lambda: np.arange(33),
        "array_2d": lambda: np.arange(6).reshape(2, 3),
        "array_2d_long": lambda: np.arange(60.0).reshape(6, 10),
        "array_int8": lambda: np.arange(40, dtype=np.int8),
        "array_float32": lambda: np.linspace(0, 1, 50, dtype=np.float32),
        "array_bool": lambda: np.array([True, False] * 20),
        "array_empty": lambda: np.array([]),
        "array_infinite": lambda: np.array([1.0, float("inf")]),
        "array_object": lambda: np.array([1, "a", None], dtype=object),
        "list": lambda: [1, np.float32(0.5), np.arange(40)],
        "nested": lambda: {"a": {"b": np.arange(3)}, "c": {1: 2, 2.5: 3, np.int64(7): 4}},
        "histogram": lambda: wandb.Histogram([1, 2, 3]),
        "histogram_numpy": lambda: wandb.Histogram(np_histogram=np.histogram(np.arange(10), bins=3)),
        "histogram_empty": lambda: wandb.Histogram([]),
        "histograms": lambda: [wandb.Histogram([1, 2])] * 2,
        "image": lambda: wandb.Image(PIXELS, caption="c"),
        "image/with a.b:c": lambda: wandb.Image(PIXELS),
        "/rooted/../image": lambda: wandb.Image(PIXELS),
        ".": lambda: wandb.Image(PIXELS),
        "image_grey": lambda: wandb.Image(PIXELS[:, :, 0]),
        "image_one_channel": lambda: wandb.Image(PIXELS[:, :, :1]),
        "image_batch": lambda: wandb.Image(PIXELS[None]),
        "image_floats": lambda: wandb.Image(PIXELS.astype(np.float32) + 0.7),
        "image_mode": lambda: wandb.Image(PIXELS, mode="L"),
        "image_alpha": lambda: wandb.Image(np.full((4, 6, 4), 9, np.uint8)),
        "image_jpg": lambda: wandb.Image(PIXELS, file_type="jpg"),
        "image_bmp": lambda: wandb.Image(PIXELS, file_type="bmp", grouping=3),
        "image_palette": lambda: wandb.Image(PillowImage.new("P", (3, 3))),
        "image_boxes": lambda: wandb.Image(
            PIXELS,
            boxes={"pred": BOXES, "truth": {**BOXES, "class_labels": {1: "cat", 2: "dog"}}},
            masks={"gt": {"mask_data": MASK, "class_labels": {0: "a", 1: "b"}}, "other": {"mask_data": MASK}},
            classes=[{"id": 7, "name": "n"}],
        ),
        "images": lambda: images(None, None),
        "images_captions": lambda: images("a", "b"),
        "images_caption": lambda: images("a", None),
        "images_boxes": lambda: [
            wandb.Image(PIXELS, masks={"m": {"mask_data": MASK}}),
            wandb.Image(PIXELS, boxes={"b": BOXES}),
        ],
        "mixed": lambda: [wandb.Image(PIXELS), wandb.Html("x")],
        "html": lambda: wandb.Html("<p>hi</p>"),
        "html_page": lambda: wandb.Html("<html><body>é</body></html>"),
        "html_head": lambda: wandb.Html("<html><head><title>x</title></head></html> "),
        "html_plain": lambda: wandb.Html("<p>", inject=False),
        "html_file": lambda: wandb.Html(io.StringIO("<p>")),
        "htmls": lambda: [wandb.Html("a"), wandb.Html("b")],
        "points": lambda: wandb.Object3D(np.arange(6.0).reshape(2, 3), caption="c"),
        "objects": lambda: [wandb.Object3D(np.arange(8).reshape(2, 4)), wandb.Object3D(np.arange(12).reshape(2, 6))],
        "scene": lambda: wandb.Object3D.from_point_cloud(
            points=[[0, 0, 0]],
            boxes=[
                wandb.box3d(center=(0, 0, 1), size=(1, 2, 3), orientation=(1, 0, 0.5, 0), color=(1, 2, 3), label="q")
            ],
            vectors=[{"start": [0, 0, 0], "end": [1, 1, 1]}],
        ),
        "model": lambda: wandb.Object3D(io.StringIO("v 1 2 3"), file_type="obj"),
        "molecule": lambda: wandb.Molecule(io.StringIO("ATOM"), caption="c", file_type="pdb"),
        "molecules": lambda: [wandb.Molecule(io.StringIO("ATOM"), file_type="pdb")],
        "video": lambda: wandb.Video(io.BytesIO(b"film"), format="mp4", caption="v"),
        "videos": lambda: [wandb.Video(io.BytesIO(b"film"), format="mp4")],
        "graph": graph,
        "table": lambda: table(columns=["a", "b"], data=[[1, "x"], [2.5, None], [float("nan"), "é"]]),
        "table_numbers": lambda: table(columns=["a"], data=[[np.float32(0.1)], [True]], allow_mixed_types=True),
        "table_arrays": lambda: table(columns=["a", "t"], data=[[np.arange(40), moment]]),
        "table_mutable": lambda: table(columns=["a"], data=[[1]], log_mode="MUTABLE"),
        "table_incremental": lambda: table(columns=["a"], data=[[1]], log_mode="INCREMENTAL"),
        "bar": lambda: wandb.plot.bar(table(columns=["l", "v"], data=[["a", 1]]), "l", "v", title="t"),
        "histogram_chart": lambda: wandb.plot.histogram(table(columns=["v"], data=[[1]]), "v"),
        "line": lambda: wandb.plot.line(table(columns=["x", "y"], data=[[1, 2]]), "x", "y", stroke="x"),
        "matrix": lambda: wandb.plot.confusion_matrix(y_true=[0, 1, 1], preds=[0, 1, 0], class_names=["x", "y"]),
        "series": lambda: wandb.plot.line_series([0, 1], [[1, 2], [3, 4]], split_table=True),
        "visualized": lambda: wandb.visualize("wandb/x/v1", table(columns=["a"], data=[[1]])),
        "group": lambda: {"chart": wandb.plot.scatter(table(columns=["a", "b"], data=[[1, 2]]), "a", "b")},
    }


def differing(wandb: Any) -> dict[str, Callable[[], Any]]:
    """Key → what makes a value that both log, in different forms on purpose."""
    import decimal
    import fractions

    return {
        "decimal": lambda: decimal.Decimal("1.50"),
        "fraction": lambda: fractions.Fraction(1, 4),
        "duration": lambda: datetime.timedelta(seconds=5),
        "image_unit_floats": lambda: wandb.Image(np.array([[0.0, 0.5, 1.0]])),
        "image_beyond": lambda: wandb.Image(np.array([[300, -1]])),
        "image_bool": lambda: wandb.Image(np.array([[True, False]])),
        "images_second_caption": lambda: [wandb.Image(PIXELS), wandb.Image(PIXELS, caption="b")],
        "table_media": lambda: wandb.Table(columns=["i"], data=[[wandb.Image(PIXELS)]]),
        "key\\with": lambda: wandb.Image(PIXELS),
    }


def typed_tables(wandb: Any) -> dict[str, Callable[[], Any]]:
    """Name → what makes a table whose types of columns are compared."""
    table = wandb.Table
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5)

    def image(**layers: Any) -> Any:
        return wandb.Image(PIXELS, classes=[{"id": 7, "name": "n"}], **layers)

    def linked() -> Any:
        result = table(columns=["id", "name"], data=[["1", "Ada"]])
        result.set_pk("id")
        return result

    def cast() -> Any:
        result = table(columns=["a", "b", "c"], data=[[1, "x", 1]])
        result.cast("a", wandb.Classes([{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]).get_type())
        result.cast("b", ["x", "y"], optional=True)
        result.add_data(2, "y", 2)
        return result

    return {
        "plain": lambda: table(columns=["n", "s", "b", "none"], data=[[1, "x", True, None], [2.5, None, None, None]]),
        "strict": lambda: table(columns=["n", "s"], data=[[1, "x"]], optional=False),
        "mixed": lambda: table(columns=["a"], data=[[1], ["x"]], allow_mixed_types=True),
        "moments": lambda: table(columns=["t", "d", "np"], data=[[moment, moment.date(), np.datetime64(moment, "ms")]]),
        "growing": lambda: table(columns=["a"], data=[[[1, 2]], [[1, 2, 3]], [[]]]),
        "embeddings": lambda: table(columns=["a"], data=[[np.zeros(3)], [np.ones(3)], [None]]),
        "nested": lambda: table(
            columns=["list", "lists", "dict", "tuple"],
            data=[[[1, 2], [["a"], ["b"]], {"k": 1, "l": [True]}, (1,)]],
        ),
        "numpy": lambda: table(columns=["f", "i", "b"], data=[[np.float32(1), np.int8(2), np.bool_(True)]]),
        "empty": lambda: table(columns=["o"]),
        "nan": lambda: table(columns=["a"], data=[[float("nan")], [1.0]]),
        "declared": lambda: table(columns=["a", "b", "c"], dtype=[int, str, [int, str]], data=[[1, "x", "y"]]),
        "optional": lambda: table(columns=["a", "b"], optional=[True, False], data=[[None, 1]]),
        "cast": cast,
        "linked": linked,
        "images": lambda: table(
            columns=["i"],
            data=[
                [image(boxes={"pred": BOXES})],
                [image(masks={"m": {"mask_data": MASK, "class_labels": {0: "zero"}}})],
            ],
        ),
        "html": lambda: table(columns=["h", "v"], data=[[wandb.Html("x"), None]]),
    }
