"""Whole projects read back: runs as the protocol describes them, many histories at once, many small files at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from kymograph.core.digest import DIGEST_BYTES
from kymograph.core.filter_parser import parse_filter, parse_order
from kymograph.core.filters import EVERYTHING, RunQuery
from kymograph.core.history import ExportFormat, ExportQuery, FrameCells, HistoryFrame, KeyMode
from kymograph.core.run import Run
from kymograph.errors import RunNotFound
from kymograph.server.auth import CallerDep, ServicesDep
from kymograph.server.graphql.resolvers.runs import wire_state
from kymograph.server.graphql.scalars import format_time
from kymograph.server.routes.rest.bulk_models import ContentsRequest, HistoriesRequest
from kymograph.server.routes.rest.common import (
    ERRORS,
    After,
    EntityPath,
    ProjectPath,
    RunPath,
    next_cursor,
    offset_of,
)
from kymograph.server.routes.rest.exports import OLDEST_FIRST, describe_damage
from kymograph.services.container import Services
from kymograph.services.runs import RunPage
from kymograph.types import JsonObject, MetricName, UserId
from kymograph.wire import columns, content_parts
from kymograph.wire.ids import encode_id

router = APIRouter(tags=["bulk"], responses=ERRORS)

LINES = "application/jsonl"
_KINDS = {
    "integer": columns.INTEGER,
    "number": columns.NUMBER,
    "boolean": columns.BOOLEAN,
    "text": columns.TEXT,
    "json": columns.JSON,
}
_PIECE_BYTES = 1 << 20
_RUNS_AT_ONCE = 500


@router.get(
    "/projects/{entity}/{project}/run-nodes",
    response_class=StreamingResponse,
    responses={200: {"content": {LINES: {}}}},
)
def list_run_nodes(
    entity: EntityPath,
    project: ProjectPath,
    caller: CallerDep,
    services: ServicesDep,
    filters: Annotated[str, Query(description="in the protocol's form", max_length=100_000)] = "",
    order: Annotated[str, Query(description="`+` or `-`, and a key", max_length=10_000)] = "",
    is_light: Annotated[bool, Query(description="without config and summary")] = False,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    after: After = None,
) -> StreamingResponse:
    """Runs as GraphQL gives them, a line each, after a line with the total and where the list goes on."""
    offset = offset_of(after)
    query = RunQuery(
        parse_filter(filters) if filters else EVERYTHING,
        parse_order(order) if order else OLDEST_FIRST,
        min(limit, _RUNS_AT_ONCE),
        offset,
    )
    first = services.runs.search(caller, entity, project, query)
    shown = min(limit, max(first.total - offset, 0))
    head: JsonObject = {"total": first.total, "next": next_cursor(offset, shown, first.total)}

    def pages() -> Iterator[RunPage]:
        page, begin = first, offset
        while True:
            yield page
            begin += len(page.runs)
            rest = offset + limit - begin
            if not page.runs or rest <= 0 or begin >= first.total:
                return
            page = services.runs.search(
                caller, entity, project, replace(query, limit=min(rest, _RUNS_AT_ONCE), offset=begin)
            )

    return StreamingResponse(_nodes(head, pages(), services, is_light=is_light), media_type=LINES)


def _nodes(head: JsonObject, pages: Iterable[RunPage], services: Services, *, is_light: bool) -> Iterator[bytes]:
    """Lines, in pieces: a reader takes some while the next ones are looked up."""
    users: dict[UserId, JsonObject | None] = {}
    yield orjson.dumps(head) + b"\n"
    for page in pages:
        nodes = []
        for run in page.runs:
            node = _node(run, page.now, _user_of(run, users, services))
            if not is_light:
                node |= {"config": run.config_json, "summaryMetrics": run.summary_json}
            nodes.append(orjson.dumps(node))
        yield b"\n".join([*nodes, b""])


def _node(run: Run, now: datetime, user: JsonObject | None) -> JsonObject:
    """The fields of a run that every list of runs asks for. Source: protocol.md §11.1."""
    return {
        "id": encode_id("Run", run.key),
        "name": run.id,
        "displayName": run.display_name,
        "projectId": run.project_id,
        "sweepName": run.sweep,
        "state": wire_state(run, now).value,
        "group": run.group,
        "jobType": run.job_type,
        "commit": run.commit,
        "readOnly": False,
        "createdAt": format_time(run.created_at),
        "heartbeatAt": format_time(run.heartbeat_at),
        "description": run.notes,
        "notes": run.notes,
        "tags": list(run.tags),
        "historyLineCount": run.history_lines,
        "user": user,
    }


def _user_of(run: Run, known: dict[UserId, JsonObject | None], services: Services) -> JsonObject | None:
    if run.user_id is None:
        return None
    if run.user_id not in known:
        found = services.accounts.find_user(run.user_id)
        known[run.user_id] = None if found is None else {"name": found.name, "username": found.username}
    return known[run.user_id]


@router.post(
    "/projects/{entity}/{project}/histories",
    response_class=StreamingResponse,
    responses={200: {"content": {columns.MEDIA_TYPE: {}, LINES: {}}}},
)
def read_histories(
    entity: EntityPath, project: ProjectPath, body: HistoriesRequest, caller: CallerDep, services: ServicesDep
) -> StreamingResponse:
    """Histories of runs in one answer, one after the other, as columns or as the rows that were logged. A read."""
    ids = list(dict.fromkeys(body.runs))
    runs = services.runs.find_many(caller, entity, project, ids)
    absent = set(ids) - {run.id for run in runs}
    if absent:
        raise RunNotFound(min(absent), within=f"{entity}/{project}")
    query = ExportQuery(
        ExportFormat.JSON_LINES,
        tuple(MetricName(name) for name in dict.fromkeys(body.keys)),
        body.min_step,
        body.max_step,
        KeyMode(body.mode),
        body.samples,
    )
    if body.format == "lines":
        return StreamingResponse(_gathered(_lines(services, runs, query)), media_type=LINES)
    return StreamingResponse(_gathered(_frames(services, runs, query)), media_type=columns.MEDIA_TYPE)


def _lines(services: Services, runs: Iterable[Run], query: ExportQuery) -> Iterator[bytes]:
    for run in runs:
        export = services.exports.open(run, query)
        yield orjson.dumps([run.id, describe_damage(export.damaged)]) + b"\n"
        yield from export.pieces()
    yield b"[]\n"


def _frames(services: Services, runs: Iterable[Run], query: ExportQuery) -> Iterator[bytes]:
    yield columns.MAGIC
    for run in runs:
        export = services.exports.open(run, query)
        damaged = describe_damage(export.damaged)
        for frame in export.frames():
            yield columns.encode_frame(_frame(run.id, frame, damaged))
    yield columns.END


def _frame(run_id: str, frame: HistoryFrame, damaged: str) -> columns.Frame:
    return columns.Frame(run_id, frame.rows, list(map(_column, frame.columns)), damaged)


def _column(cells: FrameCells) -> columns.FrameColumn:
    values = cells.values
    return columns.FrameColumn(
        cells.name,
        _KINDS[cells.kind],
        values if isinstance(values, list) else values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes(),
        None if cells.present is None else cells.present.tobytes(),
    )


@router.post(
    "/projects/{entity}/{project}/runs/{run}/file-contents",
    response_class=StreamingResponse,
    responses={200: {"content": {content_parts.MEDIA_TYPE: {}}}},
)
def read_contents(
    entity: EntityPath,
    project: ProjectPath,
    run: RunPath,
    body: ContentsRequest,
    caller: CallerDep,
    services: ServicesDep,
) -> StreamingResponse:
    """Contents of small files in one body; what is not there, or too large for it, is left out. A read."""
    found = services.runs.get(caller, entity, project, run)
    contents = services.files.small_contents(found, body.names, max_bytes=content_parts.MAX_PART_BYTES)
    return StreamingResponse(_gathered(_parts(contents)), media_type=content_parts.MEDIA_TYPE)


def _parts(contents: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    yield content_parts.MAGIC
    for number, content in contents:
        # In place of a digest, which the reader knows, the place of the name among those asked for; from 1.
        name = (number + 1).to_bytes(DIGEST_BYTES, "big")
        yield content_parts.encode_head(name, len(content))
        yield content
    yield content_parts.END


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces worth sending: each takes a thread and a turn of the event loop."""
    held, size = [], 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
