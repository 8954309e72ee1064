"""How long versions of artifacts live."""

from __future__ import annotations

from enum import Enum


class ArtifactTTL(Enum):
    """What `Artifact.ttl` may be besides a duration, or None for ever."""

    INHERIT = 0
    """As the team has it."""
