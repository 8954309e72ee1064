from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import JournalCorrupt
from kymograph.wire.journal import BLOCK_BYTES, CHUNK_HEADER, FILE_HEADER, HEADER_BYTES, JournalReader, frame

# Sizes around what is left of a block, where chunks are split and padded.
SIZES = st.one_of(
    st.integers(1, 200),
    st.integers(BLOCK_BYTES - 40, BLOCK_BYTES + 40),
    st.integers(2 * BLOCK_BYTES - 60, 2 * BLOCK_BYTES + 60),
)
PAYLOADS = st.lists(st.tuples(SIZES, st.integers(0, 255)).map(lambda drawn: bytes([drawn[1]]) * drawn[0]), max_size=12)


def journal(payloads: list[bytes]) -> bytes:
    written = bytearray(FILE_HEADER)
    for payload in payloads:
        written += frame(payload, len(written))
    return bytes(written)


@given(PAYLOADS)
def test_what_was_framed_is_read(payloads: list[bytes]) -> None:
    reader = JournalReader()

    assert reader.feed(journal(payloads)) == payloads
    assert (reader.damages, reader.end()) == ([], None)


@given(PAYLOADS, st.lists(st.integers(0, 4 * BLOCK_BYTES), max_size=6))
def test_pieces_of_any_size_are_read_as_one(payloads: list[bytes], cuts: list[int]) -> None:
    written, reader = journal(payloads), JournalReader()
    edges = sorted({0, len(written), *(min(cut, len(written)) for cut in cuts)})

    read = [payload for start, end in pairwise(edges) for payload in reader.feed(written[start:end])]

    assert read == payloads


@given(PAYLOADS, st.data())
def test_a_reader_goes_on_where_another_stopped(payloads: list[bytes], data: st.DataObject) -> None:
    written, first = journal(payloads), JournalReader()
    read = first.feed(written[: data.draw(st.integers(0, len(written)))])

    second = JournalReader(first.position)

    assert read + second.feed(written[first.position :]) == payloads


@given(PAYLOADS.filter(bool), st.data())
def test_of_a_journal_that_was_cut_off_every_whole_payload_is_read(payloads: list[bytes], data: st.DataObject) -> None:
    written = journal(payloads)
    size = data.draw(st.integers(len(FILE_HEADER), len(written) - 1))
    reader = JournalReader()

    read = reader.feed(written[:size])

    whole = 0
    while len(journal(payloads[: whole + 1])) <= size:
        whole += 1
    assert read == payloads[:whole]


def test_an_end_that_is_cut_off_is_reported_with_its_place() -> None:
    whole = len(journal([b"first"]))
    reader = JournalReader()
    reader.feed(journal([b"first", b"second"])[:-2])

    damage = reader.end()

    assert damage is not None
    assert (damage.position, damage.size_bytes) == (whole, HEADER_BYTES + len(b"second") - 2)


def test_after_a_corrupt_block_reading_goes_on_with_the_next_payload_that_begins_in_one() -> None:
    payloads = [bytes([number]) * 1000 for number in range(100)]
    written = bytearray(journal(payloads))
    written[BLOCK_BYTES + 500] ^= 0xFF
    reader = JournalReader()

    read = reader.feed(bytes(written))

    lost = set(payloads) - set(read)
    assert read == [payload for payload in payloads if payload not in lost]
    # The block holds about 32 payloads; one more began before it and one ends after it.
    assert 0 < len(lost) <= 34
    assert [damage.position // BLOCK_BYTES for damage in reader.damages] == [1]


@given(PAYLOADS.filter(bool), st.data())
def test_a_flipped_byte_never_gives_a_payload_that_was_not_written(payloads: list[bytes], data: st.DataObject) -> None:
    written = bytearray(journal(payloads))
    written[data.draw(st.integers(len(FILE_HEADER), len(written) - 1))] ^= data.draw(st.integers(1, 255))
    reader = JournalReader()

    assert set(reader.feed(bytes(written))) <= set(payloads)


def test_zeros_at_the_end_are_no_damage() -> None:
    """Space that was reserved, or that a crash left of writes that had not reached the disk."""
    reader = JournalReader()

    assert reader.feed(journal([b"row"]) + bytes(2 * BLOCK_BYTES)) == [b"row"]
    assert reader.end() is None


def test_a_payload_whose_end_was_never_written_does_not_join_the_next() -> None:
    torn = frame(b"x" * 2 * BLOCK_BYTES, len(FILE_HEADER))[: BLOCK_BYTES - len(FILE_HEADER)]
    start = len(FILE_HEADER) + len(torn)
    reader = JournalReader()

    read = reader.feed(FILE_HEADER + torn + frame(b"row", start))

    assert read == [b"row"]
    assert [damage.problem for damage in reader.damages] == ["a payload has no end"]


@pytest.mark.parametrize("text", [b"something else", b"\x1f\x8b\x08\x00\x00\x00\x00"])
def test_a_file_that_is_no_journal_is_refused(text: bytes) -> None:
    with pytest.raises(JournalCorrupt, match="is it one"):
        JournalReader().feed(text)


def test_the_checksum_is_that_of_the_type_and_the_data() -> None:
    """Pinned: protocol.md §15.1."""
    checksum, size, kind = CHUNK_HEADER.unpack_from(frame(b"data", len(FILE_HEADER)))

    assert (checksum, size, kind) == (zlib.crc32(b"\x01data"), 4, 1)
