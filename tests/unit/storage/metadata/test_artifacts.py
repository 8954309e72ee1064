"""Artifacts, manifests, files, aliases and lineage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from kymograph.core.artifact import (
    ArtifactState,
    ArtifactVersion,
    Collection,
    CollectionChange,
    CollectionKind,
    Maker,
    ManifestKind,
    Membership,
)
from kymograph.core.artifact_filters import (
    CollectionQuery,
    VersionQuery,
    parse_collection_order,
    parse_version_order,
)
from kymograph.errors import ArtifactNotFound, NameTaken, UsageError
from kymograph.storage.transaction import SqlTransaction
from kymograph.types import ArtifactId, CollectionId, Digest, ManifestDigest, ObjectKey
from tests.unit.storage.metadata.builders import NOW, World, make_project, new_artifact


def log(
    world: World, name: str = "weights", *, digest: str = "0" * 32, aliases: tuple[str, ...] = ()
) -> ArtifactVersion:
    """Create and commit a version."""
    draft = world.database.write(
        lambda tx: tx.artifacts.create(new_artifact(world, name, digest=digest, aliases=aliases), NOW)
    )
    return commit(world, draft)


def commit(world: World, version: ArtifactVersion) -> ArtifactVersion:
    return world.database.write(
        lambda tx: tx.artifacts.commit(
            version.id, digest=version.digest, size_bytes=7, file_count=2, maker=Maker(user=world.user.id), now=NOW
        )
    )


def put_alias(collection: CollectionId, artifact: ArtifactId, tx: SqlTransaction) -> None:
    tx.memberships.put_aliases(collection, artifact, ["x"], NOW)


def alias_of(world: World, version: ArtifactVersion, alias: str) -> ArtifactVersion | None:
    place = world.database.read(lambda tx: tx.memberships.find_by_alias(version.collection.id, alias))
    return place.version if place is not None else None


def listed(
    world: World, collection: Collection, *, limit: int = 100, offset: int = 0
) -> tuple[list[ArtifactVersion], int]:
    places, total = world.database.read(
        lambda tx: tx.memberships.search([collection.id], VersionQuery(limit=limit, offset=offset))
    )
    return [place.version for place in places], total


def test_a_draft_is_invisible_until_it_is_committed(world: World) -> None:
    draft = world.database.write(lambda tx: tx.artifacts.create(new_artifact(world, aliases=("best",)), NOW))

    assert draft.state is ArtifactState.PENDING
    assert (draft.version_index, draft.aliases) == (None, ())
    collection = draft.collection
    assert listed(world, collection) == ([], 0)
    assert world.database.read(lambda tx: tx.artifacts.latest(collection.id)) is None
    assert world.database.read(lambda tx: tx.artifacts.find_by_digest(collection.id, draft.digest)) is None
    committed = commit(world, draft)
    assert committed.state is ArtifactState.COMMITTED
    assert (committed.version_index, committed.size_bytes, committed.file_count) == (0, 7, 2)
    assert committed.aliases == ("best", "latest")
    assert (draft.commit_hash, len(committed.commit_hash or "")) == (None, 20)
    assert world.database.read(lambda tx: tx.artifacts.find(draft.id)) == committed
    assert listed(world, collection) == ([committed], 1)


def test_committing_twice_changes_nothing(world: World) -> None:
    first = log(world)
    second = log(world)

    assert commit(world, first).version_index == 0
    latest = world.database.read(lambda tx: tx.artifacts.latest(first.collection.id))
    assert latest == second
    assert alias_of(world, first, "latest") == second


def test_versions_are_numbered_per_collection_and_numbers_are_never_used_again(world: World) -> None:
    first, second = log(world), log(world)
    other = log(world, "tokens")
    world.database.write(lambda tx: tx.moves.delete([second.id], NOW))

    third = log(world)

    assert [first.version_index, second.version_index, third.version_index, other.version_index] == [0, 1, 2, 0]
    assert alias_of(world, first, "v1") is None
    assert alias_of(world, first, "v99999999999999999999") is None
    found = alias_of(world, first, "v2")
    assert found is not None
    assert found.id == third.id


def test_an_alias_moves_from_its_holder_to_the_next(world: World) -> None:
    first = log(world, aliases=("best", "prod"))
    second = log(world, aliases=("best",))

    held = world.database.read(lambda tx: tx.artifacts.find(first.id))
    assert held is not None
    assert held.aliases == ("prod",)
    assert second.aliases == ("best", "latest")
    place = first.collection.id
    world.database.write(lambda tx: tx.memberships.put_aliases(place, first.id, ["best", "gold"], NOW))
    world.database.write(lambda tx: tx.memberships.remove_aliases(place, first.id, ["gold", "latest", "nothing"]))
    best, latest = alias_of(world, first, "best"), alias_of(world, first, "latest")
    assert best is not None
    assert latest is not None
    assert (best.id, best.aliases) == (first.id, ("best", "prod"))
    assert latest.id == second.id


def test_aliases_of_an_unknown_version_are_refused(world: World) -> None:
    draft = world.database.write(lambda tx: tx.artifacts.create(new_artifact(world), NOW))
    for unknown in (ArtifactId(99), draft.id):
        with pytest.raises(ArtifactNotFound):
            world.database.write(partial(put_alias, draft.collection.id, unknown))
    with pytest.raises(ArtifactNotFound):
        world.database.write(
            lambda tx: tx.artifacts.commit(
                ArtifactId(99), digest=ManifestDigest("0" * 32), size_bytes=0, file_count=0, maker=Maker(), now=NOW
            )
        )


def test_a_deleted_version_loses_its_aliases_and_cannot_be_committed(world: World) -> None:
    version = log(world, aliases=("best",))

    world.database.write(lambda tx: tx.moves.delete([version.id], NOW))

    assert alias_of(world, version, "best") is None
    assert listed(world, version.collection) == ([], 0)
    deleted = world.database.read(lambda tx: tx.artifacts.find(version.id))
    assert deleted is not None
    assert deleted.state is ArtifactState.DELETED
    with pytest.raises(ArtifactNotFound):
        commit(world, version)


def test_the_newest_version_of_equal_content_is_found_by_digest(world: World) -> None:
    log(world, digest="a" * 32)
    second = log(world, digest="a" * 32)
    third = log(world, digest="b" * 32)

    found = world.database.read(lambda tx: tx.artifacts.find_by_digest(third.collection.id, "a" * 32))

    assert found is not None
    assert found.id == second.id


def test_versions_are_listed_newest_first_in_pages(world: World) -> None:
    versions = [log(world) for _ in range(3)]

    page, total = listed(world, versions[0].collection, limit=2, offset=1)

    assert [version.version_index for version in page] == [1, 0]
    assert total == 3


def test_collections_have_one_type_each_and_are_listed_by_name(world: World) -> None:
    weights, tokens = log(world, "weights"), log(world, "tokens")
    other_project = make_project(world.database, world.entity, "other")
    data = world.database.write(lambda tx: tx.artifacts.create(new_artifact(world, "data", type_name="dataset"), NOW))
    with pytest.raises(UsageError, match="'model'"):
        world.database.write(lambda tx: tx.artifacts.create(new_artifact(world, type_name="dataset"), NOW))

    store = world.project.id
    by_name = parse_collection_order("name")
    listed, total = world.database.read(lambda tx: tx.collections.search([store], CollectionQuery(order=by_name)))
    models, model_total = world.database.read(
        lambda tx: tx.collections.search([store], CollectionQuery("model", order=by_name, limit=1, offset=1))
    )

    assert listed == [data.collection, tokens.collection, weights.collection]
    assert (total, models, model_total) == (3, [weights.collection], 2)
    types = world.database.read(lambda tx: tx.collections.list_types(store))
    assert [kind.name for kind in types] == ["dataset", "model"]
    assert world.database.read(lambda tx: tx.collections.list_types(other_project.id)) == []
    assert world.database.read(lambda tx: tx.collections.find(store, "tokens")) == tokens.collection
    assert world.database.read(lambda tx: tx.collections.find(store, "data", type_name="model")) is None
    assert world.database.read(lambda tx: tx.collections.find_by_id(data.collection.id)) == data.collection
    assert weights.collection.kind is CollectionKind.SEQUENCE
    assert weights.collection.entity == "ada"


def test_clients_find_what_they_made_by_their_own_ids(world: World) -> None:
    new = new_artifact(world, client_id="c1", sequence_client_id="s1")
    draft = world.database.write(lambda tx: tx.artifacts.create(new, NOW))

    assert world.database.read(lambda tx: tx.artifacts.find_by_client_id("c1")) == draft
    assert world.database.read(lambda tx: tx.collections.find_by_client_id("s1")) == draft.collection
    assert world.database.read(lambda tx: tx.artifacts.find_by_client_id("s1")) is None


def test_the_first_meaning_of_a_client_id_stays(world: World) -> None:
    first, second = log(world), log(world, "tokens")

    def put_ids(tx: SqlTransaction) -> None:
        for version in (first, second):
            tx.artifacts.put_client_id("c1", version.id)
            tx.collections.put_client_id("s1", version.collection.id)

    world.database.write(put_ids)

    meant = world.database.read(lambda tx: tx.artifacts.find_by_client_id("c1"))
    assert meant is not None
    assert meant.id == first.id
    assert world.database.read(lambda tx: tx.collections.find_by_client_id("s1")) == first.collection


# --- places -----------------------------------------------------------------------------------------------------------


def make_portfolio(world: World, name: str = "shelf", *, type_name: str = "model") -> Collection:
    return world.database.write(
        lambda tx: tx.collections.put(
            world.project.id, name, kind=CollectionKind.PORTFOLIO, type_name=type_name, now=NOW
        )
    )


def link(world: World, collection: Collection, version: ArtifactVersion, *, maker: Maker | None = None) -> Membership:
    return world.database.write(
        lambda tx: tx.memberships.add(collection.id, version.id, maker or Maker(), NOW + timedelta(seconds=1))
    )


def test_a_committed_version_has_its_place_in_its_own_sequence(world: World) -> None:
    version = log(world, aliases=("best",))

    place = world.database.read(lambda tx: tx.memberships.find(version.collection.id, version.id))

    assert place == Membership(version.collection, version, 0, NOW, Maker(user=world.user.id), ("best", "latest"))
    assert place is not None
    assert not place.is_link
    assert version.created_by_user == world.user.id


def test_versions_are_numbered_anew_in_a_portfolio(world: World) -> None:
    shelf = make_portfolio(world)
    first, second = log(world), log(world)
    other = log(world, "tokens")
    run = world.run()

    places = [
        link(world, shelf, second, maker=Maker(run.key, world.user.id)),
        link(world, shelf, other),
        link(world, shelf, first),
    ]

    assert [place.version_index for place in places] == [0, 1, 2]
    assert [place.version.id for place in places] == [second.id, other.id, first.id]
    assert (places[0].is_link, places[0].collection, places[0].maker) == (True, shelf, Maker(run.key, world.user.id))
    assert places[0].created_at == NOW + timedelta(seconds=1)
    assert world.database.read(lambda tx: tx.memberships.search([shelf.id], VersionQuery())) == (places[::-1], 3)
    oldest = VersionQuery(order=parse_version_order("version_index"), limit=2)
    assert world.database.read(lambda tx: tx.memberships.search([shelf.id], oldest)) == (places[:2], 3)
    assert world.database.read(lambda tx: tx.memberships.list_of(second.id)) == (
        [world.database.read(lambda tx: tx.memberships.find(second.collection.id, second.id)), places[0]],
        2,
    )


def test_linking_twice_keeps_the_place_and_unlinking_never_frees_a_number(world: World) -> None:
    shelf = make_portfolio(world)
    first, second = log(world), log(world)
    place = link(world, shelf, first)

    assert link(world, shelf, first) == place
    world.database.write(lambda tx: tx.memberships.remove(shelf.id, first.id))
    assert world.database.read(lambda tx: tx.memberships.find(shelf.id, first.id)) is None
    assert link(world, shelf, second).version_index == 1
    assert link(world, shelf, first).version_index == 2


def test_aliases_belong_to_one_collection(world: World) -> None:
    shelf = make_portfolio(world)
    version = log(world, aliases=("best",))
    link(world, shelf, version)
    world.database.write(lambda tx: tx.memberships.put_aliases(shelf.id, version.id, ["prod", "best"], NOW))
    world.database.write(lambda tx: tx.memberships.remove_aliases(version.collection.id, version.id, ["best"]))

    place = world.database.read(lambda tx: tx.memberships.find_by_alias(shelf.id, "best"))

    assert place is not None
    assert (place.aliases, place.version.aliases) == (("best", "prod"), ("latest",))
    assert world.database.read(lambda tx: tx.memberships.find_by_alias(shelf.id, "v0")) == place
    assert alias_of(world, version, "best") is None
    assert world.database.read(lambda tx: tx.memberships.list_aliases(shelf.id)) == ["best", "prod"]
    held = world.database.read(lambda tx: tx.memberships.list_aliases_of([version.id]))[version.id]
    assert [(record.collection.name, record.alias) for record in held] == [
        ("weights", "latest"),
        ("shelf", "best"),
        ("shelf", "prod"),
    ]


def test_links_to_a_deleted_version_are_gone(world: World) -> None:
    shelf = make_portfolio(world)
    version = log(world)
    link(world, shelf, version)
    world.database.write(lambda tx: tx.memberships.put_aliases(shelf.id, version.id, ["prod"], NOW))

    world.database.write(lambda tx: tx.moves.delete([version.id], NOW))

    assert world.database.read(lambda tx: tx.memberships.search([shelf.id], VersionQuery())) == ([], 0)
    assert world.database.read(lambda tx: tx.memberships.list_aliases(shelf.id)) == []
    deleted = world.database.read(lambda tx: tx.artifacts.find(version.id))
    assert deleted is not None
    assert deleted.version_index == 0


def test_a_portfolio_takes_no_version_of_its_own(world: World) -> None:
    make_portfolio(world)

    with pytest.raises(UsageError, match="portfolio"):
        world.database.write(lambda tx: tx.artifacts.create(new_artifact(world, "shelf"), NOW))


# --- collections ------------------------------------------------------------------------------------------------------


def change(world: World, collection: Collection, **wanted: object) -> Collection:
    change = CollectionChange(**wanted)  # type: ignore[arg-type]
    return world.database.write(lambda tx: tx.collections.update(collection.id, change, NOW + timedelta(seconds=1)))


def test_a_change_of_a_collection_leaves_alone_what_it_does_not_name(world: World) -> None:
    collection = log(world).collection
    assert (collection.updated_at, collection.tags) == (None, ())
    change(world, collection, tags=("a", "b"), description="")

    changed = change(world, collection, name="models", type_name="net")

    assert (changed.name, changed.type_name, changed.description, changed.tags) == ("models", "net", "", ("a", "b"))
    assert changed.updated_at == NOW + timedelta(seconds=1)
    assert world.database.read(lambda tx: tx.collections.find(world.project.id, "weights")) is None


def test_a_collection_cannot_take_the_name_of_another(world: World) -> None:
    collection = log(world).collection
    log(world, "tokens")

    with pytest.raises(NameTaken, match="tokens"):
        change(world, collection, name="tokens")
    assert change(world, collection, name="weights").name == "weights"


def test_a_deleted_collection_takes_its_versions_along_and_leaves_its_name(world: World) -> None:
    shelf = make_portfolio(world)
    version = log(world, aliases=("best",))
    draft = world.database.write(lambda tx: tx.artifacts.create(new_artifact(world), NOW))
    link(world, shelf, version)

    world.database.write(lambda tx: tx.collections.delete(version.collection.id, NOW))

    gone = world.database.read(lambda tx: tx.collections.find_by_id(version.collection.id))
    assert gone is not None
    assert gone.is_deleted
    found = world.database.read(lambda tx: tx.artifacts.find(version.id))
    assert found is not None
    assert found.state is ArtifactState.DELETED
    assert world.database.read(lambda tx: tx.artifacts.find(draft.id)) is None
    assert world.database.read(lambda tx: tx.memberships.search([shelf.id], VersionQuery())) == ([], 0)
    assert world.database.read(lambda tx: tx.collections.search([world.project.id], CollectionQuery())) == ([shelf], 1)
    assert [kind.name for kind in world.database.read(lambda tx: tx.collections.list_types(world.project.id))] == [
        "model"
    ]
    again = log(world)
    assert again.collection.id != version.collection.id
    assert again.version_index == 0


def test_a_deleted_portfolio_leaves_the_versions_that_it_held(world: World) -> None:
    shelf = make_portfolio(world)
    version = log(world)
    link(world, shelf, version)
    world.database.write(lambda tx: tx.memberships.put_aliases(shelf.id, version.id, ["prod"], NOW))

    world.database.write(lambda tx: tx.collections.delete(shelf.id, NOW))

    assert world.database.read(lambda tx: tx.artifacts.find(version.id)) == version
    assert world.database.read(lambda tx: tx.memberships.list_of(version.id))[1] == 1
    assert world.database.read(lambda tx: tx.memberships.list_aliases(shelf.id)) == []


def test_writers_of_a_distributed_version_find_its_draft_until_it_is_committed(world: World) -> None:
    new = replace(new_artifact(world), distributed_id="all-of-us")
    draft = world.database.write(lambda tx: tx.artifacts.create(new, NOW))

    def find(distributed_id: str) -> ArtifactVersion | None:
        return world.database.read(lambda tx: tx.artifacts.find_draft(draft.collection.id, distributed_id))

    assert find("all-of-us") == draft
    assert find("others") is None
    commit(world, draft)
    assert find("all-of-us") is None


def test_the_digest_at_commit_replaces_the_announced_one(world: World) -> None:
    draft = world.database.write(lambda tx: tx.artifacts.create(new_artifact(world), NOW))

    committed = commit(world, replace(draft, digest=ManifestDigest("f" * 32)))

    assert committed.digest == "f" * 32


def test_an_update_changes_only_what_is_given(world: World) -> None:
    version = log(world)
    later = NOW + timedelta(seconds=1)

    def update(**changes: object) -> None:
        values = {"description": None, "metadata_json": None, "ttl_duration_s": None} | changes
        world.database.write(lambda tx: tx.artifacts.update(version.id, now=later, **values))  # type: ignore[arg-type]

    update(description="Good", metadata_json='{"acc": NaN}')
    update(ttl_duration_s=2**40)

    changed = world.database.read(lambda tx: tx.artifacts.find(version.id))
    assert changed is not None
    assert (changed.description, changed.metadata_json, changed.ttl_duration_s) == ("Good", '{"acc": NaN}', 2**40)
    assert changed.updated_at == later


def test_the_newest_announced_manifest_counts(world: World) -> None:
    version = log(world)
    create = world.database.write
    first = create(
        lambda tx: tx.manifests.create(
            version.id, name="m.json", kind=ManifestKind.FULL, digest=Digest("d1"), object_key=ObjectKey("k1")
        )
    )
    second = create(
        lambda tx: tx.manifests.create(
            version.id,
            name="m.json",
            kind=ManifestKind.PATCH,
            digest=None,
            object_key=ObjectKey("k2"),
            base=version.id,
        )
    )

    assert world.database.read(lambda tx: tx.manifests.current(version.id)) == first
    updated = create(lambda tx: tx.manifests.update(second.id, digest=Digest("d2")))
    assert (updated.digest, updated.object_key, updated.base) == ("d2", "k2", version.id)
    assert world.database.read(lambda tx: tx.manifests.list_of(version.id)) == [first, updated]
    assert world.database.read(lambda tx: tx.manifests.current(version.id)) == updated
    assert world.database.read(lambda tx: tx.manifests.find(second.id)) == updated


def test_lineage_is_kept_in_both_directions(world: World) -> None:
    producer, consumer = world.run("r1"), world.run("r2")
    database = world.database
    draft = database.write(lambda tx: tx.artifacts.create(new_artifact(world, run=producer.key), NOW))
    assert database.read(lambda tx: tx.lineage.list_outputs(producer.key)) == []
    version = commit(world, draft)

    def use_twice(tx: SqlTransaction) -> None:
        for used_as in ("weights", None):
            tx.lineage.use(consumer.key, version.id, used_as=used_as, now=NOW)

    database.write(use_twice)

    assert database.read(lambda tx: tx.lineage.list_outputs(producer.key)) == [version]
    assert database.read(lambda tx: tx.lineage.list_inputs(consumer.key)) == [(version, "weights")]
    assert database.read(lambda tx: tx.lineage.list_used_by(version.id)) == [consumer.key]
    assert database.read(lambda tx: tx.lineage.list_inputs(producer.key)) == []


def test_a_run_that_came_to_the_same_content_has_logged_it_too(world: World) -> None:
    producer, other = world.run("r1"), world.run("r2")
    version = commit(
        world, world.database.write(lambda tx: tx.artifacts.create(new_artifact(world, run=producer.key), NOW))
    )

    for _ in range(2):
        world.database.write(lambda tx: tx.lineage.put_output(other.key, version.id, NOW))

    for run in (producer, other):
        assert world.database.read(lambda tx, run=run: tx.lineage.list_outputs(run.key)) == [version]  # type: ignore[misc]
    assert version.created_by_run == producer.key
