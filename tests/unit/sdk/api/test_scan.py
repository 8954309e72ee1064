"""Rows of histories, page by page from servers that know no more."""

from __future__ import annotations

from typing import Any

from hypothesis import given as for_all
from hypothesis import strategies as st

from kymograph.client.operations import Operation, given
from kymograph.client.runs import RunAddress
from kymograph.sdk.api.either import Sync
from kymograph.sdk.api.offline import LocalReads, OfflineCarrier
from kymograph.sdk.api.run_history import read_history
from kymograph.sdk.api.scan import HistoryScan, pick
from kymograph.sdk.api.session import ApiSession
from kymograph.sdk.settings import Settings
from kymograph.types import JsonObject

AT = RunAddress("me", "p", "run1")

rows = st.dictionaries(
    st.integers(0, 5_000),
    st.fixed_dictionaries({}, optional={"a": st.integers(0, 9), "b": st.none() | st.text(max_size=2)}),
    max_size=30,
)


class Rows(LocalReads):
    """A server that has the rows of one run."""

    def __init__(self, by_step: dict[int, JsonObject]) -> None:
        self.rows: list[JsonObject] = [{"_step": step, **by_step[step]} for step in sorted(by_step)]
        self.asked: list[tuple[int, int]] = []

    def rows_between(self, at: RunAddress, first_step: int, end_step: int) -> Operation[list[JsonObject]]:
        self.asked.append((first_step, end_step))
        return given([row for row in self.rows if first_step <= int(str(row["_step"])) < end_step])

    def last_step(self, at: RunAddress) -> Operation[int]:
        return given(int(str(self.rows[-1]["_step"])) if self.rows else -1)

    def sampled_rows(self, at: RunAddress, keys: Any, samples: int) -> Operation[list[JsonObject]]:
        return given([found for row in self.rows if (found := pick(row, keys, is_any=False)) is not None][:samples])


def session_of(reads: Rows) -> ApiSession[Sync]:
    return ApiSession(OfflineCarrier(), Settings(), base_url="", app_url="", reads=reads, features=frozenset())


def scan(reads: Rows, **asked: Any) -> list[JsonObject]:
    given_ = {"keys": None, "is_any": False, "page_size": 7, "min_step": 0, "max_step": None}
    return list(HistoryScan(session_of(reads), AT, **{**given_, **asked}))


@for_all(rows)
def test_a_scan_gives_every_row_once(by_step: dict[int, JsonObject]) -> None:
    assert scan(Rows(by_step)) == Rows(by_step).rows


@for_all(rows, st.integers(0, 100), st.integers(0, 6_000))
def test_a_scan_keeps_to_its_bounds(by_step: dict[int, JsonObject], low: int, high: int) -> None:
    expected = [row for row in Rows(by_step).rows if low <= int(str(row["_step"])) < high]

    assert scan(Rows(by_step), min_step=low, max_step=high) == expected


@for_all(rows)
def test_chosen_keys_choose_rows(by_step: dict[int, JsonObject]) -> None:
    reads = Rows(by_step)

    both = scan(reads, keys=["a", "b"])
    one = scan(reads, keys=["a", "b"], is_any=True)

    assert both == [row for row in reads.rows if "a" in row and "b" in row]
    assert one == [row for row in reads.rows if "a" in row or "b" in row]


def test_pages_grow_where_steps_are_far_apart() -> None:
    reads = Rows({0: {}, 1_000_000: {}})

    assert len(scan(reads, page_size=10)) == 2
    assert len(reads.asked) < 15


def test_a_scan_can_be_gone_through_again() -> None:
    found = HistoryScan(
        session_of(Rows({1: {}, 2: {}})), AT, keys=None, is_any=False, page_size=1, min_step=0, max_step=None
    )

    assert (next(found)["_step"], next(found)["_step"]) == (1, 2)
    assert [row["_step"] for row in found] == [1, 2]


def test_rows_that_have_one_of_the_keys_are_joined_by_step_where_the_server_has_no_word_for_it() -> None:
    reads = Rows({0: {"a": 1}, 1: {"a": 2, "b": "x"}, 2: {"b": "NaN"}, 3: {"c": 1}})

    found = session_of(reads).perform(
        read_history(session_of(reads), AT, samples=10, keys=["a", "b"], x_axis="_step", stream="default", is_any=True)
    )

    assert [sorted(row) for row in found] == [["_step", "a"], ["_step", "a", "b"], ["_step", "b"]]
    assert isinstance(found[2]["b"], float)  # as documents spell what is not finite


def test_nested_keys_are_picked_by_their_dotted_names() -> None:
    row: JsonObject = {"_step": 1, "nest": {"ed": {"deep": 5}}, "flat.key": 2}

    assert pick(row, ["nest.ed.deep", "flat.key", "_step"], is_any=False) == {
        "nest.ed.deep": 5,
        "flat.key": 2,
        "_step": 1,
    }
    assert pick(row, ["nest", "_step"], is_any=False) == {"nest": {"ed": {"deep": 5}}, "_step": 1}
    assert pick(row, ["absent", "_step"], is_any=True) is None
