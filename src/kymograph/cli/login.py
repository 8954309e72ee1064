"""``kymograph login``: which server, and who you are."""

from __future__ import annotations

import click


@click.command()
@click.argument("key", required=False)
@click.option("--host", metavar="URL", help="Address of the server; used from here on.")
@click.option("--cloud", is_flag=True, hidden=True)
@click.option("--relogin", is_flag=True, help="Ask for a key though one is known.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Ask the server whose key it is.")
@click.option("--timeout", type=float, metavar="SECONDS", help="How long to wait for a key to be typed.")
def login(
    key: str | None, host: str | None, timeout: float | None, *, cloud: bool, relogin: bool, verify: bool
) -> None:
    """Sign in to a server: keep your API KEY on this machine, so that scripts find it.

    Without KEY you are asked for it, and told where to fetch it. It is kept in your netrc file, which only you can
    read; better than on the command line, where others see it.
    """
    from kymograph.errors import UsageError
    from kymograph.sdk.login import login as sign_in

    if cloud:
        raise UsageError("there is no hosted service here; give the address of your server with --host")
    if not sign_in(key, host=host, relogin=relogin, timeout=timeout, verify=verify, force=False):
        click.echo("Not signed in.", err=True)
