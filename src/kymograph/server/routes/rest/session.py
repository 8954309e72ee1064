"""Signing in and out, and the caller's API keys."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from kymograph import __version__
from kymograph.errors import MalformedRequest
from kymograph.server.auth import SESSION_COOKIE, CallerDep, ServicesDep, SignedIn
from kymograph.server.json import JsonResponse, iso
from kymograph.server.routes.rest.common import ERRORS
from kymograph.server.routes.rest.models import KeyList, NewKeyModel, NewKeyRequest, SessionModel, SignInRequest
from kymograph.services.access import Caller
from kymograph.services.accounts import SESSION_LENGTH
from kymograph.services.container import Services
from kymograph.types import JsonObject
from kymograph.wire.ids import encode_id, parse_id

router = APIRouter(tags=["session"], responses=ERRORS)


@router.post("/session", response_model=SessionModel)
async def sign_in(body: SignInRequest, request: Request, services: ServicesDep) -> Response:
    """Begin a browser session with an API key or a one-time link; sets a fresh cookie."""
    if (body.api_key is None) == (body.token is None):
        raise MalformedRequest("give either api_key or token")
    if body.api_key is not None:
        signed_in = await run_in_threadpool(services.accounts.sign_in_with_key, body.api_key)
    else:
        signed_in = await run_in_threadpool(services.accounts.sign_in_with_link, body.token or "")
    if previous := request.cookies.get(SESSION_COOKIE):
        # A session never survives a sign-in: a cookie that was planted before it becomes worthless.
        await run_in_threadpool(services.accounts.sign_out, previous)
    content = await run_in_threadpool(_encode_session, request, services, signed_in.caller, signed_in.csrf_token)
    response = JsonResponse(content)
    response.set_cookie(
        SESSION_COOKIE,
        signed_in.token,
        max_age=int(SESSION_LENGTH.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.app.state.deployment.settings.public_url.startswith("https:"),
        path="/",
    )
    return response


@router.get("/session", response_model=SessionModel)
async def get_session(request: Request, identity: SignedIn, services: ServicesDep) -> Response:
    """Who is signed in."""
    content = await run_in_threadpool(_encode_session, request, services, identity.caller, identity.csrf_token)
    return JsonResponse(content)


@router.delete("/session", status_code=204)
async def sign_out(identity: SignedIn, services: ServicesDep) -> Response:
    """End the browser session."""
    if identity.session_token is not None:
        await run_in_threadpool(services.accounts.sign_out, identity.session_token)
    response = Response(status_code=204)
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


@router.post("/keys", response_model=NewKeyModel)
def create_key(body: NewKeyRequest, caller: CallerDep, services: ServicesDep) -> Response:
    """Issue an API key to the caller; this answer is the only one that holds it."""
    key, secret = services.accounts.create_key(caller, description=body.description)
    return JsonResponse({"id": encode_id("ApiKey", key.id), "api_key": secret})


@router.get("/keys", response_model=KeyList)
def list_keys(caller: CallerDep, services: ServicesDep) -> Response:
    """The caller's keys, without their secrets."""
    items = [
        {
            "id": encode_id("ApiKey", key.id),
            "description": key.description,
            "prefix": key.prefix,
            "created_at": iso(key.created_at),
            "last_used_at": iso(key.last_used_at),
        }
        for key in services.accounts.list_keys(caller)
    ]
    return JsonResponse({"items": items})


@router.delete("/keys/{key}", status_code=204)
def delete_key(key: str, caller: CallerDep, services: ServicesDep) -> Response:
    """Revoke a key, at once."""
    services.accounts.delete_key(caller, parse_id("ApiKey", key))
    return Response(status_code=204)


def _encode_session(request: Request, services: Services, caller: Caller, csrf_token: str | None) -> JsonObject:
    user = caller.user
    return {
        "user": {
            "username": user.username,
            "name": user.name or user.username,
            "is_admin": user.is_admin,
            "default_entity": user.default_entity,
            "entities": [member.entity.name for member in services.accounts.memberships(caller)],
        },
        "csrf_token": csrf_token,
        "server": {"version": __version__, "public_url": request.app.state.deployment.settings.public_url},
    }
