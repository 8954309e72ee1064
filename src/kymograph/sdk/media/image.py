"""Images: of arrays, tensors, Pillow images, figures and files, with boxes and masks over them."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from logging import getLogger
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import BatchableMedia, MediaPlace, Shelf, captions_of
from kymograph.sdk.media.dtypes import ConstType, DType
from kymograph.sdk.media.matplotlib_figures import drawn
from kymograph.sdk.media.overlays import BoundingBoxes2D, Classes, ImageMask, Overlay
from kymograph.types import JsonObject, JsonValue

if TYPE_CHECKING:
    import numpy as np

REFERENCE = re.compile(r"(gs|s3|https?)://")
"""Begins the address of an image that lies elsewhere."""
_FORMATS = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "bmp": "bmp"}
"""Name of a format → Pillow's name for it."""
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}

_logger = getLogger(__name__)


class Image(BatchableMedia):
    """An image.

    Attributes:
        format: ``png``, ``jpg``, ``jpeg`` or ``bmp``; of a file, its extension.
        width, height: In pixels; ``None`` if they cannot be told.
        grouping: A number that groups images.
        boxes, masks: By name.
        classes: Names of the classes in all boxes and masks, or ``None``.
    """

    log_type: ClassVar[str] = "image-file"
    subfolder: ClassVar[str] = "images"
    max_items: ClassVar[int | None] = 108
    MAX_ITEMS: ClassVar[int] = 108
    MAX_DIMENSION: ClassVar[int] = 65_500
    """Pixels of a side at most: the largest that JPEG and its readers take. Source: seeds.md E.10."""

    def __init__(
        self,
        data_or_path: Any,
        mode: str | None = None,
        caption: str | None = None,
        grouping: int | None = None,
        classes: Classes | Sequence[Mapping[str, Any]] | None = None,
        boxes: Mapping[str, BoundingBoxes2D | Mapping[str, Any]] | None = None,
        masks: Mapping[str, ImageMask | Mapping[str, Any]] | None = None,
        file_type: str | None = None,
        normalize: bool = True,
    ) -> None:
        """Encode an image, or take a file as it is.

        Args:
            data_or_path: An array (height, width) or (height, width, channels) with 1, 3 or 4 channels; a tensor of
                PyTorch (channels, height, width); an image of Pillow; a figure of matplotlib; the path of an image
                file; or another `Image`, whose picture is taken without its boxes and masks.
            mode: Pillow's mode to convert arrays to; by default from the number of channels.
            caption: Shown below it.
            grouping: A number that groups images.
            classes: Names of classes, beside those that boxes and masks bring.
            boxes: By name, such as ``"predictions"``.
            masks: By name.
            file_type: ``png`` (default), ``jpg``, ``jpeg`` or ``bmp``; files keep theirs.
            normalize: Whether to scale arrays of floats within [0, 1] or [-1, 1], and of booleans, to 0…255, and to
                clip what is outside 0…255. Integers are never scaled. Without, values are cut to 8 bits.

        Raises:
            InvalidMedia: The shape or type cannot be an image, or a side is too long.
            MediaFileNotFound: There is no such file.
            MissingPackage: Pillow is not installed.
        """
        self.grouping = grouping
        self.width: int | None = None
        self.height: int | None = None
        self.boxes: dict[str, BoundingBoxes2D] = {}
        self.masks: dict[str, ImageMask] = {}
        if isinstance(data_or_path, Image):
            self._take(data_or_path, caption)
        elif isinstance(data_or_path, str) and REFERENCE.match(data_or_path):
            self.reference = data_or_path
            self.format = data_or_path.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
            super().__init__(b"", extension=f".{self.format}", caption=caption)
        elif isinstance(data_or_path, str | PathLike):
            self._open(Path(data_or_path), caption)
        else:
            self.format = file_type or "png"
            if self.format not in _FORMATS:
                raise InvalidMedia("Image", f"file_type is {file_type!r}, and may be {', '.join(_FORMATS)}")
            picture = _picture_of(data_or_path, mode, is_jpeg=_FORMATS[self.format] == "jpeg", normalize=normalize)
            self._encode(picture, caption)
        self.classes = self._overlay(boxes, masks, classes)

    def _take(self, other: Image, caption: str | None) -> None:
        super().__init__(other._content, extension=other._extension, caption=caption or other.caption)
        self.format, self.width, self.height = other.format, other.width, other.height
        self.reference = other.reference
        self.came_from, self.put_into = other.came_from, other.put_into
        self.grouping = other.grouping if self.grouping is None else self.grouping

    def _open(self, path: Path, caption: str | None) -> None:
        super().__init__(path, extension=path.suffix, caption=caption)
        self.format = path.suffix[1:]
        pillow = foreign.require("PIL.Image", "an image file")
        try:
            with pillow.open(path) as picture:
                self._measure(picture)
        except pillow.UnidentifiedImageError as exc:
            raise InvalidMedia("Image", f"{path} is no image that Pillow can read") from exc

    def _encode(self, picture: Any, caption: str | None) -> None:
        self._measure(picture)
        encoded = io.BytesIO()
        try:
            picture.save(encoded, format=_FORMATS[self.format], transparency=None)
        except (OSError, ValueError) as exc:  # what Pillow raises for a mode that a format does not have
            raise InvalidMedia("Image", f"{exc}; convert it to RGB first, or choose another file_type") from exc
        super().__init__(encoded.getvalue(), extension=f".{self.format}", caption=caption)

    def _measure(self, picture: Any) -> None:
        self.width, self.height = picture.size
        if max(picture.size) > self.MAX_DIMENSION:
            raise InvalidMedia(
                "Image", f"it is {self.width} × {self.height}; {self.MAX_DIMENSION} is the most of a side"
            )

    def _overlay(
        self,
        boxes: Mapping[str, BoundingBoxes2D | Mapping[str, Any]] | None,
        masks: Mapping[str, ImageMask | Mapping[str, Any]] | None,
        classes: Classes | Sequence[Mapping[str, Any]] | None,
    ) -> Classes | None:
        for argument, given in (("boxes", boxes), ("masks", masks)):
            if given is not None and not isinstance(given, Mapping):
                raise InvalidMedia("Image", f"{argument} must be a mapping of names")
        for name, box in (boxes or {}).items():
            self.boxes[name] = box if isinstance(box, BoundingBoxes2D) else BoundingBoxes2D(box, name)
        for name, mask in (masks or {}).items():
            self.masks[name] = mask if isinstance(mask, ImageMask) else ImageMask(mask, name)
        names: dict[Any, str] = {}
        overlays: list[Overlay] = [*self.boxes.values(), *self.masks.values()]
        for overlay in overlays:
            names.update(overlay.class_labels or {})
        if classes is not None:
            class_set = classes if isinstance(classes, Classes) else Classes(classes)
            names.update({item["id"]: item["name"] for item in class_set.class_set})
        return Classes([{"id": number, "name": name} for number, name in names.items()]) if names else None

    @property
    def image(self) -> Any:
        """The image as one of Pillow; ``None`` for one that lies elsewhere."""
        if self.reference is not None:
            return None
        content = self._content
        picture = foreign.require("PIL.Image", "an image").open(
            io.BytesIO(content) if isinstance(content, bytes) else content
        )
        picture.load()
        return picture

    def to_data_array(self) -> list[list[Any]]:
        """Rows of pixels, each a number, or one number for each channel."""
        picture = self.image
        if picture is None:
            return []
        numpy = foreign.require("numpy", "an image as numbers")
        return numpy.asarray(picture).tolist()  # type: ignore[no-any-return] # two dimensions at least

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:  # noqa: D102 — docstring inherited
        if self.reference is not None:
            raise InvalidMedia("Image", f"{self.reference} lies elsewhere and can be logged in artifacts only")
        form = super().bind(place, key, step)
        form["format"] = self.format
        if self.width is not None:
            form["width"] = self.width
        if self.height is not None:
            form["height"] = self.height
        if self.grouping:
            form["grouping"] = self.grouping
        if self.boxes:
            form["boxes"] = {name: box.bind(place, key, step) for name, box in self.boxes.items()}
        if self.masks:
            form["masks"] = {name: mask.bind(place, key, step) for name, mask in self.masks.items()}
        return form

    def in_artifact(self, shelf: Shelf) -> JsonObject:
        """The form in an artifact: classes are a file beside it, boxes stand in the form itself.

        Raises:
            InvalidMedia: There are boxes or masks, and nobody said what classes there are.

        Source: the vendor's `Image.to_json` and `BoundingBoxes2D.to_json`.
        """
        if (self.boxes or self.masks) and self.classes is None:
            raise InvalidMedia(
                "Image",
                "classes must be passed to wandb.Image which have masks or bounding boxes when adding to artifacts",
            )
        form = super().in_artifact(shelf)
        form["format"] = self.format
        if self.width is not None and self.height is not None:
            form |= {"width": self.width, "height": self.height}
        if self.grouping:
            form["grouping"] = self.grouping
        if self.classes is not None:
            path, digest = shelf.put_object(self.classes, f"media/classes/{self.classes.identity()}_cls")
            form["classes"] = {"type": "classes-file", "path": path, "digest": digest}
        if self.boxes:
            form["boxes"] = {name: box.in_artifact(shelf) for name, box in self.boxes.items()}
        if self.masks:
            form["masks"] = {name: mask.in_artifact(shelf) for name, mask in self.masks.items()}
        return form

    @classmethod
    def bind_group(cls, items: Sequence[Self], place: MediaPlace, key: str, step: int) -> JsonObject:
        """Write the files of `items`; the common form tells the size and format of the first alone."""
        forms = [item.bind(place, key, step) for item in items]
        first = items[0]
        if len({(item.width, item.height) for item in items}) > 1:
            _logger.warning("the images under %r are of different sizes; they are shown in the size of the first", key)
        form: JsonObject = {"_type": "images/separated", "width": first.width, "height": first.height}
        form |= {"format": first.format, "count": len(items), "filenames": [item["path"] for item in forms]}
        captions = captions_of(items)
        if captions is not None:
            form["captions"] = captions
        for all_of_them, one in (("all_masks", "masks"), ("all_boxes", "boxes")):
            overlays: list[JsonValue] = [item.get(one) for item in forms]
            if any(overlay is not None for overlay in overlays):
                form[all_of_them] = overlays
        return form

    def data_type(self) -> DType:  # noqa: D102 — docstring inherited
        labels = {name: box.class_labels or {} for name, box in self.boxes.items()}
        mask_labels = {name: mask.class_labels or {} for name, mask in self.masks.items()}
        scores = {score for boxes in self.boxes.values() for box in boxes.boxes for score in box.get("scores", {})}
        classes = {str(item["id"]): item["name"] for item in self.classes.class_set} if self.classes else {}
        return ImageType(
            box_layers={str(name): set(of_layer) for name, of_layer in labels.items()},
            box_score_keys=scores,
            mask_layers={str(name): set(of_layer) for name, of_layer in mask_labels.items()},
            box_class_maps={str(name): _texts(of_layer) for name, of_layer in labels.items()},
            mask_class_maps={str(name): _texts(of_layer) for name, of_layer in mask_labels.items()},
            class_map=classes,
        )

    @classmethod
    def any_data_type(cls) -> DType:  # noqa: D102 — docstring inherited
        return ImageType()


def _texts(labels: Mapping[Any, str]) -> dict[str, str]:
    return {str(number): label for number, label in labels.items()}


class ImageType(DType):
    """Images, with the names of what is drawn over them: a column knows those of all its images."""

    name: ClassVar[str] = "image-file"

    def __init__(
        self,
        *,
        box_layers: Mapping[str, set[Any]] | None = None,
        box_score_keys: set[str] | None = None,
        mask_layers: Mapping[str, set[Any]] | None = None,
        box_class_maps: Mapping[str, Mapping[str, str]] | None = None,
        mask_class_maps: Mapping[str, Mapping[str, str]] | None = None,
        class_map: Mapping[str, str] | None = None,
    ) -> None:
        """Take the names of sets of boxes and masks, with the classes of each."""
        self.box_layers = dict(box_layers or {})
        self.box_score_keys = set(box_score_keys or ())
        self.mask_layers = dict(mask_layers or {})
        self.box_class_maps = {name: dict(labels) for name, labels in (box_class_maps or {}).items()}
        self.mask_class_maps = {name: dict(labels) for name, labels in (mask_class_maps or {}).items()}
        self.class_map = dict(class_map or {})

    def accept_type(self, other: DType) -> DType | None:  # noqa: D102 — docstring inherited
        if not isinstance(other, ImageType):
            return None
        if self == other:
            return self
        return ImageType(
            box_layers=_merged_sets(self.box_layers, other.box_layers),
            box_score_keys=self.box_score_keys | other.box_score_keys,
            mask_layers=_merged_sets(self.mask_layers, other.mask_layers),
            box_class_maps=_merged_maps(self.box_class_maps, other.box_class_maps),
            mask_class_maps=_merged_maps(self.mask_class_maps, other.mask_class_maps),
            class_map=other.class_map | self.class_map,
        )

    def params(self) -> dict[str, Any]:  # noqa: D102 — docstring inherited
        return {
            "box_layers": ConstType(self.box_layers),
            "box_score_keys": ConstType(self.box_score_keys),
            "mask_layers": ConstType(self.mask_layers),
            "box_class_maps": ConstType(self.box_class_maps),
            "mask_class_maps": ConstType(self.mask_class_maps),
            "class_map": ConstType(self.class_map),
        }

    def __eq__(self, other: object) -> bool:
        """Whether all names are the same."""
        return isinstance(other, ImageType) and vars(self) == vars(other)

    __hash__ = object.__hash__


def _merged_sets(first: Mapping[str, set[Any]], second: Mapping[str, set[Any]]) -> dict[str, set[Any]]:
    return {name: first.get(name, set()) | second.get(name, set()) for name in {**first, **second}}


def _merged_maps(
    first: Mapping[str, Mapping[str, str]], second: Mapping[str, Mapping[str, str]]
) -> dict[str, Mapping[str, str]]:
    return {name: {**second.get(name, {}), **first.get(name, {})} for name in {**first, **second}}


def _picture_of(data: Any, mode: str | None, *, is_jpeg: bool, normalize: bool) -> Any:
    """An image of Pillow."""
    pillow = foreign.require("PIL.Image", "an image")
    if foreign.is_pillow_image(data):
        return data
    if foreign.is_matplotlib(data):
        return drawn(data)
    array = foreign.as_array(data)
    if array is None:
        raise InvalidMedia("Image", f"it cannot be made of {type(data).__name__}; give an array, an image or a path")
    if foreign.is_tensor(data) and array.ndim == 3:
        array = array.transpose(1, 2, 0)
    given = list(array.shape)
    array = _without_trivial_axes(array)
    channels = 1 if array.ndim == 2 else array.shape[-1] if array.ndim == 3 else 0
    if channels not in _MODES or not array.size:
        raise InvalidMedia("Image", f"an array of shape {given} is none: (height, width) or (height, width, 1, 3 or 4)")
    if array.dtype.kind not in "biuf":
        raise InvalidMedia("Image", f"an array of {array.dtype} is none: give numbers from 0 to 255")
    wanted = mode or _MODES[channels]
    if is_jpeg and wanted == "RGBA":
        _logger.warning("JPEG knows no transparency; the image is logged without")
        wanted = "RGB"
    picture = pillow.fromarray(_as_bytes(array, normalize=normalize))
    return picture if picture.mode == wanted else picture.convert(wanted)


def _without_trivial_axes(array: np.ndarray) -> np.ndarray:
    """An array without a batch of one and without a single channel; height and width may be 1."""
    while array.ndim > 3 and 1 in array.shape:
        axis = array.shape.index(1)
        array = array.reshape(array.shape[:axis] + array.shape[axis + 1 :])
    if array.ndim == 3 and array.shape[2] == 1:
        return array.reshape(array.shape[:2])
    if array.ndim == 3 and array.shape[0] == 1 and array.shape[2] not in _MODES:
        return array.reshape(array.shape[1:])
    return array


def _as_bytes(array: np.ndarray, *, normalize: bool) -> np.ndarray:
    """Pixels from 0 to 255.

    Source: the vendor's clients before 0.31 scale as `normalize` does; 0.31 takes every array as 0…255, so that
    floats within [0, 1] come out black there.
    """
    import numpy as np

    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * (255 if normalize else 1)
    if array.dtype.kind == "f":
        array = np.nan_to_num(array.astype(np.float64), posinf=255.0, neginf=0.0)
        if normalize:
            low, high = array.min(), array.max()
            if low >= 0 and high <= 1:
                array = array * 255
            elif low >= -1 and high <= 1:
                array = (array + 1) * 127.5
    if normalize:
        array = array.clip(0, 255)
    elif array.dtype.kind == "f":
        array = array.astype(np.int64)
    return array.astype(np.uint8)
