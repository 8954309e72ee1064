"""Keys become paths and come back."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kymograph.storage.objects.keys import (
    decode_folder_key,
    decode_key,
    encode_folder_key,
    encode_folder_prefix,
    encode_key,
    encode_prefix,
)

letters = st.one_of(st.sampled_from("/.%#+-a\x00é"), st.characters(exclude_categories=["Cs"]))
keys = st.one_of(st.text(letters, max_size=30), st.text(st.sampled_from("ab.é%"), min_size=200, max_size=800))


@given(keys)
@example("")
@example("%/%-/%+")
def test_every_key_comes_back(key: str) -> None:
    assert decode_key(encode_key(key)) == key
    assert decode_folder_key(encode_folder_key(key)) == key


@given(keys)
def test_paths_hold_nothing_that_stores_refuse(key: str) -> None:
    for path in (encode_key(key), encode_folder_key(key)):
        segments = path.split("/")
        assert not {"", ".", ".."} & set(segments)
        assert all(character.isprintable() or ord(character) > 127 for character in path)
        assert "#" not in path
    assert all(len(name.encode()) <= 242 for name in encode_folder_key(key).split("/"))


@given(keys, keys)
def test_a_file_is_never_where_a_folder_is(one: str, other: str) -> None:
    file = encode_folder_key(one)
    folders = encode_folder_key(other).split("/")[:-1]

    assert file not in {"/".join(folders[:depth]) for depth in range(1, len(folders) + 1)}


@given(keys, st.integers(0, 800))
def test_a_key_lies_in_the_folder_of_each_of_its_prefixes(key: str, length: int) -> None:
    for encode, prefix_of in ((encode_key, encode_prefix), (encode_folder_key, encode_folder_prefix)):
        folder = prefix_of(key[:length])
        assert not folder or encode(key).startswith(f"{folder}/")


@pytest.mark.parametrize("key", ["runs/1/files/output.log", "runs/12/media/images/a b_1.png"])
def test_ordinary_keys_stay_readable(key: str) -> None:
    assert encode_folder_key(key) == key


def test_cases_that_are_marked() -> None:
    assert encode_folder_key("Makefile") == "Makefile%"
    assert encode_folder_key("v1.0/x.py") == "v1.0%/x.py"
    assert encode_folder_key("../x") == "%2E%2E/x%"
