"""Rows of a run out of events: what one file says of one step, one after the other, is one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from kymograph.errors import UsageError
from kymograph.sdk.tensorboard.values import Loggable, SummaryReader
from kymograph.wire.events_pb2 import Event

STEP_KEY = "global_step"
"""The metric that says which step the events are of; the row's own step counts rows."""


class LogPast(Protocol):
    """What writes rows: `RowWriter.log_past`."""

    def __call__(self, data: Mapping[str, Loggable], *, at_s: float, step: int | None = None) -> int:
        """Write a row of something that happened a while ago, or more of one; gives its step."""


class StepRows:
    """The rows of one event file."""

    def __init__(self, log: LogPast, *, namespace: str, warn: Callable[[str], object]) -> None:
        """Begin.

        Args:
            log: Writes rows.
            namespace: Put before the names of metrics.
            warn: Is told what cannot be logged.
        """
        self._log, self._warn = log, warn
        self._summaries = SummaryReader(namespace, warn=warn)
        self._event_step: int | None = None
        self._at_s = 0.0
        self._pending: dict[str, Loggable] = {}
        self._row: int | None = None
        """The run's step of the row, once a part of it is written."""

    def add(self, event: Event) -> None:
        """Take an event; one of another step ends the row."""
        if event.step != self._event_step:
            self.write()
            self._event_step, self._row = event.step, None
        self._at_s = event.wall_time
        if event.HasField("summary"):
            self._pending |= self._summaries.values_of(event.summary)

    def write(self) -> None:
        """Write what there is; more of the same step joins its row later."""
        if not self._pending:
            return
        row, self._pending = {**self._pending, STEP_KEY: self._event_step or 0}, {}
        try:
            self._row = self._log(row, at_s=self._at_s, step=self._row)
        except (OSError, UsageError) as exc:  # a full disk, say: the next step may go well
            self._warn(f"step {self._event_step} of TensorBoard's events is not logged: {exc}")
