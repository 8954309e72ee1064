"""Which versions a clean-up means."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from kymograph.core.artifact import TTL_DISABLED, TTL_INHERITED, ArtifactVersion, Maker
from kymograph.core.space import VersionFilter
from kymograph.storage.metadata.tables import versions
from kymograph.storage.space.choices import is_needed_elsewhere
from kymograph.storage.transaction import SqlTransaction
from kymograph.types import ArtifactId
from tests.unit.storage.metadata.builders import NOW, World, make_project
from tests.unit.storage.space.content import commit, draft, log

DAY = timedelta(days=1)


def choose(world: World, **wanted: Any) -> list[ArtifactId]:
    wanted_filter = VersionFilter(**wanted)
    found = world.database.read(lambda tx: tx.choices.choose(world.project.id, wanted_filter, NOW + DAY))
    return [one.artifact for one in found]


def ids(*chosen: ArtifactVersion) -> list[ArtifactId]:
    return [version.id for version in chosen]


def set_ttl(world: World, version: ArtifactVersion, ttl_s: int | None) -> None:
    world.database.write(
        lambda tx: tx.connection.execute(
            update(versions).where(versions.c.id == version.id).values(ttl_duration_s=ttl_s)
        )
    )


def expired(world: World, after: timedelta) -> list[ArtifactId]:
    return [one.artifact for one in world.database.read(lambda tx: tx.choices.list_expired(NOW + after, limit=10))]


def test_filters_hold_together(world: World) -> None:
    old = [log(world, "weights", ["a"]) for _ in range(3)]
    new = log(world, "weights", ["b"], now=NOW + DAY / 2)
    tokens = [log(world, "tokens", ["c"]) for _ in range(2)]
    draft(world)

    assert choose(world) == ids(*old, tokens[0])
    assert choose(world, without_alias=False) == ids(*old, new, *tokens)
    assert choose(world, collection="weights", keep_last=2) == ids(*old[:2])
    assert choose(world, keep_last=1, without_alias=False) == ids(*old, tokens[0])
    assert choose(world, created_before=NOW + DAY / 2, without_alias=False) == ids(*old, *tokens)
    assert choose(world, type_name="dataset") == []
    assert choose(world, versions=(old[1].id, new.id)) == ids(old[1])
    assert choose(world, versions=()) == []


def test_links_protect_versions_that_are_not_named(world: World) -> None:
    version = log(world, "weights", ["a"])
    log(world, "weights", ["b"])
    place = log(world, "tokens", ["c"]).collection
    world.database.write(lambda tx: tx.memberships.add(place.id, version.id, Maker(), NOW))

    assert choose(world) == []
    assert choose(world, versions=(version.id,)) == ids(version)
    world.database.write(lambda tx: tx.collections.delete(place.id, NOW))
    assert choose(world) == ids(version)


def test_versions_in_deleted_collections_are_not_chosen(world: World) -> None:
    version = log(world, "weights", ["a"])
    world.database.write(lambda tx: tx.collections.delete(version.collection.id, NOW))

    assert world.database.read(lambda tx: tx.choices.choose_deleted(world.project.id, VersionFilter())) == []


def test_time_to_live_is_ones_own_or_that_of_project_or_entity(world: World) -> None:
    own, disabled, inherited, silent = (log(world, "weights", [digest]) for digest in "abcd")
    for version, ttl in ((own, 60), (disabled, TTL_DISABLED), (inherited, TTL_INHERITED)):
        set_ttl(world, version, ttl)

    assert expired(world, timedelta(seconds=59.9)) == []
    assert expired(world, DAY) == ids(own)
    world.database.write(lambda tx: tx.space.set_entity_ttl(world.entity.id, 3_600))
    assert expired(world, DAY) == ids(own, inherited, silent)
    world.database.write(lambda tx: tx.space.set_ttl(world.project.id, 7_200))
    assert expired(world, timedelta(minutes=90)) == ids(own)
    assert world.database.read(lambda tx: tx.space.ttl_of(world.project.id)) == (7_200, 7_200)
    world.database.write(lambda tx: tx.space.set_ttl(world.project.id, 0))
    assert expired(world, DAY) == ids(own)
    assert world.database.read(lambda tx: tx.space.ttl_of(world.project.id)) == (0, None)
    world.database.write(lambda tx: tx.space.set_ttl(world.project.id, None))
    assert world.database.read(lambda tx: tx.space.ttl_of(world.project.id)) == (None, 3_600)
    assert choose(world, is_expired=True) == ids(own, inherited)  # the last one is `latest`
    set_ttl(world, own, 2**62)
    assert expired(world, DAY) == ids(inherited, silent)


def test_expired_version_that_is_linked_stays(world: World) -> None:
    version = log(world, "weights", ["a"])
    set_ttl(world, version, 1)
    place = log(world, "tokens", ["c"]).collection
    world.database.write(lambda tx: tx.memberships.add(place.id, version.id, Maker(), NOW))

    assert expired(world, DAY) == []


def test_purgeable_are_those_whose_window_is_over_and_those_of_projects_that_are_gone(world: World) -> None:
    version = log(world, "weights", ["a"])
    other = make_project(world.database, world.entity, "other")
    elsewhere = commit(world, draft(world, "copies", project=other.id), [])
    for one, at in ((version, NOW), (elsewhere, NOW + DAY)):
        world.database.write(lambda tx, key=one.id, at=at: tx.moves.delete([key], at))  # type: ignore[misc]

    def purgeable(days: float, **options: Any) -> list[ArtifactId]:
        moment = NOW + days * DAY
        found = world.database.read(
            lambda tx: tx.choices.list_purgeable(
                deleted_before=moment - 7 * DAY, gone_before=moment - DAY, limit=10, **options
            )
        )
        return [one.artifact for one in found]

    assert [purgeable(7), purgeable(7.5), purgeable(9)] == [[], ids(version), ids(version, elsewhere)]
    assert purgeable(9, project=other.id) == ids(elsewhere)
    assert purgeable(9, after=version.id) == ids(elsewhere)
    world.database.write(lambda tx: tx.projects.delete(world.project.id))
    assert purgeable(1.5) == ids(version)


def test_versions_of_projects_that_are_gone_are_orphans(world: World) -> None:
    version = log(world, "weights", ["a"])
    assert world.database.read(lambda tx: tx.choices.list_orphans(limit=10)) == []

    world.database.write(lambda tx: tx.projects.delete(world.project.id))

    found = world.database.read(lambda tx: tx.choices.list_orphans(limit=10))
    assert [(one.artifact, one.project, one.file_count) for one in found] == [(version.id, world.project.id, 1)]


def test_what_needs_a_version_is_looked_up_by_index(world: World) -> None:
    # However little the database knows of its tables: by its guesses it once compared each version with every link.
    wanted = select(versions.c.id).where(~is_needed_elsewhere())

    def explain(tx: SqlTransaction) -> str:
        connection = tx.connection
        statement = wanted.compile(connection)
        values = statement.params
        if statement.positiontup is None:
            rows = connection.exec_driver_sql(f"EXPLAIN {statement}", values)
        else:
            in_order = tuple(values[name] for name in statement.positiontup)
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", in_order)
        return "\n".join(str(row) for row in rows)

    plan = world.database.read(explain)

    by_index = ("(artifact_id=?)", "Index Cond: (artifact_id = artifact_versions.id)")
    assert sum(plan.count(each) for each in by_index) == 2, plan
