"""Who may do what: one matrix, in every place that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kymograph.core.accounts import Role
from kymograph.core.project import Visibility
from kymograph.errors import EntityNotFound, Forbidden, ProjectNotFound, RunDeleted, RunNotFound
from kymograph.services.access import (
    Access,
    Caller,
    check_run,
    require_entity,
    require_project,
    require_run,
)
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from kymograph.types import RunKey

READ, USE, WRITE, ADMINISTER = Access.READ, Access.USE, Access.WRITE, Access.ADMINISTER
ALL = {READ, USE, WRITE, ADMINISTER}

MATRIX: dict[str, set[Access]] = {
    "viewer": {READ, USE},
    "member": {READ, USE, WRITE},
    "lead": ALL,
    "outsider": set(),
    "org-admin": ALL,
    "org-member": set(),
    "admin": ALL,
}
"""What everybody may do in a private project of a team that belongs to an organization."""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentUnderTest]:
    folder: Path = tmp_path_factory.mktemp("access")
    with open_test_deployment(folder) as opened:
        for name in ("outsider", "org-admin", "org-member"):
            opened.user(name)
        accounts = opened.services.accounts
        accounts.create_organization(opened.admin, "org", owner="org-admin")
        accounts.put_member(opened.admin, "org", "org-member", Role.MEMBER)
        opened.team("team", organization="org", viewer=Role.VIEWER, member=Role.MEMBER, lead=Role.ADMIN)
        opened.run("team/private/r")
        opened.run("team/public/r")
        opened.services.projects.put(opened.admin, "team", "public", visibility=Visibility.PUBLIC)
        yield opened


def may(deployment: DeploymentUnderTest, caller: Caller, access: Access, project: str) -> bool:
    """Whether a caller has access to a project and, what must be the same, to its run."""

    def is_let(look: object) -> bool:
        try:
            deployment.database.read(look)  # type: ignore[arg-type]
        except (ProjectNotFound, RunNotFound, Forbidden):
            return False
        return True

    by_project = is_let(lambda tx: require_project(tx, caller, "team", project, access))
    by_run = is_let(lambda tx: require_run(tx, caller, "team", project, "r", access))
    key = deployment.services.runs.get(deployment.admin, "team", project, "r").key
    by_key = is_let(lambda tx: check_run(tx, caller, tx.runs.find_by_key(key), access, named="r"))
    assert by_project == by_run == by_key
    return by_project


@pytest.mark.parametrize("access", list(Access))
@pytest.mark.parametrize("username", list(MATRIX))
def test_private_project(deployment: DeploymentUnderTest, username: str, access: Access) -> None:
    assert may(deployment, deployment.caller(username), access, "private") is (access in MATRIX[username])


@pytest.mark.parametrize("access", list(Access))
@pytest.mark.parametrize("username", list(MATRIX))
def test_public_project_can_be_read_by_everybody_and_no_more(
    deployment: DeploymentUnderTest, username: str, access: Access
) -> None:
    allowed = MATRIX[username] | {READ, USE}

    assert may(deployment, deployment.caller(username), access, "public") is (access in allowed)


@pytest.mark.parametrize("username", list(MATRIX))
def test_what_may_not_be_read_does_not_exist_and_what_may_is_forbidden(
    deployment: DeploymentUnderTest, username: str
) -> None:
    """Existence is not given away, not even by the kind of refusal."""
    caller = deployment.caller(username)
    refusal = Forbidden if READ in MATRIX[username] else ProjectNotFound
    if MATRIX[username] == ALL:
        return

    with pytest.raises(refusal) as caught:
        deployment.database.read(lambda tx: require_project(tx, caller, "team", "private", ADMINISTER))
    if refusal is ProjectNotFound:
        with pytest.raises(ProjectNotFound) as absent:
            deployment.database.read(lambda tx: require_project(tx, caller, "team", "nowhere", ADMINISTER))
        assert str(caught.value).replace("private", "nowhere") == str(absent.value)


@pytest.mark.parametrize("access", list(Access))
@pytest.mark.parametrize("username", list(MATRIX))
def test_team_itself(deployment: DeploymentUnderTest, username: str, access: Access) -> None:
    caller = deployment.caller(username)
    allowed = MATRIX[username]

    if access in allowed:
        assert deployment.database.read(lambda tx: require_entity(tx, caller, "team", access)).name == "team"
    else:
        with pytest.raises(Forbidden if allowed else EntityNotFound):
            deployment.database.read(lambda tx: require_entity(tx, caller, "team", access))


def test_role_in_a_team_gives_nothing_in_its_organization(deployment: DeploymentUnderTest) -> None:
    lead = deployment.caller("lead")

    with pytest.raises(EntityNotFound):
        deployment.database.read(lambda tx: require_entity(tx, lead, "org", READ))


def test_no_name_means_the_callers_own_entity(deployment: DeploymentUnderTest) -> None:
    outsider = deployment.caller("outsider")

    for name in (None, ""):
        found = deployment.database.read(lambda tx, name=name: require_entity(tx, outsider, name, ADMINISTER))  # type: ignore[misc]
        assert found.name == "outsider"


def test_personal_entity_of_somebody_else_does_not_exist(deployment: DeploymentUnderTest) -> None:
    with pytest.raises(EntityNotFound):
        deployment.database.read(lambda tx: require_entity(tx, deployment.caller("lead"), "outsider", READ))


def test_deleted_run_is_gone_for_readers_and_said_to_be_deleted_to_writers(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("team/private/gone")
    deployment.services.runs.delete(deployment.admin, run.key)
    member, viewer = deployment.caller("member"), deployment.caller("viewer")

    with pytest.raises(RunNotFound):
        deployment.database.read(lambda tx: require_run(tx, viewer, "team", "private", "gone", READ))
    with pytest.raises(RunDeleted):
        deployment.database.read(lambda tx: require_run(tx, member, "team", "private", "gone", WRITE))
    with pytest.raises(RunNotFound):
        deployment.database.read(lambda tx: check_run(tx, member, tx.runs.find_by_key(run.key), READ, named="gone"))


def test_run_that_never_was_is_not_found(deployment: DeploymentUnderTest) -> None:
    member = deployment.caller("member")

    with pytest.raises(RunNotFound, match="never"):
        deployment.database.read(lambda tx: require_run(tx, member, "team", "private", "never", WRITE))
    with pytest.raises(RunNotFound):
        deployment.database.read(lambda tx: check_run(tx, member, tx.runs.find_by_key(RunKey(999)), READ, named="x"))
