"""The summary of a run, folded out of its rows."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.metric_definitions import Goal, SummaryKind, define_metric
from kymograph.core.summary import MetricSummary, SummaryBuilder, merge_summaries
from kymograph.types import JsonObject, JsonValue

ALL = frozenset(SummaryKind) - {SummaryKind.NONE, SummaryKind.COPY}
values = st.lists(
    st.integers(-1000, 1000) | st.floats(allow_nan=True, allow_infinity=True) | st.booleans() | st.text(max_size=2)
)


def folded(items: list[Any]) -> MetricSummary:
    summary = MetricSummary()
    for item in items:
        summary.add(item)
    return summary


def built(*rows: dict[str, JsonValue], **summaries: str) -> SummaryBuilder:
    builder = SummaryBuilder()
    for name, summary in summaries.items():
        builder.define(define_metric(name, summary=summary))
    for row in rows:
        builder.add_row(row)
    return builder


@given(values, values)
def test_folding_in_parts_is_folding_at_once(first: list[Any], second: list[Any]) -> None:
    merged = folded(first)
    merged.merge(folded(second))
    whole = folded(first + second).value(ALL, Goal.MAXIMIZE)

    assert merged.is_empty == (not first + second)
    if not merged.is_empty:
        assert merged.value(ALL, Goal.MAXIMIZE) == pytest.approx(whole, nan_ok=True)


def test_last_values_without_definitions() -> None:
    builder = built({"loss": 3, "_runtime": 1.5, "_step": 0}, {"loss": 2.5, "acc": "x"}, {"_runtime": 62.9})

    assert builder.document() == {"loss": 2.5, "acc": "x", "_step": 0, "_runtime": 62.9, "_wandb": {"runtime": 62}}


def test_statistics_that_were_asked_for() -> None:
    builder = built({"loss": 3}, {"other": 0}, {"loss": 1}, {"loss": 5}, loss="min,max,mean,first,last,best")

    assert builder.document() == {
        "loss": {"last": 5, "first": 3, "max": 5, "min": 1, "mean": 3.0, "best": 1},
        "other": 0,
    }


def test_the_best_is_what_the_goal_says() -> None:
    builder = SummaryBuilder()
    builder.define(define_metric("acc", summary="best", goal="maximize"))
    builder.add_row({"acc": 2})
    builder.add_row({"acc": 1})

    assert builder.document() == {"acc": {"best": 2}}


def test_not_a_number_spreads_as_in_the_vendors_client() -> None:
    document = built({"x": 1}, {"x": math.nan}, {"x": 2}, x="min,max,mean,last").document()

    assert document["x"] == pytest.approx({"min": math.nan, "max": math.nan, "mean": math.nan, "last": 2}, nan_ok=True)


def test_none_is_no_summary_but_what_is_set_by_hand() -> None:
    builder = built({"x": 1, "y": {"z": 1}}, x="none", **{"y.z": "none"})
    assert builder.document() == {}

    builder.set(("x",), 7)
    builder.add_row({"x": 9})

    assert builder.document() == {"x": 7}


def test_copy_is_the_last_value() -> None:
    assert built({"x": 1}, {"x": 2}, x="copy").document() == {"x": 2}


def test_statistics_of_numbers_wait_for_a_number() -> None:
    assert built({"x": "text"}, x="min,last").document() == {"x": {"last": "text"}}
    assert built({"x": "text"}, x="min").document() == {}
    assert built({"x": True}, {"x": 2}, x="min").document() == {"x": {"min": 2}}


def test_mappings_are_merged_by_their_leaves() -> None:
    builder = built({"n": {"x": 5, "y": 1}}, {"n": {"x": 4}}, {"n": {"x": 6, "deep": {"z": 0}}}, **{"n.x": "min"})

    assert builder.document() == {"n": {"x": {"min": 4}, "y": 1, "deep": {"z": 0}}}


def test_media_records_are_replaced_whole() -> None:
    builder = built({"i": {"_type": "image-file", "masks": {}}}, {"i": {"_type": "image-file", "size": 1}})

    assert builder.document() == {"i": {"_type": "image-file", "size": 1}}


def test_a_dot_of_a_key_is_no_nesting() -> None:
    builder = SummaryBuilder()
    builder.define(define_metric("a\\.b", summary="min"))
    builder.add_row({"a.b": 2})
    builder.add_row({"a.b": 3})

    assert builder.document() == {"a.b": {"min": 2}}


def test_globs_take_in_metrics_when_they_appear() -> None:
    builder = SummaryBuilder()
    builder.define(define_metric("val/*", summary="max"))
    builder.add_row({"val/a": 3, "train": 1, "val/n": {"x": 2}})
    builder.add_row({"val/a": 1, "train": 2, "val/n": {"x": 1}, "val/late": 4})
    builder.define(define_metric("tr*", summary="max"))
    builder.add_row({"train": 1})

    assert builder.document() == {
        "val/a": {"max": 3},
        "val/n": {"x": {"max": 2}},
        "val/late": {"max": 4},
        "train": {"max": 2},
    }


def test_a_value_set_by_hand_stands_until_the_metric_is_logged_again() -> None:
    builder = built({"x": 1}, x="min")
    builder.set(("x",), 77)
    assert builder.document() == {"x": 77}

    builder.add_row({"x": 2})
    builder.add_row({"x": 3})

    assert builder.document() == {"x": 3}


def test_setting_within_a_mapping_keeps_what_is_beside() -> None:
    builder = built()
    builder.set(("m",), {"a": {"b": 1}})
    builder.set(("m", "a", "c"), 2)
    builder.set(("x", "y"), 3)
    builder.set(("x", "y", "z"), 4)

    assert builder.document() == {"m": {"a": {"b": 1, "c": 2}}, "x": {"y": {"z": 4}}}


def test_what_is_removed_is_gone_until_it_is_logged_again() -> None:
    builder = built({"x": 1, "n": {"a": 1}}, x="first,min", **{"n.a": "min"})
    builder.remove(("x",))
    builder.remove(("n",))
    builder.remove(("never", "there"))
    assert builder.document() == {}

    builder.add_row({"x": 5, "n": {"a": 3}})

    assert builder.document() == {"x": {"first": 5, "min": 1}, "n": {"a": {"min": 1}}}


def test_a_metric_that_becomes_something_else_is_that() -> None:
    builder = built({"x": 1}, {"x": {"y": 2}}, x="min")
    assert builder.document() == {"x": {"y": 2}}

    other = built({"x": {"y": 2}}, {"x": 1}, **{"x.y": "min"})
    assert other.document() == {"x": 1}


def test_the_document_is_the_callers_own() -> None:
    builder = built({"n": {"x": 1}})
    document = builder.document()
    document["n"]["x"] = 2  # type: ignore[index,call-overload]

    assert builder.document() == {"n": {"x": 1}}


def test_rows_are_not_kept() -> None:
    row: dict[str, JsonValue] = {"n": {"x": 1}}
    builder = built(row)
    builder.add_row({"n": {"x": 2}})

    assert row == {"n": {"x": 1}}


def test_runtime_may_be_set() -> None:
    builder = built({"_runtime": 5.0})
    builder.runtime_s = 100.7

    assert builder.document() == {"_runtime": 5.0, "_wandb": {"runtime": 100}}


def test_definitions_may_be_shared_with_who_met_the_metric_first() -> None:
    builder = SummaryBuilder()
    builder.define(define_metric("v/*", summary="max"))
    builder.definitions.expand(("v/a",))
    builder.add_row({"v/a": 2})
    builder.add_row({"v/a": 1})

    assert builder.document() == {"v/a": {"max": 2}}


def test_summaries_of_several_writers_are_put_together() -> None:
    known: JsonObject = {"a": 1, "both": 1, "_step": 9, "_timestamp": 5.5, "_wandb": {"runtime": 7, "x": 1}}
    new: JsonObject = {"b": 2, "both": 2, "_step": 3, "_timestamp": 6.5, "_wandb": {"runtime": 5}}

    merged = merge_summaries(known, new)

    assert merged == {
        "a": 1,
        "b": 2,
        "both": 2,
        "_step": 9,
        "_timestamp": 6.5,
        "_wandb": {"runtime": 7, "x": 1},
    }
    assert merge_summaries(merged, new) == merged
    assert merge_summaries({}, new) == new
