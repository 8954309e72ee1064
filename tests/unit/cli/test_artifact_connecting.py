"""Names of artifacts as people write them."""

from __future__ import annotations

import click
import pytest

from kymograph.cli.artifact_cache import parse_size
from kymograph.cli.artifact_connecting import ArtifactName, named_together, split_artifact, split_project_path

PAGE = "https://host:8080/me/my%20project/artifacts/dataset/data"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("data", ArtifactName("data")),
        ("data:v3", ArtifactName("data", "v3")),
        ("p/data", ArtifactName("data", project="p")),
        ("me/p/data:best", ArtifactName("data", "best", "p", "me")),
        ("data:odd/alias", ArtifactName("data", "odd/alias")),
        (PAGE, ArtifactName("data", None, "my project", "me", "https://host:8080")),
        (f"{PAGE}/v7", ArtifactName("data", "v7", "my project", "me", "https://host:8080")),
    ],
)
def test_names_are_read(text: str, name: ArtifactName) -> None:
    assert split_artifact(text) == name


@pytest.mark.parametrize("text", ["", "a//b", "a/b/c/d", "data:", "https://host/me/p/runs/r", ":v1"])
def test_what_names_nothing_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(click.UsageError, match="write"):
        split_artifact(text)


def test_without_a_version_it_is_the_latest() -> None:
    assert split_artifact("p/data").short == "data:latest"


def test_projects_are_read() -> None:
    assert split_project_path("me/p") == ("me", "p")
    assert split_project_path("p") == (None, "p")
    assert split_project_path(None) == (None, None)
    with pytest.raises(click.UsageError):
        split_project_path("a/b/c")


def test_names_on_several_servers_are_refused() -> None:
    here, there = split_artifact(PAGE), split_artifact(PAGE.replace("host", "other"))

    assert named_together([here, split_artifact("data")]) == "https://host:8080"
    with pytest.raises(click.UsageError, match="several servers"):
        named_together([here, there])


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("12", 12), ("10GB", 10**10), ("1.5 kb", 1500), ("2MiB", 2 << 20), ("3t", 3 * 10**12)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    command = click.Command("x")

    assert parse_size(click.Context(command), click.Argument(["x"]), text) == size
    with pytest.raises(click.BadParameter, match="write 10GB"):
        parse_size(click.Context(command), click.Argument(["x"]), f"{text}X")
