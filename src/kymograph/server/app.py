"""The application: routes over one deployment."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from kymograph import __version__
from kymograph.server.deps import Deployment
from kymograph.server.errors import install_error_handlers
from kymograph.server.graphql.execution import GraphQLExecutor, build_schema
from kymograph.server.graphql.resolvers import all_bindables
from kymograph.server.middleware import RequestMiddleware
from kymograph.server.routes import artifacts, docs, filestream, graphql, health, storage, telemetry, web
from kymograph.server.routes.rest import admin, files, history, live, projects, runs, session

logger = logging.getLogger(__name__)

SILENCE_CHECK_INTERVAL_S = 30.0


def create_app(deployment: Deployment) -> FastAPI:
    """The application over an open deployment; closing the deployment is the caller's."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.closing = asyncio.Event()
        watcher = asyncio.create_task(_watch_silence(deployment))
        yield
        app.state.closing.set()
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher

    app = FastAPI(
        title="Kymograph",
        version=__version__,
        summary="The open experiment tracker and artifact store",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.deployment = deployment
    app.state.graphql = GraphQLExecutor(build_schema(all_bindables()))
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=1)
    app.add_middleware(RequestMiddleware)
    install_error_handlers(app)

    rest = APIRouter(prefix="/api/v1")
    for module in (session, projects, runs, history, files, live, admin):
        rest.include_router(module.router)
    app.include_router(rest)
    for route in (health, docs, graphql, filestream, storage, artifacts, telemetry):
        app.include_router(route.router)
    assets = web.static_folder() / "assets"
    if assets.is_dir():
        app.mount("/assets", StaticFiles(directory=assets), name="assets")
    # Last: it answers every address that is left.
    app.include_router(web.router)
    return app


async def _watch_silence(deployment: Deployment) -> None:
    """Tell watchers when a run has fallen silent."""
    while True:
        await asyncio.sleep(SILENCE_CHECK_INTERVAL_S)
        try:
            await asyncio.to_thread(deployment.services.runs.announce_silent)
        except Exception:
            logger.exception("looking for silent runs failed; trying again")
