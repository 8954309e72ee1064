"""Entries of versions: any number in, pages by path out."""

from __future__ import annotations

from kymograph.core.artifact import ArtifactVersion, EntryRecord
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.space import Blob
from kymograph.storage.space.base import NewEntry
from kymograph.storage.transaction import SqlTransaction
from kymograph.types import Digest, FilePath, ObjectKey
from tests.unit.storage.metadata.builders import NOW, World
from tests.unit.storage.space.content import announce, draft, log

ODD = "a\tb\\N\n\x00\x1aü\U0001f600"
"""Characters that bulk formats treat in their own way."""


def put(world: World, version: ArtifactVersion, *new: NewEntry) -> None:
    world.database.write(lambda tx: tx.entries.add(version.id, new))


def test_entries_are_listed_by_path_in_pages(world: World) -> None:
    version = draft(world)
    announce(world, version, ["a"])
    blob = world.database.read(lambda tx: tx.blobs.find(world.project.id, Digest("a")))
    assert blob is not None
    put(
        world,
        version,
        NewEntry("B", "a", 1, blob.id),
        NewEntry("a", "etag", 2**40, None),
        NewEntry("dir/c", "x", 0, None),
    )
    put(world, draft(world, "other"), NewEntry("a", "y", 1, None))

    def page(**options: object) -> list[EntryRecord]:
        return world.database.read(lambda tx: tx.entries.list_page(version.id, **options))  # type: ignore[arg-type]

    everything = [
        EntryRecord(FilePath("B"), Digest("a"), 1, blob.object_key),
        EntryRecord(FilePath("a"), Digest("etag"), 2**40, None),
        EntryRecord(FilePath("dir/c"), Digest("x"), 0, None),
    ]
    assert page() == everything
    assert page(after="B", limit=1) == everything[1:2]
    assert page(names=["dir/c", "B", "nothing", "B"]) == [everything[0], everything[2]]
    assert page(names=["dir/c", "B"], after="B") == [everything[2]]
    assert page(names=["dir/c", "B"], limit=1) == [everything[0]]
    assert page(names=[]) == []
    assert world.database.read(lambda tx: tx.entries.find(version.id, Digest("a"))) == everything[0]
    assert world.database.read(lambda tx: tx.entries.find(version.id, Digest("y"))) is None


def test_the_fast_checksum_of_content_comes_with_its_entries(world: World) -> None:
    version, project = draft(world), world.project.id
    announce(world, version, ["announced"], arrives=False)

    def arrive(tx: SqlTransaction) -> list[Blob]:
        awaited = tx.blobs.find_awaited(project, [Digest("announced")], algorithm=DigestAlgorithm.MD5)
        tx.blobs.mark_stored(awaited[Digest("announced")], 7, NOW, xxh128=Digest("fast"))
        tx.blobs.adopt(
            project,
            Digest("early"),
            algorithm=DigestAlgorithm.MD5,
            key=ObjectKey("early"),
            size_bytes=7,
            now=NOW,
            xxh128=Digest("faster"),
        )
        return [*tx.blobs.find_many(project, [Digest("announced"), Digest("early")]).values()]

    for blob in world.database.write(arrive):
        put(world, version, NewEntry(blob.digest, blob.digest, 7, blob.id))

    listed = world.database.read(lambda tx: tx.entries.list_page(version.id))
    assert [(entry.digest, entry.xxh128) for entry in listed] == [("announced", "fast"), ("early", "faster")]


def test_any_path_and_any_digest_come_back_as_they_were(world: World) -> None:
    version = draft(world)

    put(world, version, NewEntry(ODD, ODD, 1, None))

    assert world.database.read(lambda tx: tx.entries.list_page(version.id)) == [
        EntryRecord(FilePath(ODD), Digest(ODD), 1, None)
    ]


def test_dropped_entries_are_gone(world: World) -> None:
    version = log(world, "weights", ["a", "b"])

    assert world.database.read(lambda tx: tx.entries.count(version.id)) == 2
    world.database.write(lambda tx: tx.entries.drop(version.id))

    assert world.database.read(lambda tx: tx.entries.list_page(version.id)) == []
