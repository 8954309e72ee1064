from __future__ import annotations

from typing import Any

import pytest

from kymograph.errors import InvalidValue
from kymograph.sdk import tensorboard
from kymograph.testing.recorded_run import RecordedRun
from kymograph.wire.events_pb2 import Summary
from tests.unit.event_files import AT_S, event, number

ONE, TWO = Summary(value=[number("a", 1)]), Summary(value=[number("b", 2)])


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (ONE, {"a": 1.0}),
        (ONE.SerializeToString(), {"a": 1.0}),
        ([ONE.SerializeToString(), TWO.SerializeToString()], {"a": 1.0, "b": 2.0}),
        (event(3, number("a", 1)), {"a": 1.0, "global_step": 3, "_timestamp": AT_S + 3}),
        (Summary(), None),
    ],
)
def test_a_summary_in_any_form_is_a_mapping(given: Any, found: Any) -> None:
    assert tensorboard.tf_summary_to_dict(given) == found


@pytest.mark.parametrize("given", [b"\xff\xff", "text", 5])
def test_what_is_no_summary_is_refused(given: Any) -> None:
    with pytest.raises(InvalidValue, match=r"tensorboard\.log"):
        tensorboard.tf_summary_to_dict(given)


def test_summaries_of_one_step_are_one_row(kymograph_run: RecordedRun) -> None:
    tensorboard.log(ONE, step=1)
    tensorboard.log(TWO, step=1)
    tensorboard.log(ONE, step=2, namespace="train")
    tensorboard.log(ONE, step=2)
    kymograph_run.run.finish()

    merged: dict[int, dict[str, Any]] = {}
    for row in kymograph_run.rows:
        merged.setdefault(row["_step"], {}).update({key: row[key] for key in row if not key.startswith("_")})
    assert [row for row in merged.values() if row] == [
        {"a": 1.0, "b": 2.0},
        {"train/a": 1.0, "global_step": 2, "a": 1.0},
    ]


def test_the_moment_of_an_event_is_that_of_its_row(kymograph_run: RecordedRun) -> None:
    tensorboard.log(event(3, number("a", 1)), step=3)

    assert [row["_timestamp"] for row in kymograph_run.rows if "a" in row] == [AT_S + 3]


def test_without_a_run_nothing_is_logged() -> None:
    tensorboard.log(ONE, step=1)
