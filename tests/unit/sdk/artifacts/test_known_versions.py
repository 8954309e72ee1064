"""What is left to a server that has it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import orjson
import pytest

from kymograph.client import known_versions
from kymograph.client.known_versions import KnownVersions
from kymograph.errors import InvalidArtifact
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.folders import artifact_folders, current_settings

URL = "http://server"
TEXT = orjson.dumps(
    {"version": 1, "contents": {"a": {"digest": "d1", "size": 1}, "r": {"digest": "d2", "ref": "s3://b/k"}}}
)


@pytest.fixture
def known(tmp_path: Path) -> KnownVersions:
    return KnownVersions(tmp_path / "cache")


def save(known: KnownVersions, collection: str, text: bytes = TEXT, url: str = URL) -> None:
    known.save(url, collection, artifact_id="id", entity="me", project="p", text=text)


def test_a_version_is_known_by_server_and_collection(known: KnownVersions) -> None:
    save(known, "data")

    found = known.find(URL, "data")

    assert found is not None
    assert (found.id, found.entity, found.project, found.head) == ("id", "me", "p", {"version": 1})
    assert found.digests() == {"d1"}
    assert orjson.loads(found.document()) == orjson.loads(TEXT)
    assert known.find(URL, "other") is None
    assert known.find("http://other", "data") is None


@pytest.mark.parametrize("damage", [b"", b"{}", b"{}\n[]", b'{"id": "i"}\n{"contents": {"a": {}}}', b"\xff\n\xff"])
def test_damage_is_as_nothing(known: KnownVersions, tmp_path: Path, damage: bytes) -> None:
    save(known, "data")
    (file,) = (tmp_path / "cache" / known_versions.FOLDER).iterdir()
    file.write_bytes(damage)

    assert known.find(URL, "data") is None


def test_what_is_too_large_or_too_many_goes(known: KnownVersions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_versions, "MAX_BYTES", len(TEXT))
    monkeypatch.setattr(known_versions, "MAX_KEPT", 3)
    save(known, "large", TEXT + b" ")
    for number in range(5):
        save(known, f"data{number}")

    assert known.find(URL, "large") is None
    assert sum(known.find(URL, f"data{number}") is not None for number in range(5)) == 3


# --- files that a server has


@pytest.fixture
def logged(folder: Path) -> Path:
    """A folder whose files were hashed, and are at the server that is set."""
    long_ago = time.time_ns() - 3_600_000_000_000
    for path in folder.rglob("*.txt"):
        os.utime(path, ns=(long_ago, long_ago))
    first = Artifact("my-artifact", "dataset")
    first.add_dir(folder)
    text = orjson.dumps(first.manifest.to_manifest_json())
    KnownVersions(artifact_folders().cache).save(
        current_settings().base_url, "my-artifact", artifact_id="id", entity="me", project="p", text=text
    )
    return folder


def test_files_that_the_server_has_are_not_kept(artifact: Artifact, logged: Path) -> None:
    artifact.add_dir(logged)

    assert [entry.local_path for entry in artifact.manifest.entries.values()] == [
        str(logged / path) for path in ("a.txt", "b.txt", "deep/c.txt")
    ]
    assert artifact.draft.relies_on is not None
    assert artifact.draft.relies_on.id == "id"


def test_files_that_changed_and_files_of_other_collections_are_kept(artifact: Artifact, logged: Path) -> None:
    (logged / "a.txt").write_text("other")
    other = Artifact("other", "dataset")

    artifact.add_dir(logged)
    other.add_dir(logged)

    assert artifact.manifest.entries["a.txt"].local_path != str(logged / "a.txt")
    assert artifact.manifest.entries["b.txt"].local_path == str(logged / "b.txt")
    assert other.draft.relies_on is None


def test_they_are_kept_once_the_server_is_found_not_to_have_them(artifact: Artifact, logged: Path) -> None:
    artifact.add_dir(logged)

    artifact.draft.keep_all()

    local = artifact.manifest.entries["a.txt"].local_path
    assert local is not None
    assert local != str(logged / "a.txt")
    assert Path(local).read_text() == "hello"
    assert artifact.draft.relies_on is None


def test_one_that_has_changed_by_then_is_told(artifact: Artifact, logged: Path) -> None:
    artifact.add_dir(logged)
    (logged / "b.txt").write_text("other")

    with pytest.raises(InvalidArtifact, match=r"b\.txt changed after it was added"):
        artifact.draft.keep_all()
