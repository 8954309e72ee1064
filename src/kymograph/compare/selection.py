"""Which metrics a request means: those it names, those its patterns match, or all that hold media."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from kymograph.core.history import STEP, MetricKind
from kymograph.types import MetricName


@dataclass(frozen=True, slots=True)
class MetricChoice:
    """What a request says of metrics."""

    names: tuple[MetricName, ...] = ()
    globs: tuple[str, ...] = ()
    """``*`` is any text, slashes included."""
    kinds: frozenset[MetricKind] = frozenset()
    """Empty: all."""

    @property
    def needs_catalogue(self) -> bool:
        """Whether one has to know what metrics there are."""
        return bool(self.globs) or not self.names

    @property
    def is_narrow(self) -> bool:
        """Whether any metric is named, by itself or by a pattern."""
        return bool(self.names or self.globs)

    def admits(self, kind: MetricKind) -> bool:
        """Whether media of a kind are wanted."""
        return not self.kinds or kind in self.kinds

    def choose(self, known: Iterable[MetricName]) -> list[MetricName]:
        """The metrics meant, each once: those named, then of the known ones those that match, in their order."""
        if not self.is_narrow:
            return list(dict.fromkeys(known))
        matching = (name for name in known if any(fnmatchcase(name, pattern) for pattern in self.globs))
        return list(dict.fromkeys([*self.names, *matching]))


@dataclass(frozen=True, slots=True)
class Axis:
    """What steps are told by, and which part of it is wanted."""

    name: MetricName = STEP
    low: float | None = None
    high: float | None = None
    """Both included; None is no bound. Integers stay integers: a step may be larger than a float holds."""

    @property
    def is_step(self) -> bool:
        """Whether steps are told by themselves."""
        return self.name == STEP


def choice_of(names: Sequence[str], globs: Sequence[str], kinds: Iterable[MetricKind]) -> MetricChoice:
    """A choice out of what came over the wire."""
    return MetricChoice(tuple(map(MetricName, dict.fromkeys(names))), tuple(globs), frozenset(kinds))
