"""The requests that the first program of this kind answered, in exactly its shapes. Source: seeds.md D.2."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from kymograph.compare.models import ImagesModel, RunIds, RunModel, RunSteps, StepModel, Welcome
from kymograph.compare.requests import ChoiceDep, ComparisonDep
from kymograph.compare.responses import json_response

router = APIRouter()

WELCOME = "Wandb Run Comparer API"
"""Pages look for it to know that the service is there."""
_LISTING: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "X-Total-Count": {"description": "runs on all pages", "schema": {"type": "integer"}},
            "X-Next-Page": {"description": "left out on the last page", "schema": {"type": "integer"}},
            "Link": {"description": 'the next page, rel="next"', "schema": {"type": "string"}},
        }
    }
}

Step = Annotated[int, Query(ge=-(2**63), lt=2**63)]


@router.get("/", response_model=Welcome)
def welcome(request: Request) -> Response:
    """That the comparer is here."""
    return json_response(request, {"message": WELCOME})


@router.get("/runs", response_model=list[RunModel], responses=_LISTING)
def list_runs(
    request: Request,
    comparison: ComparisonDep,
    page: Annotated[int, Query(ge=1, le=10**9)] = 1,
    per_page: Annotated[int, Query(ge=1, le=1000)] = 20,
    q: Annotated[str, Query(max_length=100_000, description="filter as JSON, or free words")] = "",
) -> Response:
    """Runs of a project, the newest first."""
    listing = comparison.list_runs(q, offset=(page - 1) * per_page, limit=per_page)
    headers = {"X-Total-Count": str(listing.total)}
    if page * per_page < listing.total:
        headers["X-Next-Page"] = str(page + 1)
        # Relative, so that it holds behind whatever address the server is reached by.
        following = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]
        headers["Link"] = f'<?{urlencode([*following, ("page", str(page + 1))])}>; rel="next"'
    runs = [{"id": run.id, "name": run.name, "created_at": run.created_at, "url": run.url} for run in listing.runs]
    return json_response(request, runs, headers)


@router.get("/metrics", response_model=list[str])
def list_metrics(request: Request, comparison: ComparisonDep, choice: ChoiceDep) -> Response:
    """Names of the metrics of the newest runs that hold media."""
    return json_response(request, comparison.metric_names(choice))


@router.get("/runs/{run_id}/steps", response_model=list[StepModel])
def list_steps(run_id: str, request: Request, comparison: ComparisonDep, choice: ChoiceDep) -> Response:
    """Steps at which any of the metrics holds media."""
    return json_response(request, [{"step": step} for step in comparison.steps_of_run(run_id, choice)])


@router.get("/runs/{run_id}/images", response_model=list[ImagesModel], response_model_exclude_none=True)
def list_images(run_id: str, request: Request, comparison: ComparisonDep, choice: ChoiceDep, step: Step) -> Response:
    """Media of a run at one step."""
    return json_response(request, comparison.images(run_id, step, choice))


@router.post("/steps", response_model=list[RunSteps])
def list_steps_of_runs(body: RunIds, request: Request, comparison: ComparisonDep, choice: ChoiceDep) -> Response:
    """Steps of several runs; a run that cannot be read has none."""
    found = comparison.steps_of_runs(body.run_ids, choice)
    return json_response(request, [{"run_id": run_id, "steps": steps} for run_id, steps in found])
