"""A place for media that remembers what it was told, and tensors of a library that is not installed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from kymograph.core import exact_json
from kymograph.sdk.media import MediaPlace
from kymograph.types import JsonValue


class Recorded:
    """A run's folder, and what a run would be told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: list[str] = []
        self.configured: dict[tuple[str, ...], JsonValue] = {}
        self.place = MediaPlace(folder, self.kept.append, self.configured.__setitem__)

    def files(self) -> set[str]:
        """Paths of all files that are there."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}

    def picture(self, path: JsonValue) -> Any:
        """An image file, read whole."""
        return PillowImage.open(io.BytesIO((self.folder / str(path)).read_bytes()))

    def json(self, path: JsonValue) -> Any:
        """The content of a JSON file."""
        return exact_json.loads((self.folder / str(path)).read_bytes())


class Tensor:
    """As much of PyTorch's class as is asked for: it is known by its name and module."""

    def __init__(self, array: np.ndarray, dtype: str = "torch.float32") -> None:
        self._array = array
        self.dtype = dtype

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def float(self) -> Tensor:
        return Tensor(self._array)

    def numpy(self) -> np.ndarray:
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self._array


Tensor.__module__ = "torch"
