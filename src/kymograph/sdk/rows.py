"""What ``log`` does: rows with their step, into the journal before it returns."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from weakref import WeakSet

from kymograph.core.metric_definitions import MetricDefinition, MetricDefinitions
from kymograph.errors import InvalidValue
from kymograph.sdk.journal import Journal
from kymograph.sdk.row_sample import RowSample
from kymograph.types import JsonObject

Convert = Callable[[Mapping[str, object], int], JsonObject]
"""A row that holds more than numbers, and its step → what JSON has for it."""

MAX_FRESH_ROWS = 512
"""Rows kept for the summary before it folds them in, while metrics are defined: their statistics need every one."""


class RowWriter:
    """Writes the rows of one run. Safe to share between threads.

    Every call is in the journal when it returns. Calls of one step make one row: readers merge them, later values
    first. Steps may come in any order, unless the writer is strict.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        convert: Convert,
        started_at: float,
        warn: Callable[[str], object],
        first_step: int = 0,
        earlier_runtime_s: float = 0.0,
        is_strict: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin at a step.

        Args:
            journal: Where rows go.
            convert: Turns rows into what JSON has.
            started_at: When the run began, in s since the epoch.
            warn: Is told what a user should know.
            first_step: Of the first row without a step of its own.
            earlier_runtime_s: Of the processes before this one.
            is_strict: Whether rows of earlier steps are refused, as other clients do.
            clock: Gives the time in s since the epoch.
        """
        self.step = first_step
        """Of the next row without a step of its own."""
        self.definitions = MetricDefinitions()
        self._journal, self._convert, self._warn = journal, convert, warn
        self._epoch = started_at - earlier_runtime_s
        self._is_strict, self._clock = is_strict, clock
        self.counts_alone = False
        """Whether the steps that `log` is given are left out, for rows of another source take steps, too."""
        self._lock = threading.RLock()
        self._has_definitions = False
        self._latest: dict[str, Any] = {}
        self._fresh: list[Mapping[str, Any]] = []
        self._fold: Callable[[Iterable[Mapping[str, Any]]], None] | None = None
        self._last_at = started_at
        self.sample = RowSample()
        """Some of the rows, for looking at."""
        self.refused_rows = 0
        """Rows of earlier steps, with a strict writer."""
        _writers.add(self)

    def log(self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        """Write a row, or more of the present one.

        Args:
            data: Names of metrics to values.
            step: Of the row; default: the present one.
            commit: Whether the row is whole, so that the next goes to the next step. Default: without a `step`.

        Raises:
            InvalidValue: Something that cannot be logged; then nothing of the call is.
        """
        if data.__class__ is not dict:
            data = _checked_mapping(data)
        with self._lock:
            if step is not None and self.counts_alone:
                self._tell_of_steps()
                step = None
            at = self.step if step is None else self._step_of(step)
            if at < 0:
                return
            self._write(data, at, _moment(data["_timestamp"]) if "_timestamp" in data else self._clock())
            if commit or (commit is None and step is None):
                self.step = at + 1

    def log_past(self, data: Mapping[str, Any], *, at_s: float, step: int | None = None) -> int:
        """Write a row of something that happened a while ago, or more of one.

        Args:
            data: Names of metrics to values.
            at_s: When it happened, in s since the epoch.
            step: Of the row that this is more of; default: a row of its own.

        Returns:
            Its step.

        Raises:
            InvalidValue: Something that cannot be logged; then nothing of the call is.
        """
        with self._lock:
            at = self.step if step is None else step
            self._write(data, at, at_s)
            if step is None:
                self.step = at + 1
            return at

    def _write(self, data: Mapping[str, Any], at: int, moment_s: float) -> None:
        self._last_at = moment_s
        row = {**data, "_step": at, "_runtime": max(0.0, moment_s - self._epoch), "_timestamp": moment_s}
        if self._has_definitions:
            row |= self.definitions.missing_steps(row)
        if not self._journal.append_numbers(row):
            converted = self._converted(row, at)
            self._journal.append_row(converted)
            row = converted
        self.sample.take(row)
        if self._has_definitions or self._fresh:
            self._keep(row)
        else:
            self._latest.update(row)

    def _tell_of_steps(self) -> None:
        self._warn(
            "while TensorBoard's logs are followed, rows count their steps themselves, and log(step=…) is left out: "
            "log it as a metric, and name that with define_metric(…, step_metric=…)"
        )

    def _converted(self, row: dict[str, Any], step: int) -> JsonObject:
        converted = self._convert(row, step)
        if not self._fresh and any(value.__class__ is dict for value in converted.values()):
            self._keep({})  # mappings are merged, so the summary needs each
        return converted

    def _step_of(self, step: int) -> int:
        """The step of a row that names one; -1 if the row is refused."""
        try:
            at = int(step)
        except (TypeError, ValueError) as exc:
            raise InvalidValue("log(step=…)", step, rule="give a whole number") from exc
        if at < 0:
            raise InvalidValue("log(step=…)", step, rule="give a step from 0 on")
        if at > self.step:
            self.step = at
        elif at < self.step and self._is_strict:
            self.refused_rows += 1
            if self.refused_rows == 1:
                self._warn(
                    f"a row of step {at} was refused: the run is at step {self.step}, and step_order is 'strict'; "
                    "with step_order='any' rows may come in any order"
                )
            return -1
        return at

    def runtime_s(self) -> float:
        """How long the run has gone on, without the time that was left out."""
        return self._clock() - self._epoch

    def leave_out(self, *, since: float) -> None:
        """Have the time from a moment until now not count as the run's: nothing of it ran.

        Args:
            since: In s since the epoch. Time before the last row counts in any case, so that runtimes only grow.
        """
        with self._lock:
            self._epoch += max(0.0, self._clock() - max(since, self._last_at))

    def prepare(self, name: str, value: Any) -> Any:
        """A value for the summary: of media, the JSON form, and the file is kept with the run."""
        if not hasattr(type(value), "bind"):
            return value
        return self._convert({name: value}, self.step).get(name, value)

    def define(self, definition: MetricDefinition, *, overwrite: bool = False) -> MetricDefinition:
        """Take a metric's definition into account from the next row on."""
        with self._lock:
            self._has_definitions = True
            return self.definitions.define(definition, overwrite=overwrite)

    # --- for the summary ---------------------------------------------------------------------------------------------

    def fold_into(self, fold: Callable[[Iterable[Mapping[str, Any]]], None]) -> None:
        """Have rows given to `fold` when there are many, whether somebody reads the summary or not."""
        self._fold = fold

    def pull(self) -> list[Mapping[str, Any]]:
        """Rows since the last call, as far as a summary needs them."""
        with self._lock:
            rows = [*([self._latest] if self._latest else []), *self._fresh]
            self._latest, self._fresh = {}, []
            return rows

    def _keep(self, row: Mapping[str, Any]) -> None:
        if self._latest:
            self._fresh.append(self._latest)
            self._latest = {}
        if row:
            self._fresh.append(row)
        if len(self._fresh) > MAX_FRESH_ROWS and self._fold is not None:
            self._fold(self.pull())


_writers: WeakSet[RowWriter] = WeakSet()


def _renew_locks() -> None:
    """In a forked process: whoever held a lock at that moment is not there to release it."""
    for writer in list(_writers):
        writer._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


def _moment(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type] # what is no number is told
    except (TypeError, ValueError) as exc:
        raise InvalidValue("_timestamp", value, rule="give seconds since the epoch") from exc


def _checked_mapping(data: object) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidValue("log(data)", data, rule="give a mapping from names of metrics to values")
    return dict(data)
