"""``kymograph verify``: whether a server does what a run needs."""

from __future__ import annotations

import json
import sys

import click


@click.command()
@click.option("--host", metavar="URL", help="Address of the server.  [default: the one of your settings]")
@click.option("--keep", is_flag=True, help="Leave the run that is made for it.")
@click.option("--json", "as_json", is_flag=True, help="Print the steps as a JSON list.")
def verify(host: str | None, *, keep: bool, as_json: bool) -> None:
    """Try everything that a run needs of a server: login, large requests, a run with a file, read back and compared.

    One line for each step; exit status 1 means that one failed. The run is made in the project "verify" of your own,
    and removed at the end.
    """
    from kymograph.cli.connecting import connect, settings_here
    from kymograph.sdk.server_check import Mark, ServerCheck

    marks = {Mark.GOOD: ("✓", "green"), Mark.WARNING: ("!", "yellow"), Mark.BAD: ("✗", "red")}
    results = []
    with connect(settings_here(), host) as client:
        if not as_json:
            click.echo(client.base_url)
        for result in ServerCheck(client, keep=keep).steps():
            results.append(result)
            if not as_json:
                mark, color = marks[result.mark]
                click.echo(f"{click.style(mark, fg=color)} {result.name}: {result.words}  ({result.took_s:.2f} s)")
    if as_json:
        steps = [
            {"name": item.name, "result": item.mark, "words": item.words, "took_s": item.took_s} for item in results
        ]
        click.echo(json.dumps(steps, indent=2))
    if any(result.mark is Mark.BAD for result in results):
        sys.exit(1)
