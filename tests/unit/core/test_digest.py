"""Forms of digests."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.digest import hex_digest, md5_digest, parse_digest, parse_hex_digest, parse_manifest_digest
from kymograph.errors import MalformedRequest


@given(st.binary(max_size=200))
def test_all_forms_say_the_same(content: bytes) -> None:
    digest = md5_digest(content)

    assert hex_digest(digest) == hashlib.md5(content).hexdigest()
    assert parse_hex_digest(hex_digest(digest)) == digest
    assert parse_digest(digest) == digest


@pytest.mark.parametrize(
    "text",
    ["", "x", "not base64!", base64.b64encode(b"short").decode(), base64.b64encode(b"x" * 32).decode(), "é" * 24],
)
def test_what_is_no_base64_of_16_bytes_is_refused(text: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_digest(text)


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "g" * 32, "A" * 32, "../" * 10, "0" * 32 + "\n"])
def test_what_is_no_hex_of_16_bytes_is_refused(text: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_hex_digest(text)
    with pytest.raises(MalformedRequest):
        parse_manifest_digest(text)
