"""What is drawn over images: bounding boxes, masks, and the names of their classes.

Boxes and masks are files beside the image, and the class names of each set go into the run's config once, instead of
into every row.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from numbers import Number
from pathlib import Path
from typing import Any, ClassVar

from kymograph.core import exact_json
from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import Content, Media, MediaPlace, Shelf, Value
from kymograph.sdk.media.dtypes import NONE, ConstType, DType, StoreValue, UnionType, union
from kymograph.types import JsonObject, JsonValue

DELIMITER = "_wandb_delimeter_"
"""Between the key of an image and the name of a set of boxes or masks, in the config. The spelling is the wire's."""

ClassLabels = Mapping[Any, str]
"""Number of a class → its name."""


class Overlay(Media):
    """A set of boxes, or a mask."""

    labels_type: ClassVar[str]
    """Under which name class labels stand in the config."""

    def __init__(self, content: Content, *, extension: str, name: str, class_labels: ClassLabels | None) -> None:
        """Take encoded content and what the set is called."""
        super().__init__(content, extension=extension)
        self.name = name
        self.class_labels = class_labels

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:  # noqa: D102 — docstring inherited
        form = super().bind(place, key, step)
        if self.class_labels is not None:
            full_key = f"{key}{DELIMITER}{self.name}"
            labels: JsonObject = {str(number): label for number, label in self.class_labels.items()}
            value: JsonValue = {"type": self.labels_type, "key": full_key, "value": labels}
            place.configure(("_wandb", self.labels_type, full_key), value)
        return form


class BoundingBoxes2D(Overlay):
    """A set of boxes in an image: predictions, say, or the truth.

    Attributes:
        boxes: One mapping each, see the constructor.
    """

    log_type: ClassVar[str] = "boxes2D"
    subfolder: ClassVar[str] = "metadata/boxes2D"
    labels_type: ClassVar[str] = "bounding_box/class_labels"
    artifact_type: ClassVar[str | None] = "bounding-boxes"

    def __init__(self, val: Mapping[str, Any], key: str) -> None:
        """Take boxes, and what the set is called (`key`).

        Args:
            val: ``box_data``, a list of boxes, and optionally ``class_labels`` (number → name). A box has a
                ``position``, either ``minX, maxX, minY, maxY`` or ``middle`` (x, y), ``width``, ``height``, in
                fractions of the image unless ``domain`` is ``"pixel"``; and optionally ``class_id``, ``scores``
                (name → number) and ``box_caption``.
            key: Names this set among those of an image.

        Raises:
            InvalidMedia: A box lacks its position, or something is of the wrong type.
        """
        boxes = val.get("box_data")
        if not isinstance(boxes, list):
            raise InvalidMedia("BoundingBoxes2D", "box_data must be a list of boxes")
        self.boxes = [_checked_box(box, index) for index, box in enumerate(boxes)]
        labels = _checked_labels("BoundingBoxes2D", val.get("class_labels"))
        if labels is None:
            numbers = sorted({int(box["class_id"]) for box in self.boxes if "class_id" in box})
            labels = {number: f"class_{number}" for number in numbers}
        document = {**val, "box_data": self.boxes}
        if "class_labels" in val:
            document["class_labels"] = {str(number): label for number, label in labels.items()}
        content = exact_json.dumps(foreign.plain(document)).encode()
        super().__init__(content, extension=".boxes2D.json", name=key, class_labels=labels)

    def in_artifact(self, shelf: Shelf) -> JsonValue:  # type: ignore[override] # boxes alone are a list
        """The boxes themselves; readers know them by where they stand."""
        return foreign.plain(self.boxes)  # type: ignore[no-any-return] # checked when they were taken


def _checked_box(box: object, index: int) -> dict[str, Any]:
    where = f"box_data[{index}]"
    if not isinstance(box, Mapping):
        raise InvalidMedia("BoundingBoxes2D", f"{where} must be a mapping")
    plain: Any = foreign.plain(dict(box))
    position = plain.get("position")
    if not isinstance(position, dict) or not (_has_corners(position) or _has_middle(position)):
        raise InvalidMedia(
            "BoundingBoxes2D",
            f"{where} needs a position of numbers: minX, maxX, minY, maxY, or middle (two), width, height",
        )
    if "class_id" in plain and not isinstance(plain["class_id"], int):
        raise InvalidMedia("BoundingBoxes2D", f"class_id of {where} must be an integer")
    if not isinstance(plain.get("box_caption", ""), str):
        raise InvalidMedia("BoundingBoxes2D", f"box_caption of {where} must be a text")
    scores = plain.get("scores", {})
    if not isinstance(scores, dict) or not all(isinstance(score, int | float) for score in scores.values()):
        raise InvalidMedia("BoundingBoxes2D", f"scores of {where} must map names to numbers")
    return plain  # type: ignore[no-any-return] # checked just now


def _has_corners(position: Mapping[str, Any]) -> bool:
    return all(isinstance(position.get(side), int | float) for side in ("minX", "maxX", "minY", "maxY"))


def _has_middle(position: Mapping[str, Any]) -> bool:
    middle = position.get("middle")
    return (
        isinstance(middle, list)
        and len(middle) == 2
        and all(isinstance(position.get(side), int | float) for side in ("width", "height"))
    )


def _checked_labels(kind: str, labels: object) -> ClassLabels | None:
    if labels is None:
        return None
    if not isinstance(labels, Mapping) or not all(
        isinstance(number, Number) and isinstance(label, str) for number, label in labels.items()
    ):
        raise InvalidMedia(kind, "class_labels must map numbers to texts")
    return labels


class ImageMask(Overlay):
    """A class for each pixel of an image."""

    log_type: ClassVar[str] = "mask"
    subfolder: ClassVar[str] = "images/mask"
    labels_type: ClassVar[str] = "mask/class_labels"

    def __init__(self, val: Mapping[str, Any], key: str) -> None:
        """Take a mask, and what it is called (`key`).

        Args:
            val: ``mask_data``, an array (height, width) of class numbers from 0 to 255, or ``path``, an image file
                of one; and optionally ``class_labels`` (number → name).
            key: Names this mask among those of an image.

        Raises:
            InvalidMedia: There is no mask, it has no two dimensions, or a number is out of range.
            MediaFileNotFound: `path` is no file.
            MissingPackage: NumPy or Pillow is not installed.
        """
        labels = _checked_labels("ImageMask", val.get("class_labels"))
        if "path" in val:
            path = Path(val["path"])
            super().__init__(path, extension=path.suffix, name=key, class_labels=labels)
            return
        if val.get("mask_data") is None:
            raise InvalidMedia("ImageMask", "give mask_data, an array of class numbers, or the path of a mask")
        numpy = foreign.require("numpy", "a mask")
        data = foreign.as_array(val["mask_data"])
        data = numpy.asarray(val["mask_data"]) if data is None else data
        if data.ndim != 2:
            raise InvalidMedia("ImageMask", f"mask_data must have two dimensions, and has {data.ndim}")
        if not ((data >= 0) & (data <= 255)).all():
            raise InvalidMedia("ImageMask", "the numbers in mask_data must be from 0 to 255")
        if labels is None:
            labels = {int(number): f"class_{int(number)}" for number in numpy.unique(data)}
        image = foreign.require("PIL.Image", "a mask").fromarray(data.astype(numpy.uint8))
        encoded = io.BytesIO()
        image.save(encoded, format="png", transparency=None)
        super().__init__(encoded.getvalue(), extension=".mask.png", name=key, class_labels=labels)


class Classes(Value):
    """Names of classes, by number or text: for tables and artifacts with images in them.

    Attributes:
        class_set: One mapping ``{"id": …, "name": …}`` each.
    """

    log_type: ClassVar[str] = "classes"

    def __init__(self, class_set: Sequence[Mapping[str, Any]]) -> None:
        """Take the classes.

        Raises:
            InvalidMedia: One has no id or no name.
        """
        if not all("id" in item and "name" in item for item in class_set):
            raise InvalidMedia("Classes", 'each class must be a mapping {"id": …, "name": …}')
        self.class_set = [dict(item) for item in class_set]

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:  # noqa: D102 — docstring inherited
        return {"_type": self.log_type, "class_set": foreign.plain(self.class_set)}

    def in_artifact(self, shelf: Shelf) -> JsonValue:  # noqa: D102 — docstring inherited
        return {"_type": self.log_type, "class_set": foreign.plain(self.class_set)}

    def identity(self) -> str:
        """Names this set of classes: 32 hex digits. Source: the vendor's `Image.to_json`."""
        return hashlib.md5(str(self.class_set).encode(), usedforsecurity=False).hexdigest()

    def get_type(self) -> ClassesIdType:
        """The type of a table's column that holds ids of these classes."""
        return ClassesIdType(self)

    def data_type(self) -> DType:  # noqa: D102 — docstring inherited
        return self.get_type()

    def __eq__(self, other: object) -> bool:
        """Whether the classes are the same."""
        return isinstance(other, Classes) and self.class_set == other.class_set

    __hash__ = object.__hash__


class ClassesIdType(DType):
    """Ids of classes: the numbers or texts of one set, and ``None`` where that is among them."""

    name: ClassVar[str] = "classesId"

    def __init__(self, classes: Classes) -> None:
        """Take the classes whose ids are meant."""
        self.classes = classes
        self.valid_ids: UnionType = union([ConstType(item["id"]) for item in classes.class_set])

    def accept(self, value: object) -> DType | None:  # noqa: D102 — docstring inherited
        return self.accept_type(NONE if value is None else ConstType(value))

    def accept_type(self, other: DType) -> DType | None:  # noqa: D102 — docstring inherited
        return None if self.valid_ids.accept_type(other) is None else self

    def to_json(self, store_value: StoreValue | None = None) -> JsonObject:
        """As others; in an artifact the classes are a file of their own."""
        form = super().to_json(store_value)
        if store_value is not None:
            path, digest = store_value(self.classes)
            params = form["params"]
            assert isinstance(params, dict)
            params["classes_obj"] = {"type": "classes-file", "path": path, "digest": digest}
        return form

    def params(self) -> dict[str, Any]:  # noqa: D102 — docstring inherited
        classes = {"_type": Classes.log_type, "class_set": foreign.plain(self.classes.class_set)}
        return {"valid_ids": self.valid_ids, "classes_obj": classes}

    def __eq__(self, other: object) -> bool:
        """Whether the classes are the same."""
        return isinstance(other, ClassesIdType) and self.classes == other.classes

    __hash__ = object.__hash__
