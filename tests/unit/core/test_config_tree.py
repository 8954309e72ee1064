"""Nested mappings: compared, copied, merged."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.config_tree import copy_mapping, merged, same_value
from kymograph.types import JsonObject

trees: st.SearchStrategy[JsonObject] = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from("xy"), st.integers(), max_size=2)),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=4,
)


@given(trees)
def test_a_copy_is_the_same_and_a_merge_with_nothing_changes_nothing(tree: JsonObject) -> None:
    assert same_value(copy_mapping(tree), tree)
    assert merged(tree, {}) == merged({}, tree) == tree


def test_the_upper_value_wins_key_by_key() -> None:
    assert merged({"p": {"a": 1, "b": {"c": 2}}, "x": 1}, {"p": {"b": {"d": 3}}, "x": {"y": 0}}) == {
        "p": {"a": 1, "b": {"c": 2, "d": 3}},
        "x": {"y": 0},
    }


def test_nan_is_the_same_as_nan() -> None:
    assert same_value({"a": [math.nan, 1]}, {"a": [math.nan, 1]})
    assert not same_value([1], [1, 2])
    assert not same_value({"a": 1}, {"b": 1})
