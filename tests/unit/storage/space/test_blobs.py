"""Stored content: once per project and digest, and never lost to the collector while somebody asks for it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from kymograph.core.digest import DigestAlgorithm
from kymograph.core.space import ContentName, Freed
from kymograph.storage.database import SqlDatabase
from kymograph.storage.space.base import Doomed
from kymograph.storage.transaction import SqlTransaction
from kymograph.types import Digest, ObjectKey
from tests.unit.storage.metadata.builders import NOW, World, make_project
from tests.unit.storage.space.content import KEYS, announce, commit, draft, log

LATER = NOW + timedelta(hours=1)


def find(world: World, digest: str) -> ObjectKey | None:
    blob = world.database.read(lambda tx: tx.blobs.find(world.project.id, Digest(digest)))
    return blob.object_key if blob is not None else None


def doom(world: World, *, limit: int = 100) -> int:
    return world.database.write(lambda tx: tx.blobs.doom(world.project.id, before=LATER, limit=limit))


def doomed(world: World) -> list[Doomed]:
    return world.database.read(lambda tx: tx.blobs.list_doomed(limit=10))


def test_announced_content_is_found_once_it_has_arrived(world: World) -> None:
    version = draft(world)
    announce(world, version, ["a"], arrives=False)
    assert find(world, "a") is None

    announce(world, version, ["a"])

    key = find(world, "a")
    assert key is not None
    other = make_project(world.database, world.entity, "other")
    assert world.database.read(lambda tx: tx.blobs.find(other.id, Digest("a"))) is None
    found = world.database.read(lambda tx: tx.blobs.find_many(world.project.id, [Digest("a"), Digest("x")]))
    assert {digest: (blob.object_key, blob.size_bytes, blob.birth) for digest, blob in found.items()} == {
        "a": (key, 1, version.id)
    }


def test_content_that_arrives_twice_keeps_its_first_size(world: World) -> None:
    announce(world, draft(world), ["a"])
    key = find(world, "a")
    assert key is not None

    world.database.write(lambda tx: tx.blobs.mark_stored(key, 7, LATER))
    world.database.write(lambda tx: tx.blobs.mark_stored(ObjectKey("of nobody"), 7, LATER))

    blob = world.database.read(lambda tx: tx.blobs.find(world.project.id, Digest("a")))
    assert blob is not None
    assert blob.size_bytes == 1


def test_equal_digests_of_two_algorithms_are_two_contents(world: World) -> None:
    version = draft(world)

    def announce_both(tx: SqlTransaction) -> set[ObjectKey]:
        return {
            tx.blobs.announce(
                world.project.id,
                [ContentName(version.id, algorithm.value, Digest("d"))],
                algorithm=algorithm,
                new_key=KEYS.new,
                now=NOW,
            )[Digest("d")].object_key
            for algorithm in DigestAlgorithm
        }

    assert len(world.database.write(announce_both)) == 2


def test_content_that_a_draft_or_a_version_names_is_not_doomed(world: World) -> None:
    announce(world, draft(world), ["a"])
    version = log(world, "tokens", ["b"])
    world.database.write(lambda tx: tx.moves.delete([version.id], NOW))

    assert doom(world) == 0
    assert world.database.read(lambda tx: tx.blobs.projects_with_unnamed(before=LATER)) == []


def test_path_that_gets_other_content_lets_the_first_one_go(world: World) -> None:
    version = draft(world)
    announce(world, version, ["a", "b"])
    names = [ContentName(version.id, "a", Digest("b"))]
    world.database.write(
        lambda tx: tx.blobs.announce(world.project.id, names, algorithm=DigestAlgorithm.MD5, new_key=KEYS.new, now=NOW)
    )

    assert doom(world) == 1
    assert (find(world, "a"), find(world, "b") is None) == (None, False)


def test_doomed_content_that_comes_again_gets_another_object(world: World) -> None:
    first = draft(world)
    announce(world, first, ["a", "b"])
    old = find(world, "a")
    world.database.write(lambda tx: tx.moves.drop_drafts([first.id], before=None, now=LATER))
    assert world.database.read(lambda tx: tx.blobs.measure_unnamed(before=LATER)) == Freed(0, 2, 21)

    assert [doom(world, limit=1), doom(world), doom(world)] == [1, 1, 0]
    second = draft(world)
    announce(world, second, ["a"], now=LATER)

    new = find(world, "a")
    assert new is not None
    assert new != old
    assert sorted(one.size_bytes or 0 for one in doomed(world)) == [1, 20]
    known = world.database.read(lambda tx: tx.blobs.known_objects([ObjectKey(str(old)), new, ObjectKey("stray")]))
    assert known == {old, new}
    world.database.write(lambda tx: tx.blobs.forget_doomed([one.object_key for one in doomed(world)]))
    assert doomed(world) == []
    commit(world, second, ["a"])


def test_content_that_was_just_asked_for_stays(world: World) -> None:
    first = draft(world)
    announce(world, first, ["a"])
    world.database.write(lambda tx: tx.moves.drop_drafts([first.id], before=None, now=NOW))
    second = draft(world)
    announce(world, second, ["a"], now=LATER)
    world.database.write(lambda tx: tx.moves.drop_drafts([second.id], before=None, now=NOW))

    assert doom(world) == 0


def test_content_whose_first_version_is_gone_was_brought_by_the_next(world: World) -> None:
    first = draft(world)
    announce(world, first, ["a"])
    world.database.write(lambda tx: tx.moves.drop_drafts([first.id], before=None, now=NOW))
    second = draft(world)

    announce(world, second, ["a"])

    blob = world.database.read(lambda tx: tx.blobs.find(world.project.id, Digest("a")))
    assert blob is not None
    assert blob.birth == second.id


@pytest.mark.parametrize("first", ["announcement", "doom"])
def test_announcement_and_doom_of_the_same_content_at_once(database: SqlDatabase, world: World, first: str) -> None:
    """Whoever comes second waits for the first; afterwards the draft has content that stays, one way or the other."""
    old = draft(world)
    announce(world, old, ["a"])
    world.database.write(lambda tx: tx.moves.drop_drafts([old.id], before=None, now=NOW))
    version = draft(world)
    has_begun, may_end = threading.Event(), threading.Event()

    def announcement(tx: SqlTransaction) -> None:
        names = [ContentName(version.id, "a", Digest("a"))]
        found = tx.blobs.announce(world.project.id, names, algorithm=DigestAlgorithm.MD5, new_key=KEYS.new, now=LATER)
        if found[Digest("a")].size_bytes is None:
            tx.blobs.mark_stored(found[Digest("a")].object_key, 1, LATER)

    def dooming(tx: SqlTransaction) -> None:
        tx.blobs.doom(world.project.id, before=LATER, limit=10)

    jobs = [announcement, dooming] if first == "announcement" else [dooming, announcement]

    def slow(tx: SqlTransaction) -> None:
        jobs[0](tx)
        has_begun.set()
        assert may_end.wait(10)

    threads = [
        threading.Thread(target=database.write, args=[slow]),
        threading.Thread(target=lambda: (has_begun.wait(10), database.write(jobs[1]))),
    ]
    for thread in threads:
        thread.start()
    assert has_begun.wait(10)
    may_end.set()
    for thread in threads:
        thread.join(10)

    key = find(world, "a")
    assert key is not None
    assert key not in {one.object_key for one in doomed(world)}
    assert commit(world, version, ["a"]).file_count == 1


def test_stored_content_is_listed_for_comparison_with_the_object_store(world: World) -> None:
    log(world, "weights", ["a", "b"])
    announce(world, draft(world), ["c"])

    def page(limit: int) -> list[str]:
        first = world.database.read(lambda tx: tx.blobs.list_stored(world.project.id, limit=limit))
        rest = world.database.read(lambda tx: tx.blobs.list_stored(world.project.id, after=first[-1].id, limit=9))
        return [blob.digest for blob in (*first, *rest)]

    assert page(1) == ["a", "b"]
    assert world.database.read(lambda tx: tx.blobs.list_projects()) == [world.project.id]
