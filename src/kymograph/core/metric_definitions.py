r"""What ``define_metric`` says about metrics: their x axis, their summary, and whether charts show them.

Names are those that users write. A dot in one goes into a nested mapping; a dot of a key itself is written ``\.``. A
definition whose name ends in ``*`` is a glob: the first metric that fits one gets a definition of its own.

Source: protocol.md §4.2; seeds.md E.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from kymograph.errors import InvalidValue, UsageError


class SummaryKind(StrEnum):
    """A value that a metric's summary may hold. `NONE` and `COPY` say how, and are no values."""

    MIN = "min"
    MAX = "max"
    MEAN = "mean"
    BEST = "best"
    LAST = "last"
    NONE = "none"
    COPY = "copy"
    FIRST = "first"


class Goal(StrEnum):
    """Which values of a metric are good ones."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One metric, or all that a glob fits, as ``define_metric`` describes it."""

    name: str
    """As the user wrote it: dots of keys escaped; ends in ``*`` when `is_glob`."""
    is_glob: bool = False
    step_metric: str | None = None
    """The metric that is its x axis, escaped like `name`."""
    is_hidden: bool = False
    is_step_synced: bool = False
    """Whether rows without the step metric get its last value."""
    is_explicit: bool = True
    """False for one that only a glob, or another metric's x axis, speaks of."""
    summaries: frozenset[SummaryKind] = field(default_factory=frozenset)
    goal: Goal | None = None

    @property
    def dotted_name(self) -> str:
        """The name as tables and charts show it."""
        return unescape(self.name)

    @property
    def dotted_step_metric(self) -> str | None:
        """The step metric as tables and charts show it."""
        return unescape(self.step_metric) if self.step_metric else None

    @property
    def path(self) -> tuple[str, ...]:
        """Keys from the row down to the metric's value."""
        return split_name(self.name)

    def updated(self, later: MetricDefinition) -> MetricDefinition:
        """What holds after a `later` definition of the same name: what it leaves open stays as it was.

        Law: ``a.updated(b).updated(c) == a.updated(b.updated(c))``.
        """
        none = {SummaryKind.NONE}
        kinds = self.summaries
        if later.summaries:
            # "none" is taken back by the next definition that wants a summary; the values wanted add up.
            kinds = ((kinds | later.summaries) - none) | (later.summaries & none)
        return MetricDefinition(
            name=self.name,
            is_glob=self.is_glob,
            step_metric=later.step_metric or self.step_metric,
            is_hidden=self.is_hidden or later.is_hidden,
            is_step_synced=self.is_step_synced or later.is_step_synced,
            is_explicit=self.is_explicit or later.is_explicit,
            summaries=frozenset(kinds),
            goal=later.goal or self.goal,
        )


def define_metric(
    name: str,
    *,
    step_metric: str | None = None,
    step_sync: bool | None = None,
    hidden: bool | None = None,
    summary: str | None = None,
    goal: str | None = None,
) -> MetricDefinition:
    """A definition from the arguments of ``define_metric``, checked.

    Args:
        name: Of the metric, or a prefix with ``*`` behind it.
        step_metric: Name of its x axis.
        step_sync: Default: true with a step metric, as it is of no use without.
        hidden: Whether charts leave it out.
        summary: Kinds of `SummaryKind`, separated by commas.
        goal: Of "best".

    Raises:
        UsageError: An empty name, a ``*`` that is not at its end, an unknown summary or goal.
        InvalidValue: An argument of another type.
    """
    given = {"name": (name, str), "step_metric": (step_metric, str), "step_sync": (step_sync, bool)}
    given |= {"hidden": (hidden, bool), "summary": (summary, str), "goal": (goal, str)}
    for argument, (value, kind) in given.items():
        if value is not None and not isinstance(value, kind):
            raise InvalidValue(f"define_metric({argument}=…)", value, rule=f"give a {kind.__name__}")
    if not name:
        raise UsageError("define_metric() needs the name of a metric")
    if "*" in name[:-1]:
        raise UsageError(f"define_metric({name!r}): a * may only be the last character, as in 'loss/*'")
    return MetricDefinition(
        name=name,
        is_glob=name.endswith("*"),
        step_metric=step_metric or None,
        is_hidden=bool(hidden),
        is_step_synced=step_metric is not None if step_sync is None else step_sync,
        summaries=frozenset(_parse_kinds(summary or "")),
        goal=_parse_goal(goal),
    )


def _parse_kinds(text: str) -> Iterable[SummaryKind]:
    for word in filter(None, (part.strip().lower() for part in text.split(","))):
        try:
            yield SummaryKind(word)
        except ValueError as exc:
            raise UsageError(f"define_metric(summary={text!r}): {word!r} is none of {', '.join(SummaryKind)}") from exc


def _parse_goal(text: str | None) -> Goal | None:
    try:
        return Goal(text) if text else None
    except ValueError as exc:
        raise UsageError(f"define_metric(goal={text!r}): say 'minimize' or 'maximize'") from exc


class MetricDefinitions:
    """All definitions of a run, in the order in which they came; knows the last value of every step metric."""

    def __init__(self) -> None:
        self._exact: dict[str, MetricDefinition] = {}
        self._globs: dict[str, MetricDefinition] = {}
        self._by_path: dict[tuple[str, ...], MetricDefinition] = {}
        self._latest_steps: dict[str, int | float] = {}

    def __iter__(self) -> Iterator[MetricDefinition]:
        yield from self._exact.values()
        yield from self._globs.values()

    @property
    def has_globs(self) -> bool:
        """Whether a new metric may fit one."""
        return bool(self._globs)

    def define(self, definition: MetricDefinition, *, overwrite: bool = False) -> MetricDefinition:
        """Take a definition in; merged with what is known of its name, unless it is to `overwrite` that.

        Returns:
            What holds now.
        """
        known = self._globs if definition.is_glob else self._exact
        earlier = None if overwrite else known.get(definition.name)
        current = definition if earlier is None else earlier.updated(definition)
        known[definition.name] = current
        if not current.is_glob:
            self._by_path[current.path] = current
        if current.step_metric:
            self._latest_steps.setdefault(current.step_metric, 0)
        return current

    def find(self, path: tuple[str, ...]) -> MetricDefinition | None:
        """The definition of the metric at a path of keys, globs aside."""
        return self._by_path.get(path)

    def expand(self, path: tuple[str, ...]) -> MetricDefinition | None:
        """A new definition, out of the first glob that fits, for a metric that has none; it counts from now on.

        Names that begin with ``_`` are the client's own, and fit no glob.
        """
        if not self._globs or path in self._by_path or path[0].startswith("_"):
            return None
        shown = ".".join(path)
        for glob in self._globs.values():
            if shown.startswith(unescape(glob.name[:-1])):
                return self.define(replace(glob, name=join_name(path), is_glob=False, is_explicit=False))
        return None

    def missing_steps(self, row: Mapping[str, Any]) -> dict[str, int | float]:
        """Step metrics that a row lacks and its metrics want, with their last values; notes those that it has.

        Top-level names as keys; a step metric inside a mapping is looked up there, and added under its dotted name.
        """
        if not self._latest_steps:
            return {}
        for name in self._latest_steps:
            value = value_at(row, split_name(name))
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                self._latest_steps[name] = value
        missing: dict[str, int | float] = {}
        for path, definition in self._by_path.items():
            step = definition.step_metric
            if step is None or not definition.is_step_synced or step in missing or path[0] not in row:
                continue
            if value_at(row, path) is not None and value_at(row, split_name(step)) is None:
                missing[unescape(step)] = self._latest_steps[step]
        return missing


def value_at(row: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The value under a path of keys, None if there is none."""
    value: Any = row
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def split_name(name: str) -> tuple[str, ...]:
    r"""Keys that a name goes down: ``a.b\.c`` gives ``a`` and ``b.c``."""
    if "\\" not in name:
        return tuple(name.split("."))
    return tuple(part.replace("\0", ".") for part in name.replace("\\.", "\0").split("."))


def join_name(path: Iterable[str]) -> str:
    """The name that goes down a path of keys; undoes `split_name`."""
    return ".".join(key.replace(".", "\\.") for key in path)


def unescape(name: str) -> str:
    """A name as it is shown: dots of keys like those between them."""
    return name.replace("\\.", ".")
