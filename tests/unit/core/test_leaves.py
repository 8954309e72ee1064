"""Picking leaves by name against walking the whole document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core import exact_json
from kymograph.core.filters import Scope
from kymograph.core.leaves import (
    MAX_SEARCHED_LEAVES,
    document_leaves,
    pick_leaves,
    pick_searched_leaves,
    searched_leaves,
)

keys = st.sampled_from(["a", "b", "a.b", "b.a", "", ".", "a.", "_type", "_wandb", "value"])
leaves: st.SearchStrategy[Any] = st.sampled_from([None, True, 1, 0.5, 10**20, "text", [1], {}])
documents = st.recursive(leaves, lambda inner: st.dictionaries(keys, inner, max_size=4), max_leaves=12)


@pytest.mark.parametrize("scope", [Scope.CONFIG, Scope.SUMMARY])
@given(document=st.dictionaries(keys, documents, max_size=5), more=st.lists(keys, max_size=30))
def test_a_leaf_is_picked_as_a_walk_finds_it(scope: Scope, document: dict[str, Any], more: list[str]) -> None:
    text = exact_json.dumps(document)
    walked = dict(document_leaves(scope, text))
    names = {*walked, *more, "a.b.a", "absent"}

    assert pick_leaves(scope, text, names) == walked
    for name in names:
        expected = {name: walked[name]} if name in walked else {}
        assert pick_leaves(scope, text, [name]) == expected
        assert pick_searched_leaves(scope, text, [name]) == expected


def test_config_leaves_are_unwrapped() -> None:
    text = '{"lr":{"value":{"start":1,"value":2}},"bare":3,"_wandb":{"value":{"t":1}}}'

    assert dict(document_leaves(Scope.CONFIG, text)) == {"lr.start": 1, "lr.value": 2, "bare": 3}
    assert pick_leaves(Scope.CONFIG, text, ["lr.value", "_wandb.t"]) == {"lr.value": 2}


@pytest.mark.parametrize("text", ["", "[1]", "{", "null", '"a"'])
def test_what_is_no_object_has_no_leaves(text: str) -> None:
    assert pick_leaves(Scope.SUMMARY, text, ["a"]) == {}
    assert list(searched_leaves(Scope.CONFIG, text)) == []


def test_search_knows_the_first_leaves_only() -> None:
    text = exact_json.dumps({f"k{number}": number for number in range(MAX_SEARCHED_LEAVES + 1)})
    last, first_left_out = f"k{MAX_SEARCHED_LEAVES - 1}", f"k{MAX_SEARCHED_LEAVES}"

    assert pick_searched_leaves(Scope.SUMMARY, text, [last, first_left_out]) == {last: MAX_SEARCHED_LEAVES - 1}
    assert pick_leaves(Scope.SUMMARY, text, [first_left_out]) == {first_left_out: MAX_SEARCHED_LEAVES}
