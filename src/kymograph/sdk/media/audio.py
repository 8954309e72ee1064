"""Audio: of samples, which become a WAV file, and of files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import BatchableMedia, MediaPlace, TypedMedia, captions_of
from kymograph.sdk.media.image import REFERENCE
from kymograph.types import JsonObject

if TYPE_CHECKING:
    import numpy as np


class Audio(TypedMedia, BatchableMedia):
    """A piece of audio.

    Attributes:
        sample_rate: In Hz; ``None`` for files, unless it was given.
        duration: In seconds; ``None`` for files.
    """

    log_type: ClassVar[str] = "audio-file"
    subfolder: ClassVar[str] = "audio"

    def __init__(self, data_or_path: Any, sample_rate: int | None = None, caption: str | None = None) -> None:
        """Encode samples as 16-bit WAV, or take a file as it is.

        Args:
            data_or_path: Samples (time,) or (time, channels): floats within [-1, 1], which are clipped, or integers
                of the full range of their type; or the path of an audio file.
            sample_rate: In Hz; needed for samples.
            caption: Shown below it.

        Raises:
            InvalidMedia: There is no sample rate, or the samples are none.
            MediaFileNotFound: There is no such file.
            MissingPackage: Samples were given and NumPy is not installed.
        """
        self.sample_rate = sample_rate
        self.duration: float | None = None
        if isinstance(data_or_path, str) and REFERENCE.match(data_or_path):
            self.reference = data_or_path
            super().__init__(b"", extension=Path(data_or_path).suffix, caption=caption)
        elif isinstance(data_or_path, str | PathLike):
            path = Path(data_or_path)
            super().__init__(path, extension=path.suffix, caption=caption)
        else:
            if sample_rate is None:
                raise InvalidMedia("Audio", "give the sample_rate of these samples")
            samples = _samples_of(data_or_path)
            self.duration = len(samples) / float(sample_rate)
            super().__init__(_wav(samples, sample_rate), extension=".wav", caption=caption)

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:  # noqa: D102 — docstring inherited
        if self.reference is not None:
            raise InvalidMedia("Audio", f"{self.reference} lies elsewhere and can be logged in artifacts only")
        return super().bind(place, key, step)

    @classmethod
    def bind_group(cls, items: Sequence[Self], place: MediaPlace, key: str, step: int) -> JsonObject:
        """Write the files of `items`; rates and durations are listed in their order."""
        form: JsonObject = {
            "_type": "audio",
            "count": len(items),
            "audio": [item.bind(place, key, step) for item in items],
            "sampleRates": [item.sample_rate for item in items],
            "durations": [item.duration for item in items],
        }
        captions = captions_of(items)
        if captions is not None:
            form["captions"] = [caption or "" for caption in captions]
        return form


def _samples_of(data: Any) -> np.ndarray:
    numpy = foreign.require("numpy", "audio from samples")
    array = foreign.as_array(data)
    try:
        array = numpy.asarray(data) if array is None else array
    except ValueError as exc:
        raise InvalidMedia("Audio", "its channels are of different lengths") from exc
    if array.ndim not in (1, 2) or array.dtype.kind not in "iuf" or not array.size:
        raise InvalidMedia(
            "Audio",
            f"an array of {array.dtype} and shape {list(array.shape)} is none: give (time,) or (time, channels)",
        )
    return array


def _wav(samples: np.ndarray, sample_rate: int) -> bytes:
    """Samples as a WAV file of 16 bits, which every browser plays.

    Source: the sample format that the vendor's encoder (soundfile) chooses for WAV, whatever the samples are.
    """
    import wave  # here, because it takes longer than all other imports of this package

    encoded = io.BytesIO()
    with wave.open(encoded, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(int(sample_rate))
        file.writeframes(_as_16_bits(samples).astype("<i2").tobytes())
    return encoded.getvalue()


def _as_16_bits(samples: np.ndarray) -> np.ndarray:
    import numpy as np

    if samples.dtype.kind == "f":
        finite = np.nan_to_num(samples.astype(np.float64), posinf=1.0, neginf=-1.0)
        return np.rint(finite.clip(-1.0, 1.0 - 2.0**-15) * 32_768)  # type: ignore[no-any-return] # NumPy's own Any
    bits = samples.dtype.itemsize * 8
    signed = samples.astype(np.float64)
    if samples.dtype.kind == "u":
        signed -= 2.0 ** (bits - 1)
    return np.floor(signed * 2.0 ** (16 - bits))
