"""When to ask again: waits that grow, with jitter, and what a server says about it. Knows no clock and no network."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from kymograph.errors import ServerBusy

SHORTEST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
JITTER = 0.25
MAX_TOLD_WAIT_S = 600.0
"""A server that says to come back tomorrow is asked before that."""


@dataclass(slots=True)
class Backoff:
    """The waits between attempts of one thing. Source: protocol.md §16.1."""

    shortest_s: float = SHORTEST_WAIT_S
    longest_s: float = LONGEST_WAIT_S
    random: Random = field(default_factory=Random)
    failures: int = 0
    """In a row."""
    retries: int | None = None
    """After how many of them nothing is tried any more; None: that is for others to say."""

    @property
    def is_exhausted(self) -> bool:
        """Whether it was tried often enough."""
        return self.retries is not None and self.failures > self.retries

    def wait_s(self, told_s: float | None = None) -> float:
        """How long to wait after one more failure, in s.

        Args:
            told_s: What the server asked for, which then counts.
        """
        self.failures += 1
        if told_s is not None:
            return min(max(told_s, 0.0), MAX_TOLD_WAIT_S)
        wait_s = min(self.shortest_s * 2.0 ** min(self.failures - 1, 20), self.longest_s)
        return wait_s * (1 + JITTER * self.random.random())

    def wait_after(self, error: Exception) -> float:
        """How long to wait after an error that may pass, in s: as long as it says, if it does."""
        return self.wait_s(error.retry_after_s if isinstance(error, ServerBusy) else None)

    def reset(self) -> None:
        """It worked."""
        self.failures = 0


def parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    """The header ``Retry-After`` as s from now: a number, or a date; None if it is neither."""
    if not text:
        return None
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime  # heavy, and dates are rare

    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)
