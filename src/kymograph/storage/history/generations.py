"""Numbers that tell readers whether lines went away."""

from __future__ import annotations

import secrets


def new_generation() -> int:
    """Random, so that a run that gets the row number of a deleted one is never taken for it."""
    return secrets.randbits(62)
