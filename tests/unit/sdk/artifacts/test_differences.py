"""Versions beside each other, and beside a folder."""

from __future__ import annotations

from pathlib import Path

from kymograph.core.digest import md5_digest
from kymograph.sdk.artifacts.difference import compare_manifests
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.folder_contents import compare_folder
from kymograph.sdk.artifacts.manifest import ArtifactManifest


def manifest_of(files: dict[str, bytes]) -> ArtifactManifest:
    entries = [ArtifactManifestEntry(path, md5_digest(data), size=len(data)) for path, data in files.items()]
    return ArtifactManifest(entries={entry.path: entry for entry in entries})


def test_what_came_went_and_changed_is_told_by_size() -> None:
    old = manifest_of({"same": b"s", "gone": b"g", "small": b"1", "large": b"1"})
    new = manifest_of({"same": b"s", "small": b"22", "large": b"333", "a": b"a", "b": b"bb"})

    found = compare_manifests(old, new)

    assert [entry.path for entry in found.added] == ["b", "a"]
    assert [entry.path for entry in found.removed] == ["gone"]
    assert [(was.size, now.size, now.path) for was, now in found.changed] == [(1, 3, "large"), (1, 2, "small")]
    assert found.unchanged == 1
    assert not found.is_empty
    assert compare_manifests(old, old).is_empty


def test_a_folder_is_compared_with_all_that_should_be_in_it(tmp_path: Path) -> None:
    manifest = manifest_of({"sub/good": b"1", "sub/bad": b"2", "absent": b"3", "folder": b"4"})
    manifest.entries["elsewhere"] = ArtifactManifestEntry("elsewhere", "etag", ref="https://example.invalid/x")
    for name, content in {"sub/good": b"1", "sub/bad": b"!", "more/extra": b"", "folder/file": b""}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    found = compare_folder(str(tmp_path), manifest)

    assert (found.missing, found.changed) == (["absent", "folder"], ["sub/bad"])
    assert found.extra == ["folder/file", "more/extra"]
    assert (found.checked, found.unchecked, found.is_equal) == (4, 1, False)
    assert compare_folder(str(tmp_path / "sub"), manifest_of({"good": b"1", "bad": b"!"})).is_equal
