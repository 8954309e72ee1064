"""``kymograph server``."""

from __future__ import annotations

import gc
import os
from typing import Any

import click


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes any free one.  [default: 8080]")
@click.option("--data", metavar="DIR", help="Folder for database and files.  [default: your data directory]")
@click.option("--database", metavar="URL", help="sqlite:///… or postgresql://…  [default: SQLite in the data folder]")
@click.option("--objects", metavar="URL", help="file:///… or s3://…  [default: a folder in the data folder]")
@click.option("--public-url", metavar="URL", help="What clients reach this server by.  [default: host and port]")
def server(**flags: Any) -> None:
    """Start the server.

    Every option can also be set as KYMOGRAPH_<NAME>, for example KYMOGRAPH_PORT. KYMOGRAPH_ADMIN_API_KEY presets the
    first administrator's API key; without it a key is made and shown once.
    """
    # What start-up makes stays: looking through it for garbage again and again takes a tenth of the time until ready.
    # `run_server` turns collecting on again.
    gc.disable()
    from kymograph.server.run import run_server
    from kymograph.server.settings import load_settings

    run_server(load_settings(os.environ, **flags))
