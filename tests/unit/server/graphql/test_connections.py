"""Pages of a list."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import InvalidCursor, MalformedRequest
from kymograph.server.graphql.connections import MAX_PAGE, connection, page_bounds, whole


@given(st.lists(st.integers(), max_size=30), st.integers(1, 7))
def test_following_the_cursors_visits_everything_once(items: list[int], first: int) -> None:
    seen: list[int] = []
    after = None
    while True:
        offset, limit = page_bounds({"first": first, "after": after})
        page: dict[str, Any] = connection(items[offset : offset + limit], offset=offset, total=len(items))
        seen += [edge["node"] for edge in page["edges"]]
        assert page["totalCount"] == len(items)
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]

    assert seen == items


def test_bounds() -> None:
    assert page_bounds({}) == (0, 50)
    assert page_bounds({"first": None, "after": ""}, default=5) == (0, 5)
    assert page_bounds({"first": 10**9}) == (0, MAX_PAGE)
    assert page_bounds({"first": 0}) == (0, 0)


@pytest.mark.parametrize("cursor", ["x", "UnVuOjE=", "Q3Vyc29yOi0x"])
def test_cursor_of_others_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        page_bounds({"after": cursor})


def test_negative_page_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="first"):
        page_bounds({"first": -1})


def test_whole_list_has_no_next_page_and_takes_more_fields() -> None:
    page = whole(["a"], extra=1)

    assert page["pageInfo"]["hasNextPage"] is False
    assert page["extra"] == 1
    assert whole([])["pageInfo"] == {"endCursor": None, "hasNextPage": False}
