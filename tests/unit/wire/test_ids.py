"""Opaque ids, and everything that is not one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import MalformedRequest
from kymograph.wire.ids import encode_id, find_id, find_run_address, parse_id

KINDS = st.sampled_from(["Run", "Artifact", "User", "Cursor"])


@given(KINDS, st.integers(0, 10**18 - 1))
def test_id_is_padded_base64_and_comes_back(kind: str, number: int) -> None:
    text = encode_id(kind, number)

    assert base64.b64decode(text, validate=True).decode() == f"{kind}:{number}"
    assert len(text) % 4 == 0
    assert parse_id(kind, text) == number


def test_id_of_another_kind_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="Artifact"):
        parse_id("Artifact", encode_id("Run", 5))


@given(KINDS, st.text())
def test_any_text_is_an_id_or_none(kind: str, text: str) -> None:
    found = find_id(kind, text)

    assert found is None or found >= 0


@pytest.mark.parametrize(
    "decoded", ["Run:", "Run:-1", "Run:1.5", "Run: 1", "Run:٣", "Run:1:2", "Run", f"Run:{10**18}0"]
)
def test_only_plain_numbers_are_ids(decoded: str) -> None:
    assert find_id("Run", base64.b64encode(decoded.encode()).decode()) is None


@pytest.mark.parametrize(
    ("decoded", "found"),
    [
        ("Run:v1:abc:project:entity", ("entity", "project", "abc")),
        ("Run:v1:v2:p:e", ("e", "p", "v2")),
        ("Run:12", None),
        ("Run:v1:abc:project", None),
        ("Run:v1:a:b:c:d", None),
        ("Run:v2:abc:project:entity", None),
        ("Artifact:v1:abc:project:entity", None),
    ],
)
def test_a_run_can_be_named_by_its_address(decoded: str, found: tuple[str, str, str] | None) -> None:
    assert find_run_address(base64.b64encode(decoded.encode()).decode()) == found
