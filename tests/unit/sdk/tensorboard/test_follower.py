from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kymograph.sdk.tensorboard.follower import ROOT_WAIT_S, EventFollower
from kymograph.testing.recorded_run import RecordedRun
from tests.unit.event_files import AT_S, PNG, encode, event, name_of, number, tensor, texts, write_event_file

NEVER_S = 3600.0


class Following:
    """A follower that looks when a test says so."""

    def __init__(self, recorded: RecordedRun, folder: Path) -> None:
        self.recorded, self.folder, self.now_s = recorded, folder, 0.0
        self.follower = EventFollower(recorded.run, interval_s=NEVER_S, now=lambda: self.now_s)
        self.name = name_of(recorded.run.start_time)

    def follow(self, name: str, *, root: Path | None = None, is_saved: bool = True, writer: Any = None) -> Path:
        self.follower.follow(self.folder / name, root=root, is_saved=is_saved, writer=writer)
        return self.folder / name

    def write(self, name: str, *events: Any) -> Path:
        return write_event_file(self.folder / name, *events, name=self.name)

    def look(self) -> list[dict[str, Any]]:
        self.follower.look()
        return self.recorded.values


@pytest.fixture
def following(kymograph_run: RecordedRun, tmp_path: Path) -> Iterator[Following]:
    following = Following(kymograph_run, tmp_path / "logs")
    yield following
    following.follower.finish()


def test_events_of_one_step_are_one_row_with_their_step_and_time(following: Following) -> None:
    following.follow("train", root=following.folder)
    following.write("train", event(5, number("loss", 2)), event(5, number("rate", 1)), event(6, number("loss", 1)))

    following.look()

    rows = following.recorded.rows
    assert [{key: row[key] for key in row if key != "_runtime"} for row in rows] == [
        {"train/loss": 2.0, "train/rate": 1.0, "global_step": 5, "_step": 0, "_timestamp": AT_S + 5},
        {"train/loss": 1.0, "global_step": 6, "_step": 1, "_timestamp": AT_S + 6},
    ]
    assert all(row["_runtime"] >= 0 for row in rows)


def test_the_last_step_is_logged_at_once_and_what_follows_joins_its_row(following: Following) -> None:
    following.follow("a", root=following.folder / "a")
    path = following.write("a", event(1, number("loss", 1)))
    following.look()
    following.recorded.run.log({"own": 1})

    with path.open("ab") as file:
        file.write(encode([event(1, number("rate", 2)), event(2, number("loss", 3))]))
    following.look()

    steps = [(row["_step"], {key for key in row if not key.startswith("_")}) for row in following.recorded.rows]
    assert steps == [
        (0, {"loss", "global_step"}),
        (1, {"own"}),
        (0, {"rate", "global_step"}),
        (2, {"loss", "global_step"}),
    ]


def test_a_single_folder_waits_for_a_second_from_which_its_root_is_known(following: Following) -> None:
    following.follow("train")
    following.write("train", event(1, number("loss", 1)))
    assert following.look() == []

    following.follow("validation")

    assert following.look() == [{"train/loss": 1.0, "global_step": 1}]


def test_a_folder_that_stays_alone_gives_its_metrics_nothing_to_stand_before_them(following: Following) -> None:
    following.follow("PPO_1")
    following.write("PPO_1", event(1, number("loss", 1)))
    following.now_s += ROOT_WAIT_S

    assert following.look() == [{"loss": 1.0, "global_step": 1}]


def test_the_end_of_the_run_waits_for_no_second_folder(following: Following) -> None:
    following.follow("PPO_1")
    following.write("PPO_1", event(1, number("loss", 1)))

    following.follower.finish()

    assert following.recorded.values == [{"loss": 1.0, "global_step": 1}]


def test_the_root_that_was_guessed_stays(following: Following) -> None:
    """Metrics keep their names, wherever a later writer writes."""
    for name in ("a", "b"):
        following.follow(name)
    following.look()
    following.follow("../elsewhere")
    write_event_file(following.folder.parent / "elsewhere", event(1, number("loss", 1)), name=following.name)
    following.follow("c/d")
    following.write("c/d", event(1, number("loss", 2)))

    assert following.look() == [{"loss": 1.0, "global_step": 1}, {"c/d/loss": 2.0, "global_step": 1}]


def test_all_event_files_of_a_folder_are_read_also_beside_each_other(following: Following) -> None:
    folder = following.follow("a", root=following.folder / "a")
    for index in range(2):
        name = name_of(following.recorded.run.start_time, number=index)
        write_event_file(folder, event(1, number(f"loss{index}", 1)), name=name)
        following.look()
    with (folder / name_of(following.recorded.run.start_time)).open("ab") as file:
        file.write(encode([event(2, number("loss0", 2))]))

    assert [row for row in following.look() if row["global_step"] == 2] == [{"loss0": 2.0, "global_step": 2}]


def test_files_from_before_the_run_are_not_read(following: Following) -> None:
    folder = following.follow("a", root=following.folder)
    write_event_file(folder, event(1, number("loss", 1)), name=name_of(following.recorded.run.start_time - 5))

    assert following.look() == []


def test_event_files_are_kept_with_the_run_to_be_uploaded_at_its_end(following: Following) -> None:
    following.follow("train", root=following.folder)
    path = following.write("train", event(1, number("loss", 1)))
    following.look()

    (item,) = [item for record in following.recorded.records() for item in record.files.files]
    assert (item.path, item.policy) == (f"train/{following.name}", 1)
    kept = Path(following.recorded.run.dir, "train", following.name)
    assert kept.read_bytes() == path.read_bytes()


def test_event_files_that_can_only_be_copied_are_copied_again_at_the_end(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kymograph.sdk.capture.files._link", lambda *_args, **_more: False)
    following.follow("train", root=following.folder)
    path = following.write("train", event(1, number("loss", 1)))
    following.look()
    with path.open("ab") as file:
        file.write(encode([event(2, number("loss", 2))]))

    following.follower.finish()

    kept = Path(following.recorded.run.dir, "train", following.name)
    assert kept.read_bytes() == path.read_bytes()


def test_event_files_may_be_left_where_they_are(following: Following) -> None:
    following.follow("train", root=following.folder, is_saved=False)
    following.write("train", event(1, number("loss", 1)))

    assert following.look() == [{"train/loss": 1.0, "global_step": 1}]
    assert following.recorded.files == []


def test_images_become_files_of_the_run(following: Following) -> None:
    following.follow("a", root=following.folder / "a")
    following.write("a", event(1, tensor("picture", "images", texts(b"1", b"1", PNG))))
    (row,) = following.look()

    (name,) = row["picture"]["filenames"]
    assert name in following.recorded.files
    assert Path(following.recorded.run.dir, name).read_bytes() == PNG


def test_a_bad_file_is_told_once_and_stops_nothing(following: Following, capsys: pytest.CaptureFixture[str]) -> None:
    folder = following.follow("a", root=following.folder)
    folder.mkdir(parents=True)
    (folder / following.name).write_bytes(b"no event file, and long enough to look like one")
    for _ in range(3):
        following.look()
        following.now_s += 100

    assert following.recorded.values == []
    assert capsys.readouterr().err.count("is damaged") == 1


def test_what_nobody_thought_of_ends_the_following_of_a_folder_and_nothing_else(
    following: Following, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        following.follow(name, root=following.folder)
        following.write(name, event(1, number("loss", 1)))
    with monkeypatch.context() as patched:
        patched.setattr(following.follower, "_open_new", _fails_for("a", following.follower._open_new))
        assert following.look() == [{"b/loss": 1.0, "global_step": 1}]

    assert len(following.look()) == 1
    assert capsys.readouterr().err.count("not followed any more") == 1


def _fails_for(name: str, call: Any) -> Any:
    def open_new(folder: Any) -> None:
        if folder.path.name == name:
            raise ZeroDivisionError
        call(folder)

    return open_new


def test_writers_are_flushed_before_the_last_look(following: Following) -> None:
    class Writer:
        def flush(self) -> None:
            following.write("a", event(1, number("loss", 1)))

    class Broken:
        def flush(self) -> None:
            raise ValueError("closed")

    writers = [Broken(), Writer()]
    for writer in writers:
        following.follow("a", root=following.folder / "a", writer=writer)

    following.follower.finish()

    assert following.recorded.values == [{"loss": 1.0, "global_step": 1}]


def test_a_thread_looks_while_the_run_goes_on(kymograph_run: RecordedRun, tmp_path: Path) -> None:
    follower = EventFollower(kymograph_run.run, interval_s=0.001)
    write_event_file(tmp_path / "a", event(1, number("loss", 1)), name=name_of(time.time()))
    follower.follow(tmp_path / "a", root=tmp_path, is_saved=False)
    deadline = time.monotonic() + 20
    while not kymograph_run.values and time.monotonic() < deadline:
        pass
    follower.finish()

    assert kymograph_run.values == [{"a/loss": 1.0, "global_step": 1}]


def test_steps_that_a_script_gives_are_left_out_with_one_warning(
    following: Following, capsys: pytest.CaptureFixture[str]
) -> None:
    following.follow("a", root=following.folder)
    for _ in range(2):
        following.recorded.run.log({"own": 1}, step=100)

    assert [row["_step"] for row in following.recorded.rows] == [0, 1]
    assert capsys.readouterr().err.count("log(step=…) is left out") == 1
