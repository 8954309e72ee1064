"""Making room: folders of runs that a server has."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kymograph.sdk.local_runs import LocalRun


@dataclass(slots=True)
class CleanChoice:
    """Which runs may go, and which stay, by the reason."""

    removable: list[LocalRun] = field(default_factory=list)
    young: list[LocalRun] = field(default_factory=list)
    unsynced: list[LocalRun] = field(default_factory=list)
    """No mark says that a server has them."""
    busy: list[LocalRun] = field(default_factory=list)
    """Being written or sent."""


@dataclass(slots=True)
class Removal:
    """What came of removing runs."""

    removed: list[LocalRun] = field(default_factory=list)
    freed_bytes: int = 0
    problems: list[str] = field(default_factory=list)


def choose_removable(
    runs: Iterable[LocalRun], *, min_age: timedelta, now: datetime, with_unsynced: bool = False
) -> CleanChoice:
    """Which runs may be removed; one that is being written or sent never.

    Args:
        runs: All there are.
        min_age: How long a journal must not have grown.
        now: The time.
        with_unsynced: Whether also runs that are nowhere else.
    """
    choice = CleanChoice()
    for run in runs:
        if run.is_busy or run.is_being_written:
            choice.busy.append(run)
        elif not run.is_synced and not with_unsynced:
            choice.unsynced.append(run)
        elif now - run.changed_at < min_age:
            choice.young.append(run)
        else:
            choice.removable.append(run)
    return choice


def remove_runs(runs: Sequence[LocalRun]) -> Removal:
    """Remove folders; one that cannot be removed keeps no other from it."""
    removal = Removal()
    for run in runs:
        try:
            shutil.rmtree(run.folder.path)
        except OSError as exc:
            removal.problems.append(f"{run.folder.path}: {exc.strerror or exc}")
        else:
            removal.removed.append(run)
            removal.freed_bytes += run.size_bytes
    return removal
