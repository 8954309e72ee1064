"""Registries: who may do what in them, what they take, and what is found in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from kymograph.core.accounts import Entity, Role
from kymograph.core.artifact import ArtifactVersion, CollectionKind, Membership
from kymograph.core.artifact_filters import (
    CollectionQuery,
    RegistryQuery,
    VersionQuery,
    parse_collection_filter,
    parse_registry_filter,
    parse_registry_order,
    parse_version_filter,
    parse_version_order,
)
from kymograph.core.project import Project, Visibility
from kymograph.core.run import RunChange
from kymograph.errors import (
    ArtifactNotFound,
    CollectionNotFound,
    EntityNotFound,
    Forbidden,
    InvalidName,
    InvalidSetting,
    LinkRefused,
    NameTaken,
    ProjectNotFound,
    UserNotFound,
)
from kymograph.services.access import Access, Caller, require_project
from kymograph.services.artifact_lineage import RunAddressOfUse
from kymograph.services.artifact_links import AliasOf, LinkTarget
from kymograph.services.registries import RegistryChange
from kymograph.services.runs import RunAddress
from kymograph.testing.deployments import DeploymentUnderTest
from kymograph.types import ArtifactId, EntityId, ProjectId, ProjectName, UserId
from tests.unit.services.artifact_client import ArtifactClient

MODELS = "wandb-registry-models"
PEOPLE = ("org-admin", "org-member", "team-member", "registry-admin", "member", "viewer", "restricted", "outsider")


@dataclass(slots=True)
class Acme:
    """An organization with a team, and people in every relation to its registry ``models``."""

    under_test: DeploymentUnderTest
    models: Project

    def caller(self, username: str) -> Caller:
        return self.under_test.caller(username)

    def put(self, name: str = MODELS, *, by: str = "org-admin", **change: object) -> Project:
        return self.under_test.services.registries.put(
            self.caller(by),
            "acme",
            name,
            RegistryChange(**change),  # type: ignore[arg-type]
        )[0]

    def log(self, name: str = "digits", files: dict[str, bytes] | None = None) -> ArtifactVersion:
        """A version of the project ``vision/project``, type ``dataset``."""
        self.under_test.run("vision/project/run")
        client = ArtifactClient(self.under_test)
        client_files = files or {"a.txt": name.encode()}
        return client.log(client_files, entity="vision", collection=name)

    def link(
        self,
        version: ArtifactVersion,
        name: str = "digits",
        *,
        by: str = "org-admin",
        project: str = MODELS,
        aliases: tuple[str, ...] = (),
    ) -> Membership:
        target = LinkTarget(entity="acme", project=project, name=name)
        return self.under_test.services.artifact_links.link(self.caller(by), version.id, target, aliases=aliases)

    def alias(self, place: Membership, alias: str, *, by: str) -> None:
        given = AliasOf("acme", MODELS, place.collection.name, alias)
        self.under_test.services.artifact_links.add_aliases(self.caller(by), place.version.id, [given])

    @property
    def organization(self) -> Entity:
        found = self.under_test.services.accounts.find_entity(self.under_test.admin, "acme")
        assert found is not None
        return found

    def may(self, username: str, access: Access) -> bool | None:
        """Whether somebody has that access to the registry; None if it does not exist for them."""
        caller = self.caller(username)
        try:
            self.under_test.database.read(lambda tx: require_project(tx, caller, "acme", MODELS, access))
        except ProjectNotFound:
            return None
        except Forbidden:
            return False
        return True


@pytest.fixture
def acme(deployment: DeploymentUnderTest) -> Acme:
    for name in PEOPLE:
        deployment.user(name)
    accounts, members = deployment.services.accounts, deployment.services.registry_members
    accounts.create_organization(deployment.admin, "acme", owner="org-admin")
    for name in ("org-member", "member", "viewer", "restricted", "registry-admin"):
        accounts.put_member(deployment.admin, "acme", name, Role.MEMBER if name == "org-member" else Role.VIEWER)
    accounts.create_team(deployment.admin, "vision", organization="acme")
    accounts.put_member(deployment.admin, "vision", "team-member", Role.MEMBER)
    registry, _ = deployment.services.registries.put(deployment.caller("org-admin"), "acme", MODELS, RegistryChange())
    roles = {
        "registry-admin": Role.ADMIN,
        "member": Role.MEMBER,
        "viewer": Role.VIEWER,
        "restricted": Role.RESTRICTED_VIEWER,
    }
    users = {name: deployment.caller(name).user.id for name in roles}
    members.add(deployment.caller("org-admin"), registry.id, users=list(users.values()))
    for name, role in roles.items():
        members.set_role(deployment.caller("org-admin"), registry.id, users[name], role)
    return Acme(deployment, registry)


# --- who may do what --------------------------------------------------------------------------------------------------

OPEN: dict[str, set[Access]] = {
    "org-admin": set(Access),
    "registry-admin": set(Access),
    "admin": set(Access),
    "member": {Access.READ, Access.USE, Access.WRITE},
    "viewer": {Access.READ, Access.USE},
    "org-member": {Access.READ, Access.USE},
    "team-member": {Access.READ, Access.USE},
    "outsider": set(),
}


@pytest.mark.parametrize("username", OPEN)
@pytest.mark.parametrize("access", list(Access))
def test_a_role_in_the_registry_counts_and_its_organization_may_look(acme: Acme, username: str, access: Access) -> None:
    may = acme.may(username, access)

    assert may is (None if not OPEN[username] else access in OPEN[username])


@pytest.mark.parametrize(
    ("username", "highest"),
    [
        ("org-admin", Access.ADMINISTER),
        ("registry-admin", Access.ADMINISTER),
        ("member", Access.WRITE),
        ("viewer", Access.USE),
        ("restricted", Access.READ),
        ("org-member", None),
        ("team-member", None),
        ("outsider", None),
    ],
)
def test_a_restricted_registry_is_for_its_members(acme: Acme, username: str, highest: Access | None) -> None:
    acme.put(visibility=Visibility.RESTRICTED)
    allowed = [access for access in Access if acme.may(username, access)]

    assert (allowed[-1] if allowed else None) == highest
    seen = acme.under_test.services.registries.list(acme.caller(username))
    assert [view.project.id for view in seen] == ([acme.models.id] if highest is not None else [])


def test_a_team_brings_its_role(acme: Acme) -> None:
    acme.put(visibility=Visibility.RESTRICTED)
    vision = acme.under_test.services.accounts.find_entity(acme.under_test.admin, "vision")
    assert vision is not None
    members, admin = acme.under_test.services.registry_members, acme.caller("registry-admin")

    members.add(admin, acme.models.id, teams=[vision.id])
    as_viewer = acme.may("team-member", Access.WRITE)
    members.set_team_role(admin, acme.models.id, vision.id, Role.MEMBER)
    as_member = acme.may("team-member", Access.WRITE)
    members.remove(admin, acme.models.id, teams=[vision.id])

    assert (as_viewer, as_member, acme.may("team-member", Access.READ)) == (False, True, None)


def test_ordinary_projects_of_the_organization_keep_their_rules(acme: Acme) -> None:
    acme.under_test.services.projects.put(acme.caller("org-member"), "acme", "plain")
    find = acme.under_test.services.projects.find

    assert find(acme.caller("org-member"), "acme", "plain") is not None
    assert find(acme.caller("team-member"), "acme", "plain") is None


def test_those_with_a_place_know_the_organization_and_see_nothing_else_of_it(acme: Acme) -> None:
    accounts, projects = acme.under_test.services.accounts, acme.under_test.services.projects
    projects.put(acme.caller("org-admin"), "acme", "plain")
    team_member, outsider = acme.caller("team-member"), acme.caller("outsider")

    assert accounts.find_entity(team_member, "acme") is not None
    assert accounts.organizations(team_member) == [acme.organization]
    assert accounts.members(team_member, acme.organization) == []
    assert projects.list(team_member, entity="acme").total == 0
    assert accounts.find_entity(outsider, "acme") is None
    assert accounts.organizations(outsider) == []
    with pytest.raises(EntityNotFound):
        acme.under_test.services.registries.list(outsider, organization="acme")


def test_a_restricted_viewer_sees_a_version_and_gets_nothing_of_it(acme: Acme) -> None:
    services, restricted, viewer = acme.under_test.services, acme.caller("restricted"), acme.caller("viewer")
    acme.put(visibility=Visibility.RESTRICTED)
    version = acme.log()
    acme.link(version)
    acme.under_test.run("restricted/own/run", by=restricted)
    digest = "7" * 32

    assert services.artifacts.find(restricted, version.id) == version
    assert not services.artifacts.is_usable(restricted, version)
    assert services.artifacts.is_usable(viewer, version)
    with pytest.raises(Forbidden):
        services.artifact_lineage.use(restricted, version.id, RunAddressOfUse("restricted", "own", "run"))
    with pytest.raises(Forbidden):
        services.artifact_downloads.find_in_version(restricted, None, "acme", MODELS, digest, artifact=version.id)
    with pytest.raises(Forbidden):
        services.artifact_links.link(
            restricted, version.id, LinkTarget(entity="restricted", project="own", name="taken")
        )


# --- making and changing ----------------------------------------------------------------------------------------------


def test_who_makes_a_registry_is_its_administrator(acme: Acme) -> None:
    made = acme.put("wandb-registry-new", description="d", types=("model",))
    members = acme.under_test.services.registry_members.people(made)

    assert [(member.user.username, member.role) for member in members] == [("org-admin", Role.ADMIN)]
    assert made.registry is not None
    assert (made.description, made.visibility, made.registry.allows_all_types) == ("d", Visibility.PRIVATE, False)
    assert acme.under_test.services.registries.list_types(made) == ["model"]


@pytest.mark.parametrize("username", ["org-member", "registry-admin", "team-member"])
def test_only_administrators_of_the_organization_make_registries(acme: Acme, username: str) -> None:
    with pytest.raises((Forbidden, EntityNotFound)):
        acme.put("wandb-registry-new", by=username)


def test_names_of_registries_are_for_registries(acme: Acme) -> None:
    registries, projects = acme.under_test.services.registries, acme.under_test.services.projects
    caller = acme.caller("org-admin")

    with pytest.raises(InvalidName, match="only organizations"):
        registries.put(caller, "org-admin", MODELS, RegistryChange())
    for name in ("models", "wandb-registry-", "wandb-registry-a/b"):
        with pytest.raises(InvalidName):
            registries.put(caller, "acme", name, RegistryChange())
    with pytest.raises(InvalidName, match="registries"):
        projects.put(caller, "org-admin", "wandb-registry-x")
    with pytest.raises(InvalidName, match="registries"):
        acme.under_test.services.runs.upsert(caller, RunAddress("acme", MODELS, "r"), RunChange())
    with pytest.raises(InvalidName, match="begins with"):
        projects.rename(caller, "acme", MODELS, "models")
    projects.put(caller, "acme", "plain")
    with pytest.raises(InvalidName, match="registries"):
        projects.rename(caller, "acme", "plain", "wandb-registry-plain")
    with pytest.raises(InvalidSetting, match="restricted"):
        projects.put(caller, "acme", "plain", visibility=Visibility.RESTRICTED)
    assert projects.rename(caller, "acme", MODELS, "wandb-registry-renamed").id == acme.models.id
    with pytest.raises(InvalidName, match="link versions"):
        ArtifactClient(acme.under_test, caller).create({}, entity="acme", project="wandb-registry-renamed", run=None)


def test_a_change_needs_an_administrator_and_the_same_again_nobody(acme: Acme) -> None:
    acme.put(description="d", types=("dataset",), allows_all_types=False)

    unchanged = acme.put(by="viewer", description="d", types=("dataset",), allows_all_types=False)
    changed = acme.put(by="registry-admin", description="e", types=("model",))

    assert (unchanged.description, changed.description) == ("d", "e")
    assert acme.under_test.services.registries.list_types(changed) == ["dataset", "model"]
    for change in (
        {"description": "x"},
        {"visibility": Visibility.RESTRICTED},
        {"allows_all_types": True},
        {"types": ("other",)},
        {"protected_aliases": ("best",)},
    ):
        with pytest.raises(Forbidden):
            acme.put(by="member", **change)
    with pytest.raises(ProjectNotFound):
        acme.under_test.services.registries.put(acme.caller("outsider"), "acme", MODELS, RegistryChange())


def test_a_project_of_old_that_has_the_name_stays_one(acme: Acme) -> None:
    acme.under_test.database.write(
        lambda tx: tx.projects.create(
            acme.organization,
            ProjectName("wandb-registry-old"),
            now=acme.under_test.clock(),
        )
    )

    with pytest.raises(NameTaken):
        acme.put("wandb-registry-old")
    with pytest.raises(ProjectNotFound):
        acme.under_test.services.registries.get(acme.caller("org-admin"), "acme", "old")


def test_deleting_a_registry_leaves_what_was_linked(acme: Acme) -> None:
    version = acme.log()
    acme.link(version)
    projects = acme.under_test.services.projects

    with pytest.raises(Forbidden):
        projects.delete_by_id(acme.caller("member"), acme.models.id)
    projects.delete_by_id(acme.caller("registry-admin"), acme.models.id)

    with pytest.raises(ProjectNotFound):
        projects.delete_by_id(acme.caller("registry-admin"), acme.models.id)
    assert acme.under_test.services.artifacts.find(acme.caller("team-member"), version.id) == version
    assert acme.put().id != acme.models.id


# --- members ----------------------------------------------------------------------------------------------------------


def test_new_members_are_viewers_and_old_ones_keep_their_roles(acme: Acme) -> None:
    members, admin = acme.under_test.services.registry_members, acme.caller("registry-admin")
    both = [acme.caller(name).user.id for name in ("org-member", "member")]

    members.add(admin, acme.models.id, users=both)
    roles = {found.user.username: found.role for found in members.people(acme.models)}
    members.remove(admin, acme.models.id, users=both)
    members.remove(admin, acme.models.id, users=both)

    assert (roles["org-member"], roles["member"]) == (Role.VIEWER, Role.MEMBER)
    assert {found.user.username for found in members.people(acme.models)}.isdisjoint({"org-member", "member"})


def test_guests_are_for_the_servers_administrators_to_add(acme: Acme) -> None:
    members, outsider = acme.under_test.services.registry_members, acme.caller("outsider").user.id
    acme.under_test.team("guests")
    guests = acme.under_test.services.accounts.find_entity(acme.under_test.admin, "guests")
    assert guests is not None

    with pytest.raises(Forbidden):
        members.add(acme.caller("org-admin"), acme.models.id, users=[outsider])
    with pytest.raises(Forbidden):
        members.add(acme.caller("org-admin"), acme.models.id, teams=[guests.id])
    members.add(acme.under_test.admin, acme.models.id, users=[outsider], teams=[guests.id])

    assert acme.may("outsider", Access.USE)
    assert [found.team.name for found in members.teams(acme.models)] == ["guests"]


def test_members_must_exist_and_only_administrators_change_them(acme: Acme) -> None:
    members, admin = acme.under_test.services.registry_members, acme.caller("registry-admin")
    me = acme.caller("member")

    calls: tuple[tuple[Callable[[], None], type[Exception]], ...] = (
        (lambda: members.add(admin, acme.models.id, users=[UserId(10**6)]), UserNotFound),
        (lambda: members.add(admin, acme.models.id, teams=[acme.organization.id]), EntityNotFound),
        (lambda: members.set_role(admin, acme.models.id, UserId(10**6), Role.ADMIN), UserNotFound),
        (lambda: members.set_team_role(admin, acme.models.id, EntityId(10**6), Role.ADMIN), EntityNotFound),
        (lambda: members.set_role(me, acme.models.id, me.user.id, Role.ADMIN), Forbidden),
        (lambda: members.add(me, acme.models.id, users=[me.user.id]), Forbidden),
        (lambda: members.remove(me, acme.models.id, users=[me.user.id]), Forbidden),
        (lambda: members.remove(acme.caller("outsider"), acme.models.id), ProjectNotFound),
        (lambda: members.remove(admin, ProjectId(10**6)), ProjectNotFound),
    )
    for call, error in calls:
        with pytest.raises(error):
            call()


# --- what a registry takes --------------------------------------------------------------------------------------------


def test_members_link_and_viewers_do_not(acme: Acme) -> None:
    version = acme.log()

    place = acme.link(version, by="org-admin", aliases=("best",))

    assert (place.path, place.aliases) == (f"acme/{MODELS}/digits:v0", ("best", "latest"))
    with pytest.raises(Forbidden):
        acme.link(version, by="viewer")
    with pytest.raises((ProjectNotFound, ArtifactNotFound)):
        acme.link(version, by="outsider")


def test_a_registry_with_types_takes_no_others(acme: Acme) -> None:
    acme.put(allows_all_types=False, types=("model",))
    version = acme.log()
    collections = acme.under_test.services.collections

    with pytest.raises(LinkRefused, match=r"type 'dataset' \(its types: 'model'\)"):
        acme.link(version)
    with pytest.raises(LinkRefused):
        collections.create_portfolio(acme.caller("member"), "acme", MODELS, "d", type_name="dataset")
    made = collections.create_portfolio(acme.caller("member"), "acme", MODELS, "m", type_name="model")
    assert made.kind is CollectionKind.PORTFOLIO
    assert collections.find(acme.models, "digits") is None
    acme.put(types=("dataset",))
    assert acme.link(version).version_index == 0


def test_protected_aliases_are_the_administrators(acme: Acme) -> None:
    services, member = acme.under_test.services, acme.caller("member")
    acme.put(protected_aliases=("production",))
    first, second = acme.log(), acme.log(files={"a.txt": b"other"})
    place, other = acme.link(first), acme.link(second)
    alias = AliasOf("acme", MODELS, "digits", "production")

    acme.alias(place, "staging", by="member")
    with pytest.raises(Forbidden, match="production"):
        acme.alias(place, "production", by="member")
    acme.alias(place, "production", by="registry-admin")
    # However it would go: moved, deleted, unlinked, with its collection, or with the version itself.
    with pytest.raises(Forbidden):
        acme.alias(other, "production", by="member")
    with pytest.raises(Forbidden):
        services.artifact_links.delete_aliases(member, first.id, [alias])
    with pytest.raises(Forbidden):
        services.artifact_links.unlink(member, first.id, place.collection.id)
    with pytest.raises(Forbidden):
        services.collections.delete(member, place.collection.id, kind=CollectionKind.PORTFOLIO)
    with pytest.raises(Forbidden, match="production"):
        services.artifacts.delete(acme.caller("team-member"), first.id, with_aliases=True)
    with pytest.raises(Forbidden, match="production"):
        services.collections.delete(acme.caller("team-member"), first.collection.id, kind=CollectionKind.SEQUENCE)
    services.artifact_links.unlink(member, second.id, place.collection.id)
    services.artifact_links.delete_aliases(acme.caller("registry-admin"), first.id, [alias])
    services.collections.delete(member, place.collection.id, kind=CollectionKind.PORTFOLIO)
    with pytest.raises(InvalidName, match="moves by itself"):
        acme.put(protected_aliases=("latest",))


# --- searching --------------------------------------------------------------------------------------------------------


def test_registries_are_found_by_filter_and_order(acme: Acme) -> None:
    other = acme.put("wandb-registry-other", visibility=Visibility.RESTRICTED, description="secret")
    registries = acme.under_test.services.registries

    def search(username: str, filters: str = "", order: str | None = None, **page: int) -> list[str]:
        query = RegistryQuery(parse_registry_filter(filters), parse_registry_order(order), **page)
        return [found.name for found in registries.search(acme.caller(username), acme.organization, query)[0]]

    assert search("org-admin") == [MODELS, other.name]
    assert search("org-admin", order="-name") == [other.name, MODELS]
    assert search("org-admin", limit=1, offset=1) == [other.name]
    assert search("org-admin", f'{{"id": {other.id}}}') == [other.name]
    assert search("org-admin", '{"project_id": {"$in": [1000000]}}') == []
    assert search("org-admin", '{"name": {"$contains": "mod"}}') == [MODELS]
    assert search("org-admin", '{"description": {"$regex": "^sec"}}') == [other.name]
    assert search("org-admin", '{"created_at": {"$gt": "2999-01-01"}}') == []
    assert search("org-member") == [MODELS]
    assert search("outsider") == []


def test_collections_and_versions_are_found_across_registries(acme: Acme) -> None:
    acme.put("wandb-registry-other", visibility=Visibility.RESTRICTED)
    digits, letters = acme.log("digits"), acme.log("letters")
    acme.link(digits, "a", aliases=("best",))
    acme.link(letters, "b")
    acme.link(letters, "c", project="wandb-registry-other")
    registries = acme.under_test.services.registries

    def collections(username: str, registry: str = "", filters: str = "") -> set[str]:
        query = CollectionQuery(filter=parse_collection_filter(filters))
        found, total = registries.search_collections(
            acme.caller(username), acme.organization, parse_registry_filter(registry), query
        )
        assert total == len(found)
        return {collection.name for collection in found}

    def versions(username: str, registry: str = "", place: str = "", filters: str = "", order: str = "") -> list[str]:
        query = VersionQuery(parse_version_filter(filters), parse_version_order(order))
        found, _ = registries.search_places(
            acme.caller(username),
            acme.organization,
            parse_registry_filter(registry),
            parse_collection_filter(place),
            query,
        )
        return [f"{found_place.collection.name}:v{found_place.version_index}" for found_place in found]

    assert collections("org-admin") == {"a", "b", "c"}
    assert collections("viewer") == {"a", "b"}
    assert collections("org-admin", f'{{"name": "{MODELS}"}}', '{"name": {"$ne": "a"}}') == {"b"}
    assert set(versions("org-admin")) == {"a:v0", "b:v0", "c:v0"}
    assert versions("viewer", order="linked_at") == ["a:v0", "b:v0"]
    assert versions("org-admin", place='{"collection_id": 1000000}') == []
    assert versions("org-admin", filters='{"alias": "best"}') == ["a:v0"]
    assert versions("org-admin", filters=f'{{"artifact_id": {digits.id}, "version": "v0"}}') == ["a:v0"]
    assert versions("org-admin", filters='{"artifact_size": {"$gt": 1000000}}') == []


def test_collections_come_with_their_newest_version(acme: Acme) -> None:
    place = acme.link(acme.log())
    empty = acme.under_test.services.collections.create_portfolio(
        acme.caller("org-admin"), "acme", MODELS, "empty", type_name="model"
    )

    found, total = acme.under_test.services.registries.list_collections(acme.models, CollectionQuery())

    assert total == 2
    assert {linked.collection.name: linked.latest for linked in found} == {
        empty.name: None,
        "digits": place,
    }


# --- teams ------------------------------------------------------------------------------------------------------------


def test_whoever_is_invited_is_a_member_until_removed(acme: Acme) -> None:
    accounts, admin = acme.under_test.services.accounts, acme.under_test.admin
    accounts.put_user(admin, "mail", email="m@example.org")

    accounts.invite(admin, "vision", username="outsider", role=Role.MEMBER)
    accounts.invite(admin, "vision", email="M@example.org", role=Role.ADMIN)
    accounts.invite(admin, "vision", username="mail", role=Role.MEMBER)
    team = accounts.find_entity(acme.caller("outsider"), "vision")
    assert team is not None
    roles = {member.user.username: member.role for member in accounts.members(admin, team)}
    accounts.remove_member(acme.caller("outsider"), "vision", acme.caller("outsider").user.id)

    assert (roles["outsider"], roles["mail"]) == (Role.MEMBER, Role.ADMIN)
    assert accounts.find_entity(acme.caller("outsider"), "vision") is None
    for username, error in (("team-member", Forbidden), ("outsider", EntityNotFound)):
        with pytest.raises(error):
            accounts.invite(acme.caller(username), "vision", username="viewer", role=Role.MEMBER)
        with pytest.raises(error):
            accounts.remove_member(acme.caller(username), "vision", acme.caller("mail").user.id)
    for nobody in ({"username": "nobody"}, {"email": "n@example.org"}, {}):
        with pytest.raises(UserNotFound):
            accounts.invite(admin, "vision", role=Role.MEMBER, **nobody)
    with pytest.raises(Forbidden):
        accounts.remove_member(admin, "admin", admin.user.id)


def test_a_version_that_is_not_there_cannot_be_linked(acme: Acme) -> None:
    with pytest.raises(ArtifactNotFound):
        acme.under_test.services.artifact_links.link(
            acme.caller("org-admin"), ArtifactId(10**6), LinkTarget(entity="acme", project=MODELS, name="x")
        )
    with pytest.raises(CollectionNotFound):
        acme.under_test.services.collections.add_tags(acme.caller("member"), "acme", MODELS, "nowhere", ["t"])
