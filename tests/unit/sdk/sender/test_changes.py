from __future__ import annotations

import pytest

from kymograph.errors import UsageError
from kymograph.sdk import records
from kymograph.sdk.sender.changes import RunChanges, parse_tag_replacements
from kymograph.wire.records_pb2 import RunRecord

RECORD = RunRecord(run_id="a", entity="ada", project="p", job_type="train", tags=["one", "two", "three"])


def test_without_changes_the_record_is_what_it_was() -> None:
    assert RunChanges().apply(RECORD) is RECORD


def test_what_is_named_changes_and_the_rest_stays() -> None:
    changed = RunChanges(run_id="b", project="q").apply(RECORD)

    assert (changed.run_id, changed.entity, changed.project, changed.job_type) == ("b", "ada", "q", "train")
    assert RECORD.run_id == "a"


def test_tags_are_renamed_taken_away_and_never_doubled() -> None:
    changes = RunChanges(tags={"one": "three", "two": ""})

    assert list(changes.apply(RECORD).tags) == ["three"]


def test_a_run_that_is_appended_to_may_be_there() -> None:
    record = RunRecord(run_id="a")
    record.settings.CopyFrom(records.settings({"resume": "never", "mode": "offline"}))

    changed = RunChanges(is_appended=True).apply(record)

    assert {item.key: item.value_json for item in changed.settings.item} == {"mode": '"offline"', "resume": '"allow"'}


def test_replacements_of_tags_are_read_with_white_space_around_them() -> None:
    assert parse_tag_replacements("a=b, c = ,") == {"a": "b", "c": ""}


@pytest.mark.parametrize("text", ["a", "=b", "a=b,c"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="old=new"):
        parse_tag_replacements(text)
