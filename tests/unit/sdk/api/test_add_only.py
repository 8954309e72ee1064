"""Names of which those that were saved stay."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kymograph.errors import UsageError
from kymograph.sdk.api.add_only import AddOnlyNames


@pytest.fixture
def names() -> AddOnlyNames:
    found = AddOnlyNames(["model", "dataset"])
    found.append("table")
    return found


def test_drafts_come_after_what_is_saved_and_each_name_once(names: AddOnlyNames) -> None:
    names.extend(["model", "table", "code"])
    names.insert(2, "first")
    names.insert(-1, "before the last")

    assert names == ["model", "dataset", "first", "table", "before the last", "code"]
    assert names.draft == ("first", "table", "before the last", "code")
    assert (len(names), names[0], names[-1], names[2:3]) == (6, "model", "code", ["first"])
    assert ("table" in names, "absent" in names, names == "model") == (True, False, False)


def test_drafts_can_be_changed_and_taken_away(names: AddOnlyNames) -> None:
    names[-1] = "chart"
    names.append("other")
    names[2] = "model"
    del names[3]

    assert names == ["model", "dataset", "chart"]
    names.remove("chart")
    assert names.draft == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda names: names.remove("model"),
        lambda names: names.__setitem__(0, "x"),
        lambda names: names.__delitem__(-2),
        lambda names: names.insert(0, "x"),
        lambda names: names.insert(-9, "x"),
        lambda names: names.__setitem__(slice(0, 1), ["x"]),
        lambda names: names.__delitem__(slice(2, 3)),
    ],
)
def test_what_is_saved_stays(names: AddOnlyNames, change: Callable[[AddOnlyNames], object]) -> None:
    with pytest.raises(UsageError):
        change(names)
    assert names == ["model", "dataset", "table"]


def test_what_is_not_there_cannot_be_taken_away(names: AddOnlyNames) -> None:
    with pytest.raises(ValueError, match="not in list"):
        names.remove("absent")
    with pytest.raises(IndexError):
        names[3] = "x"
