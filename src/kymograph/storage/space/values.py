"""What the space ports give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from kymograph.types import ArtifactId, ObjectKey, ProjectId


class Sized(NamedTuple):
    """A version that was chosen, and what moving it costs."""

    artifact: ArtifactId
    project: ProjectId
    """Of the collection that it was made in."""
    file_count: int


@dataclass(frozen=True, slots=True)
class Doomed:
    """An object that nothing names any more."""

    object_key: ObjectKey
    size_bytes: int
