from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.sdk.tensorboard.names import (
    base_of,
    begun_since,
    generated_root,
    guessed_root,
    is_event_file,
    namespace_of,
)

LOGS = Path("/x/logs")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("events.out.tfevents.1585769947.cvp", True),
        ("events.out.tfevents.1585769947.my.host.12.0.v2", True),
        ("prefix.tfevents.1585769947.host", True),
        ("events.out.tfevents.1585769947.host.profile-empty", False),
        ("events.out.tfevents.1585769947.host.sagemaker-uploaded", False),
        ("events.out.tfevents.host", False),
        ("model.pt", False),
    ],
)
def test_event_files_are_told_by_their_names(name: str, is_one: bool) -> None:
    assert is_event_file(name) is is_one


def test_files_of_earlier_trainings_and_of_other_machines_are_left_out() -> None:
    matches = begun_since(100.9, "my.host")

    assert matches("events.out.tfevents.100.my.host.5.0")
    assert matches("events.out.tfevents.0000000100.my.host")
    assert not matches("events.out.tfevents.99.my.host.5.0")
    assert not matches("events.out.tfevents.100.other.5.0")
    assert not matches("events.out.tfevents.100.my.host.profile-empty")


def test_the_folder_that_a_writer_makes_up_is_the_root() -> None:
    assert generated_root("runs/Aug05_01-02-03_box", "box") == "runs/Aug05_01-02-03_box"
    assert generated_root("runs/Aug05_01-02-03_box/value_one", "box") == "runs/Aug05_01-02-03_box"
    assert generated_root("runs/Aug05_01-02-03_box", "other") is None
    assert generated_root("logs/train", "box") is None


@pytest.mark.parametrize(
    ("folders", "root"),
    [
        ([LOGS / "train", LOGS / "validation"], LOGS),
        ([LOGS, LOGS / "validation"], LOGS),
        ([LOGS / "trainer", LOGS / "train"], LOGS),
        ([LOGS], None),
        ([LOGS / "PPO_1"], None),
        ([LOGS / "train"], LOGS),
    ],
)
def test_the_root_is_what_folders_have_in_common(folders: list[Path], root: Path | None) -> None:
    assert guessed_root(folders) == root


def test_the_part_below_the_root_is_put_before_metrics() -> None:
    assert namespace_of(LOGS / "deep" / "train", LOGS) == "deep/train"
    assert namespace_of(LOGS, LOGS) == ""
    assert namespace_of(Path("/elsewhere"), LOGS) == ""
    assert namespace_of(LOGS, None) == ""


def test_event_files_are_named_below_the_root_or_the_current_folder() -> None:
    assert base_of(LOGS / "train", LOGS, Path("/x")) == LOGS
    assert base_of(LOGS / "train", None, Path("/x")) == Path("/x")
    assert base_of(LOGS / "train", None, Path("/y")) == LOGS
