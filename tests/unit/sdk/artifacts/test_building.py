"""Adding to an artifact, and taking out again. Digests are those that the protocol's own client gives."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from kymograph.errors import (
    ArtifactFinalizedError,
    ArtifactNotLoggedError,
    DuplicatePath,
    InvalidArtifact,
    InvalidReference,
    InvalidValue,
)
from kymograph.sdk.artifacts.artifact import TTL_DISABLED, TTL_INHERITED, Artifact
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.internal import InternalArtifact
from kymograph.sdk.artifacts.ttl import ArtifactTTL

HELLO = "XUFAKrxLKna5cZ2REBfFkg=="


def contents(artifact: Artifact) -> dict[str, Any]:
    found = artifact.manifest.to_manifest_json()["contents"]
    assert isinstance(found, dict)
    return found


def local_text(artifact: Artifact, path: str) -> str:
    local = artifact.manifest.entries[path].local_path
    assert local is not None
    return Path(local).read_text()


# --- files ------------------------------------------------------------------------------------------------------------


def test_an_empty_artifact_has_the_digest_of_nothing(artifact: Artifact) -> None:
    assert artifact.digest == "64e7c61456b10382e2f3b571ac24b659"
    assert (artifact.size, artifact.file_count, len(artifact.manifest)) == (0, 0, 0)


def test_a_file_is_added(artifact: Artifact, folder: Path) -> None:
    (folder / "a.txt").rename(folder / "file1.txt")
    entry = artifact.add_file(str(folder / "file1.txt"))

    assert artifact.digest == "a00c2239f036fb656c1dcbf9a32d89b4"
    assert contents(artifact) == {"file1.txt": {"digest": HELLO, "size": 5}}
    assert (entry.path, entry.size, entry.parent_artifact()) == ("file1.txt", 5, artifact)


def test_a_file_has_the_name_that_is_given(artifact: Artifact, folder: Path) -> None:
    artifact.add_file(folder / "a.txt", name="great-file.txt")

    assert artifact.digest == "585b9ada17797e37c9cbab391e69b8c5"
    assert artifact.get_added_local_path_name(folder / "a.txt") == "great-file.txt"
    assert artifact.get_added_local_path_name("nothing") is None


def test_what_is_no_file_is_refused(artifact: Artifact, folder: Path) -> None:
    for path in (folder, folder / "nothing"):
        with pytest.raises(ValueError, match=f"Path is not a file: '{path}'"):
            artifact.add_file(path)
    with pytest.raises(ValueError, match="Path is not a directory: "):
        artifact.add_dir(folder / "a.txt")


@pytest.mark.parametrize("name", ["../x.txt", "/x.txt", r"C:\x.txt", "a/../../b"])
def test_paths_that_leave_the_artifact_are_refused(artifact: Artifact, folder: Path, name: str) -> None:
    for attempt in (
        lambda: artifact.add_file(folder / "a.txt", name=name),
        lambda: artifact.add_dir(folder, name=name),
        lambda: artifact.new_file(name).__enter__(),
        lambda: artifact.add_reference(f"file://{folder}/a.txt", name=name),
        lambda: artifact.manifest.add_entry(ArtifactManifestEntry(name, "digest")),
    ):
        with pytest.raises(ValueError, match="Invalid artifact path"):
            attempt()

    assert len(artifact.manifest) == 0


def test_the_same_content_again_changes_nothing(artifact: Artifact, folder: Path) -> None:
    artifact.add_file(folder / "a.txt", name="x")
    artifact.add_file(folder / "a.txt", name="x")

    assert artifact.file_count == 1


@pytest.mark.parametrize("overwrite", [True, False])
def test_other_content_needs_to_overwrite(artifact: Artifact, folder: Path, overwrite: bool) -> None:
    artifact.add_file(folder / "a.txt")
    (folder / "a.txt").write_text("changed")

    if overwrite:
        artifact.add_file(folder / "a.txt", overwrite=True)
        assert local_text(artifact, "a.txt") == "changed"
    else:
        with pytest.raises(ValueError, match=r"Cannot add the same path twice: 'a.txt'"):
            artifact.add_file(folder / "a.txt")
        assert local_text(artifact, "a.txt") == "hello"


def test_an_unknown_policy_is_refused(artifact: Artifact, folder: Path) -> None:
    with pytest.raises(ValueError, match=r"Invalid policy 'unknown'. Policy may only be `mutable` or `immutable`."):
        artifact.add_file(folder / "a.txt", policy="unknown")  # type: ignore[arg-type] # on purpose


def test_a_temporary_file_is_named_by_its_content(artifact: Artifact, folder: Path) -> None:
    entry = artifact.add_file(folder / "a.txt", name="m/one.two.txt", is_tmp=True)

    assert entry.path == "m/5d41402abc4b2a76b971.two.txt"


def test_what_happens_to_a_mutable_file_does_not_matter(artifact: Artifact, folder: Path) -> None:
    """However it is changed: in place, by another in its place, or by its going away."""
    for name in ("a.txt", "b.txt", "deep/c.txt"):
        artifact.add_file(folder / name, name=name)
    with (folder / "a.txt").open("r+") as file:
        file.write("HELLO")
    (folder / "new").write_text("other")
    os.replace(folder / "new", folder / "b.txt")
    (folder / "deep/c.txt").unlink()

    assert [local_text(artifact, name) for name in ("a.txt", "b.txt", "deep/c.txt")] == ["hello", "world", "deeper"]


def test_an_immutable_file_is_not_copied(artifact: Artifact, folder: Path) -> None:
    entry = artifact.add_file(folder / "a.txt", policy="immutable")

    assert entry.local_path == str(folder / "a.txt")


def test_a_file_larger_than_a_piece_is_added(artifact: Artifact, folder: Path) -> None:
    content = bytes(range(256)) * 12_345
    (folder / "large").write_bytes(content)
    entry = artifact.add_file(folder / "large")

    assert entry.local_path is not None
    assert Path(entry.local_path).read_bytes() == content
    assert entry.digest == Artifact("x", "y").add_file(folder / "large", policy="immutable").digest


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_is_added(artifact: Artifact, folder: Path) -> None:
    (folder / "empty").mkdir()
    artifact.add_dir(str(folder))

    assert list(artifact.manifest.entries) == ["a.txt", "b.txt", "deep/c.txt"]


@pytest.mark.parametrize("name", ["subdir", "subdir/"])
def test_a_folder_has_the_name_that_is_given(artifact: Artifact, tmp_path: Path, name: str) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one/file1.txt").write_text("hello")
    artifact.add_dir(tmp_path / "one", name=name)

    assert artifact.digest == "a757208d042e8627b2970d72a71bed5b"


@pytest.mark.parametrize("merge", [True, False])
def test_a_folder_again_after_an_edit(artifact: Artifact, folder: Path, merge: bool) -> None:
    artifact.add_dir(folder)
    (folder / "b.txt").write_text("edited")
    (folder / "added.txt").write_text("added")

    if merge:
        artifact.add_dir(folder, merge=True)
        assert local_text(artifact, "b.txt") == "edited"
        assert artifact.file_count == 4
    else:
        with pytest.raises(DuplicatePath, match=r"Cannot add the same path twice: 'b.txt'"):
            artifact.add_dir(folder)
        assert artifact.file_count == 3, "all or none"


def test_many_files_are_added_at_once(artifact: Artifact, tmp_path: Path) -> None:
    for index in range(500):
        (tmp_path / f"{index % 7}").mkdir(exist_ok=True)
        (tmp_path / f"{index % 7}/{index}").write_text(str(index % 50))
    artifact.add_dir(tmp_path, name="x")

    assert artifact.file_count >= 500
    assert local_text(artifact, "x/3/10") == "10"


# --- new files --------------------------------------------------------------------------------------------------------


def test_a_new_file_is_written(artifact: Artifact) -> None:
    with artifact.new_file("file1.txt") as file:
        file.write("hello")

    assert artifact.digest == "a00c2239f036fb656c1dcbf9a32d89b4"


def test_a_new_file_may_be_within_folders(artifact: Artifact) -> None:
    with artifact.new_file("nested/test.txt", "w") as file:
        file.write("test")

    assert artifact.manifest.entries["nested/test.txt"].size == 4


def test_a_second_new_file_is_refused_unless_it_may_replace(artifact: Artifact) -> None:
    with artifact.new_file("x") as file:
        file.write("1")
    with pytest.raises(ValueError, match="File with name 'x' already exists at"), artifact.new_file("x") as file:
        file.write("2")
    with artifact.new_file("x", mode="w") as file:
        file.write("3")
    assert local_text(artifact, "x") == "3"

    with artifact.new_file("x", mode="a") as file:
        file.write("4")

    assert local_text(artifact, "x") == "34"


def test_a_new_file_that_is_not_finished_is_not_added(artifact: Artifact) -> None:
    def half() -> None:
        with artifact.new_file("x") as file:
            file.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()

    assert len(artifact.manifest) == 0
    with artifact.new_file("x") as file:
        file.write("whole")


def test_text_that_the_encoding_does_not_have_is_told(artifact: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnicodeEncodeError), artifact.new_file("x", encoding="ascii") as file:
        file.write("∂")

    assert "Please provide the proper encoding" in capsys.readouterr().err


# --- taking out -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path, PurePosixPath])
def test_files_and_folders_are_taken_out(artifact: Artifact, folder: Path, kind: Any) -> None:
    artifact.add_dir(folder)
    artifact.remove(kind("a.txt"))
    artifact.remove(kind("deep"))

    assert list(artifact.manifest.entries) == ["b.txt"]


def test_an_entry_is_taken_out(artifact: Artifact, folder: Path) -> None:
    entry = artifact.add_file(folder / "a.txt")
    artifact.remove(entry)

    assert len(artifact.manifest) == 0
    with pytest.raises(FileNotFoundError, match=r"Cannot remove missing entry: 'a.txt'"):
        artifact.remove(entry)


def test_what_is_not_there_is_not_taken_out(artifact: Artifact, folder: Path) -> None:
    artifact.add_dir(folder)
    with pytest.raises(FileNotFoundError, match="No such file or directory: dee"):
        artifact.remove("dee")


@pytest.mark.parametrize(
    ("member", "attempt"),
    [
        ("add_file", lambda artifact: artifact.add_file("x")),
        ("add_dir", lambda artifact: artifact.add_dir(".")),
        ("new_file", lambda artifact: artifact.new_file("x").__enter__()),
        ("add_reference", lambda artifact: artifact.add_reference("s3://b/k")),
        ("add", lambda artifact: artifact.add(None, "x")),
        ("remove", lambda artifact: artifact.remove("a.txt")),
    ],
)
def test_nothing_is_added_to_a_finished_one(
    artifact: Artifact, folder: Path, member: str, attempt: Callable[[Artifact], object]
) -> None:
    artifact.add_file(folder / "a.txt")
    artifact.finalize()
    problem = f"'Artifact.{member}' used on logged artifact. Can't modify finalized artifact."
    with pytest.raises(ArtifactFinalizedError, match=problem):
        attempt(artifact)

    assert artifact.file_count == 1


# --- references -------------------------------------------------------------------------------------------------------


def test_a_reference_has_the_digest_of_the_file(artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "file1.txt").write_text("hello")
    uri = (tmp_path / "file1.txt").as_uri()
    [entry] = artifact.add_reference(uri)

    assert artifact.digest == "a00c2239f036fb656c1dcbf9a32d89b4"
    assert contents(artifact) == {"file1.txt": {"digest": HELLO, "ref": uri, "size": 5}}
    assert entry.ref_target() == uri


def test_a_reference_of_an_unknown_kind_needs_a_name(artifact: Artifact) -> None:
    with pytest.raises(ValueError, match='You must pass name="<entry_name>" when tracking references with unknown'):
        artifact.add_reference("ref://example.com/somefile.txt")
    artifact.add_reference("ref://example.com/somefile.txt", name="ref")

    assert artifact.digest == "410ade94865e89ebe1f593f4379ac228"


def test_a_path_is_no_reference(artifact: Artifact) -> None:
    with pytest.raises(InvalidReference, match=r"References must be URIs. To reference a local file, use file://"):
        artifact.add_reference("/a/path")


def test_an_entry_of_a_draft_is_referred_to(artifact: Artifact, folder: Path) -> None:
    entry = artifact.add_file(folder / "a.txt")
    other = Artifact("other", "dataset")
    [added] = other.add_reference(entry, name="x/y.txt")

    assert (added.path, added.digest, added.size) == ("x/y.txt", entry.digest, 0)
    assert added.ref == f"wandb-client-artifact://{artifact.client_id}/a.txt"


def test_only_references_have_targets(artifact: Artifact, folder: Path) -> None:
    with pytest.raises(ValueError, match="Only reference entries support ref_target"):
        artifact.add_file(folder / "a.txt").ref_target()


# --- what it is -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "member",
    [
        "entity",
        "project",
        "version",
        "source_entity",
        "source_project",
        "source_version",
        "ttl",
        "aliases",
        "tags",
        "commit_hash",
        "created_at",
        "updated_at",
        "qualified_name",
        "collection",
        "history_step",
        "url",
        "linked_at",
        "linked_artifacts",
    ],
)
def test_properties_of_a_version_need_one(artifact: Artifact, member: str) -> None:
    with pytest.raises(ArtifactNotLoggedError, match=f"'Artifact.{member}' used prior to logging artifact") as caught:
        getattr(artifact, member)

    assert (caught.value.name, hasattr(artifact, member)) == (member, False)


@pytest.mark.parametrize(
    "member",
    [
        "new_draft",
        "download",
        "checkout",
        "verify",
        "file",
        "files",
        "delete",
        "unlink",
        "used_by",
        "logged_by",
        "wait",
    ],
)
def test_methods_of_a_version_need_one(artifact: Artifact, member: str) -> None:
    with pytest.raises(ArtifactNotLoggedError, match=f"'Artifact.{member}' used prior to logging artifact"):
        getattr(artifact, member)()


def test_reading_from_a_version_needs_one(artifact: Artifact) -> None:
    with pytest.raises(ArtifactNotLoggedError, match=r"Artifact\.get_entry"):
        artifact.get_entry("x")
    with pytest.raises(ArtifactNotLoggedError, match=r"Artifact\.get'"):
        artifact["x"]
    with pytest.raises(ArtifactNotLoggedError):
        artifact.aliases = ["x"]


def test_what_is_known_before_it_is_logged() -> None:
    artifact = Artifact("name", "type", description="text", metadata={"a": 1}, storage_region="here")

    assert (artifact.name, artifact.source_name, artifact.type, artifact.id, artifact.state, artifact.use_as) == (
        "name", "name", "type", None, "PENDING", None,
    )  # fmt: skip
    assert (artifact.description, artifact.metadata, artifact.is_draft(), artifact.is_link) == (
        "text", {"a": 1}, True, False,
    )  # fmt: skip
    assert artifact.manifest.to_manifest_json()["storagePolicyConfig"] == {
        "storageLayout": "V2",
        "storageRegion": "here",
    }
    assert (len(artifact.client_id), artifact.client_id.isalnum(), artifact.client_id.islower()) == (128, True, True)
    assert artifact.client_id != artifact.sequence_client_id
    assert repr(artifact) == "<Artifact name>"


def test_metadata_and_description_can_be_assigned(artifact: Artifact) -> None:
    artifact.metadata = {"b": float("nan")}
    artifact.metadata["c"] = 2
    artifact.description = "new"

    assert (artifact.metadata, artifact.description) == ({"b": None, "c": 2}, "new")
    with pytest.raises(InvalidArtifact):
        artifact.metadata = {str(index): 0 for index in range(101)}


@pytest.mark.parametrize("region", ["", " "])
def test_an_empty_region_is_refused(region: str) -> None:
    with pytest.raises(ValueError, match="storage_region"):
        Artifact("x", "y", storage_region=region)


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(InvalidArtifact, match="digest_algorithm is 'SHA1', and may be MD5 or XXH128"):
        Artifact("x", "y", digest_algorithm="SHA1")  # type: ignore[arg-type] # on purpose


def test_incremental_and_old_arguments_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    artifact = Artifact("x", "y", incremental=True, use_as="z")

    assert artifact.incremental
    said = capsys.readouterr().err
    assert "Using experimental arg `incremental`" in said
    assert "use_as is deprecated" in said


def test_the_time_to_live_is_set_and_read(artifact: Artifact) -> None:
    assert artifact.ttl_on_the_wire() is None
    artifact.ttl = timedelta(days=2)
    assert (artifact.ttl, artifact.ttl_on_the_wire()) == (timedelta(days=2), 172_800)
    artifact.ttl = None
    assert (artifact.ttl, artifact.ttl_on_the_wire()) == (None, TTL_DISABLED)
    artifact.ttl = ArtifactTTL.INHERIT
    assert artifact.ttl_on_the_wire() == TTL_INHERITED
    with pytest.raises(ArtifactNotLoggedError):
        _ = artifact.ttl

    with pytest.raises(ValueError, match="has to be positive"):
        artifact.ttl = timedelta(days=-2)
    with pytest.raises(ValueError, match="Cannot set artifact TTL for type wandb-history"):
        InternalArtifact("x", "wandb-history").ttl = timedelta(days=1)


def test_artifacts_of_the_client_itself_have_clean_names() -> None:
    assert InternalArtifact("run-1-a", "run_table").name == "run-1-a"
    names = {InternalArtifact(f"source {mark} x", "code").name for mark in "äöü"}
    assert len(names) == 3
    assert all(name.startswith("sourcex-") for name in names)


def test_what_is_no_media_object_is_refused(artifact: Artifact) -> None:
    with pytest.raises(TypeError, match="expected one of Bokeh"):
        artifact.add("text", "x")  # type: ignore[arg-type] # on purpose
    with pytest.raises(InvalidValue):
        artifact["x"] = 3  # type: ignore[assignment] # on purpose
