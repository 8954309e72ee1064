"""Bodies of many small contents."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import MalformedRequest
from kymograph.wire.content_parts import (
    END,
    MAGIC,
    MAX_PART_BYTES,
    ContentPart,
    PartDecoder,
    body_size,
    encode_head,
    encode_parts,
)

CONTENTS = st.lists(st.binary(max_size=200), max_size=20)


def part(content: bytes) -> ContentPart:
    return ContentPart(hashlib.md5(content, usedforsecurity=False).digest(), content)


def decode(pieces: list[bytes]) -> list[ContentPart]:
    decoder = PartDecoder()
    found = [one for piece in pieces for one in decoder.feed(piece)]
    decoder.close()
    return found


@given(CONTENTS, st.data())
def test_parts_come_back_however_the_body_is_cut(contents: list[bytes], data: st.DataObject) -> None:
    parts = [part(content) for content in contents]
    body = b"".join(encode_parts(parts))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=10)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]

    assert decode(pieces) == parts
    assert len(body) == body_size(map(len, contents))


@given(CONTENTS, st.data())
def test_a_body_that_breaks_off_is_never_whole(contents: list[bytes], data: st.DataObject) -> None:
    body = b"".join(encode_parts(map(part, contents)))
    left = body[: data.draw(st.integers(0, len(body) - 1))]

    with pytest.raises(MalformedRequest):
        decode([left])


@given(st.binary(max_size=100))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decode([b"noise" + noise])


def test_what_follows_the_end_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="after its end"):
        decode([MAGIC + END + b"x"])


def test_a_part_that_is_too_large_is_refused_before_it_comes() -> None:
    head = encode_head(b"d" * 16, MAX_PART_BYTES)

    with pytest.raises(MalformedRequest, match="at most"):
        PartDecoder().feed(MAGIC + head[:16] + (MAX_PART_BYTES + 1).to_bytes(4, "big"))


@pytest.mark.parametrize(("digest", "size"), [(b"short", 1), (bytes(16), 1), (b"d" * 16, MAX_PART_BYTES + 1)])
def test_heads_that_cannot_be_read_back_are_not_written(digest: bytes, size: int) -> None:
    with pytest.raises(ValueError, match="part"):
        encode_head(digest, size)
