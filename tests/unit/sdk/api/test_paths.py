"""What scripts write to name things."""

from __future__ import annotations

import pytest

from kymograph.errors import UsageError
from kymograph.sdk.api.paths import PartialPath, complete, parse_artifact, parse_path, parse_project


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("me/p/r", ("me", "p", "r")),
        ("/me/p/r/", ("me", "p", "r")),
        ("me/p/runs/r", ("me", "p", "r")),
        ("me/p/sweeps/s", ("me", "p", "s")),
        ("p/r", (None, "p", "r")),
        ("r", (None, None, "r")),
        ("me/p:r", ("me", "p", "r")),
        ("p:r", (None, "p", "r")),
        ("http://host:8080/me/my%20p/runs/r?x=1", ("me", "my p", "r")),
    ],
)
def test_a_path_names_a_run(path: str, found: tuple[str | None, str | None, str]) -> None:
    assert parse_path(path) == PartialPath(*found)


@pytest.mark.parametrize("path", ["", "/", "a/b/c/d", "a/b/c/d/e", "p:"])
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(UsageError, match="Invalid path"):
        parse_path(path)


def test_what_a_path_leaves_out_comes_from_elsewhere() -> None:
    found = complete(parse_path("r"), entity="me", project="p", shown="r")

    assert found.path == "me/p/r"
    with pytest.raises(UsageError, match="missing project"):
        complete(parse_path("r"), entity="me", project=None, shown="r")


def test_a_path_names_a_project() -> None:
    assert parse_project("me/p") == ("me", "p")
    assert parse_project("p") == (None, "p")
    assert parse_project(None) == (None, None)
    with pytest.raises(UsageError):
        parse_project("a/b/c")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("me/p/data:v3", ("me", "p", "data:v3")),
        ("p/data", (None, "p", "data")),
        ("data:latest", (None, None, "data:latest")),
        ("me/p/data:an/alias:too", ("me", "p", "data:an/alias:too")),
        ("http://host:8080/me/my%20p/artifacts/dataset/data/v3?x=1", ("me", "my p", "data:v3")),
        ("http://host/me/p/artifacts/dataset/data", ("me", "p", "data")),
    ],
)
def test_a_path_names_a_version_or_a_collection(path: str, found: tuple[str | None, str | None, str]) -> None:
    assert parse_artifact(path) == PartialPath(*found)


@pytest.mark.parametrize("path", ["", "/", ":v3", "a/b/c/d:v0", "a//c", "p/:v1", "http://host/me/p/runs/r"])
def test_what_names_no_artifact_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="Invalid artifact path"):
        parse_artifact(path)
