from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kymograph.errors import MissingPackage
from kymograph.sdk import gym
from kymograph.testing.recorded_run import RecordedRun

Begin = Callable[..., RecordedRun]
FILM = b"as good as a film"


class RecordVideo:
    """As gymnasium 1 has it: films one after the other."""

    def __init__(self, folder: Path) -> None:
        self.video_folder, self._video_name, self.recording = str(folder), None, False

    def start_recording(self, name: str) -> None:
        self._video_name, self.recording = name, True  # type: ignore[assignment] # as there

    def stop_recording(self) -> None:
        assert self.recording
        Path(self.video_folder, f"{self._video_name}.mp4").write_bytes(FILM)
        self._video_name, self.recording = None, False

    def close(self) -> None:
        if self.recording:
            self.stop_recording()


class VideoRecorder:
    """As gymnasium before 1 has it: one film."""

    def __init__(self, path: Path, *, enabled: bool = True) -> None:
        self.path, self.enabled, self._is_closed = str(path), enabled, False

    def close(self) -> None:
        if self.enabled and not self._is_closed:
            Path(self.path).write_bytes(FILM)
        self._is_closed = True


class ImageEncoder:
    """As gym before 0.26 has it: a process that writes what it is given."""

    def __init__(self, path: Path) -> None:
        self.output_path = str(path)
        path.write_bytes(FILM[:3])

    def close(self) -> None:
        Path(self.output_path).write_bytes(FILM)


@pytest.fixture(autouse=True)
def unmonitored() -> Iterator[None]:
    yield
    gym.unmonitor()


def install(monkeypatch: pytest.MonkeyPatch, name: str, **classes: type) -> None:
    """Put a module and its packages among those that are imported; the classes are their own, to be changed."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:end]), ModuleType(".".join(parts[:end])))
    for class_name, kind in classes.items():
        setattr(sys.modules[name], class_name, type(class_name, (kind,), {}))


def films(recorded: RecordedRun) -> list[tuple[str, bytes]]:
    """Keys and contents of what was logged."""
    return [
        (key, Path(recorded.run.dir, value["path"]).read_bytes())
        for row in recorded.values
        for key, value in row.items()
        if value["_type"] == "video-file"
    ]


def test_each_film_of_a_wrapper_is_logged(
    kymograph_begin: Begin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, "gymnasium.wrappers.rendering", RecordVideo=RecordVideo)
    recorded = kymograph_begin(monitor_gym=True)
    recorder: Any = sys.modules["gymnasium.wrappers.rendering"].RecordVideo(tmp_path)

    recorder.start_recording("rl-video-episode-0")
    recorder.stop_recording()
    recorder.start_recording("rl-video-episode-1")
    recorder.close()
    recorder.close()

    assert films(recorded) == [("videos", FILM)] * 2


def test_the_film_of_a_recorder_is_logged_once(
    kymograph_begin: Begin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, "gymnasium.wrappers.monitoring.video_recorder", VideoRecorder=VideoRecorder)
    recorded = kymograph_begin(monitor_gym=True)
    module: Any = sys.modules["gymnasium.wrappers.monitoring.video_recorder"]
    recorder = module.VideoRecorder(tmp_path / "film.mp4")

    recorder.close()
    recorder.close()
    module.VideoRecorder(tmp_path / "none.mp4", enabled=False).close()

    assert films(recorded) == [("videos", FILM)]


def test_a_numbered_film_of_an_older_gym_is_logged_under_its_number(
    kymograph_begin: Begin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(
        monkeypatch, "gym.wrappers.monitoring.video_recorder", VideoRecorder=VideoRecorder, ImageEncoder=ImageEncoder
    )
    recorded = kymograph_begin(monitor_gym=True)
    module: Any = sys.modules["gym.wrappers.monitoring.video_recorder"]

    module.ImageEncoder(tmp_path / "openaigym.video.3.77.video000001.mp4").close()

    assert films(recorded) == [("video.3", FILM)]


def test_a_film_that_cannot_be_logged_is_told_and_stops_nothing(
    kymograph_begin: Begin,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install(monkeypatch, "gymnasium.wrappers.monitoring.video_recorder", VideoRecorder=VideoRecorder)
    recorded = kymograph_begin(monitor_gym=True)
    module: Any = sys.modules["gymnasium.wrappers.monitoring.video_recorder"]

    module.VideoRecorder(tmp_path / "film.avi").close()

    assert recorded.values == []
    assert "film.avi is not logged" in capsys.readouterr().err


def test_without_a_run_films_are_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, "gymnasium.wrappers.monitoring.video_recorder", VideoRecorder=VideoRecorder)
    module: Any = sys.modules["gymnasium.wrappers.monitoring.video_recorder"]
    before = module.VideoRecorder.close
    gym.monitor()
    gym.monitor()
    module.VideoRecorder(tmp_path / "film.mp4").close()

    gym.unmonitor()

    assert module.VideoRecorder.close is before


def test_without_gymnasium_it_is_said_what_is_missing(kymograph_begin: Begin) -> None:
    with pytest.raises(MissingPackage, match="pip install gymnasium"):
        kymograph_begin(monitor_gym=True)
