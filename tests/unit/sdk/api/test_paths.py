"""What scripts write to name things."""

from __future__ import annotations

import pytest

from kymograph.errors import UsageError
from kymograph.sdk.api.paths import PartialPath, complete, parse_path, parse_project


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
