"""Files of runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from kymograph.core.files import RunFile
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse, iso
from kymograph.server.routes.rest.common import ERRORS, EntityPath, Limit, ProjectPath, RunPath
from kymograph.server.routes.rest.models import FileCopiesRequest, FileListModel, FilePageModel, FolderPageModel
from kymograph.server.routes.storage import file_response
from kymograph.services.file_copies import CopyRequest, FileAddress
from kymograph.types import JsonObject

router = APIRouter(tags=["files"], responses=ERRORS)

FileAfter = Annotated[str | None, Query(description="`next` of the page before", max_length=2000)]


@router.get("/projects/{entity}/{project}/runs/{run}/files", response_model=FilePageModel)
def list_files(
    entity: EntityPath,
    project: ProjectPath,
    run: RunPath,
    caller: CallerDep,
    services: ServicesDep,
    prefix: Annotated[str, Query(max_length=1000)] = "",
    limit: Limit = 100,
    after: FileAfter = None,
    shallow: Annotated[bool, Query(description="only files without a slash after `prefix`")] = False,
) -> Response:
    """Files by name."""
    found = services.runs.get(caller, entity, project, run)
    page = services.files.list_files(found, prefix=prefix, is_shallow=shallow, after=after, limit=limit + 1)
    shown = page.files[:limit]
    following = shown[-1].path if len(page.files) > limit else None
    return JsonResponse({"items": [*map(_document, shown)], "next": following, "total": page.total})


@router.get("/projects/{entity}/{project}/runs/{run}/file-folders", response_model=FolderPageModel)
def list_folders(
    entity: EntityPath,
    project: ProjectPath,
    run: RunPath,
    caller: CallerDep,
    services: ServicesDep,
    prefix: Annotated[str, Query(description="a folder with a slash at its end", max_length=1000)] = "",
    limit: Limit = 100,
    after: FileAfter = None,
) -> Response:
    """Folders that are right below another one: its files make a folder, and without any there is none."""
    found = services.runs.get(caller, entity, project, run)
    folders = services.files.list_folders(found, prefix=prefix, after=after, limit=limit + 1)
    following = folders[limit - 1] if len(folders) > limit else None
    return JsonResponse({"items": [*folders[:limit]], "next": following})


@router.post("/projects/{entity}/{project}/runs/{run}/file-copies", response_model=FileListModel)
async def copy_files(
    entity: EntityPath,
    project: ProjectPath,
    run: RunPath,
    body: FileCopiesRequest,
    caller: CallerDep,
    services: ServicesDep,
) -> Response:
    """Copy files of this run or others into this one, or move them: all at once, and none if one cannot be."""
    requests = [
        CopyRequest(FileAddress(item.source.entity, item.source.project, item.source.run, item.source.path), item.path)
        for item in body.items
    ]
    placed = await services.file_copies.copy(
        caller, entity, project, run, requests, is_move=body.move, may_replace=body.replace
    )
    return JsonResponse({"items": [*map(_document, placed)]})


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


def _document(file: RunFile) -> JsonObject:
    return {
        "name": file.path,
        "size_bytes": file.size_bytes,
        "mimetype": file.mimetype,
        "md5": file.md5,
        "updated_at": iso(file.updated_at),
    }
