"""Signing in, keys, and the administration of people and teams."""

from __future__ import annotations

import re

import pytest

from kymograph.core.accounts import EntityKind, Role
from kymograph.errors import (
    EntityNotFound,
    Forbidden,
    InvalidName,
    InvalidSetting,
    KeyNotFound,
    NameTaken,
    ProjectNotFound,
    Unauthenticated,
    UserNotFound,
)
from kymograph.services.accounts import KEY_CACHE_LENGTH_S, AccountService
from kymograph.testing.deployments import ADMIN_KEY, DeploymentUnderTest

ADA_KEY = "ada-" + "0" * 36


@pytest.fixture
def accounts(deployment: DeploymentUnderTest) -> AccountService:
    return deployment.services.accounts


# --- API keys ---------------------------------------------------------------------------------------------------------


def test_key_is_shown_once_hashed_at_rest_and_signs_in(
    deployment: DeploymentUnderTest, accounts: AccountService
) -> None:
    key, secret = accounts.create_key(deployment.admin, description="laptop")

    assert re.fullmatch("[0-9a-f]{40}", secret)
    assert accounts.caller_of_key(secret).user.username == "admin"
    assert accounts.list_keys(deployment.admin)[-1].description == "laptop"
    assert secret.startswith(key.prefix)
    stored = b"".join(
        path.read_bytes() for path in deployment.deployment.settings.data.iterdir() if "kymograph.db" in path.name
    )
    assert stored
    assert secret.encode() not in stored


@pytest.mark.parametrize("key", ["", "nonsense", "0" * 40, ADMIN_KEY.upper(), ADMIN_KEY + " ", "\ud800"])
def test_unknown_key_is_refused(accounts: AccountService, key: str) -> None:
    with pytest.raises(Unauthenticated):
        accounts.caller_of_key(key)


def test_revoked_key_is_refused_at_once(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    """Without waiting for the memory of known keys to run out."""
    key, secret = accounts.create_key(deployment.admin)
    assert accounts.caller_of_key(secret) == accounts.known_caller(secret)

    accounts.delete_key(deployment.admin, key.id)

    assert accounts.known_caller(secret) is None
    with pytest.raises(Unauthenticated):
        accounts.caller_of_key(secret)
    with pytest.raises(KeyNotFound):
        accounts.delete_key(deployment.admin, key.id)


def test_key_revoked_by_another_replica_is_refused_within_seconds(deployment: DeploymentUnderTest) -> None:
    here = deployment.services.accounts
    elsewhere = AccountService(deployment.database, deployment.clock)
    key, secret = here.create_key(deployment.admin)
    elsewhere.caller_of_key(secret)

    here.delete_key(deployment.admin, key.id)
    deployment.clock.advance(seconds=KEY_CACHE_LENGTH_S)

    with pytest.raises(Unauthenticated):
        elsewhere.caller_of_key(secret)


def test_key_of_somebody_else_cannot_be_revoked(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    ada = deployment.user("ada")
    key, secret = accounts.create_key(deployment.admin)

    with pytest.raises(KeyNotFound):
        accounts.delete_key(ada, key.id)

    assert accounts.caller_of_key(secret).user.username == "admin"


def test_keys_of_a_deleted_user_are_refused_at_once(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    deployment.user("ada", api_key=ADA_KEY)
    signed_in = accounts.sign_in_with_key(ADA_KEY)

    accounts.delete_user(deployment.admin, "ada")

    with pytest.raises(Unauthenticated):
        accounts.caller_of_key(ADA_KEY)
    with pytest.raises(Unauthenticated):
        accounts.session_of(signed_in.token)


def test_key_that_is_given_to_another_user_changes_hands_at_once(
    deployment: DeploymentUnderTest, accounts: AccountService
) -> None:
    deployment.user("ada", api_key=ADA_KEY)
    assert accounts.caller_of_key(ADA_KEY).user.username == "ada"

    deployment.user("grace", api_key=ADA_KEY)

    assert accounts.caller_of_key(ADA_KEY).user.username == "grace"


def test_last_use_of_a_key_is_noted_now_and_then(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    began = deployment.clock.now
    accounts.caller_of_key(ADMIN_KEY)
    deployment.clock.advance(minutes=5)
    accounts.caller_of_key(ADMIN_KEY)
    assert accounts.list_keys(deployment.admin)[0].last_used_at == began

    later = deployment.clock.advance(minutes=6)
    accounts.caller_of_key(ADMIN_KEY)

    assert accounts.list_keys(deployment.admin)[0].last_used_at == later


@pytest.mark.parametrize("key", ["short", "with space" * 4, "line\nend" * 5])
def test_key_that_clients_could_not_send_is_refused(
    deployment: DeploymentUnderTest, accounts: AccountService, key: str
) -> None:
    with pytest.raises(InvalidSetting) as caught:
        accounts.put_user(deployment.admin, "ada", api_key=key)

    assert key not in str(caught.value)


# --- the first administrator ------------------------------------------------------------------------------------------


def test_first_start_makes_a_key_and_later_ones_do_not(deployment: DeploymentUnderTest) -> None:
    accounts = deployment.services.accounts
    deployment.user("ada", api_key=ADA_KEY)
    accounts.delete_user(deployment.admin, "admin")
    accounts.delete_user(deployment.admin, "ada")

    secret = accounts.bootstrap_admin(username="root", api_key=None)

    assert secret is not None
    assert accounts.caller_of_key(secret).user.is_admin
    assert accounts.bootstrap_admin(username="root", api_key=None) is None


def test_preset_key_is_valid_after_every_start_and_never_returned(deployment: DeploymentUnderTest) -> None:
    accounts = deployment.services.accounts

    assert accounts.bootstrap_admin(username="admin", api_key="another-preset-key") is None

    for key in (ADMIN_KEY, "another-preset-key"):
        assert accounts.caller_of_key(key).user.username == "admin"


def test_name_of_the_system_user_is_taken_if_it_can_be(accounts: AccountService) -> None:
    assert accounts.default_username("ada") == "ada"
    assert accounts.default_username("a/b") == "admin"
    assert accounts.default_username("") == "admin"


# --- sessions and links -----------------------------------------------------------------------------------------------


def test_session_lasts_thirty_days_or_until_signed_out(
    deployment: DeploymentUnderTest, accounts: AccountService
) -> None:
    first, second = accounts.sign_in_with_key(ADMIN_KEY), accounts.sign_in_with_key(ADMIN_KEY)
    caller, session = accounts.session_of(first.token)
    assert caller.user.username == "admin"
    assert session.csrf_token == first.csrf_token != second.csrf_token

    accounts.sign_out(first.token)
    with pytest.raises(Unauthenticated):
        accounts.session_of(first.token)
    deployment.clock.advance(days=29, hours=23)
    accounts.session_of(second.token)
    deployment.clock.advance(hours=1)

    with pytest.raises(Unauthenticated):
        accounts.session_of(second.token)


def test_login_link_works_once(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    deployment.user("ada")
    token = accounts.create_login_link("ada")

    assert accounts.sign_in_with_link(token).caller.user.username == "ada"
    with pytest.raises(Unauthenticated, match="login-link"):
        accounts.sign_in_with_link(token)


def test_login_link_ends_after_a_day(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    token = accounts.create_login_link("admin")
    deployment.clock.advance(hours=24)

    with pytest.raises(Unauthenticated):
        accounts.sign_in_with_link(token)


def test_login_link_of_a_deleted_user_is_worthless(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    deployment.user("ada")
    token = accounts.create_login_link("ada")
    accounts.delete_user(deployment.admin, "ada")

    with pytest.raises(Unauthenticated):
        accounts.sign_in_with_link(token)


def test_login_link_for_nobody_is_refused(accounts: AccountService) -> None:
    with pytest.raises(UserNotFound, match="nobody"):
        accounts.create_login_link("nobody")


# --- people and teams -------------------------------------------------------------------------------------------------


def test_only_administrators_administer_users(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    ada = deployment.user("ada")

    for attempt in (
        lambda: accounts.put_user(ada, "eve", is_admin=True),
        lambda: accounts.delete_user(ada, "admin"),
        lambda: accounts.create_organization(ada, "org", owner="ada"),
        lambda: accounts.create_team(ada, "theirs", owner="admin"),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_existing_user_keeps_rights_when_given_a_key(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    deployment.user("ada")

    again = accounts.put_user(deployment.admin, "ada", is_admin=True, api_key=ADA_KEY)

    assert not again.is_admin
    assert not accounts.caller_of_key(ADA_KEY).user.is_admin


@pytest.mark.parametrize("name", ["", "graphql", "a/b", "..", "x" * 129])
def test_user_name_that_breaks_addresses_is_refused(
    deployment: DeploymentUnderTest, accounts: AccountService, name: str
) -> None:
    with pytest.raises(InvalidName):
        accounts.put_user(deployment.admin, name)


def test_team_belongs_to_whoever_made_it(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    ada = deployment.user("ada")

    team = accounts.create_team(ada, "vision")

    assert [(member.user.username, member.role) for member in accounts.members(ada, team)] == [("ada", Role.ADMIN)]
    assert [member.entity.name for member in accounts.memberships(ada)] == ["ada", "vision"]


@pytest.mark.parametrize("name", ["ada", "vision"])
def test_name_in_use_cannot_be_taken_by_a_team(
    deployment: DeploymentUnderTest, accounts: AccountService, name: str
) -> None:
    ada = deployment.user("ada")
    accounts.create_team(ada, "vision")

    with pytest.raises(NameTaken):
        accounts.create_team(ada, name)


def test_team_joins_an_organization_only_by_a_member_of_it(
    deployment: DeploymentUnderTest, accounts: AccountService
) -> None:
    ada, eve = deployment.user("ada"), deployment.user("eve")
    organization = accounts.create_organization(deployment.admin, "org", owner="ada")

    team = accounts.create_team(ada, "vision", organization="org")

    assert accounts.organization_of(team) == organization
    with pytest.raises(EntityNotFound):
        accounts.create_team(eve, "spies", organization="org")
    with pytest.raises(EntityNotFound):
        accounts.create_team(ada, "lost", organization="nowhere")


@pytest.mark.parametrize("parent", ["ada", "vision"])
def test_team_belongs_to_organizations_only(
    deployment: DeploymentUnderTest, accounts: AccountService, parent: str
) -> None:
    ada = deployment.user("ada")
    accounts.create_team(ada, "vision")

    with pytest.raises(EntityNotFound):
        accounts.create_team(ada, "inner", organization=parent)


def test_members_are_managed_by_administrators_of_the_team(
    deployment: DeploymentUnderTest, accounts: AccountService
) -> None:
    deployment.team("vision", lead=Role.ADMIN, member=Role.MEMBER)
    deployment.user("ada")
    lead, member = deployment.caller("lead"), deployment.caller("member")

    with pytest.raises(Forbidden):
        accounts.put_member(member, "vision", "member", Role.ADMIN)
    accounts.put_member(lead, "vision", "ada", Role.VIEWER)
    accounts.put_member(lead, "vision", "member", Role.VIEWER)

    entity = accounts.find_entity(lead, "vision")
    assert entity is not None
    roles = {found.user.username: found.role for found in accounts.members(lead, entity)}
    assert roles == {"admin": Role.ADMIN, "lead": Role.ADMIN, "member": Role.VIEWER, "ada": Role.VIEWER}
    with pytest.raises(UserNotFound):
        accounts.put_member(lead, "vision", "nobody", Role.VIEWER)


def test_members_are_shown_to_those_who_see_the_entity(
    deployment: DeploymentUnderTest, accounts: AccountService
) -> None:
    deployment.team("vision", lead=Role.ADMIN)
    outsider = deployment.user("outsider")
    entity = accounts.find_entity(deployment.caller("lead"), "vision")
    assert entity is not None

    assert accounts.members(outsider, entity) == []
    assert accounts.find_entity(outsider, "vision") is None


def test_users_are_found_by_those_who_share_an_entity(
    deployment: DeploymentUnderTest, accounts: AccountService
) -> None:
    deployment.team("vision", ada=Role.MEMBER, grace=Role.VIEWER)
    eve = deployment.user("eve")

    assert [user.username for user in accounts.search_users(deployment.caller("ada"), "")] == ["ada", "admin", "grace"]
    assert [user.username for user in accounts.search_users(eve, "")] == ["eve"]
    assert [user.username for user in accounts.search_users(deployment.admin, "ev")] == ["eve"]


def test_default_entity_is_one_that_the_user_sees(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    deployment.team("vision", ada=Role.MEMBER)
    deployment.team("secret")
    ada = deployment.caller("ada")

    assert accounts.set_default_entity(ada, "vision").default_entity == "vision"
    with pytest.raises(EntityNotFound):
        accounts.set_default_entity(ada, "secret")


def test_deleted_team_goes_with_its_projects_and_its_name_is_free(
    deployment: DeploymentUnderTest, accounts: AccountService
) -> None:
    deployment.team("vision", member=Role.MEMBER)
    deployment.run("vision/p/r")

    with pytest.raises(Forbidden):
        accounts.delete_entity(deployment.caller("member"), "vision")
    accounts.delete_entity(deployment.admin, "vision")

    with pytest.raises(ProjectNotFound):
        deployment.services.projects.get(deployment.admin, "vision", "p")
    assert accounts.create_team(deployment.admin, "vision").kind is EntityKind.TEAM


def test_deleted_organization_takes_its_teams_along(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    accounts.create_organization(deployment.admin, "org", owner="admin")
    deployment.team("vision", organization="org")

    accounts.delete_entity(deployment.admin, "org")

    assert accounts.find_entity(deployment.admin, "vision") is None


def test_personal_entity_goes_with_its_user_only(deployment: DeploymentUnderTest, accounts: AccountService) -> None:
    ada = deployment.user("ada")

    with pytest.raises(Forbidden, match="delete its user"):
        accounts.delete_entity(ada, "ada")
    with pytest.raises(UserNotFound):
        accounts.delete_user(deployment.admin, "nobody")
