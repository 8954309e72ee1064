"""Requests that answer for all runs and metrics at once."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from kymograph.compare.archive import zip_pieces
from kymograph.compare.comparison import Comparison, Selection
from kymograph.compare.models import (
    MAX_RUNS,
    ChoiceRequest,
    HistoryModel,
    HistoryRequest,
    KeysModel,
    MediaPage,
    MediaRequest,
    NotchesModel,
    Number,
    RangeRequest,
    ShortText,
)
from kymograph.compare.requests import ChoiceDep, ComparisonDep, SourceDep, open_project
from kymograph.compare.responses import json_response
from kymograph.compare.selection import Axis, MetricChoice, choice_of
from kymograph.compare.source import ComparisonSource
from kymograph.compare.tracks import Match
from kymograph.core.history import MetricKind
from kymograph.types import MetricName
from kymograph.wire.cursors import next_cursor, offset_of

router = APIRouter()

_ARCHIVE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}


@router.post("/keys", response_model=KeysModel)
def list_keys(body: ChoiceRequest, request: Request, source: SourceDep) -> Response:
    """Metrics that hold media."""
    return json_response(request, _compare(source, body).keys(body.run_ids, _choice_of(body)))


@router.post("/notches", response_model=NotchesModel)
def get_notches(body: RangeRequest, request: Request, source: SourceDep) -> Response:
    """Where a slider may stand, and which runs have something there."""
    return json_response(request, _compare(source, body).notches(_selection_of(body)))


@router.post("/media", response_model=MediaPage)
def list_media(body: MediaRequest, request: Request, source: SourceDep) -> Response:
    """Media of runs: at one place of the axis, or in a range."""
    selection = Selection(tuple(body.run_ids), _choice_of(body), _axis_of(body), body.at, Match(body.match), body.index)
    offset = offset_of(body.after)
    answer = _compare(source, body).media(selection, offset=offset, limit=body.limit, group_by=body.group_by)
    items, total = answer["items"], answer["total"]
    assert isinstance(items, list)
    assert isinstance(total, int)
    return json_response(request, {**answer, "next": next_cursor(offset, len(items), total)})


@router.post("/history", response_model=HistoryModel)
def get_history(body: HistoryRequest, request: Request, source: SourceDep) -> Response:
    """Rows of runs that hold any of the keys, or all."""
    answer = _compare(source, body).history(_selection_of(body), mode=body.mode, samples=body.samples)
    return json_response(request, answer)


@router.get("/media.zip", response_class=StreamingResponse, responses=_ARCHIVE)
async def download_media(
    comparison: ComparisonDep,
    choice: ChoiceDep,
    run: Annotated[list[ShortText], Query(min_length=1, max_length=MAX_RUNS, description="run ids")],
    x: Annotated[str, Query(min_length=1, max_length=1000)] = "_step",
    min: Annotated[Number | None, Query()] = None,
    max: Annotated[Number | None, Query()] = None,
    at: Annotated[Number | None, Query(description="a place on the axis; all of the range when left out")] = None,
    match: Annotated[Match, Query()] = Match.EXACT,
    index: Annotated[int | None, Query(ge=0, description="place in the list that was logged")] = None,
) -> StreamingResponse:
    """All files of a selection as one archive."""
    selection = Selection(tuple(run), choice, Axis(MetricName(x), min, max), at, match, index)
    # What can be refused is refused before the first byte.
    media = await run_in_threadpool(comparison.all_media, selection)
    headers = {"Content-Disposition": 'attachment; filename="media.zip"', "Cache-Control": "no-store"}
    return StreamingResponse(zip_pieces(comparison, media), media_type="application/zip", headers=headers)


def _compare(source: ComparisonSource, body: ChoiceRequest) -> Comparison:
    return Comparison(open_project(source, body.entity, body.project, where="body"))


def _choice_of(body: ChoiceRequest) -> MetricChoice:
    return choice_of(body.metrics, body.globs, map(MetricKind, body.kinds))


def _axis_of(body: RangeRequest) -> Axis:
    return Axis(MetricName(body.x), body.min, body.max)


def _selection_of(body: RangeRequest) -> Selection:
    return Selection(tuple(body.run_ids), _choice_of(body), _axis_of(body))
