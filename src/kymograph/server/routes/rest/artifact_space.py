"""What artifacts take, and clean-ups; for the storage page, ``kymograph artifact du`` and scripts."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from kymograph.core.space import CollectionSpace, Freed, Use, VersionFilter, VersionSpace
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse, iso
from kymograph.server.routes.rest.common import (
    ERRORS,
    After,
    EntityPath,
    Limit,
    ProjectPath,
    next_cursor,
    offset_of,
)
from kymograph.server.routes.rest.space_models import (
    CollectedModel,
    CollectionStoragePage,
    DeleteVersionsRequest,
    FreedModel,
    OrphansModel,
    ProjectStorageModel,
    PurgeRequest,
    TtlRequest,
    VersionFilterRequest,
    VersionStoragePage,
)
from kymograph.services.access import Caller
from kymograph.services.artifact_garbage import ArtifactsCollected
from kymograph.services.container import Services
from kymograph.types import ArtifactId, JsonObject
from kymograph.wire.ids import encode_id, parse_id

router = APIRouter(tags=["storage"], responses=ERRORS)


@router.get("/projects/{entity}/{project}/storage", response_model=ProjectStorageModel)
def get_storage(entity: EntityPath, project: ProjectPath, caller: CallerDep, services: ServicesDep) -> Response:
    """What a project takes; exact at any moment."""
    return JsonResponse(_encode_project(services, caller, entity, project))


@router.patch("/projects/{entity}/{project}/storage", response_model=ProjectStorageModel)
def set_ttl(
    entity: EntityPath, project: ProjectPath, body: TtlRequest, caller: CallerDep, services: ServicesDep
) -> Response:
    """Set how long versions live that have no time to live of their own."""
    services.artifact_space.set_ttl(caller, entity, project, body.ttl_s)
    return JsonResponse(_encode_project(services, caller, entity, project))


@router.patch("/entities/{entity}/storage", status_code=204)
def set_entity_ttl(entity: EntityPath, body: TtlRequest, caller: CallerDep, services: ServicesDep) -> Response:
    """The same for all projects of an entity that set nothing; null is for ever."""
    services.artifact_space.set_entity_ttl(caller, entity, body.ttl_s)
    return Response(status_code=204)


@router.get("/projects/{entity}/{project}/storage/collections", response_model=CollectionStoragePage)
def list_collections(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    order: Literal["own", "content", "name"] = "own",
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Collections with what they take: the largest first, or by name."""
    found = services.projects.get(caller, entity, project)
    offset = offset_of(after)
    page, total = services.artifact_space.list_collections(found, order=order, limit=limit, offset=offset)
    items = [_encode_collection(one) for one in page]
    return JsonResponse({"items": items, "next": next_cursor(offset, len(items), total), "total": total})


@router.get("/projects/{entity}/{project}/storage/collections/{collection}", response_model=VersionStoragePage)
def list_versions(
    entity: EntityPath,
    project: ProjectPath,
    collection: str,
    caller: CallerDep,
    services: ServicesDep,
    deleted: Annotated[bool, Query(description="those that were deleted and can come back")] = False,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Versions of a collection with what they take, newest first."""
    found = services.projects.get(caller, entity, project)
    offset = offset_of(after)
    measured, page, total = services.artifact_space.list_versions(
        found, collection, is_deleted=deleted, limit=limit, offset=offset
    )
    items = [_encode_version(one) for one in page]
    return JsonResponse(
        {
            "collection": _encode_collection(measured),
            "items": items,
            "next": next_cursor(offset, len(items), total),
            "total": total,
        }
    )


@router.post("/projects/{entity}/{project}/artifacts/delete", response_model=FreedModel)
def delete_versions(
    entity: EntityPath, project: ProjectPath, body: DeleteVersionsRequest, caller: CallerDep, services: ServicesDep
) -> Response:
    """Delete all versions that a filter means. They can come back for as long as the server is set to keep them."""
    wanted = VersionFilter(
        collection=body.collection,
        type_name=body.type,
        versions=_ids_of(body),
        created_before=body.created_before,
        keep_last=body.keep_last,
        is_expired=body.expired,
        without_alias=not body.with_aliases,
    )
    freed = services.artifact_space.delete(caller, entity, project, wanted, dry_run=body.dry_run)
    return JsonResponse(_encode_freed(freed))


@router.post("/projects/{entity}/{project}/artifacts/undelete", response_model=FreedModel)
def undelete_versions(
    entity: EntityPath, project: ProjectPath, body: VersionFilterRequest, caller: CallerDep, services: ServicesDep
) -> Response:
    """Take deletions back: of versions, or of a collection with the versions that went with it."""
    wanted = VersionFilter(collection=body.collection, type_name=body.type, versions=_ids_of(body))
    return JsonResponse(_encode_freed(services.artifact_space.undelete(caller, entity, project, wanted)))


@router.post("/projects/{entity}/{project}/artifacts/purge", response_model=CollectedModel)
def purge(
    entity: EntityPath, project: ProjectPath, body: PurgeRequest, caller: CallerDep, services: ServicesDep
) -> Response:
    """Give up all deleted versions of a project now and free their space; what is needed elsewhere stays."""
    return JsonResponse(_encode_collected(services.artifact_space.purge(caller, entity, project, dry_run=body.dry_run)))


@router.post("/admin/artifacts/collect", response_model=CollectedModel)
def collect(body: PurgeRequest, caller: CallerDep, services: ServicesDep) -> Response:
    """Let the collector do a pass over all projects now; it does so by itself every few minutes."""
    return JsonResponse(_encode_collected(services.artifact_space.collect(caller, dry_run=body.dry_run)))


@router.get("/admin/artifacts/orphans", response_model=OrphansModel)
def find_orphans(caller: CallerDep, services: ServicesDep) -> Response:
    """Compare the database and the object store, both ways; walks over everything."""
    orphans = services.artifact_space.find_orphans(caller)
    return JsonResponse(
        {
            "unnamed": [{"key": info.key, "size_bytes": info.size_bytes} for info in orphans.unnamed],
            "missing": [{"key": blob.object_key, "size_bytes": blob.size_bytes or 0} for blob in orphans.missing],
        }
    )


def _ids_of(body: VersionFilterRequest) -> tuple[ArtifactId, ...] | None:
    return None if body.versions is None else tuple(ArtifactId(parse_id("Artifact", text)) for text in body.versions)


def _encode_project(services: Services, caller: Caller, entity: str, project: str) -> JsonObject:
    found = services.projects.get(caller, entity, project)
    space, ttl = services.artifact_space.of_project(found)
    everything = services.projects.stats([found])[found].storage_bytes
    return {
        "live_bytes": space.live_bytes,
        "live_objects": space.live_objects,
        "trashed_bytes": space.trashed_bytes,
        "trashed_objects": space.trashed_objects,
        "draft_bytes": space.draft_bytes,
        "draft_objects": space.draft_objects,
        "stored_bytes": space.stored_bytes,
        "versions": space.versions,
        "trashed_versions": space.trashed_versions,
        "drafts": space.drafts,
        "run_bytes": everything - space.live_bytes,
        "ttl_s": ttl.own_s,
        "effective_ttl_s": ttl.effective_s,
    }


def _encode_use(use: Use) -> JsonObject:
    return {"own_bytes": use.own_bytes, "shared_bytes": use.shared_bytes}


def _encode_collection(space: CollectionSpace) -> JsonObject:
    return {
        "name": space.collection.name,
        "type": space.collection.type_name,
        **_encode_use(space.use),
        "versions": space.versions,
        "trashed_versions": space.trashed_versions,
    }


def _encode_version(space: VersionSpace) -> JsonObject:
    version = space.version
    return {
        "id": encode_id("Artifact", version.id),
        "version": f"v{version.version_index}",
        "aliases": list(version.aliases),
        **_encode_use(space.use),
        "size_bytes": version.size_bytes,
        "file_count": version.file_count,
        "created_at": iso(version.created_at),
        "deleted_at": iso(space.deleted_at),
        "ttl_s": version.ttl_duration_s,
    }


def _encode_freed(freed: Freed) -> JsonObject:
    return {"versions": freed.versions, "objects": freed.objects, "size_bytes": freed.size_bytes}


def _encode_collected(done: ArtifactsCollected) -> JsonObject:
    return {
        "expired": done.expired,
        "drafts": done.drafts,
        "purged": done.purged,
        "objects": done.objects,
        "size_bytes": done.size_bytes,
    }
