"""Files of runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse, iso
from kymograph.server.routes.rest.common import ERRORS, EntityPath, Limit, ProjectPath, RunPath
from kymograph.server.routes.rest.models import FilePageModel
from kymograph.server.routes.storage import file_response

router = APIRouter(tags=["files"], responses=ERRORS)


@router.get("/projects/{entity}/{project}/runs/{run}/files", response_model=FilePageModel)
def list_files(
    entity: EntityPath,
    project: ProjectPath,
    run: RunPath,
    caller: CallerDep,
    services: ServicesDep,
    prefix: Annotated[str, Query(max_length=1000)] = "",
    limit: Limit = 100,
    after: Annotated[str | None, Query(description="`next` of the page before", max_length=2000)] = None,
) -> Response:
    """Files by name."""
    found = services.runs.get(caller, entity, project, run)
    page = services.files.list_files(found, prefix=prefix, after=after, limit=limit + 1)
    shown = page.files[:limit]
    items = [
        {
            "name": file.path,
            "size_bytes": file.size_bytes,
            "mimetype": file.mimetype,
            "md5": file.md5,
            "updated_at": iso(file.updated_at),
        }
        for file in shown
    ]
    following = shown[-1].path if len(page.files) > limit else None
    return JsonResponse({"items": items, "next": following, "total": page.total})


@router.get(
    "/projects/{entity}/{project}/runs/{run}/files/{path:path}",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}},
        206: {"description": "a byte range"},
        416: {"description": "a range outside of the file"},
    },
)
def get_file(
    entity: EntityPath,
    project: ProjectPath,
    run: RunPath,
    path: str,
    request: Request,
    caller: CallerDep,
    services: ServicesDep,
    download: Annotated[bool, Query(description="always offer to save")] = False,
) -> Response:
    """The bytes of a file; ranges are honoured."""
    found = services.runs.get(caller, entity, project, run)
    return file_response(services, services.files.get(found, path), request, attachment=download)
