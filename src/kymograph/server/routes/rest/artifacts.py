"""Artifacts: types, collections, versions as they stand in collections, their files and differences."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from kymograph.core import exact_json
from kymograph.core.artifact import EntryRecord, split_artifact_name
from kymograph.core.artifact_browse import (
    ChangeKind,
    ChangeOrder,
    ChangeTotal,
    CollectionOrder,
    CollectionOverview,
    EntryChange,
    FolderItem,
)
from kymograph.core.artifact_filters import VersionQuery, parse_version_filter, parse_version_order
from kymograph.core.project import Project
from kymograph.errors import ArtifactNotFound, InvalidCursor, MalformedRequest
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse, iso
from kymograph.server.ranges import bytes_response
from kymograph.server.routes.rest.artifact_models import (
    CollectionChangeRequest,
    CollectionModel,
    CollectionPage,
    DiffPageModel,
    FolderPage,
    RunArtifactsModel,
    TypeListModel,
    UsePage,
    VersionChangeRequest,
    VersionDetail,
    VersionPageModel,
)
from kymograph.server.routes.rest.artifact_nodes import (
    encode_place,
    encode_run_ref,
    encode_version,
    encode_version_detail,
)
from kymograph.server.routes.rest.common import (
    ERRORS,
    After,
    EntityPath,
    Limit,
    ProjectPath,
    RunPath,
    next_cursor,
    offset_of,
)
from kymograph.server.routes.rest.models import SqlAnswerModel
from kymograph.services.access import Caller
from kymograph.services.artifact_catalog import PlaceChange, PlaceView
from kymograph.services.container import Services
from kymograph.services.files import guess_mimetype
from kymograph.types import JsonObject
from kymograph.wire.ids import encode_text_id, find_text_id

router = APIRouter(tags=["artifacts"], responses=ERRORS)

CollectionPath = Annotated[str, Path(description="collection name", max_length=1000)]
VersionPath = Annotated[str, Path(description="`v12` or an alias", max_length=1000)]
MAX_PARQUET_BYTES = 256 * 2**20
"""Of a file whose rows are shown."""
_COLLECTIONS = "/projects/{entity}/{project}/artifacts/collections"
_COLLECTION = f"{_COLLECTIONS}/{{collection}}"
_VERSION = f"{_COLLECTION}/versions/{{version}}"


# --- types and collections -------------------------------------------------------------------------------------------


@router.get("/projects/{entity}/{project}/artifacts/types", response_model=TypeListModel)
def list_types(entity: EntityPath, project: ProjectPath, caller: CallerDep, services: ServicesDep) -> Response:
    """Artifact types with what there is of them."""
    found = services.artifact_catalog.list_types(services.projects.get(caller, entity, project))
    items = [{"name": one.name, "collections": one.collections, "versions": one.versions} for one in found]
    return JsonResponse({"items": items, "total": len(items)})


@router.get(_COLLECTIONS, response_model=CollectionPage)
def list_collections(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    type: Annotated[str | None, Query(description="only of this type", max_length=1000)] = None,
    q: Annotated[str, Query(description="part of the name", max_length=1000)] = "",
    order: CollectionOrder = CollectionOrder.NAME,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Collections of a project."""
    found = services.projects.get(caller, entity, project)
    offset = offset_of(after)
    page, total = services.artifact_catalog.list_collections(
        found, type_name=type, search=q.strip(), order=order, limit=limit, offset=offset
    )
    items = [_encode_collection(one) for one in page]
    return JsonResponse({"items": items, "next": next_cursor(offset, len(items), total), "total": total})


@router.get(_COLLECTION, response_model=CollectionModel)
def get_collection(
    entity: EntityPath, project: ProjectPath, collection: CollectionPath, caller: CallerDep, services: ServicesDep
) -> Response:
    """One collection."""
    found = services.projects.get(caller, entity, project)
    return JsonResponse(_encode_collection(services.artifact_catalog.get_collection(found, collection)))


@router.patch(_COLLECTION, response_model=CollectionModel)
def change_collection(
    entity: EntityPath,
    project: ProjectPath,
    collection: CollectionPath,
    body: CollectionChangeRequest,
    caller: CallerDep,
    services: ServicesDep,
) -> Response:
    """Rename, describe or tag a collection."""
    found = services.projects.get(caller, entity, project)
    known = services.artifact_catalog.get_collection(found, collection).collection
    if body.tags is not None:
        gone = [tag for tag in known.tags if tag not in body.tags]
        new = [tag for tag in body.tags if tag not in known.tags]
        services.collections.delete_tags(caller, entity, project, collection, gone)
        services.collections.add_tags(caller, entity, project, collection, new)
    if body.name is not None or body.description is not None:
        known = services.collections.update(
            caller, known.id, kind=known.kind, name=body.name, description=body.description
        )
    return JsonResponse(_encode_collection(services.artifact_catalog.get_collection(found, known.name)))


# --- versions --------------------------------------------------------------------------------------------------------


@router.get(f"{_COLLECTION}/versions", response_model=VersionPageModel)
def list_versions(
    entity: EntityPath,
    project: ProjectPath,
    collection: CollectionPath,
    caller: CallerDep,
    services: ServicesDep,
    q: Annotated[str, Query(description='filter as JSON, like `{"alias": "best"}`', max_length=100_000)] = "",
    order: Annotated[str, Query(description="`version_index`, `created_at`, `updated_at`, `size`; `-` descends")] = "",
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Versions of a collection, newest first."""
    found = services.projects.get(caller, entity, project)
    offset = offset_of(after)
    query = VersionQuery(parse_version_filter(q), parse_version_order(order), limit, offset)
    page, total = services.artifact_catalog.list_places(caller, found, collection, query)
    items = [encode_place(view, services.runs.now) for view in page]
    return JsonResponse({"items": items, "next": next_cursor(offset, len(items), total), "total": total})


@router.get(_VERSION, response_model=VersionDetail)
def get_version(
    entity: EntityPath,
    project: ProjectPath,
    collection: CollectionPath,
    version: VersionPath,
    caller: CallerDep,
    services: ServicesDep,
) -> Response:
    """One version."""
    view = _get_place(services, caller, entity, project, collection, version)
    return JsonResponse(_encode_detail(services, caller, view))


@router.patch(_VERSION, response_model=VersionDetail)
def change_version(
    entity: EntityPath,
    project: ProjectPath,
    collection: CollectionPath,
    version: VersionPath,
    body: VersionChangeRequest,
    caller: CallerDep,
    services: ServicesDep,
) -> Response:
    """Move aliases here or take them away; change description, metadata, tags or time to live."""
    change = PlaceChange(
        add_aliases=tuple(body.add_aliases),
        remove_aliases=tuple(body.remove_aliases),
        description=body.description,
        metadata_json=exact_json.dumps(body.metadata) if body.metadata is not None else None,
        tags=tuple(body.tags) if body.tags is not None else None,
        ttl_duration_s=body.ttl_s,
    )
    view = services.artifact_catalog.change(caller, entity, project, collection, version, change)
    return JsonResponse(_encode_detail(services, caller, view))


@router.get(f"{_VERSION}/uses", response_model=UsePage)
def list_uses(
    entity: EntityPath,
    project: ProjectPath,
    collection: CollectionPath,
    version: VersionPath,
    caller: CallerDep,
    services: ServicesDep,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Runs that used a version, latest first."""
    view = _get_place(services, caller, entity, project, collection, version)
    offset = offset_of(after)
    page, total = services.artifact_catalog.list_uses(caller, view.place.version, limit=limit, offset=offset)
    now = services.runs.now
    items = [
        {"run": encode_run_ref(one.run, now), "used_as": one.use.used_as, "used_at": iso(one.use.used_at)}
        for one in page
    ]
    return JsonResponse({"items": items, "next": next_cursor(offset, len(items), total), "total": total})


# --- files -----------------------------------------------------------------------------------------------------------


@router.get(f"{_VERSION}/entries", response_model=FolderPage)
def list_entries(
    entity: EntityPath,
    project: ProjectPath,
    collection: CollectionPath,
    version: VersionPath,
    caller: CallerDep,
    services: ServicesDep,
    folder: Annotated[str, Query(description="`images/`; the root when left out", max_length=4000)] = "",
    path: Annotated[str | None, Query(description="only the file of this path", max_length=10_000)] = None,
    limit: Limit = 100,
    after: Annotated[str | None, Query(description="`next` of the page before", max_length=10_000)] = None,
) -> Response:
    """Files and folders in a folder, by path; folders with how much is below them."""
    if folder and not folder.endswith("/"):
        raise MalformedRequest("the path of a folder ends in '/'", where="query.folder")
    last = find_text_id("Item", after) if after is not None else None
    if after is not None and last is None:
        raise InvalidCursor(after)
    view = _get_place(services, caller, entity, project, collection, version)
    if path is not None:
        entry = services.artifact_catalog.get_entry(view.place.version, path)
        item = FolderItem(entry.path, 1, entry.size_bytes, entry.digest, entry.object_key is None)
        return JsonResponse({"items": [_encode_item(item, path.rfind("/") + 1)], "next": None})
    found = services.artifact_catalog.list_folder(view.place.version, folder, after=last, limit=limit + 1)
    shown = found[:limit]
    following = encode_text_id("Item", shown[-1].path) if len(found) > limit else None
    return JsonResponse({"items": [_encode_item(item, len(folder)) for item in shown], "next": following})


@router.get(
    f"{_VERSION}/files/{{path:path}}",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}},
        206: {"description": "a byte range"},
        416: {"description": "a range outside of the file"},
    },
)
async def get_file(
    entity: EntityPath,
    project: ProjectPath,
    collection: CollectionPath,
    version: VersionPath,
    path: str,
    request: Request,
    caller: CallerDep,
    services: ServicesDep,
    download: Annotated[bool, Query(description="always offer to save")] = False,
) -> Response:
    """The bytes of a file; ranges are honoured. A reference has none here."""

    def find() -> EntryRecord:
        found = _get_place(services, caller, entity, project, collection, version).place.version
        return services.artifact_catalog.get_content(caller, found, path)

    entry = await run_in_threadpool(find)
    if entry.object_key is None:
        raise ArtifactNotFound(path, within=f"the stored files of {collection}:{version}: it is a reference")
    stored = await services.artifact_downloads.open(entry.object_key, path)
    return bytes_response(
        lambda span: services.artifact_downloads.read(stored, span),
        request,
        size_bytes=stored.info.size_bytes,
        mimetype=guess_mimetype(path),
        name=path.rpartition("/")[2],
        etag=f'"{entry.digest}"',
        attachment=download,
    )


@router.get(f"{_VERSION}/rows/{{path:path}}", response_model=SqlAnswerModel)
def get_rows(
    entity: EntityPath,
    project: ProjectPath,
    collection: CollectionPath,
    version: VersionPath,
    path: str,
    caller: CallerDep,
    services: ServicesDep,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 500,
) -> Response:
    """The first rows of a Parquet file, in columns as SQL answers them."""
    found = _get_place(services, caller, entity, project, collection, version).place.version
    entry = services.artifact_catalog.get_content(caller, found, path)
    if entry.object_key is None:
        raise ArtifactNotFound(path, within=f"the stored files of {collection}:{version}: it is a reference")
    if entry.size_bytes > MAX_PARQUET_BYTES:
        raise MalformedRequest(f"larger than {MAX_PARQUET_BYTES // 2**20} MiB; download the file", where="path")
    return Response(services.sql.read_parquet(entry.object_key, limit=limit).body, media_type="application/json")


@router.get(f"{_VERSION}/diff", response_model=DiffPageModel)
def compare_versions(
    entity: EntityPath,
    project: ProjectPath,
    collection: CollectionPath,
    version: VersionPath,
    caller: CallerDep,
    services: ServicesDep,
    base: Annotated[str, Query(description="the older one: `v3`, or `other-collection:v3`", max_length=1000)],
    kind: Annotated[ChangeKind | None, Query(description="only such differences")] = None,
    order: ChangeOrder = ChangeOrder.SIZE,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Files that a version has and another one has not, or not as they are here."""
    found = services.projects.get(caller, entity, project)
    new = services.artifact_catalog.get_place(caller, found, collection, version).place.version
    other, alias = split_artifact_name(base) if ":" in base else (collection, base)
    old = services.artifact_catalog.get_place(caller, found, other, alias).place.version
    offset = offset_of(after)
    page = services.artifact_catalog.compare(old, new, kind=kind, order=order, limit=limit, offset=offset)
    total = page.count(kind)
    return JsonResponse(
        {
            "old": encode_version(old),
            "new": encode_version(new),
            "totals": {each.value: _encode_total(one) for each, one in page.totals.items()},
            "items": [_encode_change(change) for change in page.changes],
            "next": next_cursor(offset, len(page.changes), total),
            "total": total,
        }
    )


@router.get("/projects/{entity}/{project}/runs/{run}/artifacts", response_model=RunArtifactsModel)
def list_artifacts_of_run(
    entity: EntityPath, project: ProjectPath, run: RunPath, caller: CallerDep, services: ServicesDep
) -> Response:
    """Versions that a run used and logged, in order."""
    found = services.runs.get(caller, entity, project, run)
    inputs = [
        {"artifact": encode_version(version), "used_as": used_as}
        for version, used_as in services.artifact_lineage.inputs(caller, found)
    ]
    outputs = [encode_version(version) for version in services.artifact_lineage.outputs(found)]
    return JsonResponse({"inputs": inputs, "outputs": outputs})


def _get_place(
    services: Services, caller: Caller, entity: str, project: str, collection: str, version: str
) -> PlaceView:
    found: Project = services.projects.get(caller, entity, project)
    return services.artifact_catalog.get_place(caller, found, collection, version)


def _encode_detail(services: Services, caller: Caller, view: PlaceView) -> JsonObject:
    links = services.artifact_catalog.links(caller, view.place.version)
    detail = exact_json.to_strict(encode_version_detail(view, links, services.runs.now))
    assert isinstance(detail, dict)
    return detail


def _encode_collection(overview: CollectionOverview) -> JsonObject:
    collection = overview.collection
    return {
        "name": collection.name,
        "type": collection.type_name,
        "kind": collection.kind.value.lower(),
        "description": collection.description,
        "tags": list(collection.tags),
        "versions": overview.versions,
        "newest": None if overview.newest_index is None else f"v{overview.newest_index}",
        "newest_at": iso(overview.newest_at),
        "created_at": iso(collection.created_at),
        "own_bytes": overview.use.own_bytes,
        "shared_bytes": overview.use.shared_bytes,
    }


def _encode_item(item: FolderItem, cut: int) -> JsonObject:
    return {
        "name": item.path[cut:].rstrip("/"),
        "path": item.path,
        "kind": "folder" if item.is_folder else "file",
        "files": item.files,
        "size_bytes": item.size_bytes,
        "digest": item.digest,
        "is_reference": item.is_reference,
        "mimetype": None if item.is_folder else guess_mimetype(item.path),
    }


def _encode_change(change: EntryChange) -> JsonObject:
    return {
        "path": change.path,
        "kind": change.kind.value,
        "old_digest": change.old_digest,
        "old_bytes": change.old_bytes,
        "new_digest": change.new_digest,
        "new_bytes": change.new_bytes,
    }


def _encode_total(total: ChangeTotal) -> JsonObject:
    return {"files": total.files, "old_bytes": total.old_bytes, "new_bytes": total.new_bytes}
