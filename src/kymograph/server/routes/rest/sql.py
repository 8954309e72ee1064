"""SQL over the runs, configs, summaries and histories of a project."""

from __future__ import annotations

from fastapi import APIRouter, Response

from kymograph.core.sql import SqlFormat
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.routes.rest.common import ERRORS, EntityPath, ProjectPath
from kymograph.server.routes.rest.models import SqlAnswerModel, SqlRequest

router = APIRouter(tags=["sql"], responses=ERRORS)

TRUNCATED_HEADER = "X-Kymograph-Truncated"
DAMAGED_HEADER = "X-Kymograph-Damaged"


@router.post(
    "/projects/{entity}/{project}/sql",
    response_model=SqlAnswerModel,
    responses={200: {"content": {"text/csv": {}}, "description": "columns, or CSV if that was asked for"}},
)
def run_sql(
    entity: EntityPath, project: ProjectPath, body: SqlRequest, caller: CallerDep, services: ServicesDep
) -> Response:
    """Run one statement that reads; the answer says whether it holds all rows."""
    format = SqlFormat(body.format)
    answer = services.sql.query(caller, entity, project, body.query, limit=body.limit, format=format)
    headers = {
        TRUNCATED_HEADER: "true" if answer.is_truncated else "false",
        DAMAGED_HEADER: str(answer.damaged_count),
    }
    media_type = "text/csv; charset=utf-8; header=present" if format is SqlFormat.CSV else "application/json"
    # Written by the process that ran it: parsing it here would take the time that the process saves.
    return Response(answer.body, media_type=media_type, headers=headers)
