"""What may be wrong with an event: it is told once, and the rest goes on."""

from __future__ import annotations


class EventProblem(Exception):
    """An event holds something that cannot be logged; caught where events are turned into rows."""
