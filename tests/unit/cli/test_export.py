"""What `kymograph export` is told; what it does is in tests/e2e/test_export.py."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from kymograph.cli.export import Target, parse_target
from kymograph.cli.main import cli


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("ada/vision", Target("ada", "vision", None)),
        ("ada/vision/a1b2c3d4", Target("ada", "vision", "a1b2c3d4")),
        ("ada/vision/runs/a1b2c3d4", Target("ada", "vision", "a1b2c3d4")),
        ("http://localhost:8080/ada/vision", Target("ada", "vision", None, "http://localhost:8080")),
        ("https://k.example/ada/vi%20sion/runs/r1/", Target("ada", "vi sion", "r1", "https://k.example")),
        ("https://k.example/ada/vision/runs/r1/logs", Target("ada", "vision", "r1", "https://k.example")),
    ],
)
def test_runs_and_projects_have_names_and_addresses(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["vision", "", "a//b", "a/b/c/d", "http://localhost:8080/"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="neither"):
        parse_target(text)


def test_a_key_goes_to_its_own_server_only() -> None:
    environment = {"WANDB_BASE_URL": "http://localhost:1", "WANDB_API_KEY": "secret", "NETRC": "/nowhere"}

    result = CliRunner().invoke(cli, ["export", "http://localhost:2/a/b"], env=environment)

    assert "there is no API key for http://localhost:2" in str(result.exception)
