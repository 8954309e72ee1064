"""What may stand in an artifact's metadata."""

from __future__ import annotations

import pytest

from kymograph.core import exact_json
from kymograph.core.artifact_metadata import checked_metadata
from kymograph.errors import InvalidSetting, MalformedRequest


def test_a_document_stays_as_it_was_written() -> None:
    text = '{"big": 123456789012345678901234567890, "nested": {"k": [1, 2.50, null]}, "ü": "\\ud83d"}'

    assert checked_metadata(text) == text


def test_nan_becomes_null_wherever_it_stands() -> None:
    assert exact_json.loads(checked_metadata('{"a": NaN, "b": [{"c": NaN}], "d": 1}')) == {
        "a": None,
        "b": [{"c": None}],
        "d": 1,
    }


@pytest.mark.parametrize("text", ['{"a": Infinity}', '{"a": [{"b": -Infinity}]}'])
def test_infinities_are_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="infinities"):
        checked_metadata(text)


def test_more_than_100_keys_are_refused() -> None:
    keys = ", ".join(f'"k{i}": {i}' for i in range(101))

    with pytest.raises(InvalidSetting, match=r"Artifact must not have more than 100 metadata keys\."):
        checked_metadata(f"{{{keys}}}")
    assert checked_metadata(f'{{"k": {{{keys}}}}}')


@pytest.mark.parametrize("text", ["7", "[]", "null", "{", ""])
def test_only_an_object_is_metadata(text: str) -> None:
    with pytest.raises(MalformedRequest):
        checked_metadata(text)
