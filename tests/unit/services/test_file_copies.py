"""Files copied and moved at the server."""

from __future__ import annotations

import pytest

from kymograph.errors import DuplicatePath, Forbidden, InvalidName, NameTaken, RunFileNotFound, RunNotFound
from kymograph.services.file_copies import CopyRequest, FileAddress, FileCopies
from kymograph.testing.deployments import DeploymentUnderTest
from tests.unit.services.test_files import content_of, object_count, upload


@pytest.fixture
def copies(deployment: DeploymentUnderTest) -> FileCopies:
    return deployment.services.file_copies


def request(path: str, to: str, *, run: str = "r") -> CopyRequest:
    return CopyRequest(FileAddress("admin", "p", run, path), to)


async def copy(
    deployment: DeploymentUnderTest,
    *requests: CopyRequest,
    run: str = "r",
    is_move: bool = False,
    may_replace: bool = True,
) -> dict[str, bytes]:
    """Copy as the administrator; gives the contents of the run's files then."""
    await deployment.services.file_copies.copy(
        deployment.admin, "admin", "p", run, requests, is_move=is_move, may_replace=may_replace
    )
    found = deployment.services.runs.get(deployment.admin, "admin", "p", run)
    return {file.path: await content_of(deployment, file) for file in deployment.services.files.list_files(found).files}


async def test_a_copy_has_bytes_of_its_own(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("admin/p/r")
    await upload(deployment, run, "a", b"one")

    files = await copy(deployment, request("a", "b/c"))
    deployment.services.files.delete(deployment.admin, [deployment.services.files.get(run, "a").id])

    assert files == {"a": b"one", "b/c": b"one"}
    assert await content_of(deployment, deployment.services.files.get(run, "b/c")) == b"one"
    assert object_count(deployment) == 1


async def test_a_move_inside_a_run_touches_no_bytes(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("admin/p/r")
    before = await upload(deployment, run, "a", b"one")

    files = await copy(deployment, request("a", "b"), is_move=True)

    assert files == {"b": b"one"}
    assert deployment.services.files.get(run, "b").object_key == before.object_key
    refreshed = deployment.services.runs.get(deployment.admin, "admin", "p", "r")
    assert refreshed.storage_bytes == 3


async def test_a_move_to_another_run_leaves_nothing(deployment: DeploymentUnderTest) -> None:
    run, other = deployment.run("admin/p/r"), deployment.run("admin/p/other")
    await upload(deployment, run, "a", b"one")
    await upload(deployment, other, "b", b"replaced")

    files = await copy(deployment, request("a", "b"), run="other", is_move=True)

    assert files == {"b": b"one"}
    assert deployment.services.files.list_files(run).total == 0
    assert object_count(deployment) == 1
    moved = deployment.services.files.get(other, "b")
    assert moved.object_key.startswith(f"runs/{other.key}/")


async def test_all_or_nothing(deployment: DeploymentUnderTest, copies: FileCopies) -> None:
    run = deployment.run("admin/p/r")
    await upload(deployment, run, "a", b"one")
    await upload(deployment, run, "there", b"two")

    with pytest.raises(RunFileNotFound):
        await copy(deployment, request("a", "b"), request("none", "c"))
    with pytest.raises(NameTaken):
        await copy(deployment, request("a", "b"), request("a", "there"), may_replace=False)
    with pytest.raises(DuplicatePath):
        await copy(deployment, request("a", "b"), request("there", "b"))
    with pytest.raises(DuplicatePath):
        await copy(deployment, request("a", "there"), request("there", "x"), is_move=True)
    with pytest.raises(InvalidName):
        await copy(deployment, request("a", "../b"))

    assert [file.path for file in deployment.services.files.list_files(run).files] == ["a", "there"]
    assert object_count(deployment) == 2


async def test_a_file_onto_itself_stays(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("admin/p/r")
    await upload(deployment, run, "a", b"one")

    assert await copy(deployment, request("a", "a")) == {"a": b"one"}
    assert await copy(deployment, request("a", "a"), is_move=True) == {"a": b"one"}


async def test_who_may_not_write_neither_copies_nor_moves_away(deployment: DeploymentUnderTest) -> None:
    run = deployment.run("admin/p/r")
    await upload(deployment, run, "a", b"one")
    stranger = deployment.user("stranger")

    with pytest.raises(RunNotFound):
        await copy(deployment, request("a", "b"), run="none")
    with pytest.raises((RunNotFound, LookupError, Forbidden)):
        await deployment.services.file_copies.copy(
            stranger, "admin", "p", "r", [request("a", "b")], is_move=False, may_replace=True
        )
