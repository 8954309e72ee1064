from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.client.retry import JITTER, LONGEST_WAIT_S, MAX_TOLD_WAIT_S, SHORTEST_WAIT_S, Backoff, parse_retry_after

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@given(st.integers(1, 60))
def test_waits_grow_to_a_bound_and_never_agree_exactly(failures: int) -> None:
    backoff = Backoff(failures=failures - 1)
    least_s = min(SHORTEST_WAIT_S * 2 ** (failures - 1), LONGEST_WAIT_S)

    assert least_s <= backoff.wait_s() <= least_s * (1 + JITTER)


def test_what_the_server_asks_for_counts() -> None:
    assert Backoff().wait_s(7.0) == 7.0
    assert Backoff().wait_s(1e9) == MAX_TOLD_WAIT_S


def test_after_a_success_waits_are_short_again() -> None:
    backoff = Backoff(failures=10)

    backoff.reset()

    assert backoff.wait_s() <= SHORTEST_WAIT_S * (1 + JITTER)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ((NOW + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT"), 90.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_the_header_is_a_number_or_a_date(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, now=NOW) == seconds


def test_after_so_many_retries_nothing_is_tried_any_more() -> None:
    backoff = Backoff(retries=2)

    assert [backoff.wait_s() > 0 and backoff.is_exhausted for _ in range(4)] == [False, False, True, True]
    backoff.reset()
    assert not backoff.is_exhausted
    assert not Backoff(failures=1_000_000).is_exhausted
