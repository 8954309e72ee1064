"""Which of the page's colours a run gets. The colours themselves are the page's business."""

from __future__ import annotations

from collections.abc import Collection

SLOTS = 24
REMEMBERED = SLOTS - 1
"""A slot is avoided while it is among those of this many previous runs, so any 24 runs in a row differ."""
_STEP = 7
"""Coprime to 24: stepping visits every slot, and neighbours in time are not neighbours in hue."""


def assign_slot(run_id: str, previous: Collection[int]) -> int:
    """Choose a slot, 0 to 23.

    Args:
        run_id: Where the search starts, so that a run has the same colour on every server with the same history.
        previous: Slots of the `REMEMBERED` runs created before this one in its project.
    """
    first = first_slot(run_id)
    candidates = [(first + _STEP * turn) % SLOTS for turn in range(SLOTS)]
    return next((slot for slot in candidates if slot not in previous), first)


def first_slot(name: str) -> int:
    """The slot a name would have by itself."""
    return _mix(_fnv1a32(name.encode(errors="replace"))) % SLOTS


def _fnv1a32(data: bytes) -> int:
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def _mix(value: int) -> int:
    """Spread the bits (MurmurHash3's finalizer): FNV alone leaves similar ids in similar slots."""
    value ^= value >> 16
    value = value * 0x85EBCA6B & 0xFFFFFFFF
    value ^= value >> 13
    value = value * 0xC2B2AE35 & 0xFFFFFFFF
    return value ^ value >> 16
