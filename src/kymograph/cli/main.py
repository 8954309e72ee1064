"""The ``kymograph`` command and its groups."""

from __future__ import annotations

import sys

import click

from kymograph import __version__
from kymograph.cli.admin import admin
from kymograph.cli.artifact import artifact
from kymograph.cli.check import check
from kymograph.cli.clean import clean
from kymograph.cli.compare import compare
from kymograph.cli.completion import PROGRAM, completion
from kymograph.cli.export import export
from kymograph.cli.login import login
from kymograph.cli.modes import disabled, enabled, init, offline, online, status
from kymograph.cli.pull import pull
from kymograph.cli.restore import restore
from kymograph.cli.run import run, tail
from kymograph.cli.server import server
from kymograph.cli.show import show
from kymograph.cli.sql import sql
from kymograph.cli.sync import sync
from kymograph.cli.verify import verify
from kymograph.errors import KymographError

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Begin": (server, login, init, status, verify),
    "Runs of this folder": (online, offline, enabled, disabled, sync, show, tail, clean),
    "Runs on the server": (run, pull, restore, export, sql, compare),
    "Artifacts": (artifact,),
    "Operate a server": (admin, check),
    "This command": (completion,),
}
"""As the help lists them."""


class Sections(click.Group):
    """A group whose help lists its commands by what they are for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections, and whatever is in none of them last."""
        listed = {command.name for commands in SECTIONS.values() for command in commands}
        others = tuple(command for name, command in self.commands.items() if name not in listed)
        for title, commands in {**SECTIONS, "More": others}.items():
            rows = [(str(command.name), command.get_short_help_str(140)) for command in commands if not command.hidden]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name=PROGRAM)
def cli() -> None:
    """The open experiment tracker and artifact store.

    Start with `kymograph server`, open the address that it prints, and sign in with `kymograph login`. Then log from a
    script: `import kymograph`, or the protocol's own client with WANDB_BASE_URL and WANDB_API_KEY.

    `kymograph COMMAND --help` tells more of each.
    """


for section in SECTIONS.values():
    for command in section:
        cli.add_command(command)


def main() -> None:
    """Run the command line; our errors become one clear line and exit status 1."""
    try:
        cli()
    except KymographError as exc:
        click.echo(f"Error: {exc}", err=True)
        sys.exit(1)
