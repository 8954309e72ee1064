from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from kymograph.errors import CommError, MembershipNotFound
from kymograph.sdk import notices
from tests.unit.sdk.artifacts.version_server import ARTIFACT_ID, VersionServer

FILES = {"a.txt": b"first", "sub/b.txt": b"second"}


@pytest.fixture
def server() -> VersionServer:
    return VersionServer(FILES)


def test_a_version_says_what_the_server_told(server: VersionServer, tmp_path: Path) -> None:
    artifact = server.artifact(tmp_path)

    assert (artifact.id, artifact.name, artifact.version, artifact.type) == (ARTIFACT_ID, "data:v3", "v3", "dataset")
    assert (artifact.entity, artifact.project, artifact.qualified_name) == ("me", "p", "me/p/data:v3")
    assert (artifact.aliases, artifact.tags, artifact.metadata) == (["latest"], ["t"], {"a": 1})
    assert (artifact.size, artifact.file_count, artifact.history_step, artifact.ttl) == (11, 2, 4, None)
    assert not artifact.is_link
    assert artifact.url == "http://pages/me/p/artifacts/dataset/data/v3"
    assert not artifact.is_draft()


def test_a_link_knows_its_source(server: VersionServer, tmp_path: Path) -> None:
    link = server.session(tmp_path).artifact_by_name("me", "p", "linked:elsewhere")

    assert (link.is_link, link.version, link.source_name, link.source_version) == (True, "v0", "data:v3", "v3")
    assert (link.aliases, link.linked_at) == (["elsewhere"], "2026-02-02T00:00:00Z")


def test_a_version_that_is_absent_is_told_as_scripts_expect_it(server: VersionServer, tmp_path: Path) -> None:
    session = server.session(tmp_path)

    with pytest.raises(ValueError, match="artifact membership 'data:absent' not found in 'me/p'"):
        session.artifact_by_name("me", "p", "data:absent")
    server.failure = lambda request: (
        httpx.Response(200, json={"data": {"project": None}}) if b"MembershipByName" in request.content else None
    )
    with pytest.raises(MembershipNotFound, match="project 'p' not found under entity 'me'"):
        session.artifact_by_name("me", "p", "data")


def test_an_older_server_is_asked_by_the_older_question(server: VersionServer, tmp_path: Path) -> None:
    server.features.clear()

    found = server.session(tmp_path).artifact_by_name("me", "p", "data:latest")

    assert (found.version, found.aliases, server.asked["ArtifactMembershipByName"]) == ("v3", ["latest"], 0)


def test_saving_sends_differences(server: VersionServer, tmp_path: Path) -> None:
    artifact = server.artifact(tmp_path)
    artifact.aliases.append("best")
    artifact.aliases.remove("latest")
    artifact.tags = ["new"]
    artifact.description, artifact.metadata = "other", {"b": 2}

    artifact.save()

    (added,), (deleted,) = server.inputs["AddAliases"], server.inputs["DeleteAliases"]
    assert [alias["alias"] for alias in added["aliases"]] == ["best"]
    assert [alias["alias"] for alias in deleted["aliases"]] == ["latest"]
    (changed,) = server.inputs["UpdateArtifact"]
    assert (changed["description"], changed["metadata"], changed["ttlDurationSeconds"]) == ("other", '{"b":2}', None)
    assert changed["tagsToAdd"] == [{"tagName": "new"}]
    assert changed["tagsToDelete"] == [{"tagName": "t"}]
    artifact.save()
    assert len(server.inputs["AddAliases"]) == 1


def test_aliases_that_may_not_be_set_are_named(server: VersionServer, tmp_path: Path) -> None:
    artifact = server.artifact(tmp_path)
    artifact.aliases.append("production")
    server.failure = lambda request: httpx.Response(403) if b"AddAliases" in request.content else None

    with pytest.raises(CommError, match="You do not have permission to add the following alias to this artifact"):
        artifact.save()


def test_deleting_a_link_only_unlinks_it(
    server: VersionServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notices.forget()
    link = server.session(tmp_path).artifact_by_name("me", "p", "linked:elsewhere")
    server.failure = lambda request: (
        httpx.Response(200, json={"data": {"project": {"artifactType": {"artifactCollection": {"id": "c"}}}}})
        if b"ProjectArtifactCollection" in request.content
        else None
    )

    link.delete()

    assert server.inputs["UnlinkArtifact"] == [{"artifactID": ARTIFACT_ID, "artifactPortfolioID": "c"}]
    assert server.asked["DeleteArtifact"] == 0
    assert "only unlink" in capsys.readouterr().err


def test_what_is_no_link_cannot_be_unlinked(server: VersionServer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'me/p/data:v3' is not a linked artifact and cannot be unlinked"):
        server.artifact(tmp_path).unlink()


def test_a_draft_has_the_files_and_knows_where_it_belongs(server: VersionServer, tmp_path: Path) -> None:
    draft = server.artifact(tmp_path).new_draft()

    assert (draft.name, draft.base_id, draft.home, draft.is_draft()) == ("data", ARTIFACT_ID, ("me", "p"), True)
    assert {path: entry.birth_artifact_id for path, entry in draft.manifest.entries.items()} == {
        "a.txt": ARTIFACT_ID,
        "sub/b.txt": ARTIFACT_ID,
    }
    assert all(entry.local_path is None for entry in draft.manifest.entries.values())


def test_the_manifest_is_fetched_once(server: VersionServer, tmp_path: Path) -> None:
    artifact = server.artifact(tmp_path)

    assert [len(artifact.manifest) for _ in range(3)] == [2, 2, 2]
    assert server.asked["manifest"] == 1
