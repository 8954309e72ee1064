from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import Audio, Video
from tests.unit.sdk.media.recorded import Recorded, Tensor


def samples_of(run: Recorded, audio: Audio) -> tuple[int, int, list[int]]:
    with wave.open(str(run.folder / str(audio.bind(run.place, "k", 0)["path"])), "rb") as file:
        assert file.getsampwidth() == 2
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return file.getframerate(), file.getnchannels(), frames.tolist()


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([0.0, 0.5, -1.0, 1.0, 2.0], [0, 16384, -32768, 32767, 32767]),
        (np.array([np.nan, np.inf]), [0, 32767]),
        (np.array([1, -32768, 32767], np.int16), [1, -32768, 32767]),
        (np.array([0, 128, 255], np.uint8), [-32768, 0, 32512]),
        (np.array([2**31 - 1, -(2**31)], np.int32), [32767, -32768]),
        (Tensor(np.array([0.25])), [8192]),
    ],
)
def test_samples_become_a_wav_of_16_bits(run: Recorded, samples: Any, expected: list[int]) -> None:
    assert samples_of(run, Audio(samples, sample_rate=8000)) == (8000, 1, expected)


def test_channels_are_interleaved(run: Recorded) -> None:
    audio = Audio(np.array([[0.0, 0.5], [0.25, -0.5]]), sample_rate=4)

    assert samples_of(run, audio) == (4, 2, [0, 16384, 8192, -16384])
    assert audio.duration == 0.5


def test_a_file_of_audio_is_taken_as_it_is(run: Recorded, tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"sound")

    form = Audio(path, caption="c").bind(run.place, "k", 0)

    assert str(form["path"]).startswith("media/audio/k_0_")
    assert str(form["path"]).endswith(".mp3")
    assert (form["_type"], form["caption"], form["size"]) == ("audio-file", "c", 5)


def test_several_pieces_of_audio_become_one_object(run: Recorded, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"sound")

    form = Audio.bind_group([Audio([0.0] * 4, 8, caption="c"), Audio(tmp_path / "a.mp3")], run.place, "k", 0)

    assert (form["_type"], form["count"]) == ("audio", 2)
    assert (form["sampleRates"], form["durations"], form["captions"]) == ([8, None], [0.5, None], ["c", ""])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0],), "sample_rate"),
        (([], 8), "shape"),
        ((np.zeros((2, 2, 2)), 8), "shape"),
        ((["a"], 8), "shape"),
        (([[0.0], [0.0, 1.0]], 8), "different lengths"),
    ],
)
def test_what_is_no_audio_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InvalidMedia, match=message):
        Audio(*arguments)


def frames(count: int = 3, *, channels: int = 3, height: int = 6, width: int = 8) -> np.ndarray:
    steps = np.arange(count, dtype=np.uint8) * 50
    return np.broadcast_to(steps[:, None, None, None], (count, channels, height, width)).copy()


def test_a_gif_has_a_frame_for_each(run: Recorded) -> None:
    form = Video(frames(), fps=10, format="gif", caption="c").bind(run.place, "k", 0)

    gif = run.picture(form["path"])
    assert (gif.n_frames, gif.size, gif.info["duration"]) == (3, (8, 6), 100)
    assert (form["_type"], form["width"], form["height"], form["caption"]) == ("video-file", 8, 6, "c")
    assert str(form["path"]).startswith("media/videos/k_0_")


@pytest.mark.parametrize(("format", "magic"), [("mp4", b"ftyp"), ("webm", b"\x1a\x45\xdf\xa3"), ("ogg", b"OggS")])
def test_films_are_encoded(run: Recorded, format: str, magic: bytes) -> None:
    form = Video(frames(4, height=33, width=47), format=format).bind(run.place, "k", 0)

    assert magic in (run.folder / str(form["path"])).read_bytes()[:16]
    assert (form["width"], form["height"]) == (47, 33)


def test_a_batch_stands_in_a_grid() -> None:
    batch = np.stack([frames(2, height=4, width=4)] * 3)

    video = Video(batch, format="gif")

    # Four places for three: one row of four, as the vendor's client has it.
    assert (video.width, video.height) == (16, 4)


@given(st.integers(1, 9), st.sampled_from([1, 3, 4]))
def test_any_batch_makes_a_video(count: int, channels: int) -> None:
    video = Video(np.zeros((count, 1, channels, 2, 2), np.uint8), format="gif")

    assert video.width is not None
    assert video.height is not None
    assert video.width * video.height >= count * 4


@pytest.mark.parametrize("content", [b"film", io.BytesIO(b"film")])
def test_bytes_are_taken_as_they_are(run: Recorded, content: Any) -> None:
    form = Video(content, format="mp4").bind(run.place, "k", 0)

    assert (run.folder / str(form["path"])).read_bytes() == b"film"
    assert "width" not in form


def test_several_videos_become_one_object(run: Recorded) -> None:
    form = Video.bind_group([Video(b"a", format="mp4"), Video(b"b", format="mp4")], run.place, "k", 0)

    assert (form["_type"], form["count"], form["captions"]) == ("videos", 2, False)


@pytest.mark.parametrize(
    ("data", "format", "message"),
    [
        (frames(), None, "format is None"),
        (b"film", None, "format is None"),
        (frames(), "avi", "format is 'avi'"),
        ("a.avi", None, "format is 'avi'"),
        (np.zeros((3, 6, 8)), "gif", "shape"),
        (np.zeros((3, 2, 6, 8)), "gif", "shape"),
        (object(), "gif", "made of object"),
    ],
)
def test_what_is_no_video_is_refused(data: Any, format: str | None, message: str) -> None:
    with pytest.raises(InvalidMedia, match=message):
        Video(data, format=format)


def test_fps_of_an_encoded_video_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    Video(b"film", format="mp4", fps=5)

    assert "no effect" in caplog.text
