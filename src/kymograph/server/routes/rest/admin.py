"""Administration of users, teams and organizations; each service call checks the right to do so."""

from __future__ import annotations

from fastapi import APIRouter, Response

from kymograph.core.accounts import Entity, Role
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.json import JsonResponse
from kymograph.server.routes.rest.common import ERRORS, EntityPath
from kymograph.server.routes.rest.models import (
    EntityModel,
    MemberRequest,
    NewOrganizationRequest,
    NewTeamRequest,
    PutUserRequest,
)
from kymograph.types import JsonObject

router = APIRouter(prefix="/admin", tags=["administration"], responses=ERRORS)


@router.post("/users", response_model=EntityModel)
def put_user(body: PutUserRequest, caller: CallerDep, services: ServicesDep) -> Response:
    """Create a user, or give an existing one an API key."""
    user = services.accounts.put_user(
        caller, body.username, email=body.email or "", is_admin=body.is_admin, api_key=body.api_key
    )
    return JsonResponse({"name": user.username, "kind": "user"})


@router.delete("/users/{username}", status_code=204)
def delete_user(username: EntityPath, caller: CallerDep, services: ServicesDep) -> Response:
    """Remove a user with keys and own projects."""
    services.accounts.delete_user(caller, username)
    return Response(status_code=204)


@router.post("/organizations", response_model=EntityModel)
def create_organization(body: NewOrganizationRequest, caller: CallerDep, services: ServicesDep) -> Response:
    """Create an organization."""
    return JsonResponse(_encode(services.accounts.create_organization(caller, body.name, owner=body.owner)))


@router.delete("/organizations/{name}", status_code=204)
def delete_organization(name: EntityPath, caller: CallerDep, services: ServicesDep) -> Response:
    """Remove an organization with its teams."""
    services.accounts.delete_entity(caller, name)
    return Response(status_code=204)


@router.post("/organizations/{name}/members", status_code=204)
def put_organization_member(
    name: EntityPath, body: MemberRequest, caller: CallerDep, services: ServicesDep
) -> Response:
    """Add a member to an organization, or change a role."""
    services.accounts.put_member(caller, name, body.username, Role(body.role))
    return Response(status_code=204)


@router.post("/teams", response_model=EntityModel)
def create_team(body: NewTeamRequest, caller: CallerDep, services: ServicesDep) -> Response:
    """Create a team."""
    created = services.accounts.create_team(caller, body.name, owner=body.owner, organization=body.organization)
    return JsonResponse(_encode(created))


@router.post("/teams/{name}/members", status_code=204)
def put_team_member(name: EntityPath, body: MemberRequest, caller: CallerDep, services: ServicesDep) -> Response:
    """Add a member to a team, or change a role."""
    services.accounts.put_member(caller, name, body.username, Role(body.role))
    return Response(status_code=204)


def _encode(entity: Entity) -> JsonObject:
    return {"name": entity.name, "kind": entity.kind.value}
