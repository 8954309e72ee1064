from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.sparkline import BARS, NOT_FINITE, Trace, sparkline

NUMBERS = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=3000)


def trace_of(values: list[float]) -> Trace:
    trace = Trace()
    for value in values:
        trace.add(value)
    return trace


def test_a_rising_line_rises() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == BARS


def test_a_constant_is_drawn_in_the_middle() -> None:
    assert sparkline([3.0, 3.0]) == BARS[4] * 2


def test_gaps_and_what_is_not_finite_have_marks_of_their_own() -> None:
    assert sparkline([0.0, None, math.nan, 1.0]) == f"{BARS[0]} {NOT_FINITE}{BARS[-1]}"


def test_one_spike_among_a_million_values_shows() -> None:
    trace = Trace()
    for number in range(1_000_000):
        trace.add(1e6 if number == 500_000 else 1.0)

    drawn = trace.draw(40)

    assert drawn.count(BARS[-1]) == 1
    assert drawn[20] == BARS[-1]
    assert len(trace.parts) <= 512


def test_numbers_at_the_ends_of_what_floats_hold_are_drawn() -> None:
    assert sparkline([-1.7e308, 1.7e308]) == f"{BARS[0]}{BARS[-1]}"


@given(NUMBERS, st.integers(1, 100))
def test_a_trace_keeps_what_its_values_come_to(values: list[float], width: int) -> None:
    trace = trace_of(values)
    finite = [value for value in values if math.isfinite(value)]

    assert trace.count == len(values)
    assert trace.low == min(finite, default=math.inf)
    assert trace.high == max(finite, default=-math.inf)
    assert len(trace.draw(width)) == min(len(trace.parts), width)
