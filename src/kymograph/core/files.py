"""Files of a run, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kymograph.types import Digest, FilePath, ObjectKey, RunKey


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """Part of an object."""

    start: int
    """First byte."""
    end: int | None = None
    """Byte after the last one; None is the end of the object."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """One uploaded file of a run; uploading again under the same path replaces it."""

    id: int
    run: RunKey
    path: FilePath
    size_bytes: int
    md5: Digest | None
    mimetype: str
    object_key: ObjectKey
    updated_at: datetime
