from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.names import parse_file_path
from kymograph.sdk.media.names import MAX_SEGMENT_BYTES, media_path


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("loss", "loss_3_d.png"),
        ('a/b c.d:é*?<>|"%', 'a/b c.d:é*?<>|"%_3_d.png'),
        ("/abs/../x", "abs/__/x_3_d.png"),
        (".", "__3_d.png"),
        ("..", "___3_d.png"),
        ("a//b/", "a/b/_3_d.png"),
        ("a\\b\x00\ud800", "a_b___3_d.png"),
        ("", "_3_d.png"),
    ],
)
def test_keys_are_made_safe(key: str, path: str) -> None:
    assert media_path(key, 3, "d", ".png") == path


def test_what_is_cut_off_still_tells_keys_apart() -> None:
    first, second = (media_path("k" * 300 + end, 3, "d", ".png") for end in "ab")

    assert first != second


@given(st.text() | st.text(alphabet="./\\ab", max_size=12) | st.text(min_size=200, alphabet="/é𝕏a"))
def test_every_path_can_be_stored(key: str) -> None:
    path = media_path(key, 2**62, "0" * 20, ".table.json")

    parse_file_path(f"media/images/mask/{path}")
    assert all(len(segment.encode()) <= MAX_SEGMENT_BYTES for segment in path.split("/"))
