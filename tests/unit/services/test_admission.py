"""Pushing back when lines come in faster than they can be compacted."""

from __future__ import annotations

import pytest

from kymograph.errors import ServerBusy
from kymograph.services.admission import LOOK_INTERVAL_S, RETRY_AFTER_S, SMALL_BYTES, Admission

LARGE = SMALL_BYTES + 1


class Backlog:
    """A backlog and a clock, both by hand."""

    def __init__(self) -> None:
        self.overdue_bytes = 0
        self.now_s = 0.0
        self.asked = 0

    def ask(self) -> int:
        self.asked += 1
        return self.overdue_bytes

    def set(self, overdue_bytes: int) -> None:
        self.overdue_bytes = overdue_bytes
        self.now_s += LOOK_INTERVAL_S


@pytest.fixture
def backlog() -> Backlog:
    return Backlog()


@pytest.fixture
def admission(backlog: Backlog) -> Admission:
    return Admission(backlog.ask, max_overdue_bytes=1000, monotonic=lambda: backlog.now_s)


def test_requests_are_pushed_back_while_too_much_is_overdue(admission: Admission, backlog: Backlog) -> None:
    admission.check(LARGE)
    backlog.set(1001)

    with pytest.raises(ServerBusy, match="faster than they can be compacted") as refusal:
        admission.check(LARGE)

    assert refusal.value.retry_after_s == RETRY_AFTER_S
    backlog.set(1000)
    admission.check(LARGE)


def test_heartbeats_and_ends_of_runs_always_come_in(admission: Admission, backlog: Backlog) -> None:
    backlog.set(10**12)

    admission.check(SMALL_BYTES)

    with pytest.raises(ServerBusy):
        admission.check(LARGE)


def test_the_backlog_is_counted_now_and_then_not_for_each_request(admission: Admission, backlog: Backlog) -> None:
    for _ in range(1000):
        admission.check(LARGE)

    assert backlog.asked == 1
