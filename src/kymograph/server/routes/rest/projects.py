"""Projects."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse
from kymograph.server.routes.rest.common import (
    ERRORS,
    After,
    EntityPath,
    Limit,
    ProjectPath,
    encode_project,
    next_cursor,
    offset_of,
)
from kymograph.server.routes.rest.models import ProjectModel, ProjectPage

router = APIRouter(tags=["projects"], responses=ERRORS)


@router.get("/projects", response_model=ProjectPage)
def list_projects(
    caller: CallerDep,
    services: ServicesDep,
    q: Annotated[str, Query(description="part of the name", max_length=1000)] = "",
    entity: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Projects of the caller's entities, newest activity first."""
    offset = offset_of(after)
    page = services.projects.list(caller, entity=entity, search=q, limit=limit, offset=offset)
    items = [encode_project(project, stats) for project, stats in page.projects]
    return JsonResponse({"items": items, "next": next_cursor(offset, len(items), page.total), "total": page.total})


@router.get("/projects/{entity}/{project}", response_model=ProjectModel)
def get_project(entity: EntityPath, project: ProjectPath, caller: CallerDep, services: ServicesDep) -> Response:
    """One project."""
    found = services.projects.get(caller, entity, project)
    return JsonResponse(encode_project(found, services.projects.stats([found])[found]))
