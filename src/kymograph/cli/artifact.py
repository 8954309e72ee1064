"""``kymograph artifact``: artifacts on a server. Each family of commands has a module of its own."""

from __future__ import annotations

import click

from kymograph.cli.artifact_space import SPACE_COMMANDS

FAMILIES: tuple[tuple[click.Command, ...], ...] = (SPACE_COMMANDS,)
"""Commands of the group, one tuple per module."""


@click.group()
def artifact() -> None:
    """Artifacts: versions of data sets and models, and the space that they take."""


for family in FAMILIES:
    for command in family:
        artifact.add_command(command)
