"""Versions with content, as services store them, and a recount of everything that is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select

from kymograph.core.artifact import ArtifactState, ArtifactVersion, Maker
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.space import ContentName
from kymograph.storage.database import SqlDatabase
from kymograph.storage.metadata.tables import collections, versions
from kymograph.storage.space.base import NewEntry
from kymograph.storage.space.tables import blobs, collection_blobs, entries, project_space
from kymograph.storage.transaction import SqlTransaction
from kymograph.types import ArtifactId, Digest, ObjectKey, ProjectId
from tests.unit.storage.metadata.builders import NOW, World, new_artifact

SIZES = {"a": 1, "b": 20, "c": 300, "d": 4_000, "e": 50_000}
"""Digests that tests give to contents, and how large those are: sums tell which ones are in them."""


class Keys:
    """Object keys that are never the same twice."""

    def __init__(self) -> None:
        self.count = 0

    def new(self, project: ProjectId, digest: Digest) -> ObjectKey:
        self.count += 1
        return ObjectKey(f"blobs/{project}/{digest}/{self.count}")


KEYS = Keys()


def draft(
    world: World, name: str = "weights", *, now: datetime = NOW, project: ProjectId | None = None
) -> ArtifactVersion:
    new = new_artifact(world, name)
    new = replace(new, project_id=project or new.project_id)
    return world.database.write(lambda tx: tx.artifacts.create(new, now))


def announce(
    world: World, version: ArtifactVersion, digests: Collection[str], *, now: datetime = NOW, arrives: bool = True
) -> None:
    """Name content for paths that are called like it; whatever is new arrives."""
    names = [ContentName(version.id, digest, Digest(digest)) for digest in digests]

    def job(tx: SqlTransaction) -> None:
        project = version.collection.project_id
        found = tx.blobs.announce(project, names, algorithm=DigestAlgorithm.MD5, new_key=KEYS.new, now=now)
        for digest, blob in found.items():
            if blob.size_bytes is None and arrives:
                tx.blobs.mark_stored(blob.object_key, SIZES[digest], now)

    world.database.write(job)


def commit(
    world: World,
    version: ArtifactVersion,
    digests: Collection[str],
    *,
    references: Collection[ArtifactId] = (),
    origin: ProjectId | None = None,
    now: datetime = NOW,
) -> ArtifactVersion:
    """Commit a draft whose content has been announced, or lies in another project."""
    project = origin or version.collection.project_id

    def job(tx: SqlTransaction) -> ArtifactVersion:
        tx.moves.lock({project, version.collection.project_id})
        found = tx.blobs.find_many(project, [Digest(digest) for digest in digests])
        tx.entries.add(
            version.id,
            [NewEntry(digest, digest, SIZES[digest], found[Digest(digest)].id) for digest in sorted(digests)],
        )
        tx.moves.put_references(version.id, references)
        committed = tx.artifacts.commit(
            version.id,
            digest=version.digest,
            size_bytes=sum(SIZES[digest] for digest in digests),
            file_count=len(digests),
            maker=Maker(),
            now=now,
        )
        tx.moves.count_committed(version.id, version.collection.id, {blob.id for blob in found.values()})
        return committed

    return world.database.write(job)


def log(world: World, name: str, digests: Collection[str], *, now: datetime = NOW) -> ArtifactVersion:
    version = draft(world, name, now=now)
    announce(world, version, digests, now=now)
    return commit(world, version, digests, now=now)


@dataclass(slots=True)
class Counts:
    """Everything that is counted, by project, collection, version and blob; zeros are left out."""

    projects: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    own_of_collections: Counter[int] = field(default_factory=Counter)
    content_of_collections: Counter[int] = field(default_factory=Counter)
    own_of_versions: Counter[int] = field(default_factory=Counter)
    content_of_versions: Counter[int] = field(default_factory=Counter)
    blobs: dict[int, tuple[int, int, int, int, int]] = field(default_factory=dict)
    pairs: dict[tuple[int, int], int] = field(default_factory=dict)


def counted(database: SqlDatabase) -> Counts:
    """The counters as they are stored."""

    def job(tx: SqlTransaction) -> Counts:
        counts, connection = Counts(), tx.connection
        for row in connection.execute(select(project_space)):
            if any(row[1:]):
                counts.projects[row.project_id] = tuple(row[1:])
        for row in connection.execute(select(collections.c.id, collections.c.own_bytes, collections.c.content_bytes)):
            counts.own_of_collections[row[0]], counts.content_of_collections[row[0]] = row[1:]
        for row in connection.execute(select(versions.c.id, versions.c.own_bytes, versions.c.content_bytes)):
            counts.own_of_versions[row[0]], counts.content_of_versions[row[0]] = row[1:]
        for row in connection.execute(select(blobs)):
            counts.blobs[row.id] = (row.refs, row.ref_sum, row.trashed, row.collections, row.collection_sum)
        for row in connection.execute(select(collection_blobs)):
            counts.pairs[row.blob_id, row.collection_id] = row.refs
        return _without_zeros(counts)

    return database.read(job)


def recounted(database: SqlDatabase) -> Counts:
    """The same from the entries alone, in the plainest way."""

    def job(tx: SqlTransaction) -> Counts:
        connection = tx.connection
        state_of = {row.id: row.state for row in connection.execute(select(versions))}
        home_of = {row.id: row.collection_id for row in connection.execute(select(versions))}
        stored = {row.id: row for row in connection.execute(select(blobs))}
        live: defaultdict[int, set[int]] = defaultdict(set)
        trashed: defaultdict[int, set[int]] = defaultdict(set)
        content: defaultdict[int, set[int]] = defaultdict(set)
        for row in connection.execute(select(entries)):
            if row.blob_id is None or state_of[row.artifact_id] == ArtifactState.PENDING.value:
                continue
            is_live = state_of[row.artifact_id] == ArtifactState.COMMITTED.value
            (live if is_live else trashed)[row.blob_id].add(row.artifact_id)
            content[row.artifact_id].add(row.blob_id)
        counts = Counts()
        projects: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for key, row in stored.items():
            size, holders = row.size_bytes or 0, live[key]
            homes = Counter(home_of[holder] for holder in holders)
            counts.blobs[key] = (len(holders), sum(holders), len(trashed[key]), len(homes), sum(homes))
            counts.pairs.update({(key, home): number for home, number in homes.items()})
            for home in homes:
                counts.content_of_collections[home] += size
            if len(holders) == 1:
                counts.own_of_versions[next(iter(holders))] += size
            if len(homes) == 1:
                counts.own_of_collections[next(iter(homes))] += size
            if holders:
                projects[row.project_id][0] += size
                projects[row.project_id][1] += 1
            elif trashed[key]:
                projects[row.project_id][2] += size
                projects[row.project_id][3] += 1
        counts.projects = {project: tuple(sums) for project, sums in projects.items()}  # type: ignore[misc]
        for version, theirs in content.items():
            counts.content_of_versions[version] = sum(stored[key].size_bytes or 0 for key in theirs)
        return _without_zeros(counts)

    return database.read(job)


def _without_zeros(counts: Counts) -> Counts:
    def clean(counter: Mapping[int, int]) -> Counter[int]:
        return Counter({key: value for key, value in counter.items() if value})

    counts.own_of_collections = clean(counts.own_of_collections)
    counts.content_of_collections = clean(counts.content_of_collections)
    counts.own_of_versions = clean(counts.own_of_versions)
    counts.content_of_versions = clean(counts.content_of_versions)
    return counts
