"""Places of media along an axis, against the plainest way to find them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.compare.selection import Axis, choice_of
from kymograph.compare.tracks import Match, Span, Track, notches, plain, spans_of
from kymograph.core.history import MediaPoints, MetricKind, NumberPoints
from kymograph.types import MetricName

METRIC = MetricName("samples")
EPOCH = MetricName("epoch")


def media(*steps: int) -> MediaPoints:
    return MediaPoints(0, METRIC, MetricKind.IMAGE, np.array(steps, np.int64))


def numbers(values: dict[int, float]) -> NumberPoints:
    return NumberPoints(np.array(list(values), np.int64), np.array(list(values.values()), np.float64))


def at(track: Track, x: float, match: Match) -> list[int]:
    steps: list[int] = track.at(x, match).steps.tolist()
    return steps


def test_without_an_axis_places_are_steps_and_stay_integers() -> None:
    track = Track.of(media(0, 2**53 + 1), None)

    assert track.xs.tolist() == [0, 2**53 + 1]
    assert at(track, 2**53 + 1, Match.EXACT) == [2**53 + 1]
    assert at(track, 2**53, Match.EXACT) == []


def test_a_media_is_where_the_axis_last_was() -> None:
    track = Track.of(media(1, 5, 6, 20), numbers({2: 0.0, 5: 1.0, 10: 2.0}))

    assert track.steps.tolist() == [5, 6, 20]
    assert track.xs.tolist() == [1.0, 1.0, 2.0]


def test_media_at_values_that_are_not_finite_are_left_out() -> None:
    track = Track.of(media(0, 1, 2), numbers({0: 1.0, 1: math.nan, 2: math.inf}))

    assert track.steps.tolist() == [0]


def test_the_nearest_of_two_equally_near_is_the_earlier() -> None:
    track = Track.of(media(0, 10), None)

    assert at(track, 5, Match.NEAREST) == [0]
    assert at(track, 6, Match.NEAREST) == [10]
    assert at(track, -3, Match.NEAREST) == [0]
    assert at(track, 99, Match.NEAREST) == [10]


def test_step_zero_is_a_step() -> None:
    track = Track.of(media(0, 10), None)

    assert at(track, 0, Match.EXACT) == [0]
    assert at(track, 0, Match.PREVIOUS) == [0]


def test_nothing_is_before_the_first() -> None:
    assert at(Track.of(media(3), None), 2, Match.PREVIOUS) == []


def test_of_several_steps_at_one_place_the_last_counts() -> None:
    track = Track.of(media(0, 1, 2, 3), numbers({0: 1.0, 2: 2.0}))

    assert at(track, 1, Match.EXACT) == [1]
    assert at(track, 1.6, Match.NEAREST) == [3]


@given(
    st.lists(st.integers(-50, 50), unique=True, max_size=12).map(sorted),
    st.integers(-60, 60),
    st.sampled_from(Match),
)
def test_at_finds_what_looking_at_all_finds(steps: list[int], x: int, match: Match) -> None:
    track = Track.of(media(*steps), None)

    if match is Match.EXACT:
        expected = [step for step in steps if step == x]
    elif match is Match.PREVIOUS:
        expected = [step for step in steps if step <= x][-1:]
    else:
        expected = [min(steps, key=lambda step: (abs(step - x), step))] if steps else []
    assert at(track, x, match) == expected


def test_notches_are_the_union() -> None:
    tracks = [Track.of(media(0, 10), None), Track.of(media(5, 10), None)]

    assert notches(tracks).tolist() == [0, 5, 10]
    assert notches([]).tolist() == []


def test_whole_numbers_read_as_integers_if_all_are() -> None:
    assert [type(x) for x in plain(np.array([1.0, 2.0]))] == [int, int]
    assert plain(np.array([1.0, 2.5])) == [1.0, 2.5]
    assert plain(np.array([1e300])) == [1e300]


@pytest.mark.parametrize(
    ("axis", "kept"),
    [(Axis(), [0, 5, 10]), (Axis(low=5), [5, 10]), (Axis(high=5), [0, 5]), (Axis(low=0.5, high=9.5), [5])],
)
def test_ranges_include_their_ends(axis: Axis, kept: list[int]) -> None:
    assert Track.of(media(0, 5, 10), None).within(axis).steps.tolist() == kept


@pytest.mark.parametrize(
    ("axis", "spans"),
    [
        (Axis(), [Span(None, None)]),
        (Axis(low=1.5, high=3.5), [Span(2, 4)]),
        (Axis(low=4, high=3), []),
        (Axis(low=-1e300, high=1e300), [Span(-(2**63), None)]),
        (Axis(low=1e300), []),
        (Axis(high=-1e300), []),
    ],
)
def test_a_range_of_steps_is_one_span(axis: Axis, spans: list[Span]) -> None:
    assert spans_of(axis, None) == spans


def test_an_axis_that_turns_back_has_several_spans() -> None:
    turning = numbers({0: 0.0, 10: 1.0, 20: 2.0, 30: 1.0, 40: math.nan, 50: 1.5})

    assert spans_of(Axis(EPOCH, 1, 1.5), turning) == [Span(10, 20), Span(30, 40), Span(50, None)]


def test_patterns_match_across_slashes_and_follow_what_is_named() -> None:
    known = [MetricName(name) for name in ("val/b", "val/a/c", "train/x", "VAL/d")]

    assert choice_of(["train/x"], ["val/*"], ()).choose(known) == ["train/x", "val/b", "val/a/c"]
    assert choice_of([], [], ()).choose(known) == known
    assert choice_of([], ["val/?"], ()).choose(known) == ["val/b"]
    assert choice_of(["absent"], [], ()).choose([]) == ["absent"]
