"""``kymograph compare``: the run comparer alone."""

from __future__ import annotations

import socket

import click

from kymograph.cli.connecting import connection_to, project_options, settings_here, split_project

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=7100, show_default=True, help="Port to listen on; 0 takes any free one.")
@click.option("--base-url", metavar="URL", help="Server to read from.  [default: WANDB_BASE_URL]")
@click.option(
    "--origin", "origins", multiple=True, metavar="URL", help="Let pages of this site call it. May be repeated."
)
@click.option("--name", "names", multiple=True, metavar="HOST", help="Host name that it is called by. May be repeated.")
@project_options
def compare(
    host: str,
    port: int,
    base_url: str | None,
    origins: tuple[str, ...],
    names: tuple[str, ...],
    entity: str | None,
    project: str | None,
) -> None:
    """Serve the run comparer's API over any server of the protocol.

    Our server has it already, under /api/v1/compare; its answers are passed on. Whoever can reach this program reads
    with your API key as long as it listens on this machine alone; on any other address, each caller sends a key of the
    server.
    """
    from dataclasses import replace

    from kymograph.client.credentials import Credential
    from kymograph.client.runs import RunClient
    from kymograph.errors import MissingPackage

    try:
        import uvicorn

        from kymograph.compare.alone import Alone, create_app
    except ImportError as exc:
        raise MissingPackage(str(exc.name), purpose="the comparer", install="pip install 'kymograph[server]'") from exc

    settings = settings_here()
    connection = connection_to(settings, base_url)
    owner, name = split_project(project, entity)
    is_private = host in LOOPBACK

    def make_client(api_key: str) -> RunClient:
        return RunClient(replace(connection, credential=Credential("the request", api_key)))

    with RunClient(connection) as client:
        alone = Alone(
            make_client,
            client if is_private else None,
            entity=owner or settings.entity,
            project=name or settings.project,
            hosts=(*LOOPBACK, *names) if is_private or names else ("*",),
            origins=origins,
        )
        config = uvicorn.Config(create_app(alone), log_level="warning", server_header=False)
        with _listen(host, port) as listener:
            shown = f"[{host}]" if ":" in host else host
            address = f"http://{shown}:{listener.getsockname()[1]}"
            click.echo(f"Comparing runs of {connection.base_url} at {address}")
            uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as exc:
        raise click.ClickException(f"cannot listen on {host}:{port} ({exc}); choose another with --port") from exc
