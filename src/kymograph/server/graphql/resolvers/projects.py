"""Projects, under both of their names in the protocol."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from kymograph.core.accounts import Entity
from kymograph.core.filter_parser import parse_filter, parse_order
from kymograph.core.filters import EVERYTHING, Field, Filter, Order, RunQuery, Scope
from kymograph.core.project import REGISTRY_PREFIX, Project, Visibility
from kymograph.core.run import Run
from kymograph.errors import MalformedRequest
from kymograph.server.graphql.connections import connection, page_bounds
from kymograph.server.graphql.context import Info, Payload
from kymograph.services.registries import RegistryChange
from kymograph.types import ProjectId
from kymograph.wire.ids import encode_id, parse_id

DEFAULT_ORDER = (Order(Field(Scope.RUN, "created_at")),)
"""Oldest first. Source: protocol.md §11.1."""

query = QueryType()
mutation = MutationType()
project = ObjectType("Project")


@query.field("project")
@query.field("model")
def resolve_project(
    _parent: None, info: Info, name: str | None = None, entityName: str | None = None
) -> Project | None:
    """A project by name, null when absent or not readable."""
    context = info.context
    return context.services.projects.find(context.caller, entityName, name or "")


@query.field("models")
def resolve_models(_parent: None, info: Info, entityName: str | None = None, **arguments: Any) -> Payload | None:
    """The projects of an entity, null when it is absent or not readable."""
    context = info.context
    offset, limit = page_bounds(arguments)
    entity = context.services.accounts.find_entity(context.caller, entityName)
    if entity is None:
        return None
    page = context.services.projects.list(context.caller, entity=entity.name, limit=limit, offset=offset)
    return connection([found for found, _ in page.projects], offset=offset, total=page.total)


project.set_field("id", lambda parent, _info: encode_id("Project", parent.id))
project.set_field("internalId", lambda parent, _info: encode_id("ProjectInternalId", parent.id))
project.set_field("name", lambda parent, _info: parent.name)
project.set_field("entityName", lambda parent, _info: parent.entity)
project.set_field("user", lambda _parent, _info: None)
project.set_field("description", lambda parent, _info: parent.description)
project.set_field(
    "readOnly", lambda parent, info: info.context.services.projects.is_read_only(info.context.caller, parent)
)
project.set_field("isBenchmark", lambda _parent, _info: False)
project.set_field("repo", lambda _parent, _info: None)
project.set_field("dockerImage", lambda _parent, _info: None)
project.set_field("views", lambda _parent, _info: "{}")
project.set_field("createdAt", lambda parent, _info: parent.created_at)
project.set_field("updatedAt", lambda parent, _info: parent.last_activity_at)


@project.field("access")
def resolve_access(parent: Project, _info: Info) -> str:
    """The protocol's word for who may read."""
    return _ACCESS[parent.visibility]


@project.field("entity")
def resolve_entity(parent: Project, info: Info) -> Entity:
    """The owner; what it has is shown to those only who may see it."""
    context = info.context
    if parent.entity not in context.owners:
        context.owners[parent.entity] = context.services.accounts.owner_of(parent)
    return context.owners[parent.entity]


@project.field("runCount")
def resolve_run_count(parent: Project, info: Info, filters: str | None = None) -> int:
    """Number of matching runs."""
    return info.context.services.runs.count(parent, _parse_filters(filters))


@project.field("runs")
@project.field("buckets")
def resolve_runs(
    parent: Project,
    info: Info,
    filters: str | None = None,
    order: str | None = None,
    **arguments: Any,
) -> Payload:
    """One page of matching runs."""
    context = info.context
    offset, limit = page_bounds(arguments)
    page = context.services.runs.search(
        context.caller,
        parent.entity,
        parent.name,
        RunQuery(_parse_filters(filters), parse_order(order) if order else DEFAULT_ORDER, limit, offset),
    )
    return connection(page.runs, offset=offset, total=page.total)


@project.field("run")
@project.field("bucket")
def resolve_run(parent: Project, info: Info, name: str, **_arguments: Any) -> Run | None:
    """One run, null when absent."""
    context = info.context
    return context.services.runs.find(context.caller, parent.entity, parent.name, name)


@mutation.field("upsertModel")
def resolve_upsert_model(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Create or change a project or registry."""
    context = info.context
    name = input.get("name")
    if not name:
        raise MalformedRequest("a project needs a name", where="input.name")
    access = input.get("access")
    visibility = _visibility_of(access) if access else None
    owner, description = input.get("entityName") or None, input.get("description")
    if name.startswith(REGISTRY_PREFIX):
        change = RegistryChange(
            description=description,
            visibility=visibility,
            allows_all_types=input.get("allowAllArtifactTypesInRegistry"),
            types=tuple(given["name"] for given in input.get("artifactTypes") or ()),
        )
        saved, inserted = context.services.registries.put(context.caller, owner, name, change)
    else:
        saved, inserted = context.services.projects.put(
            context.caller, owner, name, description=description, visibility=visibility
        )
    return {"project": saved, "model": saved, "inserted": inserted}


@mutation.field("renameProject")
def resolve_rename_project(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Give a project another name."""
    context = info.context
    renamed = context.services.projects.rename(
        context.caller, input["entityName"], input["oldProjectName"], input["newProjectName"]
    )
    return {"project": renamed, "inserted": False}


@mutation.field("deleteModel")
def resolve_delete_model(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Delete a project or registry."""
    info.context.services.projects.delete_by_id(info.context.caller, ProjectId(parse_id("Project", input["id"])))
    return {"success": True}


_ACCESS = {Visibility.PUBLIC: "USER_READ", Visibility.PRIVATE: "PRIVATE", Visibility.RESTRICTED: "RESTRICTED"}
"""The protocol's words for who may read."""


def _visibility_of(access: str) -> Visibility:
    if access == "RESTRICTED":
        return Visibility.RESTRICTED
    return Visibility.PUBLIC if access in ("USER_READ", "USER_WRITE") else Visibility.PRIVATE


def _parse_filters(text: str | None) -> Filter:
    return parse_filter(text) if text else EVERYTHING


BINDABLES = [query, mutation, project]
