"""A run's config document: ``{key: {"value": v}}``, with the client's own notes under ``_wandb``.

The document is stored as the client sent it, so its form is part of the domain. Source: protocol.md §4.2.
"""

from __future__ import annotations

from kymograph.types import JsonObject

INTERNAL_KEY = "_wandb"
"""Where a client keeps notes about itself, in config and summary."""


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
