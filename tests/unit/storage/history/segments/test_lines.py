"""Lines of a segment: found by number, and readable by anybody."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard

from kymograph.errors import StoreCorrupt
from kymograph.storage.history.payload import encode_lines
from kymograph.storage.history.segments.lines import LinesFile, LinesWriter
from kymograph.types import WriterId

A, B = WriterId("a"), WriterId("b")


def write(path: Path) -> LinesFile:
    with path.open("wb") as file:
        writer = LinesWriter(file)
        writer.add(B, 10, 2, encode_lines(['{"b":10}', '{"b":11}']).payload)
        writer.add(A, 3, 1, encode_lines(['{"a":3}']).payload)
        writer.add(A, 0, 2, encode_lines(['{"a":0}', '{"a":1}']).payload)
        size = writer.close()
    assert path.stat().st_size == size
    return LinesFile(path, name="the lines")


def test_lines_are_found_by_writer_and_number(tmp_path: Path) -> None:
    file = write(tmp_path / "lines")

    assert file.pick({A: [1, 2, 3], B: [11, 12], WriterId("c"): [0]}) == {
        A: {1: '{"a":1}', 3: '{"a":3}'},
        B: {11: '{"b":11}'},
    }


def test_every_decompressor_prints_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    write(path)

    with path.open("rb") as file:
        text = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read().decode()
    assert text.split() == ['{"b":10}', '{"b":11}', '{"a":3}', '{"a":0}', '{"a":1}']


@pytest.mark.parametrize("kept", [0, 5, -1])
def test_a_file_that_is_cut_off_is_recognised(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "lines"
    write(path)
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(StoreCorrupt, match="the lines"):
        LinesFile(path, name="the lines")


def test_a_flipped_byte_of_a_chunk_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    write(path)
    damaged = bytearray(path.read_bytes())
    damaged[12] ^= 4
    path.write_bytes(damaged)

    with pytest.raises(StoreCorrupt):
        LinesFile(path, name="the lines").pick({B: [10]})
