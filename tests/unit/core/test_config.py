"""The config document of a run."""

from __future__ import annotations

import pytest

from kymograph.core.config import BranchPoint, branch_point
from kymograph.types import JsonObject, JsonValue


def notes(**values: JsonValue) -> JsonObject:
    return {"_wandb": {"value": dict(values)}, "lr": {"value": 0.1}}


def test_branch_point_of_a_fork() -> None:
    assert branch_point(notes(branch_point={"run_id": "abc", "step": 7})) == BranchPoint("abc", 7)
    assert branch_point(notes(branch_point={"run_id": "abc", "step": 7.0})) == BranchPoint("abc", 7)


@pytest.mark.parametrize(
    "document",
    [
        {},
        notes(),
        notes(branch_point="abc"),
        notes(branch_point={"run_id": 5, "step": 1}),
        notes(branch_point={"run_id": "abc"}),
        notes(branch_point={"run_id": "abc", "step": "1"}),
        notes(branch_point={"run_id": "abc", "step": float("nan")}),
        notes(branch_point={"run_id": "abc", "step": float("inf")}),
        notes(branch_point={"run_id": "abc", "step": 2**70}),
        {"_wandb": 5},
        {"_wandb": {"value": []}},
    ],
)
def test_document_without_a_usable_branch_point_is_no_fork(document: JsonObject) -> None:
    assert branch_point(document) is None
