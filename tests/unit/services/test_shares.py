"""Links to comparisons: who makes, opens, lists and ends them. What a link shows: tests/security/test_shares.py."""

from __future__ import annotations

import pytest

from kymograph.core.accounts import Role
from kymograph.core.shares import SharedComparison
from kymograph.errors import Forbidden, InvalidSetting, ProjectNotFound, RunNotFound, ShareNotFound
from kymograph.services.access import Caller
from kymograph.services.shares import MAX_DAYS, ShareService
from kymograph.testing.deployments import DeploymentUnderTest
from kymograph.types import MetricName

COMPARISON = SharedComparison(("r1",), (MetricName("samples"),))


@pytest.fixture
def shares(deployment: DeploymentUnderTest) -> ShareService:
    deployment.team("team", viewer=Role.VIEWER, other=Role.MEMBER)
    deployment.run("team/p/r1")
    return deployment.services.shares


@pytest.fixture
def viewer(deployment: DeploymentUnderTest, shares: ShareService) -> Caller:
    return deployment.caller("viewer")


def test_whoever_sees_a_project_makes_links_to_it(
    deployment: DeploymentUnderTest, shares: ShareService, viewer: Caller
) -> None:
    made, secret = shares.create(viewer, "team", "p", COMPARISON)

    opened = shares.open(secret)
    assert (opened.share, opened.project.path, opened.maker.user) == (made, "team/p", viewer.user)
    with pytest.raises(ProjectNotFound):
        shares.create(deployment.user("eve"), "team", "p", COMPARISON)


def test_link_opens_for_its_days_and_then_no_more(
    deployment: DeploymentUnderTest, shares: ShareService, viewer: Caller
) -> None:
    made, secret = shares.create(viewer, "team", "p", COMPARISON, days=2)

    deployment.clock.advance(days=1)
    assert shares.open(secret).share == made
    deployment.clock.advance(days=1)
    with pytest.raises(ShareNotFound):
        shares.open(secret)
    assert shares.list(viewer, "team", "p").total == 0


@pytest.mark.parametrize("days", [0, MAX_DAYS + 1])
def test_days_are_bounded(shares: ShareService, viewer: Caller, days: int) -> None:
    with pytest.raises(InvalidSetting):
        shares.create(viewer, "team", "p", COMPARISON, days=days)


def test_run_has_to_be_there(shares: ShareService, viewer: Caller) -> None:
    with pytest.raises(RunNotFound):
        shares.create(viewer, "team", "p", SharedComparison(("r1", "r2"), (MetricName("samples"),)))


def test_makers_and_administrators_list_and_revoke(
    deployment: DeploymentUnderTest, shares: ShareService, viewer: Caller
) -> None:
    first, _ = shares.create(viewer, "team", "p", COMPARISON)
    second, secret = shares.create(deployment.caller("other"), "team", "p", COMPARISON)

    assert shares.list(viewer, "team", "p").shares == [first]
    assert shares.list(deployment.admin, "team", "p").shares == [second, first]
    with pytest.raises(Forbidden):
        shares.revoke(viewer, second.id)
    with pytest.raises(ShareNotFound):
        shares.revoke(deployment.user("eve"), second.id)
    shares.revoke(deployment.admin, second.id)
    with pytest.raises(ShareNotFound):
        shares.open(secret)


def test_link_follows_its_project_to_another_name_and_ends_with_it(
    deployment: DeploymentUnderTest, shares: ShareService, viewer: Caller
) -> None:
    _, secret = shares.create(viewer, "team", "p", COMPARISON)

    deployment.services.projects.rename(deployment.admin, "team", "p", "renamed")
    assert shares.open(secret).project.path == "team/renamed"
    deployment.services.projects.delete(deployment.admin, "team", "renamed")
    with pytest.raises(ShareNotFound):
        shares.open(secret)
