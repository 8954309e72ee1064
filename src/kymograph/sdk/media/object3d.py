"""Things in three dimensions: point clouds with boxes and vectors, and files of models."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from kymograph.core import exact_json
from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import MEDIA_FOLDER, BatchableMedia, MediaPlace, Shelf, TypedMedia, read_text
from kymograph.types import JsonObject, JsonValue

POINT_CLOUD = ".pts.json"
_POINT_CLOUD_TYPE = "lidar/beta"


class Object3D(TypedMedia, BatchableMedia):
    """A point cloud, or a model in a file."""

    log_type: ClassVar[str] = "object3D-file"
    subfolder: ClassVar[str] = "object3D"
    SUPPORTED_TYPES: ClassVar[frozenset[str]] = frozenset({"obj", "gltf", "glb", "babylon", "stl", "pts.json"})
    SUPPORTED_POINT_CLOUD_TYPES: ClassVar[frozenset[str]] = frozenset({_POINT_CLOUD_TYPE})

    def __init__(self, data_or_path: Any, caption: str | None = None, file_type: str | None = None) -> None:
        """Take points, a scene, or a file.

        Args:
            data_or_path: Points (n, 3): x, y, z; (n, 4): and a category from 1 to 14; or (n, 6): and red, green, blue
                from 0 to 255. A mapping with ``type`` ``"lidar/beta"`` and ``points``, ``boxes``, ``vectors``. The
                path of a model, or an open file.
            caption: Shown below it.
            file_type: Of an open file without a name, one of `SUPPORTED_TYPES`.

        Raises:
            InvalidMedia: It is none of them.
            MediaFileNotFound: There is no such file.
        """
        if not isinstance(data_or_path, PathLike) and isinstance(getattr(data_or_path, "name", None), str):
            data_or_path = Path(data_or_path.name)  # an open file that has a path
        if isinstance(data_or_path, str | PathLike):
            path = Path(data_or_path)
            super().__init__(path, extension=_extension_of(path), caption=caption)
        elif hasattr(data_or_path, "read"):
            super().__init__(
                read_text("Object3D", data_or_path).encode(), extension=_extension_given(file_type), caption=caption
            )
        else:
            document = _scene(data_or_path) if isinstance(data_or_path, Mapping) else _points(data_or_path)
            super().__init__(exact_json.dumps(document).encode(), extension=POINT_CLOUD, caption=caption)

    @classmethod
    def from_file(cls, data_or_path: str | PathLike[str] | IO[str], file_type: str | None = None) -> Self:
        """Take the path of a model, or an open file, whose type is then needed."""
        return cls(data_or_path, file_type=file_type)

    @classmethod
    def from_numpy(cls, data: Any) -> Self:
        """Take points: (n, 3), (n, 4) or (n, 6), as the constructor does."""
        if foreign.as_array(data) is None:
            raise InvalidMedia("Object3D", f"points are an array, and no {type(data).__name__}")
        return cls(data)

    @classmethod
    def from_point_cloud(
        cls,
        points: Sequence[Sequence[float]],
        boxes: Sequence[Mapping[str, Any]],
        vectors: Sequence[Mapping[str, Any]] | None = None,
        point_cloud_type: str = _POINT_CLOUD_TYPE,
    ) -> Self:
        """Take points with boxes (see `box3d`) and vectors (``start``, ``end``) among them."""
        if point_cloud_type not in cls.SUPPORTED_POINT_CLOUD_TYPES:
            raise InvalidMedia(
                "Object3D", f"point_cloud_type is {point_cloud_type!r}, and may be {_POINT_CLOUD_TYPE!r}"
            )
        return cls({"type": point_cloud_type, "points": points, "boxes": boxes, "vectors": vectors or []})

    def in_artifact(self, shelf: Shelf) -> JsonObject:
        """The form in an artifact.

        Raises:
            InvalidMedia: It is no point cloud: readers know no others there.
        """
        if self._extension != POINT_CLOUD:
            raise InvalidMedia("Object3D", "Non-point cloud 3D objects are not yet supported with Artifacts")
        return super().in_artifact(shelf)

    @classmethod
    def bind_group(cls, items: Sequence[Self], place: MediaPlace, key: str, step: int) -> JsonObject:
        """Write the files of `items`; their names are told relative to the folder of such files."""
        forms = [item.bind(place, key, step) for item in items]
        prefix = f"{MEDIA_FOLDER}/{cls.subfolder}/"
        names: list[JsonValue] = [str(form["path"]).removeprefix(prefix) for form in forms]
        return {"_type": "object3D", "filenames": names, "count": len(forms), "objects": [*forms]}


def box3d(
    *,
    center: Sequence[float],
    size: Sequence[float],
    orientation: Sequence[float],
    color: Sequence[float],
    label: str | None = None,
    score: float | None = None,
) -> JsonObject:
    """A box for `Object3D.from_point_cloud`.

    Args:
        center: x, y, z.
        size: Along its own three axes.
        orientation: Quaternion (r, i, j, k) of the rotation from the axes of the world to its own; of any length
            but 0.
        color: Red, green, blue.
        label: Shown beside it.
        score: Of a detection, say.

    Returns:
        The corners, in the order of (-, -, -), (-, -, +), … along the box's axes, and what else was given.

    Raises:
        InvalidMedia: A number is missing, or the quaternion is 0.
    """
    numpy = foreign.require("numpy", "a box")
    middle, extent = numpy.asarray(center, dtype=float), numpy.asarray(size, dtype=float)
    quaternion = numpy.asarray(orientation, dtype=float)
    if middle.shape != (3,) or extent.shape != (3,) or quaternion.shape != (4,):
        raise InvalidMedia("box3d", "center and size are three numbers each, orientation is four")
    largest = numpy.abs(quaternion).max()
    if largest == 0:
        raise InvalidMedia("box3d", "the orientation must not be 0")
    scaled = quaternion / largest  # first by the largest: squares of tiny numbers vanish
    r, i, j, k = scaled / numpy.linalg.norm(scaled)
    rotation = numpy.array(
        [
            [1 - 2 * (j * j + k * k), 2 * (i * j + k * r), 2 * (i * k - j * r)],
            [2 * (i * j - k * r), 1 - 2 * (i * i + k * k), 2 * (j * k + i * r)],
            [2 * (i * k + j * r), 2 * (j * k - i * r), 1 - 2 * (i * i + j * j)],
        ]
    )
    unit = numpy.array(list(itertools.product((-1, 1), repeat=3)), dtype=float)
    corners = middle + (0.5 * extent * unit) @ rotation
    return {"corners": corners.tolist(), "color": [*color], "label": label, "score": score}


def _extension_of(path: Path) -> str:
    for known in Object3D.SUPPORTED_TYPES:
        if path.name.endswith(f".{known}"):
            return f".{known}"
    raise InvalidMedia("Object3D", f"{path.name} is of no known type: {', '.join(sorted(Object3D.SUPPORTED_TYPES))}")


def _extension_given(file_type: str | None) -> str:
    if file_type not in Object3D.SUPPORTED_TYPES:
        known = ", ".join(sorted(Object3D.SUPPORTED_TYPES))
        raise InvalidMedia("Object3D", f"an open file needs its file_type, one of {known}; it is {file_type!r}")
    return f".{file_type}"


def _points(data: Any) -> JsonValue:
    array = foreign.as_array(data)
    if array is None:
        raise InvalidMedia("Object3D", f"it cannot be made of {type(data).__name__}; give an array, a scene or a file")
    if array.ndim != 2 or array.shape[1] not in (3, 4, 6):
        raise InvalidMedia("Object3D", f"points are of shape (n, 3), (n, 4) or (n, 6), and not {list(array.shape)}")
    return array.tolist()  # type: ignore[no-any-return] # numbers, two levels deep


def _scene(scene: Mapping[str, Any]) -> JsonObject:
    if scene.get("type") != _POINT_CLOUD_TYPE:
        raise InvalidMedia("Object3D", f"the type of a scene is {_POINT_CLOUD_TYPE!r}, and not {scene.get('type')!r}")
    parts: JsonObject = {part: foreign.plain(scene.get(part, [])) for part in ("vectors", "points", "boxes")}
    return {"type": _POINT_CLOUD_TYPE} | parts
