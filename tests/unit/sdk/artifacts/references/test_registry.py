"""Which handler an address is for; what is fetched once for all; references among artifacts; other file systems."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped] # it has no types
import pytest

from kymograph.client.artifact_cache import ArtifactCache
from kymograph.errors import InvalidReference, MissingPackage, ReferenceChanged, ReferenceNotFound
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.artifact import ArtifactHandler
from kymograph.sdk.artifacts.references.base import ReferenceContext, Tracking
from kymograph.sdk.artifacts.references.filesystem import FilesystemHandler
from kymograph.sdk.artifacts.references.registry import References, kind_of
from kymograph.sdk.artifacts.references.tracking import TrackingHandler
from kymograph.wire.artifact_addresses import artifact_address, find_artifact_id


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("s3://b/k", "s3"),
        ("S3://b/k", "s3"),
        ("gs://b/k", "gcs"),
        ("https://a.blob.core.windows.net/c/b", "azure"),
        ("https://a.blob.core.windows.net:443/c/b", "azure"),
        ("https://a.blob.core.windows.net.example.com/c/b", "http"),
        ("https://example.com/?x=.blob.core.windows.net", "http"),
        ("http://a.blob.core.windows.net/c/b", "http"),
        ("http://example.com", "http"),
        ("wandb-artifact://00/x", "artifact"),
        ("wandb-client-artifact://x/y", "client_artifact"),
        ("file:///x", "file"),
        ("File:///x", "file"),
        ("memory://x", "filesystem"),
        ("sftp://h/x", "filesystem"),
        ("ref://x", "tracking"),
        (r"C:\x\y", "tracking"),
        ("mailto:x", "tracking"),
    ],
)
def test_scheme_and_host_choose_the_handler(uri: str, kind: str) -> None:
    assert kind_of(uri) == kind


@pytest.mark.parametrize("uri", ["", "/a/path", "relative", "://x", "1s://x"])
def test_what_has_no_scheme_is_refused(uri: str) -> None:
    with pytest.raises(InvalidReference, match="References must be URIs"):
        kind_of(uri)


# --- the cache --------------------------------------------------------------------------------------------------------


def test_content_that_is_in_the_cache_is_not_fetched_again(folder: Path, tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path / "cache")
    references = References()
    [entry] = references.track(Tracking(f"file://{folder}/a.txt"))
    references.fetch_through(entry, tmp_path / "x" / "one", cache)
    (folder / "a.txt").unlink()
    references.fetch_through(entry, tmp_path / "x" / "two", cache)
    (tmp_path / "x" / "one").write_text("changed by the user")
    references.fetch_through(entry, tmp_path / "x" / "three", cache)

    assert [(tmp_path / "x" / name).read_text() for name in ("two", "three")] == ["hello", "hello"]


# --- tracking ---------------------------------------------------------------------------------------------------------


def test_what_is_only_noted_cannot_be_fetched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [entry] = TrackingHandler().track(Tracking(r"C:\x\y", name="x"))

    assert (entry.path, entry.digest, entry.ref, entry.size) == ("x", r"C:\x\y", r"C:\x\y", None)
    assert "cannot be checksummed" in capsys.readouterr().err
    entry.ref = "ref://x/y"
    with pytest.raises(ValueError, match="Cannot download file at path ref://x/y, scheme ref not recognized"):
        TrackingHandler().fetch(entry, tmp_path / "target")


# --- other file systems -----------------------------------------------------------------------------------------------


@pytest.fixture
def memory() -> Any:
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    files.pipe({"/d/a.txt": b"hello", "/d/e/b.txt": b"world"})
    return files


def test_files_of_any_file_system_are_tracked_and_fetched(memory: Any, tmp_path: Path, artifact: Artifact) -> None:
    [entry] = artifact.add_reference("memory://d/a.txt")
    again = FilesystemHandler().track(Tracking("memory://d/a.txt"))
    artifact.references.fetch(entry, tmp_path / "target")

    assert (entry.path, entry.ref, entry.size, again[0].digest) == ("a.txt", "memory://d/a.txt", 5, entry.digest)
    assert (tmp_path / "target").read_bytes() == b"hello"

    memory.pipe("/d/a.txt", b"other content")
    with pytest.raises(ReferenceChanged):
        artifact.references.fetch(entry, tmp_path / "target")
    memory.rm("/d/a.txt")
    with pytest.raises(ReferenceNotFound):
        artifact.references.fetch(entry, tmp_path / "target")


def test_folders_of_any_file_system_are_listed(memory: Any, tmp_path: Path) -> None:
    entries = FilesystemHandler().track(Tracking("memory://d", name="n"))
    FilesystemHandler().fetch(entries[1], tmp_path / "target")

    assert {entry.path: entry.ref for entry in entries} == {
        "n/a.txt": "memory://d/a.txt",
        "n/e/b.txt": "memory://d/e/b.txt",
    }
    assert (tmp_path / "target").read_bytes() == b"world"
    with pytest.raises(InvalidReference, match="Exceeded 1 objects"):
        FilesystemHandler().track(Tracking("memory://d", max_objects=1))
    with pytest.raises(ReferenceNotFound):
        FilesystemHandler().track(Tracking("memory://nothing"))


def test_a_file_system_that_is_not_installed_is_noted_or_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts that noted such addresses before go on working."""
    [entry] = FilesystemHandler().track(Tracking("dropbox://host/x", name="x"))
    assert entry.digest == "dropbox://host/x"
    assert "noted and not checked" in capsys.readouterr().err

    with pytest.raises(MissingPackage, match="dropbox"):
        FilesystemHandler().track(Tracking("dropbox://host/x"))


def test_unchecked_files_are_not_asked_for() -> None:
    [entry] = FilesystemHandler().track(Tracking("dropbox://host/a/x", checksum=False))

    assert (entry.path, entry.digest) == ("x", "dropbox://host/a/x")


# --- other artifacts --------------------------------------------------------------------------------------------------


def logged(number: int, **entries: ArtifactManifestEntry) -> tuple[str, Artifact]:
    artifact = Artifact(f"a{number}", "dataset")
    for entry in entries.values():
        artifact.manifest.add_entry(entry)
    artifact.logged = _Version(b64encode(f"Artifact:{number}".encode()).decode())  # type: ignore[assignment] # as much of one as is needed
    assert artifact.id is not None
    return artifact.id, artifact


class _Version:
    is_link = False

    def __init__(self, id: str) -> None:
        self.id = id


def test_a_reference_leads_to_where_the_content_is() -> None:
    first_id, first = logged(1, x=ArtifactManifestEntry("x", "digest", size=5))
    second_id, second = logged(2, y=ArtifactManifestEntry("y", "digest", ref=artifact_address(first_id, "x"), size=0))
    known = {first_id: first, second_id: second}
    handler = ArtifactHandler(ReferenceContext(find_logged=known.get))

    assert handler.track(Tracking(artifact_address(second_id, "y"), name="z")) == [
        ArtifactManifestEntry("z", "digest", ref=artifact_address(first_id, "x"), size=0)
    ]
    assert handler.track(Tracking(artifact_address(second_id, "y")))[0].path == "x"
    with pytest.raises(ReferenceNotFound):
        handler.track(Tracking(artifact_address(second_id, "nothing")))
    with pytest.raises(ReferenceNotFound):
        handler.track(Tracking("wandb-artifact://00/x"))
    first.manifest.entries["x"].ref = artifact_address(second_id, "y")
    with pytest.raises(InvalidReference, match="leads in a circle"):
        handler.track(Tracking(artifact_address(second_id, "y")))


def test_an_address_holds_the_id() -> None:
    assert find_artifact_id(artifact_address("QXJ0aWZhY3Q6MQ==", "a/b")) == "QXJ0aWZhY3Q6MQ=="
    assert find_artifact_id("wandb-artifact://no-hex/x") is None
    assert find_artifact_id("s3://b/x") is None


def test_a_draft_that_is_gone_cannot_be_referred_to(artifact: Artifact) -> None:
    with pytest.raises(ReferenceNotFound, match="no artifact of this process has the file"):
        artifact.add_reference("wandb-client-artifact://unknown/x")


def test_a_draft_cannot_be_read_before_it_is_logged(artifact: Artifact, folder: Path, tmp_path: Path) -> None:
    other = Artifact("other", "dataset")
    [entry] = other.add_reference(artifact.add_file(folder / "a.txt"))
    with pytest.raises(InvalidReference, match="log it first"):
        other.references.fetch(entry, tmp_path / "x")
