"""Projects: made on first use, changed by their administrators."""

from __future__ import annotations

import pytest

from kymograph.core.accounts import Role
from kymograph.core.project import Visibility
from kymograph.errors import EntityNotFound, Forbidden, InvalidName, NameTaken, ProjectNotFound
from kymograph.services.projects import ProjectService
from kymograph.testing.deployments import DeploymentUnderTest


@pytest.fixture
def projects(deployment: DeploymentUnderTest) -> ProjectService:
    return deployment.services.projects


def test_put_makes_then_changes_and_tells_which(deployment: DeploymentUnderTest, projects: ProjectService) -> None:
    made, was_made = projects.put(deployment.admin, None, "p", description="first")
    changed, was_made_again = projects.put(deployment.admin, "admin", "p", visibility=Visibility.PUBLIC)

    assert (was_made, was_made_again) == (True, False)
    assert (made.entity, made.description, made.visibility) == ("admin", "first", Visibility.PRIVATE)
    assert (changed.id, changed.description, changed.visibility) == (made.id, "first", Visibility.PUBLIC)


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 129, "tab\t", "%2e%2e"])
def test_name_that_breaks_addresses_is_refused(
    deployment: DeploymentUnderTest, projects: ProjectService, name: str
) -> None:
    with pytest.raises(InvalidName):
        projects.put(deployment.admin, "admin", name)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>".replace("/", ""), "__proto__", "ünïcode 🎉", "a b"])
def test_name_that_only_looks_odd_is_kept(deployment: DeploymentUnderTest, projects: ProjectService, name: str) -> None:
    projects.put(deployment.admin, "admin", name)

    assert projects.get(deployment.admin, "admin", name).name == name


def test_strangers_and_viewers_make_no_projects(deployment: DeploymentUnderTest, projects: ProjectService) -> None:
    deployment.team("team", viewer=Role.VIEWER)

    with pytest.raises(Forbidden):
        projects.put(deployment.caller("viewer"), "team", "p")
    with pytest.raises(EntityNotFound):
        projects.put(deployment.user("eve"), "team", "p")

    assert projects.list(deployment.admin, entity="team").total == 0


def test_rename_keeps_the_runs_and_frees_the_old_name(
    deployment: DeploymentUnderTest, projects: ProjectService
) -> None:
    run = deployment.run("admin/old/r")
    deployment.run("admin/other/r")

    renamed = projects.rename(deployment.admin, "admin", "old", "new")

    assert renamed.id == run.project_id
    assert deployment.services.runs.get(deployment.admin, "admin", "new", "r").key == run.key
    assert projects.find(deployment.admin, "admin", "old") is None
    with pytest.raises(NameTaken):
        projects.rename(deployment.admin, "admin", "new", "other")
    with pytest.raises(InvalidName):
        projects.rename(deployment.admin, "admin", "new", "a/b")


def test_members_write_but_only_administrators_rename_and_delete(
    deployment: DeploymentUnderTest, projects: ProjectService
) -> None:
    deployment.team("team", member=Role.MEMBER)
    member = deployment.caller("member")
    projects.put(member, "team", "p", description="mine")

    with pytest.raises(Forbidden):
        projects.rename(member, "team", "p", "q")
    with pytest.raises(Forbidden):
        projects.delete(member, "team", "p")

    projects.delete(deployment.admin, "team", "p")
    with pytest.raises(ProjectNotFound):
        projects.get(member, "team", "p")


def test_member_cannot_make_a_project_public(deployment: DeploymentUnderTest, projects: ProjectService) -> None:
    """Showing a team's runs to everybody is for those who administer it."""
    deployment.team("team", member=Role.MEMBER, lead=Role.ADMIN)
    member, lead = deployment.caller("member"), deployment.caller("lead")
    projects.put(member, "team", "p")

    with pytest.raises(Forbidden):
        projects.put(member, "team", "p", visibility=Visibility.PUBLIC)

    assert projects.get(member, "team", "p").visibility is Visibility.PRIVATE
    assert projects.put(lead, "team", "p", visibility=Visibility.PUBLIC)[0].visibility is Visibility.PUBLIC


def test_list_shows_what_the_caller_belongs_to_newest_activity_first(
    deployment: DeploymentUnderTest, projects: ProjectService
) -> None:
    deployment.team("team", ada=Role.VIEWER)
    ada = deployment.caller("ada")
    for address, caller in (("team/first", deployment.admin), ("ada/second", ada), ("admin/hidden", deployment.admin)):
        deployment.clock.advance(minutes=1)
        deployment.run(f"{address}/r", by=caller)

    page = projects.list(ada)

    assert [(project.name, stats.run_count, stats.running_count) for project, stats in page.projects] == [
        ("second", 1, 1),
        ("first", 1, 1),
    ]
    assert page.total == 2
    assert [project.name for project, _ in projects.list(ada, search="fir").projects] == ["first"]
    assert projects.list(ada, limit=1, offset=1).projects[0][0].name == "first"
    with pytest.raises(EntityNotFound):
        projects.list(ada, entity="admin")


def test_runs_that_fell_silent_are_not_counted_as_running(
    deployment: DeploymentUnderTest, projects: ProjectService
) -> None:
    run = deployment.run("admin/p/r")
    deployment.clock.advance(hours=1)

    stats = projects.stats([projects.get(deployment.admin, "admin", "p")])

    assert [(found.run_count, found.running_count) for found in stats.values()] == [(1, 0)]
    assert run.project == "p"
