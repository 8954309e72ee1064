"""A log that comes a second time under other line numbers."""

from __future__ import annotations

import pytest

from kymograph.core.history import LineBatch, NumberedLine, Stream
from kymograph.core.resend import may_be_known, without_known_lines


def batch(first_line: int, *lines: str) -> LineBatch:
    return LineBatch(Stream.HISTORY, first_line, list(lines))


def stored(*lines: str) -> list[NumberedLine]:
    return [NumberedLine(number, text) for number, text in enumerate(lines)]


def test_nothing_is_left_of_lines_that_are_all_there() -> None:
    assert without_known_lines(batch(3, "a", "b", "c"), stored("a", "b", "c")) is None
    assert without_known_lines(batch(5, "b", "c"), stored("a", "b", "c", "d")) is None


def test_lines_behind_the_known_ones_keep_their_numbers() -> None:
    assert without_known_lines(batch(2, "a", "b", "c"), stored("a", "b")) == batch(4, "c")


def test_lines_that_go_on_otherwise_than_what_is_there_are_kept() -> None:
    """Another segment may follow the known lines: it must not be replaced."""
    assert without_known_lines(batch(3, "a", "x"), stored("a", "b", "c")) == batch(4, "x")


def test_the_order_of_keys_does_not_matter() -> None:
    there = stored('{"_step":0,"x":{"b":NaN,"a":1}}')

    assert without_known_lines(batch(1, '{"x":{"a":1,"b":NaN},"_step":0}'), there) is None
    assert without_known_lines(batch(1, '{"x":{"a":2,"b":NaN},"_step":0}'), there) is not None


def test_an_unknown_batch_stays_as_it_is() -> None:
    assert without_known_lines(batch(1, "b"), stored("a")) == batch(1, "b")


def test_dropping_twice_is_dropping_once() -> None:
    there = stored("a", "b")
    once = without_known_lines(batch(2, "a", "b", "c"), there)

    assert once is not None
    assert without_known_lines(once, there) == once


@pytest.mark.parametrize(
    ("line", "last_step", "expected"),
    [
        ('{"_step":3,"_timestamp":1.5}', 3, True),
        ('{"_step":4,"_timestamp":1.5}', 3, False),
        ('{"_step":3}', 3, False),
        ('{"_timestamp":1.5}', 3, False),
        ('{"_step":3,"_timestamp":1.5}', None, False),
        ('{"_timestamp"', 3, False),
    ],
)
def test_only_a_line_with_a_time_and_an_old_step_may_be_known(line: str, last_step: int | None, expected: bool) -> None:
    assert may_be_known(line, last_step) is expected
