"""The ``kymograph`` command and its groups."""

from __future__ import annotations

import sys

import click

from kymograph import __version__
from kymograph.cli.admin import admin
from kymograph.cli.check import check
from kymograph.cli.export import export
from kymograph.cli.login import login
from kymograph.cli.modes import disabled, enabled, init, offline, online, status
from kymograph.cli.server import server
from kymograph.cli.sql import sql
from kymograph.errors import KymographError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kymograph")
def cli() -> None:
    """The open experiment tracker and artifact store.

    Start with `kymograph server`, open the address that it prints, and log from any script that uses the protocol's
    client by setting WANDB_BASE_URL and WANDB_API_KEY.
    """


cli.add_command(server)
cli.add_command(admin)
cli.add_command(sql)
cli.add_command(check)
cli.add_command(export)
for command in (login, init, status, online, offline, enabled, disabled):
    cli.add_command(command)


def main() -> None:
    """Run the command line; our errors become one clear line and exit status 1."""
    try:
        cli()
    except KymographError as exc:
        click.echo(f"Error: {exc}", err=True)
        sys.exit(1)
