from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.wire.event_file import EventFileReader, frame, masked_crc32c
from kymograph.wire.journal import Damage

PAYLOADS = [b"first", b"", b"x" * 300, b"last"]
FILE = b"".join(map(frame, PAYLOADS))


def read_in_pieces(data: bytes, ends: list[int]) -> list[bytes]:
    """Read a file that grows to each of some sizes."""
    reader, payloads = EventFileReader(), list[bytes]()
    for end in [*sorted(ends), len(data)]:
        payloads += reader.take(data[reader.position : end])
    return payloads


def test_the_checksum_is_crc_32c_turned_and_shifted() -> None:
    """0xE3069283 is the check value of CRC-32C; tests/unit/sdk/tensorboard has a file of another program."""
    checksum = 0xE3069283

    assert masked_crc32c(b"123456789") == ((checksum >> 15 | checksum << 17) + 0xA282EAD8) % (1 << 32)


@given(ends=st.lists(st.integers(0, len(FILE)), max_size=5))
def test_a_file_gives_the_same_payloads_however_it_grows(ends: list[int]) -> None:
    assert read_in_pieces(FILE, ends) == PAYLOADS


def test_a_record_that_is_not_whole_is_waited_for_and_its_size_is_told() -> None:
    reader = EventFileReader()

    assert reader.take(FILE[:7]) == []
    assert reader.wanted_bytes == 16
    assert reader.take(FILE[:14]) == []
    assert (reader.wanted_bytes, reader.position, reader.is_blocked) == (21, 0, False)
    assert reader.take(FILE[:21]) == [b"first"]
    assert reader.position == 21


def test_what_does_not_fit_its_checksum_is_waited_for() -> None:
    """Pages of a file that is mapped into memory appear one by one, after its size has grown."""
    reader = EventFileReader()

    assert reader.take(FILE[:21] + bytes(len(FILE) - 21)) == [b"first"]
    assert (reader.is_blocked, reader.damages) == (True, [])
    assert reader.take(FILE[reader.position :]) == PAYLOADS[1:]
    assert not reader.is_blocked


def test_a_damaged_payload_is_left_out_once_it_is_final() -> None:
    reader = EventFileReader()
    damaged = bytearray(FILE)
    damaged[13] ^= 1

    assert reader.take(bytes(damaged), is_damage_final=True) == PAYLOADS[1:]
    assert reader.damages == [Damage(0, 21, "a record does not match its checksum")]


def test_after_a_damaged_size_reading_goes_on_at_the_next_record() -> None:
    reader = EventFileReader()
    damaged = bytearray(FILE)
    damaged[0] ^= 1

    assert reader.take(bytes(damaged), is_damage_final=True) == [b"x" * 300, b"last"]
    assert [damage.position for damage in reader.damages] == [0]
    assert reader.position == len(FILE)


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_to_their_end(data: bytes) -> None:
    reader = EventFileReader()

    payloads = reader.take(FILE + data, is_damage_final=True)

    assert payloads[: len(PAYLOADS)] == PAYLOADS
    assert reader.position <= len(FILE) + len(data)


@pytest.mark.parametrize("size", [1 << 31 | 1, 1 << 63])
def test_a_size_that_no_event_can_have_is_damage(size: int) -> None:
    reader = EventFileReader()
    header = size.to_bytes(8, "little")

    reader.take(header + masked_crc32c(header).to_bytes(4, "little") + bytes(100))

    assert reader.is_blocked
