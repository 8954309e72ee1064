"""A run: identity, states, and how its state follows from its heartbeat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kymograph.types import EntityName, ProjectId, ProjectName, RunId, RunKey, UserId

STALE_AFTER = timedelta(seconds=90)
"""Clients send a heartbeat after 30 s of silence (protocol.md §5.3): three missed ones are worth a mark."""
CRASHED_AFTER = timedelta(minutes=5)
"""The protocol's habit (protocol.md §4.5)."""


class RunState(StrEnum):
    """State of a run. `stale` and `crashed` follow from silence and heal when the run speaks again."""

    PENDING = "pending"
    RUNNING = "running"
    STALE = "stale"
    FINISHED = "finished"
    FAILED = "failed"
    CRASHED = "crashed"
    KILLED = "killed"
    PREEMPTING = "preempting"
    PREEMPTED = "preempted"


LIVE_STATES = frozenset({RunState.RUNNING, RunState.PREEMPTING})
"""Stored states in which a heartbeat is expected."""

SETTABLE_STATES: dict[RunState, frozenset[RunState]] = {
    RunState.PENDING: frozenset({RunState.RUNNING, RunState.FAILED, RunState.CRASHED, RunState.PREEMPTED}),
    RunState.FAILED: frozenset({RunState.PENDING, RunState.RUNNING}),
}
"""Which state may be set by hand, and from which. Source: protocol.md §4.5, `UpdateRunState`."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run as stored; history, console and files live elsewhere.

    `config_json` and `summary_json` are the client's own documents, verbatim, and may hold the bare tokens `NaN`,
    `Infinity` and `-Infinity`: read them with `core.exact_json`.
    """

    key: RunKey
    project_id: ProjectId
    entity: EntityName
    project: ProjectName
    id: RunId
    display_name: str
    state: RunState
    """As stored; `state_at` tells what it means now."""
    color: int
    user_id: UserId | None
    username: str | None
    created_at: datetime
    heartbeat_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    stop_requested: bool = False
    config_json: str = "{}"
    summary_json: str = "{}"
    tags: tuple[str, ...] = ()
    notes: str = ""
    group: str | None = None
    job_type: str | None = None
    host: str | None = None
    program: str | None = None
    repo: str | None = None
    commit: str | None = None
    sweep: str | None = None
    metadata_json: str | None = None
    """`wandb-metadata.json` as the client uploaded it."""
    last_step: int | None = None
    history_lines: int = 0
    """Number of the line after the last one received, over all writers."""
    event_lines: int = 0
    console_lines: int = 0
    storage_bytes: int = 0

    @property
    def path(self) -> str:
        """``entity/project/id``."""
        return f"{self.entity}/{self.project}/{self.id}"

    def state_at(self, now: datetime) -> RunState:
        """The state as of `now`: a live run that fell silent is stale, then crashed."""
        if self.state not in LIVE_STATES:
            return self.state
        silence = now - self.heartbeat_at
        if silence > CRASHED_AFTER:
            return RunState.PREEMPTED if self.state is RunState.PREEMPTING else RunState.CRASHED
        return RunState.STALE if silence > STALE_AFTER else self.state

    def duration_s_at(self, now: datetime) -> float:
        """Seconds from the start to the last sign of life."""
        end = self.finished_at or (min(now, self.heartbeat_at))
        return max(0.0, (end - (self.started_at or self.created_at)).total_seconds())


@dataclass(frozen=True, slots=True)
class RunChange:
    """What an update changes; None leaves a field as it is, an empty value clears it."""

    display_name: str | None = None
    state: RunState | None = None
    config_json: str | None = None
    summary_json: str | None = None
    tags: tuple[str, ...] | None = None
    notes: str | None = None
    group: str | None = None
    job_type: str | None = None
    host: str | None = None
    program: str | None = None
    repo: str | None = None
    commit: str | None = None
    sweep: str | None = None
    metadata_json: str | None = None
    color: int | None = None
    stop_requested: bool | None = None
    exit_code: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    heartbeat_at: datetime | None = None
    last_step: int | None = None
    reopened: bool = False
    """Clear `finished_at` and `exit_code`: a finished run was resumed."""
