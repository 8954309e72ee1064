"""The application: routes over one deployment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from kymograph import __version__
from kymograph.compare import router as compare
from kymograph.server.comparison import comparison_source
from kymograph.server.counters import Counters
from kymograph.server.deps import Deployment
from kymograph.server.errors import install_error_handlers
from kymograph.server.graphql.execution import GraphQLExecutor, build_schema
from kymograph.server.graphql.resolvers import all_bindables
from kymograph.server.housekeeping import housekeeping
from kymograph.server.middleware import CompressionMiddleware, RequestMiddleware
from kymograph.server.routes import (
    artifact_parts,
    artifacts,
    docs,
    filestream,
    graphql,
    health,
    prometheus,
    storage,
    telemetry,
    web,
)
from kymograph.server.routes.rest import (
    admin,
    artifact_bulk,
    artifact_space,
    bulk_reads,
    exports,
    files,
    history,
    lineage,
    live,
    metrics,
    projects,
    registries,
    runs,
    session,
    sql,
    table,
)
from kymograph.server.routes.rest import (
    artifacts as rest_artifacts,
)
from kymograph.server.routes.rest.common import ERRORS


def create_app(deployment: Deployment) -> FastAPI:
    """The application over an open deployment; closing the deployment is the caller's."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.closing = asyncio.Event()
        async with housekeeping(deployment):
            yield
        app.state.closing.set()

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
    app.state.counters = Counters()
    app.state.comparison_source = comparison_source
    app.add_middleware(CompressionMiddleware)
    app.add_middleware(RequestMiddleware, counters=app.state.counters)
    install_error_handlers(app)

    app.router.routes.insert(0, filestream.route)
    about_runs = (runs, table, metrics, history, exports, files, bulk_reads, sql, live)
    about_artifacts = (rest_artifacts, lineage, artifact_space, artifact_bulk)
    for module in (session, projects, registries, *about_runs, *about_artifacts, admin):
        app.include_router(module.router, prefix="/api/v1")
    app.include_router(compare.router, prefix=compare.PREFIX, responses=ERRORS)
    for route in (health, prometheus, docs, graphql, storage, artifacts, artifact_parts, telemetry):
        app.include_router(route.router)
    assets = web.static_folder() / "assets"
    if assets.is_dir():
        app.mount("/assets", web.Assets(directory=assets), name="assets")
    # Last: it answers every address that is left.
    app.include_router(web.router)
    return app
