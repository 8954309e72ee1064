"""Committing, deleting, restoring and purging count exactly."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kymograph.core.artifact import ArtifactState, ArtifactVersion, Maker
from kymograph.core.run import RunChange
from kymograph.core.space import Freed, ProjectSpace, Use
from kymograph.errors import ContentCollected, NameTaken
from kymograph.storage.transaction import SqlTransaction
from kymograph.types import ArtifactId, BlobId, ProjectId, RunId
from tests.unit.storage.metadata.builders import NOW, World, make_project
from tests.unit.storage.space.content import announce, commit, counted, draft, log, recounted

LATER = NOW + timedelta(hours=1)


def delete(world: World, *versions: ArtifactVersion, unless_named: bool = False) -> Freed:
    keys = [version.id for version in versions]
    return move(world, lambda tx: tx.moves.delete(keys, NOW, unless_named=unless_named), *versions)


def undelete(world: World, *versions: ArtifactVersion) -> Freed:
    return move(world, lambda tx: tx.moves.undelete([version.id for version in versions], LATER), *versions)


def purge(world: World, *versions: ArtifactVersion) -> Freed:
    return move(world, lambda tx: tx.moves.purge([version.id for version in versions], LATER), *versions)


def move(world: World, job: object, *versions: ArtifactVersion) -> Freed:
    def locked(tx: SqlTransaction) -> Freed:
        tx.moves.lock({version.collection.project_id for version in versions})
        freed: Freed = job(tx)  # type: ignore[operator]
        return freed

    return world.database.write(locked)


def use(world: World, version: ArtifactVersion) -> Use:
    listed, _ = world.database.read(lambda tx: tx.space.list_versions(version.collection.id))
    return next(found.use for found in listed if found.version.id == version.id)


def space(world: World) -> ProjectSpace:
    return world.database.read(lambda tx: tx.space.of_project(world.project.id))


def state(world: World, version: ArtifactVersion) -> ArtifactState | None:
    found = world.database.read(lambda tx: tx.artifacts.find(version.id))
    return found.state if found is not None else None


def test_shared_content_counts_once_and_is_nobodys_own(world: World) -> None:
    first = log(world, "weights", ["a", "b"])
    second = log(world, "weights", ["b", "c"])
    other = log(world, "tokens", ["c", "d"])

    assert [use(world, version) for version in (first, second, other)] == [Use(1, 21), Use(0, 320), Use(4_000, 4_300)]
    assert use(world, second).shared_bytes == 320
    listed, total = world.database.read(lambda tx: tx.space.list_collections(world.project.id))
    assert [(found.collection.name, found.use, found.versions) for found in listed] == [
        ("tokens", Use(4_000, 4_300), 1),
        ("weights", Use(21, 321), 2),
    ]
    assert total == 2
    assert space(world) == ProjectSpace(live_bytes=4_321, live_objects=4, versions=3)
    assert counted(world.database) == recounted(world.database)


def test_deleted_content_waits_and_what_others_have_stays_live(world: World) -> None:
    first = log(world, "weights", ["a", "b"])
    second = log(world, "weights", ["b", "c"])

    assert world.database.read(lambda tx: tx.space.measure_delete([first.id])) == Freed(1, 1, 1)
    assert delete(world, first) == Freed(versions=1, objects=1, size_bytes=1)
    assert delete(world, first) == Freed()

    assert use(world, second) == Use(320, 320)
    assert space(world) == ProjectSpace(
        live_bytes=320, live_objects=2, trashed_bytes=1, trashed_objects=1, versions=1, trashed_versions=1
    )
    assert counted(world.database) == recounted(world.database)


def test_restored_version_has_its_content_and_the_aliases_that_are_free(world: World) -> None:
    first = log(world, "weights", ["a"])
    world.database.write(lambda tx: tx.memberships.put_aliases(first.collection.id, first.id, ["best", "old"], NOW))
    delete(world, first)
    second = log(world, "weights", ["b"])
    world.database.write(lambda tx: tx.memberships.put_aliases(first.collection.id, second.id, ["best"], NOW))

    assert undelete(world, first) == Freed(versions=1, objects=1, size_bytes=1)

    found = world.database.read(lambda tx: tx.artifacts.find(first.id))
    assert found is not None
    assert (found.state, found.version_index, found.aliases) == (ArtifactState.COMMITTED, 0, ("old",))
    assert space(world) == ProjectSpace(live_bytes=21, live_objects=2, versions=2)
    assert counted(world.database) == recounted(world.database)


def test_purged_version_is_gone_with_its_entries_and_its_manifest_is_doomed(world: World) -> None:
    version, other = log(world, "weights", ["a", "b"]), log(world, "weights", ["b"])
    delete(world, version)

    assert world.database.read(lambda tx: tx.space.measure_purge([version.id])) == Freed(1, 1, 1)
    assert purge(world, version) == Freed(versions=1, objects=1, size_bytes=1)

    assert state(world, version) is None
    assert world.database.read(lambda tx: tx.entries.list_page(version.id)) == []
    assert space(world) == ProjectSpace(live_bytes=20, live_objects=1, draft_bytes=1, draft_objects=1, versions=1)
    assert state(world, other) is ArtifactState.COMMITTED
    assert counted(world.database) == recounted(world.database)


def test_committed_version_is_not_purged(world: World) -> None:
    version = log(world, "weights", ["a"])

    assert purge(world, version) == Freed()
    assert state(world, version) is ArtifactState.COMMITTED


def test_version_that_another_one_refers_to_stays_as_long_as_that_one(world: World) -> None:
    target = log(world, "weights", ["a"])
    referrer = commit(world, draft(world, "tokens"), [], references=[target.id, ArtifactId(99)])
    delete(world, target)

    assert purge(world, target) == Freed()
    delete(world, referrer)
    assert purge(world, target) == Freed()  # the other one could come back
    assert purge(world, referrer).versions == 1
    assert purge(world, target) == Freed(1, 1, 1)


def test_version_that_a_run_of_another_project_has_used_stays_as_long_as_that_run(world: World) -> None:
    version = log(world, "weights", ["a"])
    other = make_project(world.database, world.entity, "other")
    run = world.database.write(
        lambda tx: tx.runs.create(other, RunId("r"), display_name=None, user=None, now=NOW, change=RunChange())
    )
    own_run = world.run()
    for key in (run.key, own_run.key):
        world.database.write(lambda tx, key=key: tx.lineage.use(key, version.id, used_as=None, now=NOW))  # type: ignore[misc]
    delete(world, version)

    assert purge(world, version) == Freed()
    world.database.write(lambda tx: tx.runs.delete(run.key, NOW))
    assert purge(world, version).versions == 1


def test_link_protects_from_what_does_not_name_the_version_and_goes_with_its_deletion(world: World) -> None:
    version = log(world, "weights", ["a"])
    place = log(world, "tokens", ["b"]).collection.id
    world.database.write(lambda tx: tx.memberships.remove_aliases(version.collection.id, version.id, ["latest"]))
    world.database.write(lambda tx: tx.memberships.add(place, version.id, Maker(), NOW))

    assert delete(world, version, unless_named=True) == Freed()
    assert delete(world, version).versions == 1
    assert world.database.read(lambda tx: tx.memberships.find(place, version.id)) is None


def test_alias_protects_if_that_matters(world: World) -> None:
    first, second = log(world, "weights", ["a"]), log(world, "weights", ["b"])

    assert delete(world, first, second, unless_named=True).versions == 1
    assert (state(world, first), state(world, second)) == (ArtifactState.DELETED, ArtifactState.COMMITTED)


def test_content_of_another_project_counts_there_as_long_as_anybody_has_it(world: World) -> None:
    origin = log(world, "weights", ["a"])
    other = make_project(world.database, world.entity, "other")
    copy = commit(world, draft(world, "copies", project=other.id), ["a"], origin=world.project.id)

    assert (use(world, origin), use(world, copy)) == (Use(0, 1), Use(0, 1))
    delete(world, origin)
    purge(world, origin)

    assert use(world, copy) == Use(1, 1)
    assert space(world).live_bytes == 1
    assert world.database.read(lambda tx: tx.space.of_project(other.id)).live_bytes == 0
    assert world.database.read(lambda tx: tx.blobs.projects_with_unnamed(before=LATER)) == []
    assert counted(world.database) == recounted(world.database)


def test_content_that_was_collected_cannot_be_committed(world: World) -> None:
    version = draft(world)

    with pytest.raises(ContentCollected):
        world.database.write(lambda tx: tx.moves.count_committed(version.id, version.collection.id, {BlobId(4711)}))


def test_only_one_commits_a_draft_until_it_is_silent_for_too_long(world: World) -> None:
    version = draft(world)

    def claim(worker: str, minutes: int) -> bool:
        now = NOW + timedelta(minutes=minutes)
        until = now + timedelta(minutes=5)
        return world.database.write(lambda tx: tx.moves.claim_commit(version.id, worker, now=now, until=until))

    assert [claim("a", 0), claim("b", 1), claim("a", 4), claim("b", 8), claim("b", 10), claim("a", 11)] == [
        True,
        False,
        True,
        False,
        True,
        False,
    ]
    announce(world, version, ["a"])
    commit(world, version, ["a"])
    assert not claim("b", 60)


def test_untouched_drafts_go_and_their_content_is_named_by_nobody(world: World) -> None:
    old, touched = draft(world), draft(world, "tokens")
    announce(world, old, ["a"])
    world.database.write(lambda tx: tx.artifacts.touch_draft(touched.id, LATER))

    found = world.database.read(lambda tx: tx.choices.list_abandoned(LATER, limit=10))
    assert [one.artifact for one in found] == [old.id]
    foreseen = world.database.read(lambda tx: tx.blobs.measure_unnamed(before=LATER, besides=[old.id]))
    keys = [old.id, touched.id]
    assert world.database.write(lambda tx: tx.moves.drop_drafts(keys, before=LATER, now=LATER)) == 1

    assert state(world, old) is None
    assert state(world, touched) is ArtifactState.PENDING
    assert world.database.read(lambda tx: tx.blobs.measure_unnamed(before=LATER)) == foreseen == Freed(0, 1, 1)
    assert not world.database.write(lambda tx: tx.artifacts.touch_draft(old.id, LATER))


def test_deleted_collection_comes_back_with_what_went_with_it(world: World) -> None:
    first, second = log(world, "weights", ["a"]), log(world, "weights", ["b"])
    pending = draft(world, "weights")
    delete(world, first)
    collection = first.collection

    world.database.write(lambda tx: tx.collections.delete(collection.id, LATER))

    assert state(world, pending) is None
    assert space(world).live_bytes == 0
    assert counted(world.database) == recounted(world.database)
    gone = world.database.read(lambda tx: tx.collections.find_deleted(world.project.id, "weights"))
    assert gone is not None
    restored = world.database.write(lambda tx: tx.collections.undelete(gone.id, LATER))
    assert restored == Freed(1, 1, 20)
    assert (state(world, first), state(world, second)) == (ArtifactState.DELETED, ArtifactState.COMMITTED)
    assert counted(world.database) == recounted(world.database)
    assert world.database.write(lambda tx: tx.collections.undelete(gone.id, LATER)) == Freed()


def test_deleted_collection_whose_name_is_taken_stays_deleted(world: World) -> None:
    gone = log(world, "weights", ["a"]).collection
    world.database.write(lambda tx: tx.collections.delete(gone.id, LATER))
    log(world, "weights", ["b"])

    with pytest.raises(NameTaken):
        world.database.write(lambda tx: tx.collections.undelete(gone.id, LATER))
    assert world.database.write(lambda tx: tx.moves.drop_collections(deleted_before=LATER, gone_before=LATER)) == 0
    after = LATER + timedelta(seconds=1)

    def drop(tx: SqlTransaction) -> int:
        return tx.moves.drop_collections(deleted_before=after, gone_before=after)

    assert world.database.write(drop) == 0  # its version is still there
    purge(
        world,
        *(
            found.version
            for found in world.database.read(lambda tx: tx.space.list_versions(gone.id, is_deleted=True))[0]
        ),
    )
    assert world.database.write(drop) == 1


def test_locking_projects_makes_their_counters(world: World) -> None:
    unknown = make_project(world.database, world.entity, "other")

    world.database.write(lambda tx: tx.moves.lock({ProjectId(unknown.id), world.project.id}))

    assert world.database.read(lambda tx: tx.space.live_bytes([unknown.id])) == {unknown.id: 0}
