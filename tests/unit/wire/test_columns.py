"""Histories as columns: what is encoded is what is decoded, however the body is cut."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import MalformedRequest
from kymograph.wire import columns
from kymograph.wire.columns import END, MAGIC, Frame, FrameColumn, FrameDecoder, encode_frame

FRAMES = [
    Frame(
        "abc",
        3,
        [
            FrameColumn("_step", columns.INTEGER, struct.pack("<3q", 0, 1, 5)),
            FrameColumn("loss", columns.NUMBER, struct.pack("<2d", 0.5, float("inf")), b"\1\0\1"),
            FrameColumn("flag", columns.BOOLEAN, b"\1\0\1"),
            FrameColumn("ünicode", columns.TEXT, [b"a", b"", "é".encode()]),
            FrameColumn("media", columns.JSON, [b'{"_type":"x"}'], b"\0\1\0"),
        ],
    ),
    Frame("empty", 0, [FrameColumn("_step", columns.INTEGER, b"")], "segments/7 1..5"),
]
BODY = MAGIC + b"".join(map(encode_frame, FRAMES)) + END


def plain(frame: Frame) -> tuple[object, ...]:
    return frame.run, frame.rows, frame.damaged, [plain_column(column) for column in frame.columns]


def plain_column(column: FrameColumn) -> tuple[object, ...]:
    values = column.values
    held = bytes(values) if isinstance(values, (bytes, memoryview)) else list(values)
    return column.name, column.kind, held, None if column.present is None else bytes(column.present)


def decoded(pieces: Sequence[bytes]) -> list[tuple[object, ...]]:
    decoder = FrameDecoder()
    found = [plain(frame) for piece in pieces for frame in decoder.feed(piece)]
    decoder.close()
    return found


@given(st.lists(st.integers(0, len(BODY)), max_size=8))
def test_what_is_decoded_does_not_depend_on_the_cuts(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(BODY)]
    pieces = [BODY[begin:end] for begin, end in pairwise(bounds)]

    assert decoded(pieces) == list(map(plain, FRAMES))


def test_columns_begin_where_a_reader_can_take_them() -> None:
    assert len(MAGIC) % columns.ALIGNMENT == 0
    assert all(len(encode_frame(frame)) % columns.ALIGNMENT == 0 for frame in FRAMES)


@pytest.mark.parametrize("cut", [0, 3, len(MAGIC), len(BODY) - len(END), len(BODY) - 1])
def test_a_body_that_breaks_off_is_not_whole(cut: int) -> None:
    with pytest.raises(MalformedRequest, match="broke off"):
        decoded([BODY[:cut]])


@pytest.mark.parametrize("body", [b"<html>, not columns", BODY + b"more of it"])
def test_what_is_no_body_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        decoded([body])
