"""Registries of organizations: their list, settings, collections and members."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from kymograph.core.artifact_filters import CollectionQuery, parse_collection_filter, parse_collection_order
from kymograph.core.project import REGISTRY_PREFIX, Visibility
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse, iso
from kymograph.server.routes.rest.common import ERRORS, After, Limit, next_cursor, offset_of
from kymograph.server.routes.rest.models import (
    RegistryChangeRequest,
    RegistryCollectionPage,
    RegistryDetail,
    RegistryList,
    RegistryMemberList,
)
from kymograph.services.container import Services
from kymograph.services.registries import LinkedCollection, RegistryChange, RegistryView
from kymograph.types import JsonObject
from kymograph.wire.ids import encode_id

router = APIRouter(prefix="/registries", tags=["registries"], responses=ERRORS)

OrganizationPath = Annotated[str, Path(description="organization", max_length=1000)]
RegistryPath = Annotated[str, Path(description="name, with or without its prefix", max_length=1000)]


@router.get("", response_model=RegistryList)
def list_registries(
    caller: CallerDep, services: ServicesDep, organization: Annotated[str | None, Query(max_length=1000)] = None
) -> Response:
    """Registries that the caller sees, by organization and name."""
    found = services.registries.list(caller, organization=organization)
    return JsonResponse({"items": [_encode(view) for view in found]})


@router.get("/{organization}/{registry}", response_model=RegistryDetail)
def get_registry(
    organization: OrganizationPath, registry: RegistryPath, caller: CallerDep, services: ServicesDep
) -> Response:
    """One registry with its rules."""
    return JsonResponse(_encode_detail(services, services.registries.get(caller, organization, registry)))


@router.patch("/{organization}/{registry}", response_model=RegistryDetail)
def change_registry(
    organization: OrganizationPath,
    registry: RegistryPath,
    body: RegistryChangeRequest,
    caller: CallerDep,
    services: ServicesDep,
) -> Response:
    """Change a registry; types are added to those that are listed."""
    known = services.registries.get(caller, organization, registry)
    change = RegistryChange(
        description=body.description,
        visibility=Visibility(body.visibility) if body.visibility is not None else None,
        allows_all_types=body.allows_all_types,
        types=tuple(body.types),
        protected_aliases=tuple(body.protected_aliases) if body.protected_aliases is not None else None,
    )
    services.registries.put(caller, known.project.entity, known.project.name, change)
    return JsonResponse(_encode_detail(services, services.registries.get(caller, organization, registry)))


@router.get("/{organization}/{registry}/collections", response_model=RegistryCollectionPage)
def list_collections(
    organization: OrganizationPath,
    registry: RegistryPath,
    caller: CallerDep,
    services: ServicesDep,
    q: Annotated[str, Query(description="filter, as JSON", max_length=100_000)] = "",
    sort: Annotated[str | None, Query(description="like -updated_at; default: newest first", max_length=1000)] = None,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Collections of a registry, each with its newest version."""
    offset = offset_of(after)
    view = services.registries.get(caller, organization, registry)
    query = CollectionQuery(
        filter=parse_collection_filter(q), order=parse_collection_order(sort), limit=limit, offset=offset
    )
    found, total = services.registries.list_collections(view.project, query)
    items = [_encode_collection(linked) for linked in found]
    return JsonResponse({"items": items, "next": next_cursor(offset, len(items), total), "total": total})


@router.get("/{organization}/{registry}/members", response_model=RegistryMemberList)
def list_members(
    organization: OrganizationPath, registry: RegistryPath, caller: CallerDep, services: ServicesDep
) -> Response:
    """People and teams with a role of their own."""
    project = services.registries.get(caller, organization, registry).project
    people = [
        {"username": member.user.username, "name": member.user.name or member.user.username, "role": member.role.value}
        for member in services.registry_members.people(project)
    ]
    teams = [
        {"name": member.team.name, "role": member.role.value} for member in services.registry_members.teams(project)
    ]
    return JsonResponse({"users": people, "teams": teams})


def _encode(view: RegistryView) -> JsonObject:
    project = view.project
    return {
        "id": encode_id("Project", project.id),
        "organization": project.entity,
        "name": project.name.removeprefix(REGISTRY_PREFIX),
        "project": project.name,
        "description": project.description,
        "visibility": project.visibility.value,
        "created_at": iso(project.created_at),
        "updated_at": iso(project.last_activity_at),
        "role": view.role.value,
        "collection_count": view.stats.collection_count,
        "version_count": view.stats.version_count,
        "member_count": view.stats.member_count,
        "team_count": view.stats.team_count,
    }


def _encode_detail(services: Services, view: RegistryView) -> JsonObject:
    rules = view.project.registry
    assert rules is not None
    return _encode(view) | {
        "allows_all_types": rules.allows_all_types,
        "types": list(services.registries.list_types(view.project)),
        "protected_aliases": list(rules.protected_aliases),
    }


def _encode_collection(linked: LinkedCollection) -> JsonObject:
    collection, latest = linked.collection, linked.latest
    return {
        "id": encode_id("ArtifactCollection", collection.id),
        "name": collection.name,
        "type": collection.type_name,
        "description": collection.description,
        "tags": list(collection.tags),
        "created_at": iso(collection.created_at),
        "updated_at": iso(collection.updated_at or collection.created_at),
        "latest": None
        if latest is None
        else {
            "version": f"v{latest.version_index}",
            "aliases": list(latest.aliases),
            "linked_at": iso(latest.created_at),
            "size_bytes": latest.version.size_bytes,
        },
    }
