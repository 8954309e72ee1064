from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kymograph.sdk.tensorboard.event_files import DAMAGE_PATIENCE_S, READ_BYTES, EventFile
from kymograph.sdk.tensorboard.values import SummaryReader
from kymograph.wire.event_file import frame
from kymograph.wire.events_pb2 import Event
from tests.unit.event_files import beginning, encode, event, number, write_event_file

REAL = Path(__file__).with_name("tensorboardx-2.6.5.tfevents")


class Following:
    def __init__(self, path: Path) -> None:
        self.warnings: list[str] = []
        self.file = EventFile(path, warn=self.warnings.append)

    def steps(self, now_s: float = 0.0, *, is_final: bool = False) -> list[int]:
        return [event.step for event in self.file.read(now_s, is_final=is_final)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_event_file(tmp_path, event(1, number("loss", 1)))


@pytest.fixture
def following(path: Path) -> Iterator[Following]:
    following = Following(path)
    yield following
    following.file.close()


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_events_are_given_once_as_the_file_grows(following: Following, path: Path) -> None:
    later = encode([event(2), event(3)])

    assert following.steps() == [0, 1]
    append(path, later[:-5])
    assert following.steps() == [2]
    append(path, later[-5:])
    assert following.steps() == [3]
    assert following.steps(is_final=True) == []
    assert following.warnings == []


def test_an_event_larger_than_a_read_is_read_in_one_go(following: Following, path: Path) -> None:
    append(path, encode([event(2, number("x" * (READ_BYTES * 2), 1)), event(3)]))

    assert following.steps() == [0, 1, 2, 3]


def test_damage_is_waited_for_then_told_once_and_passed(following: Following, path: Path) -> None:
    damaged = bytearray(encode([event(2)]))
    damaged[-1] ^= 1
    append(path, bytes(damaged) + encode([event(3)]))

    assert following.steps(now_s=0.0) == [0, 1]
    assert following.steps(now_s=DAMAGE_PATIENCE_S - 1) == []
    assert following.warnings == []
    assert following.steps(now_s=DAMAGE_PATIENCE_S) == [3]
    assert [f"{path} is damaged" in warning for warning in following.warnings] == [True]


def test_at_the_end_damage_is_not_waited_for(following: Following, path: Path) -> None:
    append(path, b"garbage that is no record at all" + encode([event(3)]))

    assert following.steps(is_final=True) == [0, 1, 3]
    assert len(following.warnings) == 1


def test_an_end_within_a_record_is_told(following: Following, path: Path) -> None:
    append(path, encode([event(2)])[:-3])

    assert following.steps(is_final=True) == [0, 1]
    assert "ends within a record" in following.warnings[0]


def test_a_record_that_is_no_event_is_left_out(following: Following, path: Path) -> None:
    append(path, frame(b"\xff\xff\xff") + encode([event(3)]))

    assert following.steps() == [0, 1, 3]
    assert "no event" in following.warnings[0]


def test_a_file_of_another_program_is_read() -> None:
    """Written by tensorboardX 2.6.5: scalars, a histogram, an image, a precision-recall curve and a text."""
    following = Following(REAL)
    reader = SummaryReader(warn=following.warnings.append)

    events = list(following.file.read(0.0, is_final=True))
    following.file.close()

    found = [(it.step, it.wall_time - 1_795_800_000, reader.values_of(it.summary)) for it in events[1:]]
    assert events[0].file_version == "brain.Event:2"
    assert found[:4] == [
        (0, 0.0, {"train/loss": 1.0}),
        (1, 1.0, {"train/loss": 0.5}),
        (2, 2.0, {"train/loss": 0.33333334}),
        (3, 3.0, {"train/precise": 0.1}),
    ]
    assert [list(values) for _, _, values in found[4:]] == [["weights"], ["picture"], ["curve"], []]
    assert following.warnings == []


def test_our_own_writing_of_tests_is_that_of_the_program() -> None:
    following = Following(REAL)
    events = list(following.file.read(0.0))
    following.file.close()

    assert encode([beginning(events[0].wall_time), *events[1:4]]) == REAL.read_bytes()[: len(encode(events[:4]))]
    assert isinstance(events[0], Event)
