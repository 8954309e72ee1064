"""Artifacts in folders of runs, and of what was seen of servers, as the objects of the Api."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from kymograph.client.artifact_values import SEQUENCE, CollectionAddress, RemoteArtifact, RemoteMembership
from kymograph.errors import (
    CollectionNotFound,
    ContentNotHere,
    InvalidFilter,
    OfflineUse,
    ProjectNotFound,
    RunNotFound,
    VersionNotHere,
)
from kymograph.sdk.api.api import ApiOf
from kymograph.sdk.api.either import Sync
from kymograph.sdk.api.offline import offline_session
from kymograph.sdk.artifacts.seen_versions import SeenVersions
from kymograph.sdk.sender.artifact_operations import ArtifactNote
from kymograph.sdk.sender.ledger import Ledger
from kymograph.sdk.settings import Settings
from kymograph.wire.records_pb2 import (
    ArtifactManifest,
    ArtifactManifestEntry,
    ArtifactRecord,
    LinkArtifactRequest,
    Record,
    Request,
    UseArtifactRecord,
)
from tests.unit.sdk.folders import write_run

BASE_URL = "http://server"


def md5(text: str) -> str:
    return base64.b64encode(hashlib.md5(text.encode()).digest()).decode()


def logged(staging: Path, text: str, name: str = "data", **fields: Any) -> Record:
    """The record of a version with one file."""
    staging.mkdir(parents=True, exist_ok=True)
    path = staging / f"{name}-{text}"
    path.write_text(text)
    entry = ArtifactManifestEntry(path="a.txt", digest=md5(text), size=len(text), local_path=str(path))
    given: dict[str, Any] = {"aliases": ["latest"], "finalize": True, "client_id": f"c-{name}-{text}"} | fields
    return Record(
        artifact=ArtifactRecord(
            name=name,
            type=given.pop("type", "dataset"),
            digest=hashlib.md5(text.encode()).hexdigest(),
            manifest=ArtifactManifest(version=1, contents=[entry]),
            **given,
        )
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def api(home: Path) -> ApiOf[Sync]:
    settings = Settings()
    settings.update(root_dir=str(home), cache_dir=str(home / "cache"), data_dir=str(home / "data"), base_url=BASE_URL)
    return ApiOf(offline_session(settings))


def see(home: Path, version: int, text: str, *aliases: str, name: str = "seen") -> None:
    """Have a version of a server be seen."""
    at = CollectionAddress("me", "far", name)
    remote = RemoteArtifact(
        f"id-{name}-{version}",
        at,
        version,
        "dataset",
        "COMMITTED",
        text,
        metadata={"number": version, "deep": {"x": version}},
        tags=("odd",) if version % 2 else (),
        size_bytes=len(text),
        created_at=f"2025-01-0{version + 1}T00:00:00Z",
    )
    manifest = b'{"version":1,"contents":{"a.txt":{"digest":"%s","size":%d}}}' % (md5(text).encode(), len(text))
    place = RemoteMembership("", at, SEQUENCE, version, aliases, remote)
    SeenVersions(home / "cache" / "artifacts").save(BASE_URL, place, manifest)


def test_versions_of_folders_are_found_by_their_aliases(api: ApiOf[Sync], home: Path) -> None:
    texts = [("one", ["first", "best"]), ("two", ["best"]), ("two", ["again"])]
    more = tuple(logged(home / "staged", text, aliases=["latest", *aliases]) for text, aliases in texts)
    write_run(home / "kymograph", "maker", more=more)

    artifact = api.artifact("p/data:first")

    assert (artifact.entity, artifact.project, artifact.version, artifact.type) == ("local", "p", "", "dataset")
    assert [each.aliases for each in api.artifacts("dataset", "p/data")] == [["latest", "best", "again"], ["first"]]
    assert (home / "there" / "a.txt").parent == Path(artifact.download(home / "there"))
    assert (home / "there" / "a.txt").read_text() == "one"
    artifact.verify(home / "there")
    assert [each.name for each in api.run("p/maker").logged_artifacts()] == ["data", "data"]
    maker = artifact.logged_by()
    assert maker is not None
    assert (maker.id, maker.config) == ("maker", {"lr": 0.5})
    for name in ("p/data:v0", "p/data:absent", "p/absent"):
        with pytest.raises(VersionNotHere, match="on this machine"):
            api.artifact(name)
    assert not api.artifact_exists("p/absent")


def test_types_and_collections_are_those_of_the_versions(api: ApiOf[Sync], home: Path) -> None:
    more = (logged(home / "staged", "one"), logged(home / "staged", "net", name="net", type="model"))
    write_run(home / "kymograph", "maker", more=more)
    write_run(home / "kymograph", "plain", rows=1)

    assert [kind.name for kind in api.artifact_types("p")] == ["dataset", "model"]
    kind = api.artifact_type("model", "p")
    assert [each.name for each in kind.collections(filters={"name": {"$regex": "n"}}, order="-name")] == ["net"]
    collection = api.artifact_collection("dataset", "p/data")
    assert (collection.aliases, collection.is_sequence()) == (["latest"], True)
    assert [each.digest for each in collection.artifacts()] == [hashlib.md5(b"one").hexdigest()]
    assert not api.artifact_collection_exists("p/data", "model")
    with pytest.raises(CollectionNotFound, match="on this machine"):
        len(api.artifacts("dataset", "p/absent"))
    with pytest.raises(ProjectNotFound):
        len(api.artifact_types("absent"))
    with pytest.raises(InvalidFilter, match="colour"):
        len(kind.collections(filters={"colour": 1}))
    with pytest.raises(OfflineUse):
        collection.delete()


def test_what_was_seen_of_a_server_has_its_numbers(api: ApiOf[Sync], home: Path) -> None:
    for version, aliases in enumerate([("latest",), ("best",), ("latest", "best")]):
        see(home, version, f"text {version}", *aliases)

    artifacts = api.artifacts("dataset", "me/far/seen")

    assert [each.name for each in artifacts] == ["seen:v2", "seen:v1", "seen:v0"]
    assert [each.aliases for each in artifacts] == [["latest", "best"], [], []]
    assert api.artifact("me/far/seen:v1").metadata["number"] == 1
    assert api.artifact("me/far/seen").version == "v2"
    assert [each.version for each in api.artifacts("dataset", "me/far/seen", tags="odd")] == ["v1"]
    assert [each.version for each in api.artifacts("dataset", "me/far/seen", order="+created_at")] == ["v0", "v1", "v2"]
    with pytest.raises(ContentNotHere, match=r"1 files of artifact 'seen:v1' are not on this machine: a\.txt"):
        api.artifact("me/far/seen:v1").download(home / "there")
    with pytest.raises(OfflineUse):
        api.artifact("me/far/seen:v1").logged_by()


def test_contents_come_from_the_cache(api: ApiOf[Sync], home: Path) -> None:
    see(home, 0, "text", "latest")
    cached = home / "cache" / "artifacts" / "obj" / "md5"
    name = hashlib.md5(b"text").hexdigest()
    (cached / name[:2]).mkdir(parents=True)
    (cached / name[:2] / name[2:]).write_text("text")

    assert (Path(api.artifact("me/far/seen").download(home / "there")) / "a.txt").read_text() == "text"


def test_changed_files_of_a_folder_are_no_contents(api: ApiOf[Sync], home: Path) -> None:
    write_run(home / "kymograph", "maker", more=(logged(home / "staged", "one"),))
    (home / "staged" / "data-one").write_text("two")

    with pytest.raises(ContentNotHere):
        api.artifact("p/data").download(home / "there")
    assert not (home / "there" / "a.txt").exists()


def test_a_version_that_was_sent_is_the_one_that_the_server_has(api: ApiOf[Sync], home: Path) -> None:
    see(home, 0, "one", "latest", name="sent")
    folder = write_run(home / "kymograph", "maker", more=(logged(home / "staged", "one", name="sent"),))
    note = ArtifactNote("id-sent-0", "c-sent-one")
    Ledger(entity="me", project="far", run_id="maker", artifacts={"/1": note}).save(folder.ledger)

    assert [each.name for each in api.artifacts("dataset", "me/far/sent")] == ["sent:v0"]
    assert [each.name for each in api.run("p/maker").logged_artifacts()] == ["sent:v0"]


def test_what_runs_used_is_found_or_named(api: ApiOf[Sync], home: Path) -> None:
    see(home, 1, "text", "latest")
    used = Record(use_artifact=UseArtifactRecord(id="id-seen-1", type="dataset", name="seen:v1"))
    absent = Record(use_artifact=UseArtifactRecord(id="elsewhere", type="dataset", name="gone:v0"))
    write_run(home / "kymograph", "user", more=(used,))
    write_run(home / "kymograph", "other", more=(used, absent))

    assert [each.qualified_name for each in api.run("p/user").used_artifacts()] == ["me/far/seen:v1"]
    with pytest.raises(VersionNotHere, match="gone:v0"):
        len(api.run("p/other").used_artifacts())
    with pytest.raises(OfflineUse):
        api.run("p/user").use_artifact(api.artifact("me/far/seen"))


def test_links_are_collections_of_their_own(api: ApiOf[Sync], home: Path) -> None:
    link = LinkArtifactRequest(
        client_id="c-data-one", portfolio_name="shelf", portfolio_entity="me", portfolio_project="q"
    )
    link.portfolio_aliases.append("shown")
    write_run(
        home / "kymograph",
        "maker",
        more=(logged(home / "staged", "one"), Record(request=Request(link_artifact=link))),
    )

    shelf = api.artifact_collection("dataset", "me/q/shelf")

    assert (shelf.is_sequence(), shelf.aliases) == (False, ["shown"])
    artifact = api.artifact("me/q/shelf:shown")
    assert (artifact.is_link, artifact.source_name, artifact.source_project) == (True, "data", "p")
    assert (Path(artifact.download(home / "there")) / "a.txt").read_text() == "one"


def test_versions_that_are_not_whole_here_say_so(api: ApiOf[Sync], home: Path) -> None:
    parts = logged(home / "staged", "part", name="parts", distributed_id="shared")
    begun = logged(home / "staged", "begun", name="begun", finalize=False)
    outside = logged(home / "staged", "x", name="outside")
    outside.artifact.manifest.contents[0].path = "../x"
    write_run(home / "kymograph", "maker", more=(parts, begun, outside))

    with pytest.raises(OfflineUse, match="logged in parts"):
        api.artifact("p/parts").download(home / "there")
    with pytest.raises(VersionNotHere):
        api.artifact("p/begun")
    with pytest.raises(Exception, match="Invalid artifact path"):
        api.artifact("p/outside").download(home / "there")
    with pytest.raises(RunNotFound):
        len(api._session.perform(_absent(api)).items)


def _absent(api: ApiOf[Sync]) -> Any:
    from kymograph.client.runs import RunAddress

    return api._session.catalog.of_run(RunAddress("local", "p", "absent"), "output", cursor=None, per_page=1)
