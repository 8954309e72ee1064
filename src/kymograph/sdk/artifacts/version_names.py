"""How versions are named to people: by their number, whatever alias they were asked for by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact


def full_name(artifact: Artifact) -> str:
    """``entity/project/collection:v3``, also of a version that was asked for by an alias."""
    return f"{artifact.entity}/{artifact.project}/{short_name(artifact)}"


def short_name(artifact: Artifact) -> str:
    """``collection:v3``."""
    return f"{artifact.name.partition(':')[0]}:{artifact.version}"
