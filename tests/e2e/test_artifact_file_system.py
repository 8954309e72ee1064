"""Artifacts through fsspec, on a live server."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kymograph.errors import AliasesPresent, DigestMismatch, InvalidName
from kymograph.fs import ArtifactFileSystem
from tests.e2e.file_systems import head, make_run, options
from tests.e2e.server import ServerProcess
from tests.e2e.training import Training

_numbers = itertools.count(1)
PROJECT = "admin/artifact-files"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def fs(server: ServerProcess, cache: Path) -> ArtifactFileSystem:
    make_run(server, f"{PROJECT}/run")
    return ArtifactFileSystem(**options(server, cache))


@pytest.fixture
def name() -> str:
    return f"words-{next(_numbers)}"


@pytest.fixture
def collection(name: str) -> str:
    return f"{PROJECT}/dataset/{name}"


def make(fs: ArtifactFileSystem, collection: str, files: dict[str, bytes], **more: object) -> str:
    """A version; its path."""
    draft = fs.draft(collection, **more)  # type: ignore[arg-type] # by name
    fs.pipe({f"{draft.path}/{name}": content for name, content in files.items()})
    return draft.commit()


# --- listings ---------------------------------------------------------------------------------------------------------


def test_every_level_lists_whole_paths(fs: ArtifactFileSystem, collection: str) -> None:
    version = make(fs, collection, {"a/b.txt": b"1", "c": b"2"}, aliases=["best"])

    assert version == f"{collection}/v0"
    assert "admin" in fs.ls("", detail=False)
    assert PROJECT in fs.ls("admin", detail=False)
    assert f"{PROJECT}/dataset" in fs.ls(f"wandbas://{PROJECT}", detail=False)
    assert collection in fs.ls(f"{PROJECT}/dataset", detail=False)
    assert fs.ls(collection, detail=False) == [version]
    assert fs.ls(version, detail=False) == [f"{version}/a", f"{version}/c"]
    assert fs.ls(f"{collection}/best/a", detail=False) == [f"{collection}/best/a/b.txt"]


def test_the_short_form_names_no_type(fs: ArtifactFileSystem, collection: str, name: str) -> None:
    make(fs, collection, {"a/b.txt": b"1"}, aliases=["best"])

    assert fs.find(f"{PROJECT}/{name}:best") == [f"{PROJECT}/{name}:best/a/b.txt"]
    assert fs.cat(f"wandbas://{PROJECT}/{name}:v0/a/b.txt") == b"1"
    assert fs.isdir(f"{PROJECT}/{name}:latest/a")
    assert not fs.exists(f"{PROJECT}/{name}:none")
    with pytest.raises(InvalidName):
        fs.ls(f"{PROJECT}/{name}:")


def test_details(fs: ArtifactFileSystem, collection: str) -> None:
    version = make(fs, collection, {"b.txt": b"hello"}, aliases=["best"], metadata={"n": 1}, description="said")

    [listed] = fs.ls(collection)
    assert (listed["version"], listed["aliases"]) == ("v0", ["best", "latest"])
    info = fs.info(version)
    assert (info["type"], info["version"], sorted(info["aliases"])) == ("directory", "v0", ["best", "latest"])
    assert (info["metadata"], info["description"]) == ({"n": 1}, "said")
    assert info["digest"] == listed["digest"]
    file = fs.info(f"{version}/b.txt")
    assert (file["size"], file["type"], file["md5"]) == (5, "file", "XUFAKrxLKna5cZ2REBfFkg==")
    assert file["digest"] == file["md5"]
    assert (file["mimetype"], file["ref"]) == ("text/plain", None)
    assert fs.ls(f"{version}/b.txt") == [file]


@pytest.mark.parametrize(
    "path",
    [
        "nobody",
        "admin/nothing",
        f"{PROJECT}/nothing",
        f"{PROJECT}/dataset/nothing",
        "{collection}/v9",
        "{collection}/nothing",
        "{collection}/v0/nothing",
        "{collection}/v0/a/nothing",
        f"{PROJECT}/model/{{name}}/v0",
    ],
)
def test_what_is_missing_is_not_found(fs: ArtifactFileSystem, collection: str, name: str, path: str) -> None:
    make(fs, collection, {"a/b": b"1"})
    missing = path.format(collection=collection, name=name)

    with pytest.raises(FileNotFoundError):
        fs.ls(missing)
    with pytest.raises(FileNotFoundError):
        fs.info(missing)
    assert not fs.exists(missing)
    assert fs.glob(f"{missing}/*") == []


def test_walk_find_glob_and_du(fs: ArtifactFileSystem, collection: str) -> None:
    version = make(fs, collection, {"a/b/c.txt": b"12", "a/d.bin": b"345", "e.txt": b"6"})

    assert fs.find(version) == [f"{version}/a/b/c.txt", f"{version}/a/d.bin", f"{version}/e.txt"]
    assert fs.find(version, maxdepth=1, withdirs=True) == [version, f"{version}/a", f"{version}/e.txt"]
    assert fs.glob(f"{version}/**/*.txt") == [f"{version}/a/b/c.txt", f"{version}/e.txt"]
    assert fs.glob(f"{collection}/*/e.txt") == [f"{version}/e.txt"]
    assert fs.du(version) == 6
    assert [folder for folder, _, _ in fs.walk(version)] == [version, f"{version}/a", f"{version}/a/b"]


def test_a_new_version_is_listed_and_an_alias_moves(fs: ArtifactFileSystem, collection: str) -> None:
    make(fs, collection, {"a": b"1"})
    assert fs.cat(f"{collection}/latest/a") == b"1"

    make(fs, collection, {"a": b"2"})

    assert fs.ls(collection, detail=False) == [f"{collection}/v0", f"{collection}/v1"]
    assert fs.cat(f"{collection}/latest/a") == b"2"
    assert fs.cat(f"{collection}/v0/a") == b"1"


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end"), [(None, None), (10, 20), (10, None), (-5, None), (None, -5), (95, 200), (7, 3)]
)
@pytest.mark.parametrize("size", [100, 9 << 20])
def test_ranges_are_exactly_the_slices(
    fs: ArtifactFileSystem, collection: str, size: int, start: int | None, end: int | None
) -> None:
    content = os.urandom(size)
    version = make(fs, collection, {"bytes": content})

    assert fs.cat_file(f"{version}/bytes", start, end) == content[start:end]
    assert fs.cat_ranges([f"{version}/bytes"] * 3, [0, 5, 50], [3, 9, 99]) == [
        content[0:3],
        content[5:9],
        content[50:99],
    ]


def test_what_was_read_is_kept_for_everybody(
    fs: ArtifactFileSystem, collection: str, cache: Path, tmp_path: Path
) -> None:
    version = make(fs, collection, {"a/b": b"content", "c": b"more"})
    assert fs.cat(f"{version}/a/b") == b"content"
    fs.session.client.transfers.close()

    kept = [path for path in (cache / "obj" / "md5").rglob("*") if path.is_file()]

    assert [path.read_bytes() for path in kept] == [b"content"]
    fs.get(version, str(tmp_path / "out"), recursive=True)
    assert (tmp_path / "out" / "a" / "b").read_bytes() == b"content"
    assert (tmp_path / "out" / "c").read_bytes() == b"more"


def test_content_that_is_not_what_it_should_be_is_refused(
    fs: ArtifactFileSystem, collection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make(fs, collection, {"a": b"content"})
    monkeypatch.setattr(fs.session, "read", lambda _url, _span: b"another")

    with pytest.raises(DigestMismatch, match="a: promised digest"):
        fs.cat(f"{version}/a")


def test_many_files_cost_one_request_for_their_addresses(
    fs: ArtifactFileSystem, collection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make(fs, collection, {f"f/{n}": str(n).encode() for n in range(60)})
    asked: list[str] = []
    ask = fs.session.client.graphql

    def note_and_ask(document: str, *arguments: Any, **named: Any) -> Any:
        asked.append(document)
        return ask(document, *arguments, **named)

    monkeypatch.setattr(fs.session.client, "graphql", note_and_ask)

    fs.get(f"{version}/", str(tmp_path / "out"), recursive=True)

    assert len(list((tmp_path / "out" / "f").iterdir())) == 60
    assert len([document for document in asked if "filesByManifestEntries" in document]) == 1
    asked.clear()
    fs.get(f"{version}/", str(tmp_path / "again"), recursive=True)
    assert asked == []


def test_open_text_blocks_and_addresses(fs: ArtifactFileSystem, collection: str) -> None:
    content = os.urandom(100_000)
    version = make(fs, collection, {"large": content, "text.txt": "ünï\n".encode()})

    with fs.open(f"{version}/large", block_size=1000) as file:
        file.seek(50_000)
        assert file.read(3_000) == content[50_000:53_000]
    assert fs.read_text(f"{version}/text.txt", encoding="utf-8") == "ünï\n"
    assert head(fs.url(f"{version}/large")).content == content
    with pytest.raises(IsADirectoryError):
        fs.open(version)


def test_marks_and_times(fs: ArtifactFileSystem, collection: str) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    version = make(fs, collection, {"a": b"1", "b": b"1", "c": b"2"})

    assert fs.ukey(f"{version}/a") == fs.ukey(f"{version}/b") != fs.ukey(f"{version}/c")
    assert fs.ukey(version) == fs.info(version)["digest"]
    for path in (version, f"{version}/a"):
        created, modified = fs.created(path), fs.modified(path)
        assert created is not None
        assert modified is not None
        assert before <= created <= modified <= datetime.now(UTC)


def test_references_are_read_where_they_are(
    fs: ArtifactFileSystem, server: ServerProcess, collection: str, name: str, tmp_path: Path
) -> None:
    make(fs, collection, {"a": b"of the other"})
    (tmp_path / "local.txt").write_text("outside")
    Training(tmp_path / "training", url=server.url).run(
        f"""
import kymograph as wandb

with wandb.init(entity="admin", project="artifact-files") as run:
    made = wandb.Artifact("refs-{name}", type="dataset")
    made.add_reference("file://{tmp_path}/local.txt", name="local.txt")
    made.add_reference(run.use_artifact("{name}:v0").get_entry("a"), name="other")
    run.log_artifact(made).wait()
"""
    )
    version = f"{PROJECT}/refs-{name}:v0"

    assert fs.info(f"{version}/local.txt")["ref"] == f"file://{tmp_path}/local.txt"
    assert fs.cat(f"{version}/local.txt") == b"outside"
    assert fs.cat_file(f"{version}/other", 3, 6) == b"the"
    fs.get(f"{version}/other", str(tmp_path / "other"))
    assert (tmp_path / "other").read_bytes() == b"of the other"
    (tmp_path / "local.txt").write_text("changed")
    with pytest.raises(DigestMismatch):
        fs.cat(f"{version}/local.txt")


# --- drafts -----------------------------------------------------------------------------------------------------------


def test_a_version_cannot_be_written_to(fs: ArtifactFileSystem, collection: str) -> None:
    version = make(fs, collection, {"a": b"1"})

    for path in (f"{version}/b", f"{collection}/latest/b", f"{PROJECT}/x", f"{version}/a"):
        with pytest.raises(PermissionError):
            fs.pipe(path, b"2")
    with pytest.raises(PermissionError):
        fs.open(f"{version}/b", "wb")
    with pytest.raises(PermissionError):
        fs.rm(f"{version}/a")
    with pytest.raises(PermissionError):
        fs.rm(collection, recursive=True)


def test_a_draft_is_read_and_written_until_it_is_a_version(
    fs: ArtifactFileSystem, collection: str, tmp_path: Path
) -> None:
    first = make(fs, collection, {"kept": b"same", "gone": b"x", "changed": b"old"})
    (tmp_path / "local").write_bytes(b"local")

    with fs.draft(collection, base="v0", aliases=["best"], description="second") as draft:
        assert fs.cat(f"{draft.path}/changed") == b"old"
        fs.pipe(f"{draft.path}/changed", b"new")
        fs.rm(f"{draft.path}/gone")
        fs.put(str(tmp_path / "local"), f"{draft.path}/deep/local")
        fs.cp(f"{draft.path}/kept", f"{draft.path}/copy")
        fs.mv(f"{draft.path}/deep/local", f"{draft.path}/moved")
        with fs.open(f"{draft.path}/text", "w") as file:
            file.write("words")
        assert draft.path in fs.ls(collection, detail=False)
        assert fs.cat(f"{draft.path}/moved") == b"local"

    assert fs.ls(collection, detail=False) == [first, f"{collection}/v1"]
    assert fs.cat(f"{collection}/best/", recursive=True) == {
        f"{collection}/best/{name}": content
        for name, content in {
            "changed": b"new", "copy": b"same", "kept": b"same", "moved": b"local", "text": b"words",
        }.items()
    }  # fmt: skip
    assert not fs.exists(f"{collection}/draft")
    assert not draft.folder.exists()


def test_a_draft_that_is_discarded_leaves_nothing(fs: ArtifactFileSystem, collection: str) -> None:
    def fail() -> None:
        with fs.draft(collection) as draft:
            fs.pipe(f"{draft.path}/a", b"1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert not fs.exists(collection)
    with fs.draft(collection) as draft, pytest.raises(FileExistsError):
        fs.draft(collection)
    assert fs.ls(f"{collection}/v0") == []
    with pytest.raises(PermissionError, match="begin a new one"):
        draft.remove("a")


def test_files_of_other_versions_are_copied_by_name(fs: ArtifactFileSystem, collection: str) -> None:
    other = make(fs, f"{collection}-other", {"a/1": b"one", "a/2": b"two"})

    with fs.draft(collection) as draft:
        fs.cp(f"{other}/a", f"{draft.path}/b", recursive=True)

    assert fs.cat(f"{collection}/v0/b/1") == b"one"
    assert fs.find(f"{collection}/v0") == [f"{collection}/v0/b/1", f"{collection}/v0/b/2"]


def test_large_files_and_many_files(fs: ArtifactFileSystem, collection: str, tmp_path: Path) -> None:
    large = os.urandom(20 << 20)
    with fs.draft(collection) as draft:
        with fs.open(f"{draft.path}/large", "wb") as file:
            file.write(large)
        fs.pipe({f"{draft.path}/many/{n}": b"%d" % n for n in range(300)})

    fs.get(f"{collection}/v0/large", str(tmp_path / "large"))
    assert (tmp_path / "large").read_bytes() == large
    assert len(fs.cat(f"{collection}/v0/many/*")) == 300


# --- transactions -----------------------------------------------------------------------------------------------------


def test_one_transaction_is_one_version(fs: ArtifactFileSystem, collection: str, tmp_path: Path) -> None:
    make(fs, collection, {"a": b"1", "b": b"2"}, aliases=["best"])
    (tmp_path / "local").write_bytes(b"local")

    with fs.transaction:
        fs.pipe(f"{collection}/best/c", b"3")
        fs.put(str(tmp_path / "local"), f"{collection}/best/local")
        with fs.open(f"{collection}/best/a", "wb") as file:
            file.write(b"new")
        fs.rm_file(f"{collection}/best/b")
        assert fs.cat(f"{collection}/best/a") == b"1"

    assert fs.ls(collection, detail=False) == [f"{collection}/v0", f"{collection}/v1"]
    assert fs.cat(f"{collection}/best/a") == b"new"
    assert fs.find(f"{collection}/v1") == [f"{collection}/v1/{name}" for name in ("a", "c", "local")]
    assert "best" in fs.info(f"{collection}/v1")["aliases"]


def test_a_transaction_that_fails_makes_no_version(fs: ArtifactFileSystem, collection: str) -> None:
    def fail() -> None:
        with fs.transaction:
            fs.pipe(f"{collection}/latest/c", b"3")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert not fs.exists(collection)
    with pytest.raises(PermissionError):
        fs.pipe(f"{collection}/latest/c", b"3")


def test_a_transaction_names_what_it_makes_by_one_alias(fs: ArtifactFileSystem, collection: str) -> None:
    make(fs, collection, {"a": b"1"})

    with fs.transaction:
        fs.pipe(f"{collection}/best/c", b"3")
        with pytest.raises(PermissionError, match="makes one version"):
            fs.pipe(f"{collection}/latest/c", b"3")
        with pytest.raises(PermissionError, match="v0 is there for good"):
            fs.pipe(f"{collection}/v0/c", b"3")

    assert fs.find(f"{collection}/best") == [f"{collection}/best/c"]


# --- names and removal ------------------------------------------------------------------------------------------------


def test_collections_and_aliases_are_renamed(fs: ArtifactFileSystem, collection: str) -> None:
    make(fs, collection, {"a": b"1"}, aliases=["good"])

    fs.mv(f"{collection}/good", f"{collection}/better")
    fs.mv(collection, f"{collection}-renamed")

    assert fs.cat(f"{collection}-renamed/better/a") == b"1"
    assert not fs.exists(f"{collection}-renamed/good")
    assert not fs.exists(collection)
    with pytest.raises(PermissionError):
        fs.mv(f"{collection}-renamed", f"{PROJECT}/other-type/x")
    with pytest.raises(PermissionError):
        fs.mv(f"{collection}-renamed/v0", f"{collection}-renamed/v1")


def test_versions_are_deleted_with_their_aliases_only_by_force(fs: ArtifactFileSystem, collection: str) -> None:
    make(fs, collection, {"a": b"1"})
    make(fs, collection, {"a": b"2"})

    with pytest.raises(IsADirectoryError):
        fs.rm(f"{collection}/v0")
    fs.rm(f"{collection}/v0", recursive=True)
    assert fs.ls(collection, detail=False) == [f"{collection}/v1"]
    with pytest.raises(AliasesPresent):
        fs.rm(f"{collection}/v1", recursive=True)
    fs.rm(f"{collection}/v1", recursive=True, force=True)
    assert fs.ls(collection) == []


async def test_code_that_awaits(server: ServerProcess, fs: ArtifactFileSystem, collection: str, cache: Path) -> None:
    awaited = ArtifactFileSystem(**options(server, cache, asynchronous=True))
    draft = awaited._begin_draft(awaited._parsed(collection), None)
    async with await awaited.open_async(f"{draft.path}/a", "wb") as file:
        await file.write(b"content")
    await awaited._pipe_file(f"{draft.path}/b", b"more")

    version = await awaited._commit(draft)

    assert version == f"{collection}/v0"
    async with await awaited.open_async(f"{version}/a") as file:
        assert await file.read() == b"content"
    assert [info["name"] for info in await awaited._ls(version)] == [f"{version}/a", f"{version}/b"]


# --- lineage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_wanted", [True, False])
def test_what_a_run_reads_becomes_its_input_and_what_it_writes_its_output(
    fs: ArtifactFileSystem, server: ServerProcess, collection: str, name: str, tmp_path: Path, is_wanted: bool
) -> None:
    make(fs, collection, {"a": b"1", "b": b"2"})
    run_id = f"lineage-{name}"

    Training(tmp_path / "training", url=server.url).run(
        f"""
import fsspec
import kymograph as wandb
from kymograph.fs import ArtifactFileSystem

fs = ArtifactFileSystem()
fs.cat("{collection}/v0/a")
with wandb.init(project="artifact-files", id="{run_id}", settings={{"fs_lineage": {is_wanted}}}) as run:
    assert fs.cat("{collection}/latest/a") == b"1"
    assert fs.cat("{collection}/latest/b") == b"2"
    with fs.draft("{collection}-made") as draft:
        fs.pipe(draft.path + "/c", b"3")
"""
    )

    version = fs.info(f"{collection}/v0")
    used = fs.session.artifacts.used_by(_id_of(fs, f"{collection}/v0"))
    made = fs.session.artifacts.created_by(_id_of(fs, f"{collection}-made/v0"))
    assert version["version"] == "v0"
    assert [run.run_id for run in used] == ([run_id] if is_wanted else [])
    assert (made is not None and made.run_id == run_id) is is_wanted


def _id_of(fs: ArtifactFileSystem, path: str) -> str:
    entity, project, _, name, version, _ = fs.split_path(path)
    found = fs.session.artifacts.membership(str(entity), str(project), f"{name}:{version}").artifact
    assert found is not None
    return found.id
