"""Video: of frames, which are encoded, and of files."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from logging import getLogger
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import BatchableMedia, MediaPlace, Shelf, TypedMedia, captions_of
from kymograph.types import JsonObject

if TYPE_CHECKING:
    import numpy as np

DEFAULT_FPS = 4
_ENCODERS: dict[str, dict[str, Any]] = {
    "mp4": {"codec": "libx264", "pix_fmt_out": "yuv420p"},
    "webm": {"codec": "libvpx-vp9", "pix_fmt_out": "yuv420p"},
    "ogg": {"codec": "libtheora", "pix_fmt_out": "yuv420p"},
}
"""Containers → what browsers play in them."""

_logger = getLogger(__name__)


class Video(TypedMedia, BatchableMedia):
    """A video.

    Attributes:
        format: ``gif``, ``mp4``, ``webm`` or ``ogg``.
        width, height: In pixels; ``None`` for files.
    """

    log_type: ClassVar[str] = "video-file"
    subfolder: ClassVar[str] = "videos"
    EXTS: ClassVar[tuple[str, ...]] = ("gif", "mp4", "webm", "ogg")

    def __init__(
        self, data_or_path: Any, caption: str | None = None, fps: int | None = None, format: str | None = None
    ) -> None:
        """Encode frames, or take a file as it is.

        Args:
            data_or_path: Frames (time, channels, height, width), or several videos (batch, time, channels, height,
                width), which are shown side by side; 1, 3 or 4 channels from 0 to 255. The path of a video file, or
                the bytes of one (or an open file of them).
            caption: Shown below it.
            fps: Frames per second for frames; 4 by default.
            format: One of `EXTS`; needed unless a path is given.

        Raises:
            InvalidMedia: The shape or type is none of these, or the format is missing or unknown.
            MediaFileNotFound: There is no such file.
            MissingPackage: Pillow (for ``gif``) or imageio-ffmpeg (for the others) is not installed.
        """
        self.width: int | None = None
        self.height: int | None = None
        if fps and isinstance(data_or_path, str | PathLike | bytes | io.BytesIO):
            _logger.warning("fps has no effect on a video that is encoded already")
        if isinstance(data_or_path, str | PathLike):
            path = Path(data_or_path)
            self.format = self._checked(path.suffix[1:].lower())
            super().__init__(path, extension=path.suffix, caption=caption)
            return
        self.format = self._checked(format)
        if isinstance(data_or_path, bytes):
            content = data_or_path
        elif hasattr(data_or_path, "read"):
            content = data_or_path.read()
        else:
            frames = _frames_of(data_or_path)
            _, self.height, self.width, _ = frames.shape
            content = (_gif if self.format == "gif" else _film)(frames, fps or DEFAULT_FPS, self.format)
        super().__init__(content, extension=f".{self.format}", caption=caption)

    def _checked(self, format: str | None) -> str:
        if format not in self.EXTS:
            raise InvalidMedia("Video", f"its format is {format!r}, and may be {', '.join(self.EXTS)}")
        return format

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:  # noqa: D102 — docstring inherited
        form = super().bind(place, key, step)
        if self.width is not None and self.height is not None:
            form |= {"width": self.width, "height": self.height}
        return form

    def in_artifact(self, shelf: Shelf) -> JsonObject:  # noqa: D102 — docstring inherited
        form = super().in_artifact(shelf)
        if self.width is not None and self.height is not None:
            form |= {"width": self.width, "height": self.height}
        return form

    @classmethod
    def bind_group(cls, items: Sequence[Self], place: MediaPlace, key: str, step: int) -> JsonObject:
        """Write the files of `items`; ``captions`` is false if there are none."""
        forms = [item.bind(place, key, step) for item in items]
        captions = captions_of(items)
        return {
            "_type": "videos",
            "count": len(forms),
            "videos": [*forms],
            "captions": False if captions is None else captions,
        }


def _frames_of(data: Any) -> np.ndarray:
    """Frames (time, height, width, channels) of 8 bits; of a batch, a grid of about as many rows as columns.

    Source: the order in which the vendor's client places a batch.
    """
    numpy = foreign.require("numpy", "a video from frames")
    array = foreign.as_array(data)
    if array is None:
        raise InvalidMedia("Video", f"it cannot be made of {type(data).__name__}; give frames, a path or bytes")
    if array.ndim == 4:
        array = array[None]
    if array.ndim != 5 or array.shape[2] not in (1, 3, 4) or not array.size or array.dtype.kind not in "biuf":
        raise InvalidMedia(
            "Video",
            f"frames of {array.dtype} and shape {list(array.shape)} are none: give ([batch,] time, channels, height, "
            "width) with 1, 3 or 4 channels",
        )
    if array.dtype != numpy.uint8:
        array = numpy.nan_to_num(array).clip(0, 255).astype(numpy.uint8)
    count = array.shape[0]
    padded = 1 << (count - 1).bit_length()
    if padded != count:
        array = numpy.concatenate([array, numpy.zeros((padded - count, *array.shape[1:]), dtype=numpy.uint8)])
    n_rows = 2 ** ((count.bit_length() - 1) // 2)
    n_columns = padded // n_rows
    _, time, channels, height, width = array.shape
    grid = array.reshape(n_rows, n_columns, time, channels, height, width).transpose(2, 0, 4, 1, 5, 3)
    frames = grid.reshape(time, n_rows * height, n_columns * width, channels)
    if channels == 1:
        frames = frames.repeat(3, axis=3)
    return numpy.ascontiguousarray(frames)  # type: ignore[no-any-return] # of a library without types


def _gif(frames: np.ndarray, fps: float, format: str) -> bytes:
    pillow = foreign.require("PIL.Image", "a gif")
    first, *others = [pillow.fromarray(frame).convert("RGB") for frame in frames]
    encoded = io.BytesIO()
    # Frames that are alike would be merged: a reader is to find as many as were given.
    first.save(encoded, format=format, save_all=True, append_images=others, duration=1000 / fps, loop=0, optimize=False)
    return encoded.getvalue()


def _film(frames: np.ndarray, fps: float, format: str) -> bytes:
    encoder = foreign.require("imageio_ffmpeg", f"a video as {format}")
    # The colours of two by two pixels are stored together: sides must be even.
    padded = _with_even_sides(frames[..., :3])
    with tempfile.TemporaryDirectory(prefix="kymograph-") as folder:
        path = Path(folder, f"video.{format}")
        writer = encoder.write_frames(
            str(path),
            (padded.shape[2], padded.shape[1]),
            fps=fps,
            macro_block_size=1,
            ffmpeg_log_level="error",
            **_ENCODERS[format],
        )
        writer.send(None)
        for frame in padded:
            writer.send(frame.tobytes())
        writer.close()
        return path.read_bytes()


def _with_even_sides(frames: np.ndarray) -> np.ndarray:
    import numpy as np

    _, height, width, _ = frames.shape
    if height % 2 == width % 2 == 0:
        return frames
    return np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
