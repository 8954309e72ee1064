"""Some of many rows."""

from __future__ import annotations

import pytest

from kymograph.sdk.row_sample import MAX_ROWS, RowSample


def test_few_rows_are_all_kept() -> None:
    sample = RowSample()
    for step in range(MAX_ROWS):
        sample.take({"loss": float(step), "_step": step})

    trace = sample.traces()["loss"]
    assert (trace.count, trace.low, trace.high) == (MAX_ROWS, 0, MAX_ROWS - 1)


@pytest.mark.parametrize("count", [1_000, 100_000])
def test_of_many_rows_as_many_are_kept_from_every_part(count: int) -> None:
    sample = RowSample()
    for step in range(count):
        sample.take({"loss": float(step), "_step": step})

    trace = sample.traces()["loss"]
    assert MAX_ROWS / 2 <= trace.count <= MAX_ROWS
    assert trace.low < count / 50
    assert trace.high > count * 49 / 50
    assert trace.draw(8) == "▁▂▃▄▅▆▇█"


def test_what_is_logged_seldom_is_kept_beside_what_is_logged_often() -> None:
    sample = RowSample()
    for step in range(20_000):
        sample.take({"loss": 1.0, "lr": 0.1, "_step": step})
        if step % 1000 == 0:
            sample.take({"validation": float(step), "_step": step})

    assert sample.traces()["validation"].count == 20


def test_rows_of_one_shape_that_take_turns_are_all_met() -> None:
    sample = RowSample()
    for step in range(50_000):
        sample.take({("odd" if step % 2 else "even"): float(step), "_step": step})

    counts = {name: trace.count for name, trace in sample.traces().items()}
    assert min(counts.values()) > 40


def test_traces_are_in_the_order_of_steps_and_hold_numbers_only() -> None:
    sample = RowSample()
    sample.take({"a": 2.0, "nested": {"b": 1}, "_step": 2})
    sample.take({"a": 1.0, "text": "x", "_step": 1})
    sample.take({"a": 3.0, "flag": True, "huge": 10**400, "_step": 3})

    traces = sample.traces()
    assert set(traces) == {"a", "nested.b", "huge"}
    assert traces["a"].draw(3) == "▁▅█"


def test_a_wide_row_is_kept_in_part() -> None:
    sample = RowSample()
    sample.take({**{f"m{number}": number for number in range(5000)}, "_step": 1})

    assert len(sample.traces()) == 100


def test_shapes_without_end_take_no_memory_without_end() -> None:
    sample = RowSample()
    for width in range(1000):
        sample.take({**{f"m{number}": number for number in range(width)}, "_step": width})

    assert len(sample._shapes) <= 16
