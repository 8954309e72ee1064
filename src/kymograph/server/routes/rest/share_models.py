"""Shapes of links to comparisons. Field names are those of docs/reference/rest.md."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from kymograph.compare.models import MAX_RUNS
from kymograph.core.history import STEP
from kymograph.server.routes.rest.models import Model, ShortText
from kymograph.services.shares import DEFAULT_DAYS, MAX_DAYS

Name = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Parameter = Annotated[str, StringConstraints(max_length=10_000)]


class NewShareRequest(Model):
    """What a link shows."""

    entity: ShortText | None = Field(None, description="the caller's own when left out")
    project: Name
    run_ids: list[Name] = Field(min_length=1, max_length=MAX_RUNS)
    metrics: list[Name] = Field(min_length=1, max_length=1000)
    x: Name = Field(STEP, description="what steps are told by; its numbers are shown too")
    view: dict[ShortText, Parameter] = Field(
        default_factory=dict, max_length=30, description="parameters of the page's address: how things are shown"
    )
    days: int = Field(DEFAULT_DAYS, ge=1, le=MAX_DAYS, description="how long it opens")


class ShareModel(Model):
    """A link, without its secret."""

    id: str
    user: str = Field(description="who made it")
    created_at: str
    expires_at: str
    run_ids: list[str]
    metrics: list[str]
    x: str
    view: dict[str, str]


class NewShareModel(ShareModel):
    """A link with its secret, which no other answer holds."""

    token: str
    url: str = Field(description="of the page that it opens")


class SharePage(Model):
    """Links of a project."""

    items: list[ShareModel]
    next: str | None
    total: int


class SharedRunModel(Model):
    """A run as the page shows it."""

    id: str
    name: str
    color: int


class SharedComparisonModel(Model):
    """What a link leads to."""

    entity: str
    project: str
    run_ids: list[str]
    runs: list[SharedRunModel] = Field(description="those of `run_ids` that are there")
    metrics: list[str]
    x: str
    view: dict[str, str]
    expires_at: str
    public_url: str
