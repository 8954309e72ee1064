"""Shapes of transfers of many small files. Field names are those of docs/protocol/bulk-transfers.md."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from kymograph.core.digest import DigestAlgorithm
from kymograph.server.routes.rest.models import Model, ShortText

MAX_FILES = 20_000
"""Announced in one request."""
ArtifactText = Annotated[str, Field(max_length=100, description="id as the protocol has it")]
PathText = Annotated[str, Field(max_length=10_000)]


class AnnounceRequest(Model):
    """Files of a draft."""

    artifact: ArtifactText
    algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    files: Annotated[list[tuple[PathText, str]], Field(max_length=MAX_FILES, description="path and digest of each")]


class AnnouncedModel(Model):
    """What is wanted of them."""

    url: str = Field(description="takes bodies of contents, by PUT")
    wanted: list[int] = Field(description="which of the files have contents that are not there yet, by position")
    births: list[str] = Field(description="versions that first brought contents")
    born: list[int] = Field(description="for each file, the position of its version in `births`")


class ContentRequest(Model):
    """A large file of a project."""

    entity: ShortText
    project: ShortText
    algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    upload: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")] | None = Field(
        default=None, description="a name of the caller's, under which what came stays if it breaks off"
    )
    digest: ShortText | None = Field(default=None, description="of the content, base64; nothing else is taken then")


class ContentModel(Model):
    """Where the content goes."""

    url: str = Field(description="takes the content, by PUT; `Upload-Offset` says how much of it came before")
    received: int | None = Field(description="bytes that have come; null if it cannot go on where it broke off")


class OfferRequest(Model):
    """A version to download from."""

    artifact: ArtifactText


class OfferedModel(Model):
    """Where contents go, or are."""

    url: str


class AmendRequest(Model):
    """A manifest told as changes to another one."""

    artifact: ArtifactText
    base: ArtifactText
    removed: list[PathText] = Field(default=[], description="paths that the draft does not have")
    changed: dict[PathText, dict[str, Any]] = Field(description="entries that it has instead or besides, by path")


class AmendedModel(Model):
    """The manifest that came of it."""

    digest: str | None = Field(description="base64 of the MD5 of its document")


MAX_RUNS = 1_000
"""Whose histories are asked for in one request."""
MAX_CONTENTS = 5_000
"""Files whose contents are asked for in one request."""


class HistoriesRequest(Model):
    """Which rows of which runs."""

    runs: Annotated[list[ShortText], Field(max_length=MAX_RUNS, description="ids")]
    keys: list[PathText] = Field(default=[], max_length=10_000)
    mode: Literal["all", "any"] = Field(default="all", description="rows with all keys, or with any")
    samples: Annotated[int | None, Field(ge=1, le=2**31, description="of each run, evenly apart")] = None
    min_step: Annotated[int | None, Field(ge=-(2**63), lt=2**63)] = None
    max_step: Annotated[int | None, Field(ge=-(2**63), lt=2**63, description="exclusive")] = None
    format: Literal["columns", "lines"] = "columns"


class ContentsRequest(Model):
    """Small files of a run."""

    names: Annotated[list[PathText], Field(max_length=MAX_CONTENTS)]
