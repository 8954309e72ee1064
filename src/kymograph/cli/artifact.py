"""``kymograph artifact``: artifacts on a server. Each family of commands has a module of its own."""

from __future__ import annotations

import click

from kymograph.cli.artifact_cache import cache
from kymograph.cli.artifact_get import get, verify
from kymograph.cli.artifact_look import diff, list_artifacts, show
from kymograph.cli.artifact_put import put
from kymograph.cli.artifact_remove import remove
from kymograph.cli.artifact_space import SPACE_COMMANDS
from kymograph.cli.examples import examples

FAMILIES: tuple[tuple[click.Command, ...], ...] = (
    (put, get),
    (list_artifacts, show, diff, verify),
    (remove, *SPACE_COMMANDS, cache),
)
"""Commands of the group by what they are for, as its help lists them."""


class InOrder(click.Group):
    """A group whose help lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102 — docstring inherited
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does, in full."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(140)) for name, one in self.commands.items()])


@click.group(
    cls=InOrder,
    epilog=examples(
        ("kymograph artifact put data/ -n me/digits/data", "a folder becomes version v0, or the next one"),
        ("kymograph artifact ls me/digits", "what there is"),
        ("kymograph artifact get me/digits/data:latest", "and back"),
    ),
)
def artifact() -> None:
    """Artifacts: versions of data sets and models, and the space that they take."""


for family in FAMILIES:
    for command in family:
        artifact.add_command(command)
