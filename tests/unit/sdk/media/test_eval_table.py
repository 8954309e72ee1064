"""Tables of evaluations."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import EvalTable, Table
from kymograph.sdk.media.values import loggable_row
from tests.unit.sdk.media.recorded import Recorded


def test_columns_are_those_that_have_a_role() -> None:
    table = EvalTable(input_columns=["question"], score_columns=["score"], output_columns=["answer"])

    assert table.columns == ["question", "answer", "score"]
    assert EvalTable(columns=["a", "b"], input_columns=["a"]).columns == ["a", "b"]
    assert EvalTable().columns == Table().columns


def test_it_is_logged_as_a_table_with_the_roles_of_its_columns(run: Recorded) -> None:
    table = EvalTable(
        columns=["question", "answer", 3], data=[["1+1", "2", 0.5]], input_columns=["question"], score_columns=["3"]
    )

    form: Any = loggable_row({"eval": table}, 0, run.place)["eval"]

    assert form["_type"] == "table-file"
    assert (form["ncols"], form["nrows"], form["log_mode"]) == (3, 1, "IMMUTABLE")
    assert (form["input_columns"], form["output_columns"], form["score_columns"]) == (["question"], ["answer"], ["3"])
    written = json.loads((run.place.folder / form["path"]).read_bytes())
    assert written == {"columns": ["question", "answer", 3], "data": [["1+1", "2", 0.5]]}
    assert loggable_row({"eval": table}, 1, run.place)["eval"] == form


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"log_mode": "MUTABLE"}, "can only be 'IMMUTABLE'"),
        ({"unsupported_media_mode": "guess"}, "unsupported_media_mode"),
        ({"backend": "elsewhere"}, "backend"),
    ],
)
def test_an_argument_that_means_nothing_is_refused(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidMedia, match=problem):
        EvalTable(**arguments)


def test_a_role_needs_its_column(run: Recorded) -> None:
    with pytest.raises(InvalidMedia, match="no column 'absent'"):
        loggable_row({"eval": EvalTable(columns=["a"], score_columns=["absent"])}, 0, run.place)
    with pytest.raises(InvalidMedia, match="same name"):
        loggable_row({"eval": EvalTable(columns=[1, "1"])}, 0, run.place)


def test_a_column_of_two_roles_is_worth_a_word(run: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        loggable_row({"eval": EvalTable(input_columns=["a"], score_columns=["a"])}, 0, run.place)

    assert "['a'] have more than one role" in caplog.text
