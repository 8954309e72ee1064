"""Links to comparisons: made, listed and revoked by people of a project, and opened by whoever has one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from kymograph.core.shares import Share, SharedComparison
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.comparison import SHARED_PREFIX, ShareToken
from kymograph.server.json import JsonResponse, iso
from kymograph.server.routes.rest.common import ERRORS, After, Limit, next_cursor, offset_of
from kymograph.server.routes.rest.share_models import (
    NewShareModel,
    NewShareRequest,
    SharedComparisonModel,
    SharePage,
)
from kymograph.types import JsonObject, MetricName
from kymograph.wire.ids import encode_id, parse_id

router = APIRouter(tags=["shares"], responses=ERRORS)


@router.post("/shares", response_model=NewShareModel)
def create_share(body: NewShareRequest, request: Request, caller: CallerDep, services: ServicesDep) -> Response:
    """Make a link; this answer is the only one that holds its secret."""
    comparison = SharedComparison(
        tuple(dict.fromkeys(body.run_ids)),
        tuple(map(MetricName, dict.fromkeys(body.metrics))),
        MetricName(body.x),
        body.view,
    )
    made, secret = services.shares.create(caller, body.entity, body.project, comparison, days=body.days)
    url = f"{request.app.state.deployment.settings.public_url}/share/{secret}"
    return JsonResponse({**_encode_share(made), "token": secret, "url": url})


@router.get("/shares", response_model=SharePage)
def list_shares(
    caller: CallerDep,
    services: ServicesDep,
    project: Annotated[str, Query(min_length=1, max_length=1000)],
    entity: Annotated[str | None, Query(max_length=1000, description="the caller's own when left out")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """The caller's links to a project that still open, or those of all for its administrators; the newest first."""
    offset = offset_of(after)
    page = services.shares.list(caller, entity, project, limit=limit, offset=offset)
    items = [_encode_share(share) for share in page.shares]
    return JsonResponse({"items": items, "next": next_cursor(offset, len(items), page.total), "total": page.total})


@router.delete("/shares/{share}", status_code=204)
def revoke_share(share: str, caller: CallerDep, services: ServicesDep) -> Response:
    """End a link, at once."""
    services.shares.revoke(caller, parse_id("Share", share))
    return Response(status_code=204)


@router.get(SHARED_PREFIX.removeprefix("/api/v1"), response_model=SharedComparisonModel)
def get_shared_comparison(share_token: ShareToken, request: Request, services: ServicesDep) -> Response:
    """What a link shows; for whoever has it."""
    opened = services.shares.open(share_token)
    comparison, project = opened.share.comparison, opened.project
    runs = services.runs.find_many(opened.maker, project.entity, project.name, comparison.run_ids)
    return JsonResponse(
        {
            **_encode_comparison(comparison),
            "entity": project.entity,
            "project": project.name,
            "runs": [{"id": run.id, "name": run.display_name, "color": run.color} for run in runs],
            "expires_at": iso(opened.share.expires_at),
            "public_url": request.app.state.deployment.settings.public_url,
        },
        headers={"Cache-Control": "no-store"},
    )


def _encode_share(share: Share) -> JsonObject:
    return {
        "id": encode_id("Share", share.id),
        "user": share.username,
        "created_at": iso(share.created_at),
        "expires_at": iso(share.expires_at),
        **_encode_comparison(share.comparison),
    }


def _encode_comparison(comparison: SharedComparison) -> JsonObject:
    return {
        "run_ids": [*comparison.run_ids],
        "metrics": [*comparison.metrics],
        "x": comparison.axis,
        "view": dict(comparison.view),
    }
