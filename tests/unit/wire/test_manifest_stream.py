from __future__ import annotations

import json
from typing import Any

import pytest

from kymograph.errors import ManifestCorrupt
from kymograph.wire import manifest_stream
from kymograph.wire.manifest_stream import read_manifest

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "storagePolicy": "wandb-storage-policy-v1",
    "storagePolicyConfig": {"storageLayout": "V2"},
    "contents": {
        'a"b': {"digest": "d1", "size": 3, "extra": {"nested": [1, {"x": 2}]}},
        "ü/c": {"digest": "d2"},
    },
}


@pytest.fixture(params=["at once", "entry by entry"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "entry by entry":
        monkeypatch.setattr(manifest_stream, "_SMALL_BYTES", 0)


@pytest.mark.parametrize("indent", [None, 2])
def test_the_entries_and_what_stands_before_them_are_read(indent: int | None) -> None:
    text = json.dumps(DOCUMENT, indent=indent).encode()

    head, entries = read_manifest(bytearray(text), artifact="a")

    assert head["storagePolicyConfig"] == {"storageLayout": "V2"}
    assert dict(entries) == DOCUMENT["contents"]


def test_entries_may_stand_anywhere() -> None:
    text = json.dumps({"contents": DOCUMENT["contents"], "version": 1}).encode()

    _, entries = read_manifest(text, artifact="a")

    assert dict(entries) == DOCUMENT["contents"]


def test_there_may_be_no_entries() -> None:
    _, entries = read_manifest(b'{"version":1,"contents":{}}', artifact="a")

    assert dict(entries) == {}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"version":2,"contents":{}}',
        b'{"version":1}',
        b'{"version":1,"contents":[]}',
        b'{"version":1,"contents":{"a":1}}',
        b'{"version":1,"contents":{"a":{}',
        b'{"version":1,"contents":{"a":{} "b":{}}}',
        b'{"version":1,"contents":{"a"}}',
        b'{"version":1,"contents":{1:{}}}',
        b'{"version":1,"contents":{"a":{"digest":"\xff"}}}',
    ],
)
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(ManifestCorrupt):
        dict(read_manifest(text, artifact="a")[1])
