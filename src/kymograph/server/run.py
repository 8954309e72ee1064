"""Runs a server process: opens the deployment, greets, serves until it is told to stop."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
from dataclasses import replace
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from kymograph.errors import InvalidSetting
from kymograph.server.app import create_app
from kymograph.server.deps import Deployment, open_deployment
from kymograph.server.large_bodies import Protocol
from kymograph.server.logging import configure_logging
from kymograph.server.memory import keep_freed_memory
from kymograph.server.settings import Settings

logger = logging.getLogger(__name__)

SHUTDOWN_GRACE_S = 10
MAX_CONNECTIONS_WAITING = 2048
KEEP_ALIVE_S = 75
"""Clients send every 15 s and reuse connections: one that we close just as a request leaves costs them a retry."""


def run_server(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        DataFolderBusy: Another server uses the data folder.
        InvalidSetting: The port is taken, or a URL cannot be used.
    """
    signal.signal(signal.SIGTERM, _end)
    keep_freed_memory()
    configure_logging(json_logs=settings.json_logs)
    listener = _listen(settings)
    port = listener.getsockname()[1]
    if settings.port == 0:
        settings = replace(settings, port=port, public_url=settings.public_url.removesuffix(":0") + f":{port}")
    try:
        deployment = open_deployment(settings)
    except BaseException:
        listener.close()
        raise
    try:
        app = create_app(deployment)
        gc.freeze()
        gc.enable()
        greet(deployment)
        config = uvicorn.Config(
            app,
            http=Protocol,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
            timeout_keep_alive=KEEP_ALIVE_S,
            server_header=False,
            proxy_headers=False,
        )
        _Server(config).run(sockets=[listener])
    finally:
        deployment.close()


class _Server(uvicorn.Server):
    """Tells live streams to end before it waits for open connections: they would last as long as the browser tab."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        application = self.config.app
        if isinstance(application, FastAPI):
            application.state.closing.set()
        await super().shutdown(sockets)


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Let the process end by unwinding; uvicorn sends itself the signal again once it has closed its connections.

    Without this, that would end the process before the deployment is closed: claims would stay, children be orphans.
    """
    raise SystemExit(0)


def greet(deployment: Deployment) -> None:
    """Make the first administrator if there is none, and say where to go."""
    settings, accounts = deployment.settings, deployment.services.accounts
    username = accounts.default_username(settings.admin_username)
    new_key = accounts.bootstrap_admin(username=username, api_key=settings.admin_api_key)
    lines = ["", f"  Kymograph   {settings.public_url}", f"  data        {settings.data}"]
    if deployment.database.read(lambda tx: tx.accounts.find_user(username)) is not None:
        lines.append(f"  sign in     {settings.public_url}/login/{accounts.create_login_link(username)}   (once)")
    if new_key is not None:
        lines += [f"  API key     {new_key}   (of {username}; shown only now)"]
    lines += [
        "",
        "  Log to it from any script:",
        f"    export WANDB_BASE_URL={settings.public_url}",
        f"    export WANDB_API_KEY={new_key or '<your API key>'}",
        "",
    ]
    print("\n".join(lines), file=sys.stderr, flush=True)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(MAX_CONNECTIONS_WAITING)
    except OSError as exc:
        listener.close()
        rule = f"cannot listen there ({exc.strerror}); choose another with --port"
        raise InvalidSetting("host and port", f"{settings.host}:{settings.port}", rule=rule) from exc
    return listener
