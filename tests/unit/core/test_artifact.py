"""Rules of artifacts."""

from __future__ import annotations

import pytest

from kymograph.core.artifact import TTL_DISABLED, TTL_INHERITED, check_ttl, is_reserved_type, split_artifact_name
from kymograph.errors import InvalidSetting


@pytest.mark.parametrize("seconds", [None, 1, 2**40, TTL_INHERITED, TTL_DISABLED])
def test_a_time_to_live_is_positive_or_one_of_two_words(seconds: int | None) -> None:
    assert check_ttl(seconds, "dataset") == seconds


@pytest.mark.parametrize("seconds", [0, -3, -3600])
def test_other_times_to_live_are_refused(seconds: int) -> None:
    with pytest.raises(InvalidSetting, match=rf"Artifact TTL Duration has to be positive\. ttl: {seconds}"):
        check_ttl(seconds, "dataset")


def test_a_history_has_no_time_to_live_of_its_own() -> None:
    with pytest.raises(InvalidSetting, match="wandb-history"):
        check_ttl(60, "wandb-history")
    assert check_ttl(None, "wandb-history") is None


@pytest.mark.parametrize(
    ("type_name", "name", "is_reserved"),
    [
        ("wandb-anything", "x", True),
        ("job", "x", True),
        ("run_table", "run-1-table", True),
        ("run_table", "mine", False),
        ("code", "source-x", True),
        ("code", "mine", False),
        ("dataset", "run-1", False),
    ],
)
def test_clients_keep_some_types_and_names_for_themselves(type_name: str, name: str, is_reserved: bool) -> None:
    assert is_reserved_type(type_name, name) is is_reserved


def test_only_the_first_colon_separates_the_alias() -> None:
    assert split_artifact_name("coll:a:b/c") == ("coll", "a:b/c")
    assert split_artifact_name("coll") == split_artifact_name("coll:") == ("coll", "latest")
