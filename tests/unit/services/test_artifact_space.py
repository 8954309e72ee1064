"""Clean-ups, restoring and the collector, as users meet them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kymograph.core.accounts import Role
from kymograph.core.artifact import ArtifactState, ArtifactVersion, CollectionKind, ManifestKind
from kymograph.core.project import Project
from kymograph.core.space import Freed, VersionFilter
from kymograph.errors import CollectionNotFound, Forbidden, InvalidSetting, ProjectNotFound, ServerBusy
from kymograph.services import artifact_commits
from kymograph.services.artifact_garbage import ArtifactsCollected
from kymograph.services.artifact_space import ArtifactSpace, Ttl
from kymograph.testing.clock import ManualClock
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from kymograph.types import ObjectKey
from tests.unit.services.artifact_client import ArtifactClient, document_of, entries_of

HERE = ("admin", "project")
NOTHING = ArtifactsCollected()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    """Object stores stamp objects with real time, so the clock starts there."""
    with open_test_deployment(tmp_path, clock=ManualClock(datetime.now(UTC))) as opened:
        opened.run("admin/project/run")
        yield opened


@pytest.fixture
def client(deployment: DeploymentUnderTest) -> ArtifactClient:
    return ArtifactClient(deployment)


@pytest.fixture
def space(deployment: DeploymentUnderTest) -> ArtifactSpace:
    return deployment.services.artifact_space


def project_of(client: ArtifactClient) -> Project:
    return client.services.projects.get(client.caller, *HERE)


def state(client: ArtifactClient, version: ArtifactVersion) -> ArtifactState | None:
    found = client.services.artifacts.find(client.caller, version.id)
    return found.state if found is not None else None


def objects(deployment: DeploymentUnderTest) -> int:
    return sum(len(deployment.objects.list_keys(prefix)) for prefix in ("blobs/", "manifests/"))


def test_dry_run_says_what_a_clean_up_then_does(client: ArtifactClient, space: ArtifactSpace) -> None:
    old = client.log({"a": b"1", "b": b"22"})
    new = client.log({"b": b"22", "c": b"333"})

    foreseen = space.delete(client.caller, *HERE, VersionFilter(), dry_run=True)
    assert foreseen == Freed(versions=1, objects=1, size_bytes=1)
    assert state(client, old) is ArtifactState.COMMITTED
    assert space.delete(client.caller, *HERE, VersionFilter()) == foreseen

    assert (state(client, old), state(client, new)) == (ArtifactState.DELETED, ArtifactState.COMMITTED)
    measured, _ = space.of_project(project_of(client))
    assert (measured.live_bytes, measured.trashed_bytes, measured.stored_bytes) == (5, 1, 6)


def test_deleted_versions_come_back_within_the_window_and_go_after_it(
    deployment: DeploymentUnderTest, client: ArtifactClient, space: ArtifactSpace
) -> None:
    version = client.log({"a": b"1"})
    everything = VersionFilter(without_alias=False)
    space.delete(client.caller, *HERE, everything)
    deployment.clock.advance(days=6)
    assert space.collect(client.caller) == NOTHING

    assert space.undelete(client.caller, *HERE, VersionFilter(versions=(version.id,))) == Freed(1, 1, 1)
    assert client.content(version) == {"a": b"1"}
    space.delete(client.caller, *HERE, everything)
    deployment.clock.advance(days=8)
    foreseen = space.collect(client.caller, dry_run=True)

    assert objects(deployment) == 2
    assert space.collect(client.caller) == foreseen
    assert (foreseen.purged, foreseen.objects) == (1, 2)
    assert objects(deployment) == 0
    assert space.collect(client.caller) == NOTHING


def test_purging_a_project_does_not_wait(
    deployment: DeploymentUnderTest, client: ArtifactClient, space: ArtifactSpace
) -> None:
    client.log({"a": b"1"})
    space.delete(client.caller, *HERE, VersionFilter(without_alias=False))
    deployment.clock.advance(hours=2)

    foreseen = space.purge(client.caller, *HERE, dry_run=True)
    assert space.purge(client.caller, *HERE) == foreseen

    assert (foreseen.purged, foreseen.objects) == (1, 2)
    assert objects(deployment) == 0


def test_the_id_of_a_purged_version_is_never_given_again(client: ArtifactClient, space: ArtifactSpace) -> None:
    """Manifests and addresses go on naming it."""
    purged = client.log({"a": b"1"})
    space.delete(client.caller, *HERE, VersionFilter(without_alias=False))
    space.purge(client.caller, *HERE)

    assert client.log({"a": b"2"}).id > purged.id


def test_abandoned_draft_goes_with_its_content_and_one_in_use_stays(
    deployment: DeploymentUnderTest, client: ArtifactClient, space: ArtifactSpace
) -> None:
    abandoned = client.create(entries_of({"a": b"1"}), client_id="one")
    client.upload(abandoned.id, {"a": b"1"})
    used = client.create(entries_of({"b": b"22"}), client_id="two")
    client.upload(used.id, {"b": b"22"})
    deployment.clock.advance(days=6)
    client.prepare(used.id, {"b": b"22"})
    deployment.clock.advance(days=2)

    foreseen = space.collect(client.caller, dry_run=True)
    assert space.collect(client.caller) == foreseen

    assert (foreseen.drafts, foreseen.objects, foreseen.size_bytes) == (1, 1, 1)
    assert state(client, abandoned) is None
    client.announce(used.id, document_of(entries_of({"b": b"22"})))
    assert client.content(client.commit(used.id)) == {"b": b"22"}


def test_expired_versions_are_deleted_by_the_collector(
    deployment: DeploymentUnderTest, client: ArtifactClient, space: ArtifactSpace
) -> None:
    version = client.log({"a": b"1"})
    assert space.set_ttl(client.caller, *HERE, 3_600) == Ttl(3_600, 3_600)

    assert space.collect(client.caller) == NOTHING
    deployment.clock.advance(hours=2)
    assert space.collect(client.caller, dry_run=True).expired == 1
    assert space.collect(client.caller).expired == 1

    assert state(client, version) is ArtifactState.DELETED
    space.set_ttl(client.caller, *HERE, None)
    space.set_entity_ttl(client.caller, "admin", 60)
    assert space.inherited_ttl(project_of(client).id) == 60
    with pytest.raises(InvalidSetting):
        space.set_ttl(client.caller, *HERE, -1)


def test_deleted_collection_is_restored_by_name(client: ArtifactClient, space: ArtifactSpace) -> None:
    version = client.log({"a": b"1"})
    client.services.collections.delete(client.caller, version.collection.id, kind=CollectionKind.SEQUENCE)
    assert state(client, version) is ArtifactState.DELETED

    assert space.undelete(client.caller, *HERE, VersionFilter(collection="digits")) == Freed(1, 1, 1)

    assert state(client, version) is ArtifactState.COMMITTED
    with pytest.raises(CollectionNotFound):
        space.undelete(client.caller, *HERE, VersionFilter(collection="nothing"))


def test_orphans_are_found_both_ways_and_strays_go(
    deployment: DeploymentUnderTest, client: ArtifactClient, space: ArtifactSpace
) -> None:
    client.log({"a": b"1"})
    (stored,) = deployment.objects.list_keys("blobs/")
    deployment.objects.put_bytes(ObjectKey("blobs/1/00/stray"), b"xyz")
    deployment.objects.delete_keys([stored.key])
    deployment.clock.advance(hours=2)

    orphans = space.find_orphans(client.caller)

    assert [info.key for info in orphans.unnamed] == ["blobs/1/00/stray"]
    assert [blob.object_key for blob in orphans.missing] == [stored.key]
    assert space.collector.collect_strays(dry_run=True) == Freed(objects=1, size_bytes=3)
    assert space.collector.collect_strays() == Freed(objects=1, size_bytes=3)
    assert space.find_orphans(client.caller).unnamed == []


def test_merged_parts_are_freed_once_they_are_whole(
    deployment: DeploymentUnderTest, client: ArtifactClient, space: ArtifactSpace
) -> None:
    draft = client.create({}, distributed_id="d")
    for files in ({"a": b"1"}, {"b": b"2"}):
        client.upload(draft.id, files)
        client.announce(draft.id, document_of(entries_of(files)), kind=ManifestKind.PATCH)
    client.commit(draft.id)

    assert len(deployment.objects.list_keys("manifests/")) == 3
    assert space.collect(client.caller).objects == 2
    assert len(deployment.objects.list_keys("manifests/")) == 1


def test_only_those_who_may_clear_and_collect(deployment: DeploymentUnderTest, space: ArtifactSpace) -> None:
    deployment.team("lab", vera=Role.VIEWER, max=Role.MEMBER)
    deployment.run("lab/project/run")
    viewer, member, stranger = deployment.caller("vera"), deployment.caller("max"), deployment.user("eve")

    assert space.delete(member, "lab", "project", VersionFilter()) == Freed()
    with pytest.raises(Forbidden):
        space.delete(viewer, "lab", "project", VersionFilter())
    with pytest.raises(ProjectNotFound):
        space.delete(stranger, "lab", "project", VersionFilter())
    with pytest.raises(Forbidden):
        space.purge(member, "lab", "project")
    for forbidden in (lambda: space.collect(member), lambda: space.find_orphans(member)):
        with pytest.raises(Forbidden):
            forbidden()


def test_entries_of_a_large_manifest_are_written_in_portions_by_one_request_alone(
    deployment: DeploymentUnderTest, client: ArtifactClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact_commits, "ENTRIES_AT_ONCE", 2)
    files = {f"f{number}": b"same" for number in range(5)}
    version = client.log(files)
    assert client.content(version) == files

    draft = client.create(entries_of({**files, "g": b"g"}), client_id="x")
    client.upload(draft.id, {"g": b"g"})
    client.announce(draft.id, document_of(entries_of({**files, "g": b"g"})))
    now = deployment.clock()
    deployment.database.write(
        lambda tx: tx.moves.claim_commit(draft.id, "another", now=now, until=now + artifact_commits.CLAIM_LENGTH)
    )
    with pytest.raises(ServerBusy):
        client.commit(draft.id)
    deployment.clock.advance(minutes=3)

    assert client.commit(draft.id).file_count == 6
