"""What the REST routes share: router options, cursors, and encodings of runs and projects."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query

from kymograph.core import exact_json
from kymograph.core.filter_parser import parse_filter, parse_words
from kymograph.core.filters import EVERYTHING, Filter
from kymograph.core.project import Project, ProjectStats
from kymograph.core.run import Run
from kymograph.server.json import iso
from kymograph.server.routes.rest.models import ErrorBody
from kymograph.types import JsonObject
from kymograph.wire.cursors import next_cursor as next_cursor
from kymograph.wire.cursors import offset_of as offset_of

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in {
        400: "a value breaks a rule",
        401: "not signed in",
        403: "not allowed",
        404: "absent, or not visible to the caller",
        409: "not possible beside what exists already",
        413: "too large",
        422: "malformed parameters",
        429: "busy; try again after Retry-After",
        507: "no space left; reads go on",
    }.items()
}
"""Responses that any route may give, for OpenAPI."""

EntityPath = Annotated[str, Path(description="owner: a user, team or organization", max_length=1000)]
ProjectPath = Annotated[str, Path(description="project name", max_length=1000)]
RunPath = Annotated[str, Path(description="run id", max_length=1000)]
Limit = Annotated[int, Query(ge=1, le=1000, description="page size")]
After = Annotated[str | None, Query(description="`next` of the page before", max_length=1000)]


def parse_query(q: str) -> Filter:
    """Read a filter as JSON, or a search box.

    Raises:
        InvalidFilter: See `parse_filter` and `parse_words`.
    """
    text = q.strip()
    if not text:
        return EVERYTHING
    return parse_filter(text) if text.startswith("{") else parse_words(text)


def encode_project(project: Project, stats: ProjectStats) -> JsonObject:
    """A project as `ProjectModel` has it."""
    return {
        "entity": project.entity,
        "name": project.name,
        "description": project.description or "",
        "visibility": project.visibility.value,
        "created_at": iso(project.created_at),
        "last_activity_at": iso(project.last_activity_at),
        "run_count": stats.run_count,
        "running_count": stats.running_count,
        "storage_bytes": stats.storage_bytes,
        "activity": list(stats.activity),
    }


def encode_run(run: Run, now: datetime) -> JsonObject:
    """A run as `RunModel` has it."""
    return {
        "id": run.id,
        "entity": run.entity,
        "project": run.project,
        "name": run.display_name,
        "state": run.state_at(now).value,
        "color": run.color,
        "notes": run.notes,
        "tags": list(run.tags),
        "group": run.group,
        "job_type": run.job_type,
        "user": run.username,
        "host": run.host,
        "sweep": run.sweep,
        "created_at": iso(run.created_at),
        "started_at": iso(run.started_at),
        "heartbeat_at": iso(run.heartbeat_at),
        "finished_at": iso(run.finished_at),
        "duration_s": round(run.duration_s_at(now), 3),
        "last_step": run.last_step,
        "exit_code": run.exit_code,
        "stop_requested": run.stop_requested,
    }


def decode_document(text: str | None) -> JsonObject:
    """A stored document; empty for an absent one or one that is no object."""
    if not text:
        return {}
    try:
        document = exact_json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
