"""Shapes of requests and answers, for checking and for OpenAPI. Field names are those of docs/reference/compare.md."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kymograph.core.history import KeyMode, MetricKind

MAX_RUNS = 200
MAX_ROWS = 10_000

ShortText = Annotated[str, StringConstraints(max_length=1000)]
Number = Annotated[int, Field(ge=-(2**63), lt=2**63)] | Annotated[float, Field(allow_inf_nan=False)]
"""Integers stay integers: steps may be larger than a float holds."""
Kind = Literal["image", "table", "histogram", "audio", "video", "html", "plotly", "media"]
KINDS: dict[str, MetricKind] = {kind.value: kind for kind in MetricKind}


class Model(BaseModel):
    """Strict base: unknown fields in requests are errors, so that typing mistakes show."""

    model_config = ConfigDict(extra="forbid")


# --- as the first program of this kind answered ----------------------------------------------------------------------


class Welcome(Model):
    """Who answers."""

    message: str


class RunModel(Model):
    """A run to choose."""

    id: str
    name: str
    created_at: str | None
    url: str


class StepModel(Model):
    """A step with media."""

    step: int


class ImageModel(Model):
    """One media with a file; what was not logged is left out."""

    url: str
    caption: Any = None
    width: int | None = None
    height: int | None = None
    step: int


class ImagesModel(Model):
    """Media of one metric at one step."""

    run_id: str
    run_name: str
    metric: str
    step: int
    images: list[ImageModel]


class RunIds(Model):
    """Runs whose steps are asked for."""

    run_ids: list[ShortText] = Field(max_length=MAX_RUNS)


class RunSteps(Model):
    """Steps with media of one run."""

    run_id: str
    steps: list[int]


# --- selections ------------------------------------------------------------------------------------------------------


class ChoiceRequest(Model):
    """Which metrics of which runs of which project."""

    entity: ShortText | None = Field(default=None, description="the caller's own when left out")
    project: ShortText | None = None
    run_ids: list[ShortText] = Field(default=[], max_length=MAX_RUNS)
    metrics: list[ShortText] = Field(default=[], max_length=1000)
    globs: list[ShortText] = Field(default=[], max_length=100, description="patterns of names: * is any text")
    kinds: list[Kind] = Field(default=[], description="empty: all")


class RangeRequest(ChoiceRequest):
    """The same over a range of an axis."""

    run_ids: list[ShortText] = Field(min_length=1, max_length=MAX_RUNS)
    x: ShortText = Field(default="_step", min_length=1, description="`_step`, or a metric with numbers")
    min: Number | None = None
    max: Number | None = None


class MediaRequest(RangeRequest):
    """Which media."""

    at: Number | None = Field(default=None, description="a place on the axis; all of the range when left out")
    match: Literal["exact", "nearest", "previous"] = "exact"
    index: Annotated[int, Field(ge=0)] | None = Field(default=None, description="place in the list that was logged")
    group_by: Literal["run", "metric", "step", "index"] | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    after: ShortText | None = Field(default=None, description="`next` of the page before")


class HistoryRequest(RangeRequest):
    """Which rows."""

    mode: KeyMode = KeyMode.ANY
    samples: int = Field(default=1000, ge=1, le=MAX_ROWS)


class KeyModel(Model):
    """A metric that holds media."""

    metric: str
    kinds: list[Kind]
    runs: int
    points: int = Field(description="steps with media, over all runs")


class KeysModel(Model):
    """Metrics that hold media."""

    items: list[KeyModel]
    missing: list[str] = Field(description="runs that are not there")


class TrackModel(Model):
    """Where a metric holds media."""

    metric: str
    kind: Kind
    steps: int = Field(description="index into `columns`")
    xs: int | None = Field(description="index into `columns`; null where the axis is that of steps")


class RunTracks(Model):
    """Where a run has media."""

    run_id: str
    run_name: str
    last_step: int | None
    metrics: list[TrackModel]


class NotchesModel(Model):
    """Where a slider may stand."""

    x: str
    notches: list[int | float]
    columns: list[list[int | float]]
    runs: list[RunTracks]
    missing: list[str]


class MediaModel(Model):
    """One image, sound or table."""

    index: int
    path: str | None
    url: str | None
    format: str | None
    caption: Any
    width: int | None
    height: int | None
    size_bytes: int | None
    extra: dict[str, Any]


class MediaItemModel(Model):
    """What a metric of a run holds at a step."""

    run_id: str
    run_name: str
    metric: str
    kind: Kind
    type: str
    step: int
    x: int | float
    media: list[MediaModel]


class GroupModel(Model):
    """Media that have something in common."""

    key: str | int
    members: list[tuple[int, int]] = Field(description="place in `items`, and in its `media`")


class MediaPage(Model):
    """Some media."""

    x: str
    items: list[MediaItemModel]
    groups: list[GroupModel] | None
    next: str | None
    total: int
    missing: list[str]


class RowModel(Model):
    """One row of history."""

    step: int
    x: int | float | dict[str, str] | None
    values: dict[str, Any]


class RunRows(Model):
    """Rows of one run."""

    run_id: str
    run_name: str
    total: int
    rows: list[RowModel]


class HistoryModel(Model):
    """Rows of runs."""

    x: str
    runs: list[RunRows]
    missing: list[str]
