"""People, teams, keys and sessions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kymograph.core.accounts import Entity, EntityKind, Role
from kymograph.errors import NameTaken
from kymograph.storage.database import SqlDatabase
from kymograph.storage.transaction import SqlTransaction
from kymograph.types import EntityId, EntityName
from tests.unit.storage.metadata.builders import NOW, World, make_entity, make_project, make_user

DIGEST = bytes(range(32))
OTHER_DIGEST = bytes(range(32, 64))


def make_team(
    database: SqlDatabase, name: str, organization: EntityId | None = None, kind: EntityKind = EntityKind.TEAM
) -> Entity:
    return database.write(
        lambda tx: tx.accounts.create_entity(EntityName(name), kind=kind, now=NOW, organization=organization)
    )


def test_a_new_user_owns_an_entity_of_the_same_name(database: SqlDatabase) -> None:
    user = make_user(database, "ada")

    entity = make_entity(database, "ada")
    assert entity.kind is EntityKind.USER
    assert user.default_entity == "ada"
    assert user.created_at == NOW
    assert database.read(lambda tx: tx.accounts.find_role(entity.id, user.id)) is Role.ADMIN
    assert database.read(lambda tx: tx.accounts.find_user("ada")) == user
    assert database.read(lambda tx: tx.accounts.find_user_by_id(user.id)) == user
    assert database.read(lambda tx: tx.accounts.find_entity_by_id(entity.id)) == entity
    assert database.read(lambda tx: tx.accounts.find_user("Ada")) is None


def test_users_and_teams_share_one_space_of_names(database: SqlDatabase) -> None:
    make_user(database, "ada")
    make_team(database, "vision")

    for name in ("ada", "vision"):
        with pytest.raises(NameTaken):
            make_user(database, name)
        with pytest.raises(NameTaken):
            make_team(database, name)
    assert database.read(lambda tx: tx.accounts.count_users()) == 1


def test_users_are_listed_by_name_and_found_by_any_of_their_names(database: SqlDatabase) -> None:
    for name in ("grace", "ada", "100%"):
        make_user(database, name)

    def names(search: str, limit: int = 100, offset: int = 0) -> list[str]:
        users = database.read(lambda tx: tx.accounts.list_users(search=search, limit=limit, offset=offset))
        return [user.username for user in users]

    assert names("") == ["100%", "ada", "grace"]
    assert names("", limit=1, offset=1) == ["ada"]
    assert names("GRACE@") == ["grace"]
    assert names("0%") == ["100%"]
    assert names("a_a") == []


def test_an_update_changes_only_what_is_given(database: SqlDatabase) -> None:
    user = make_user(database, "ada")

    database.write(lambda tx: tx.accounts.update_user(user.id, is_admin=True))
    database.write(lambda tx: tx.accounts.update_user(user.id))

    changed = database.read(lambda tx: tx.accounts.find_user("ada"))
    assert changed is not None
    assert changed.is_admin
    assert (changed.name, changed.default_entity) == ("Ada", "ada")


def test_members_have_one_role_each(database: SqlDatabase) -> None:
    grace, ada = make_user(database, "grace"), make_user(database, "ada")
    team = make_team(database, "vision")

    def put_members(tx: SqlTransaction) -> None:
        for user, role in ((grace, Role.VIEWER), (ada, Role.MEMBER), (grace, Role.ADMIN)):
            tx.accounts.put_member(team.id, user.id, role)

    database.write(put_members)

    members = database.read(lambda tx: tx.accounts.list_members(team.id))
    assert [(member.user, member.role) for member in members] == [(ada, Role.MEMBER), (grace, Role.ADMIN)]
    memberships = database.read(lambda tx: tx.accounts.list_memberships(grace.id))
    assert [member.entity.name for member in memberships] == ["grace", "vision"]
    database.write(lambda tx: tx.accounts.remove_member(team.id, grace.id))
    assert database.read(lambda tx: tx.accounts.find_role(team.id, grace.id)) is None


def test_an_organization_goes_with_its_teams_and_their_projects(database: SqlDatabase) -> None:
    user = make_user(database, "ada")
    organization = make_team(database, "labs", kind=EntityKind.ORGANIZATION)
    team = make_team(database, "vision", organization.id)
    other = make_team(database, "audio")
    project = make_project(database, team, "mnist")
    database.write(lambda tx: tx.accounts.put_member(team.id, user.id, Role.ADMIN))
    assert database.read(lambda tx: tx.accounts.list_teams(organization.id)) == [team]

    database.write(lambda tx: tx.accounts.delete_entity(organization.id))

    assert database.read(lambda tx: tx.accounts.find_entity("labs")) is None
    assert database.read(lambda tx: tx.accounts.find_entity_by_id(team.id)) is None
    assert database.read(lambda tx: tx.projects.find_by_id(project.id)) is None
    assert [member.entity.name for member in database.read(lambda tx: tx.accounts.list_memberships(user.id))] == ["ada"]
    assert database.read(lambda tx: tx.accounts.find_entity("audio")) == other
    assert make_team(database, "vision").id != team.id


def test_a_deleted_user_leaves_only_the_runs_logged_elsewhere(world: World) -> None:
    run = world.run("kept")
    grace = make_user(world.database, "grace")
    database = world.database
    database.write(lambda tx: tx.accounts.put_key(DIGEST, grace.id, description="", prefix="ab", now=NOW))
    database.write(
        lambda tx: tx.accounts.create_session(
            OTHER_DIGEST, grace.id, csrf_token="t", expires_at=NOW + timedelta(days=1)
        )
    )
    project = make_project(database, make_entity(database, "grace"), "own")

    database.write(lambda tx: tx.accounts.delete_user(grace.id))

    assert database.read(lambda tx: tx.accounts.find_user("grace")) is None
    assert database.read(lambda tx: tx.accounts.find_entity("grace")) is None
    assert database.read(lambda tx: tx.projects.find_by_id(project.id)) is None
    assert database.read(lambda tx: tx.accounts.find_key_owner(DIGEST)) is None
    assert database.read(lambda tx: tx.accounts.find_session(OTHER_DIGEST, NOW)) is None
    database.write(lambda tx: tx.accounts.delete_user(grace.id))
    make_user(database, "grace")
    assert database.read(lambda tx: tx.runs.find_by_key(run.key)) == run


def test_a_key_finds_its_owner_until_it_is_revoked(database: SqlDatabase) -> None:
    ada, grace = make_user(database, "ada"), make_user(database, "grace")

    key = database.write(lambda tx: tx.accounts.put_key(DIGEST, ada.id, description="laptop", prefix="ab12", now=NOW))

    assert database.read(lambda tx: tx.accounts.find_key_owner(DIGEST)) == (ada, key)
    assert database.read(lambda tx: tx.accounts.find_key_owner(OTHER_DIGEST)) is None
    database.write(lambda tx: tx.accounts.touch_key(key.id, NOW))
    assert [kept.last_used_at for kept in database.read(lambda tx: tx.accounts.list_keys(ada.id))] == [NOW]
    assert not database.write(lambda tx: tx.accounts.delete_key(grace.id, key.id))
    assert database.write(lambda tx: tx.accounts.delete_key(ada.id, key.id))
    assert not database.write(lambda tx: tx.accounts.delete_key(ada.id, key.id))
    assert database.read(lambda tx: tx.accounts.find_key_owner(DIGEST)) is None


def test_a_key_given_again_moves_to_its_new_owner(database: SqlDatabase) -> None:
    ada, grace = make_user(database, "ada"), make_user(database, "grace")
    database.write(lambda tx: tx.accounts.put_key(DIGEST, ada.id, description="", prefix="ab12", now=NOW))

    key = database.write(lambda tx: tx.accounts.put_key(DIGEST, grace.id, description="x", prefix="ab12", now=NOW))

    assert database.read(lambda tx: tx.accounts.find_key_owner(DIGEST)) == (grace, key)
    assert database.read(lambda tx: tx.accounts.list_keys(ada.id)) == []


def test_a_session_ends_when_it_expires_or_is_deleted(database: SqlDatabase) -> None:
    user = make_user(database, "ada")
    end = NOW + timedelta(hours=1)

    database.write(lambda tx: tx.accounts.create_session(DIGEST, user.id, csrf_token="t", expires_at=end))

    session = database.read(lambda tx: tx.accounts.find_session(DIGEST, NOW))
    assert session is not None
    assert (session.user_id, session.csrf_token, session.expires_at) == (user.id, "t", end)
    assert database.read(lambda tx: tx.accounts.find_session(DIGEST, end)) is None
    database.write(lambda tx: tx.accounts.delete_session(DIGEST))
    assert database.read(lambda tx: tx.accounts.find_session(DIGEST, NOW)) is None


def test_a_login_link_works_once_and_not_too_late(database: SqlDatabase) -> None:
    user = make_user(database, "ada")
    end = NOW + timedelta(minutes=5)

    def create_links(tx: SqlTransaction) -> None:
        for digest in (DIGEST, OTHER_DIGEST):
            tx.accounts.create_login_link(digest, user.id, expires_at=end)

    database.write(create_links)

    assert database.write(lambda tx: tx.accounts.take_login_link(DIGEST, NOW)) == user.id
    assert database.write(lambda tx: tx.accounts.take_login_link(DIGEST, NOW)) is None
    assert database.write(lambda tx: tx.accounts.take_login_link(OTHER_DIGEST, end)) is None
