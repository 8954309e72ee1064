"""A run's config document: ``{key: {"value": v}}``, with the client's own notes under ``_wandb``.

The document is stored as the client sent it, so its form is part of the domain. Source: protocol.md §4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from kymograph.types import JsonObject

INTERNAL_KEY = "_wandb"
"""Where a client keeps notes about itself, in config and summary."""
MAX_STEP = 2**63 - 1


def unwrap_config(document: JsonObject) -> JsonObject:
    """Give plain ``{key: value}``, without the client's own notes."""
    return {
        key: item["value"] if isinstance(item, dict) and "value" in item else item
        for key, item in document.items()
        if key != INTERNAL_KEY
    }


def internal_notes(document: JsonObject) -> JsonObject:
    """What the client notes about itself: ``m`` metrics, ``t`` telemetry, ``e`` environment and more."""
    notes = document.get(INTERNAL_KEY)
    value = notes.get("value") if isinstance(notes, dict) else None
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class BranchPoint:
    """Where a fork left its parent."""

    run_id: str
    step: int


def branch_point(document: JsonObject) -> BranchPoint | None:
    """The parent of a forked run, None for others."""
    point = internal_notes(document).get("branch_point")
    if not isinstance(point, dict):
        return None
    run_id, step = point.get("run_id"), point.get("step")
    if isinstance(run_id, str) and isinstance(step, (int, float)) and abs(step) <= MAX_STEP:
        return BranchPoint(run_id, int(step))
    return None
