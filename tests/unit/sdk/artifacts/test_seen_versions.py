"""What is kept of versions whose files were listed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from kymograph.client.artifact_values import PORTFOLIO, CollectionAddress, RemoteArtifact, RemoteMembership
from kymograph.sdk.artifacts import seen_versions
from kymograph.sdk.artifacts.seen_versions import SeenVersions
from tests.unit.sdk.artifacts.version_server import VersionServer

PLACE = RemoteMembership(
    "",
    CollectionAddress("me", "p", "shelf"),
    PORTFOLIO,
    0,
    ("shown",),
    RemoteArtifact(
        "A",
        CollectionAddress("me", "p", "data"),
        3,
        "dataset",
        "COMMITTED",
        "d",
        metadata={"nan": float("inf"), "large": 2**70, "deep": {"list": [1]}},
        tags=("x",),
        aliases=((CollectionAddress("me", "p", "data"), "best"),),
    ),
    "2026-01-01T00:00:00Z",
)


def test_a_version_is_found_as_it_was(tmp_path: Path) -> None:
    seen = SeenVersions(tmp_path)
    seen.save("http://one", PLACE, b'{"a":\n1}')
    seen.save("http://two", PLACE, b"{}")

    (found,) = SeenVersions(tmp_path).iter_all("http://one")

    assert (found.place, found.manifest()) == (PLACE, b'{"a":\n1}')
    assert found.seen_at_ns > 0
    assert list(seen.iter_all("http://three")) == []


def test_the_last_look_holds(tmp_path: Path) -> None:
    seen = SeenVersions(tmp_path)
    seen.save("http://one", PLACE, b"{}")
    seen.save("http://one", replace(PLACE, aliases=("moved",)), b"{}")

    assert [found.place.aliases for found in seen.iter_all("http://one")] == [("moved",)]


def test_what_is_known_already_is_not_written_again(tmp_path: Path) -> None:
    seen = SeenVersions(tmp_path)
    seen.save("http://one", PLACE, b"{}")
    (path,) = (tmp_path / seen_versions.FOLDER).iterdir()
    os.utime(path, (1, 1))
    before = path.stat().st_ino

    seen.save("http://one", PLACE, b"{}")

    assert (path.stat().st_ino, path.stat().st_mtime > 1) == (before, True)


def test_damaged_files_are_passed_over(tmp_path: Path) -> None:
    seen = SeenVersions(tmp_path)
    seen.save("http://one", PLACE, b"{}")
    folder = tmp_path / seen_versions.FOLDER
    for number, text in enumerate([b"", b"\xff\xfe\n{}", b"[1]\n", b'{"base_url": "http://one", "place": {"x": 1}}\n']):
        (folder / str(number)).write_bytes(text)

    assert len(list(seen.iter_all("http://one"))) == 1


def test_the_folder_keeps_to_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_versions, "MAX_BYTES", 100)
    monkeypatch.setattr(seen_versions, "MAX_TOTAL_BYTES", 2_000)
    seen = SeenVersions(tmp_path)

    seen.save("http://large", PLACE, b"x" * 101)
    for number in range(10):
        seen.save(f"http://{number}", PLACE, b"x" * 100)

    sizes = [path.stat().st_size for path in (tmp_path / seen_versions.FOLDER).iterdir()]
    assert 0 < sum(sizes) <= 2_000
    assert len(list(seen.iter_all("http://9"))) == 1
    assert list(seen.iter_all("http://large")) == list(seen.iter_all("http://0")) == []


def test_a_disk_that_takes_nothing_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / seen_versions.FOLDER).write_text("in the way")

    SeenVersions(tmp_path).save("http://one", PLACE, b"{}")

    assert list(SeenVersions(tmp_path).iter_all("http://one")) == []


def test_versions_are_noted_when_their_files_are_listed(tmp_path: Path) -> None:
    artifact = VersionServer({"a.txt": b"first"}).artifact(tmp_path)

    assert list(artifact.manifest.entries) == ["a.txt"]

    (found,) = SeenVersions(tmp_path / "cache").iter_all("http://server")
    assert (found.place.collection.name, found.place.version_index, found.place.aliases) == ("data", 3, ("latest",))
    assert found.place.artifact is not None
    assert found.place.artifact.metadata == {"a": 1}
