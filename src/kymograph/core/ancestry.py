"""What a forked run inherits of the histories of its ancestors."""

from __future__ import annotations

from collections.abc import Callable

from kymograph.core import exact_json
from kymograph.core.history import HistoryPart
from kymograph.core.run import Run
from kymograph.types import JsonObject

MAX_ANCESTORS = 32
"""Forks of forks are followed this far."""
FORK_MARK = '"branch_point"'
"""What the config of every fork holds: others need not be parsed."""


def may_be_forked(config_json: str) -> bool:
    """Whether a config may hold a branch point: quicker than reading it, and sure where it says no."""
    return FORK_MARK in config_json


def history_parts(
    run: Run,
    find_ancestor: Callable[[str], Run | None],
    branch_point_of: Callable[[JsonObject], tuple[str, int] | None],
) -> tuple[HistoryPart, ...]:
    """The run's own history behind those parts of its ancestors that it was forked from, the oldest ancestor first.

    Args:
        run: Whose history.
        find_ancestor: A run of the same project by its id.
        branch_point_of: Reads a config: the parent's id and the last inherited step, None for a run that is no fork.
    """
    parts = [HistoryPart(run.key)]
    seen = {run.key}
    current = run
    while len(parts) <= MAX_ANCESTORS and FORK_MARK in current.config_json:
        point = branch_point_of(exact_json.loads(current.config_json))
        parent = find_ancestor(point[0]) if point is not None else None
        if point is None or parent is None or parent.key in seen:
            break
        # An ancestor contributes no more than what its own child inherited.
        bounds = [part.last_step for part in parts if part.last_step is not None]
        parts.append(HistoryPart(parent.key, min([point[1], *bounds])))
        seen.add(parent.key)
        current = parent
    return tuple(reversed(parts))
