"""Filters and orders on collections and on the versions in them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from kymograph.core.artifact import ArtifactVersion, CollectionChange, CollectionKind, Maker
from kymograph.core.artifact_filters import (
    CollectionQuery,
    VersionQuery,
    parse_collection_filter,
    parse_collection_order,
    parse_version_filter,
    parse_version_order,
)
from kymograph.errors import InvalidFilter
from kymograph.types import ArtifactId, CollectionId, JsonObject
from tests.unit.storage.metadata.builders import NOW, World, make_project, new_artifact


def later(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def log(
    world: World,
    name: str = "weights",
    *,
    at: int = 0,
    metadata: JsonObject | None = None,
    tags: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    type_name: str = "model",
) -> ArtifactVersion:
    new = replace(
        new_artifact(world, name, aliases=aliases, type_name=type_name),
        tags=tags,
        metadata_json=None if metadata is None else json.dumps(metadata),
    )
    draft = world.database.write(lambda tx: tx.artifacts.create(new, later(at)))
    return world.database.write(
        lambda tx: tx.artifacts.commit(
            draft.id, digest=draft.digest, size_bytes=100 - at, file_count=1, maker=Maker(), now=later(at)
        )
    )


@pytest.fixture
def versions(world: World) -> list[ArtifactVersion]:
    return [
        log(world, at=0, metadata={"acc": 0.5, "net": {"kind": "cnn"}, "words": ["a", "b"]}, tags=("red",)),
        log(world, at=1, metadata={"acc": 0.9, "net": {"kind": "mlp"}}, tags=("red", "blue"), aliases=("best",)),
        log(world, at=2, metadata={"acc": "0.9"}),
        log(world, at=3),
    ]


def indexes(world: World, version: ArtifactVersion, filters: str, order: str | None = "version_index") -> list[int]:
    query = VersionQuery(parse_version_filter(filters), parse_version_order(order))
    found, total = world.database.read(lambda tx: tx.memberships.search([version.collection.id], query))
    assert total == len(found)
    return [place.version_index for place in found]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ('{"state": "COMMITTED"}', [0, 1, 2, 3]),
        ('{"state": "DELETED"}', []),
        ('{"tag": "red"}', [0, 1]),
        ('{"tags": {"$in": ["blue", "green"]}}', [1]),
        ('{"$and": [{"tag": "red"}, {"tag": "blue"}]}', [1]),
        ('{"tag": null}', [2, 3]),
        ('{"tag": {"$ne": "red"}}', [2, 3]),
        ('{"tag": {"$regex": "^bl"}}', [1]),
        ('{"alias": "best"}', [1]),
        ('{"alias": {"$contains": "LATE"}}', [3]),
        ('{"alias": {"$exists": false}}', [0, 2]),
        ('{"metadata.acc": {"$gte": 0.9}}', [1]),
        ('{"metadata.acc": "0.9"}', [2]),
        ('{"metadata.acc": null}', [3]),
        ('{"metadata.net.kind": {"$in": ["cnn", "rnn"]}}', [0]),
        ('{"metadata.words": "b"}', [0]),
        ('{"$or": [{"metadata.acc": {"$lt": 0.6}}, {"version_index": {"$gt": 2}}]}', [0, 3]),
        ('{"$not": {"version_index": {"$lte": 2}}}', [3]),
        ('{"createdAt": {"$gt": "2026-11-22T12:00:01.5"}}', [2, 3]),
        ('{"type": "model", "size": {"$lt": 99}}', [2, 3]),
    ],
)
def test_versions_are_found_by_what_they_have(
    world: World, versions: list[ArtifactVersion], filters: str, expected: list[int]
) -> None:
    assert indexes(world, versions[0], filters) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [(None, [3, 2, 1, 0]), ("+created_at", [0, 1, 2, 3]), ("-createdAt", [3, 2, 1, 0]), ("size", [3, 2, 1, 0])],
)
@pytest.mark.parametrize("filters", ["{}", '{"version_index": {"$gte": 0}}'])
def test_versions_come_in_the_order_asked_for(
    world: World, versions: list[ArtifactVersion], order: str | None, filters: str, expected: list[int]
) -> None:
    assert indexes(world, versions[0], filters, order) == expected


def test_a_page_of_what_matches_knows_the_total(world: World, versions: list[ArtifactVersion]) -> None:
    query = VersionQuery(parse_version_filter('{"version_index": {"$lt": 3}}'), limit=1, offset=1)

    page, total = world.database.read(lambda tx: tx.memberships.search([versions[0].collection.id], query))

    assert ([place.version_index for place in page], total) == ([1], 3)


def link_one(world: World, collection: CollectionId, artifact: ArtifactId) -> None:
    world.database.write(lambda tx: tx.memberships.add(collection, artifact, Maker(), NOW))


def test_in_a_portfolio_its_own_numbers_and_aliases_count(world: World, versions: list[ArtifactVersion]) -> None:
    shelf = world.database.write(
        lambda tx: tx.collections.put(
            world.project.id, "shelf", kind=CollectionKind.PORTFOLIO, type_name="model", now=NOW
        )
    )
    for index in (2, 1):
        link_one(world, shelf.id, versions[index].id)
    world.database.write(lambda tx: tx.memberships.put_aliases(shelf.id, versions[2].id, ["best"], NOW))

    def found(filters: str) -> list[int]:
        query = VersionQuery(parse_version_filter(filters), parse_version_order("version_index"))
        places, _ = world.database.read(lambda tx: tx.memberships.search([shelf.id], query))
        return [place.version_index for place in places]

    assert found('{"alias": "best"}') == [0]
    assert found('{"version_index": 1}') == [1]
    assert found('{"tag": "blue"}') == [1]


def test_a_pattern_that_takes_too_long_is_refused(world: World, versions: list[ArtifactVersion]) -> None:
    slow = log(world, tags=("a" * 60 + "!",))

    with pytest.raises(InvalidFilter, match="too long"):
        indexes(world, slow, '{"tag": {"$regex": "(a|a)*$"}}')


def test_collections_are_found_by_what_they_have(world: World) -> None:
    first = log(world, "alpha", at=0).collection
    second = log(world, "beta", at=1).collection
    third = log(world, "gamma", at=2, type_name="dataset").collection
    other = make_project(world.database, world.entity, "other")
    change = CollectionChange(description="Best of all", tags=("prod", "gold"))
    world.database.write(lambda tx: tx.collections.update(first.id, change, later(9)))

    def names(filters: str, order: str | None = "name", **more: object) -> list[str]:
        query = CollectionQuery(filter=parse_collection_filter(filters), order=parse_collection_order(order), **more)  # type: ignore[arg-type]
        found, total = world.database.read(lambda tx: tx.collections.search([world.project.id, other.id], query))
        assert total == len(found)
        return [collection.name for collection in found]

    assert names('{"name": "beta"}') == ["beta"]
    assert names('{"name": {"$regex": "a$"}}', "-name") == ["gamma", "beta", "alpha"]
    assert names('{"tag": "gold"}') == names('{"description": {"$contains": "best"}}') == ["alpha"]
    assert names('{"description": null}') == ["beta", "gamma"]
    assert names('{"created_at": {"$gte": "2026-11-22T12:00:01"}}') == ["beta", "gamma"]
    assert names("{}", None) == ["gamma", "beta", "alpha"]
    assert names("{}", "-updated_at") == ["alpha", "gamma", "beta"]
    assert names("{}", type_name="dataset") == [third.name]
    assert names("{}", kinds=(CollectionKind.PORTFOLIO,)) == []
    assert second.updated_at is None
