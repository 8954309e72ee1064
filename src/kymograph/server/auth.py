"""Who sent a request: an API key by Basic or Bearer, or the browser's session cookie."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from kymograph.errors import Forbidden, Unauthenticated
from kymograph.services.access import Caller
from kymograph.services.container import Services

SESSION_COOKIE = "kymograph_session"
CSRF_HEADER = "X-Kymograph-CSRF"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller, and how the request proved it."""

    caller: Caller
    csrf_token: str | None = None
    """Set for a browser session."""
    session_token: str | None = None


def services_of(request: Request) -> Services:
    """The services of the running server."""
    services = request.app.state.deployment.services
    assert isinstance(services, Services)
    return services


def api_key_of(request: Request) -> str | None:
    """The key in the Authorization header, None without one.

    Raises:
        Unauthenticated: The header is there and cannot be read.
    """
    header = request.headers.get("authorization")
    if not header:
        return None
    scheme, _, credential = header.partition(" ")
    if scheme.lower() == "bearer" and credential:
        return credential.strip()
    if scheme.lower() == "basic":
        try:
            user_and_key = base64.b64decode(credential, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as exc:
            raise Unauthenticated("the Authorization header is not valid Basic credentials") from exc
        return user_and_key.partition(":")[2]
    raise Unauthenticated("send the API key as Basic `api:<key>` or as Bearer")


async def identify(request: Request) -> Identity:
    """Who sent the request.

    Raises:
        Unauthenticated: Nobody known.
        Forbidden: A write by cookie without the session's CSRF token.
    """
    services = services_of(request)
    api_key = api_key_of(request)
    if api_key is not None:
        known = services.accounts.known_caller(api_key)  # a training sends the same key with each request
        if known is None:
            known = await run_in_threadpool(services.accounts.caller_of_key, api_key)
        return Identity(known)
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        raise Unauthenticated()
    caller, session = await run_in_threadpool(services.accounts.session_of, token)
    if request.method not in _SAFE_METHODS:
        given = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(given.encode(), session.csrf_token.encode()):
            raise Forbidden(f"write without the header {CSRF_HEADER} of this session", where="a browser session")
    return Identity(caller, session.csrf_token, token)


async def _caller(identity: Annotated[Identity, Depends(identify)]) -> Caller:
    return identity.caller


SignedIn = Annotated[Identity, Depends(identify)]
"""Dependency of routes that need to know how the caller proved who they are."""
CallerDep = Annotated[Caller, Depends(_caller)]
"""Dependency of routes for signed-in callers."""
ServicesDep = Annotated[Services, Depends(services_of)]
"""Dependency that gives the services."""
