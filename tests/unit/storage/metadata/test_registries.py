"""Registries: their rules, types, members, and what somebody may do in them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from kymograph.core.accounts import Entity, EntityKind, Role, User
from kymograph.core.artifact import ArtifactVersion, Collection, CollectionKind, Maker
from kymograph.core.project import Project, RegistryRules, RegistryStats, Visibility
from kymograph.storage.database import SqlDatabase
from kymograph.types import EntityName, ManifestDigest, ProjectName
from tests.unit.storage.metadata.builders import NOW, World, make_user, new_artifact


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization of one team and one registry."""

    entity: Entity
    team: Entity
    registry: Project


@pytest.fixture
def organization(world: World) -> Organization:
    database = world.database
    entity = make_place(database, "acme", EntityKind.ORGANIZATION)
    return Organization(entity, make_place(database, "vision", EntityKind.TEAM, entity), make_registry(world, entity))


def make_place(database: SqlDatabase, name: str, kind: EntityKind, parent: Entity | None = None) -> Entity:
    return database.write(
        lambda tx: tx.accounts.create_entity(
            EntityName(name), kind=kind, now=NOW, organization=parent.id if parent else None
        )
    )


def make_registry(world: World, entity: Entity, name: str = "models", *, rules: RegistryRules | None = None) -> Project:
    return world.database.write(
        lambda tx: tx.projects.create(
            entity, ProjectName(f"wandb-registry-{name}"), now=NOW, registry=rules or RegistryRules()
        )
    )


def put_portfolio(database: SqlDatabase, registry: Project, name: str, type_name: str) -> Collection:
    return database.write(
        lambda tx: tx.collections.put(registry.id, name, kind=CollectionKind.PORTFOLIO, type_name=type_name, now=NOW)
    )


def link(database: SqlDatabase, collection: Collection, version: ArtifactVersion) -> None:
    database.write(lambda tx: tx.memberships.add(collection.id, version.id, Maker(), NOW))


def roles(world: World, user: User, *registries: Project) -> list[Role | None]:
    found = world.database.read(lambda tx: tx.registries.roles_of(user.id, [registry.id for registry in registries]))
    return [found.get(registry.id) for registry in registries]


def test_a_registry_is_a_project_with_rules(world: World, organization: Organization) -> None:
    rules = RegistryRules(allows_all_types=False, protected_aliases=("production",))
    made = world.database.write(
        lambda tx: tx.projects.create(
            organization.entity,
            ProjectName("wandb-registry-r"),
            now=NOW,
            visibility=Visibility.RESTRICTED,
            registry=rules,
        )
    )
    found = world.database.read(lambda tx: tx.projects.find("acme", "wandb-registry-r"))
    world.database.write(lambda tx: tx.projects.update(made.id, registry=RegistryRules()))
    changed = world.database.read(lambda tx: tx.projects.find_by_id(made.id))

    assert found == made
    assert (made.registry, made.visibility, made.description) == (rules, Visibility.RESTRICTED, None)
    assert changed == replace(made, registry=RegistryRules())
    assert world.project.registry is None


def test_registries_are_listed_apart_from_projects(world: World, organization: Organization) -> None:
    database, entity = world.database, organization.entity
    datasets = make_registry(world, entity, "datasets")
    plain = database.write(lambda tx: tx.projects.create(entity, ProjectName("plain"), now=NOW))
    gone = make_registry(world, entity, "gone")
    database.write(lambda tx: tx.projects.delete(gone.id))

    assert database.read(lambda tx: tx.registries.list_of([entity.id])) == [datasets, organization.registry]
    assert database.read(lambda tx: tx.registries.list_of([])) == []
    assert database.read(lambda tx: tx.projects.list([entity.id])) == ([plain], 1)


def test_types_are_those_that_are_listed_and_those_in_use(world: World, organization: Organization) -> None:
    database, registry = world.database, organization.registry

    database.write(lambda tx: tx.registries.put_types(registry.id, ["model", "dataset"]))
    database.write(lambda tx: tx.registries.put_types(registry.id, ["model", "eval"]))
    database.write(lambda tx: tx.registries.put_types(registry.id, []))
    for name, type_name in (("a", "model"), ("b", "prompt")):
        put_portfolio(database, registry, name, type_name)

    assert database.read(lambda tx: tx.registries.list_types(registry.id)) == ["dataset", "eval", "model", "prompt"]
    assert database.read(lambda tx: tx.registries.list_types(world.project.id)) == []


def test_people_and_teams_are_members_each_once(world: World, organization: Organization) -> None:
    database, registry, team = world.database, organization.registry, organization.team
    grace = make_user(database, "grace")

    database.write(lambda tx: tx.registries.put_member(registry.id, world.user.id, Role.ADMIN))
    database.write(lambda tx: tx.registries.put_member(registry.id, grace.id, Role.VIEWER))
    database.write(lambda tx: tx.registries.put_member(registry.id, grace.id, Role.MEMBER))
    database.write(lambda tx: tx.registries.put_team(registry.id, team.id, Role.RESTRICTED_VIEWER))
    members = database.read(lambda tx: tx.registries.list_members(registry.id))
    teams = database.read(lambda tx: tx.registries.list_teams(registry.id))
    database.write(lambda tx: tx.registries.remove_member(registry.id, grace.id))
    database.write(lambda tx: tx.registries.remove_member(registry.id, grace.id))
    database.write(lambda tx: tx.registries.remove_team(registry.id, team.id))

    assert [(member.user.username, member.role) for member in members] == [("ada", Role.ADMIN), ("grace", Role.MEMBER)]
    assert [(found.team, found.role) for found in teams] == [(team, Role.RESTRICTED_VIEWER)]
    assert [m.user.username for m in database.read(lambda tx: tx.registries.list_members(registry.id))] == ["ada"]
    assert database.read(lambda tx: tx.registries.list_teams(registry.id)) == []


def test_somebody_has_the_highest_of_own_and_teams_roles(world: World, organization: Organization) -> None:
    database, registry, team = world.database, organization.registry, organization.team
    other = make_registry(world, organization.entity, "other")
    database.write(lambda tx: tx.accounts.put_member(team.id, world.user.id, Role.VIEWER))
    database.write(lambda tx: tx.registries.put_member(registry.id, world.user.id, Role.VIEWER))

    before = roles(world, world.user, registry, other)
    database.write(lambda tx: tx.registries.put_team(registry.id, team.id, Role.MEMBER))
    database.write(lambda tx: tx.registries.put_team(other.id, team.id, Role.RESTRICTED_VIEWER))

    assert before == [Role.VIEWER, None]
    assert roles(world, world.user, registry, other) == [Role.MEMBER, Role.RESTRICTED_VIEWER]
    assert roles(world, make_user(database, "grace"), registry, other) == [None, None]


@pytest.mark.parametrize("place", ["organization", "team", "registry", "registry by a team of another organization"])
def test_organizations_are_those_that_somebody_has_a_place_in(
    world: World, organization: Organization, place: str
) -> None:
    database, user = world.database, world.user
    guests = make_place(database, "guests", EntityKind.TEAM)

    def join() -> None:
        match place:
            case "organization":
                database.write(lambda tx: tx.accounts.put_member(organization.entity.id, user.id, Role.VIEWER))
            case "team":
                database.write(lambda tx: tx.accounts.put_member(organization.team.id, user.id, Role.VIEWER))
            case "registry":
                database.write(lambda tx: tx.registries.put_member(organization.registry.id, user.id, Role.VIEWER))
            case _:
                database.write(lambda tx: tx.accounts.put_member(guests.id, user.id, Role.VIEWER))
                database.write(lambda tx: tx.registries.put_team(organization.registry.id, guests.id, Role.VIEWER))

    before = database.read(lambda tx: tx.registries.list_organizations_of(user.id))
    join()

    assert before == []
    assert database.read(lambda tx: tx.registries.list_organizations_of(user.id)) == [organization.entity.id]
    is_in_team = database.read(lambda tx: tx.registries.is_in_team_of(organization.entity.id, user.id))
    assert is_in_team is (place == "team")


def test_counts_are_of_what_is_there(world: World, organization: Organization) -> None:
    database, registry = world.database, organization.registry
    version = database.write(lambda tx: tx.artifacts.create(new_artifact(world), NOW))
    database.write(
        lambda tx: tx.artifacts.commit(
            version.id, digest=ManifestDigest("0" * 32), size_bytes=1, file_count=1, maker=Maker(), now=NOW
        )
    )
    for name in ("a", "b", "gone"):
        collection = put_portfolio(database, registry, name, "model")
        if name != "b":
            link(database, collection, version)
    database.write(lambda tx: tx.collections.delete(collection.id, NOW))
    database.write(lambda tx: tx.registries.put_member(registry.id, world.user.id, Role.ADMIN))
    database.write(lambda tx: tx.registries.put_team(registry.id, organization.team.id, Role.VIEWER))
    empty = make_registry(world, organization.entity, "empty")

    assert database.read(lambda tx: tx.registries.stats([registry.id, empty.id])) == {
        registry.id: RegistryStats(collection_count=2, version_count=1, member_count=1, team_count=1),
        empty.id: RegistryStats(collection_count=0, version_count=0, member_count=0, team_count=0),
    }
