"""Shapes of artifacts and of lineage. Field names are those of docs/reference/rest.md."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from kymograph.server.routes.rest.models import Model, ShortText
from kymograph.server.routes.rest.space_models import UseModel

Bytes = Annotated[int, Field(ge=0)]


class TypeModel(Model):
    """An artifact type."""

    name: str
    collections: int
    versions: int


class TypeListModel(Model):
    """All types of a project, by name."""

    items: list[TypeModel]
    total: int


class CollectionModel(UseModel):
    """A collection. Versions that were linked to it take nothing there."""

    name: str
    type: str
    kind: Literal["sequence", "portfolio"] = Field(description="versions are made in it, or linked to it")
    description: str | None
    tags: list[str]
    versions: int
    newest: str | None = Field(description="`v12`")
    newest_at: str | None
    created_at: str


class CollectionPage(Model):
    """Some collections."""

    items: list[CollectionModel]
    next: str | None
    total: int


class CollectionChangeRequest(Model):
    """What to change; fields that are left out stay as they are."""

    name: ShortText | None = None
    description: str | None = Field(default=None, max_length=100_000)
    tags: list[ShortText] | None = Field(default=None, max_length=100)


class RunRefModel(Model):
    """A run, as much as a link to it needs."""

    entity: str
    project: str
    id: str
    name: str
    state: str
    color: int
    job_type: str | None
    created_at: str


class VersionRefModel(Model):
    """A version where it was made, as much as a link to it needs."""

    id: str = Field(description="as the protocol has it")
    entity: str
    project: str
    collection: str
    type: str
    version: str | None = Field(description="`v12`; null for a draft")
    aliases: list[str]
    size_bytes: Bytes
    file_count: int
    state: Literal["PENDING", "COMMITTED", "DELETED"]
    created_at: str


class VersionModel(VersionRefModel, UseModel):
    """A version in a collection; `version` and `aliases` are those it has there."""

    digest: str
    description: str | None
    tags: list[str]
    is_link: bool = Field(description="it was made elsewhere, see `source`")
    run: RunRefModel | None = Field(description="that made it")
    used_by: int = Field(description="runs")


class VersionPageModel(Model):
    """Some versions of a collection."""

    items: list[VersionModel]
    next: str | None
    total: int


class LinkModel(Model):
    """Another place of a version."""

    entity: str
    project: str
    collection: str
    version: str
    aliases: list[str]


class VersionDetail(VersionModel):
    """Everything about a version but its files."""

    digest_algorithm: str
    metadata: dict[str, Any]
    ttl_s: int | None = Field(description="its own: -1 or null is that of the project, 0 and -2 are for ever")
    history_step: int | None = Field(description="the run's step when it was logged")
    source: LinkModel = Field(description="where it was made")
    links: list[LinkModel] = Field(description="readable places that it was linked to")


class VersionChangeRequest(Model):
    """What to change; fields that are left out stay as they are."""

    add_aliases: list[ShortText] = Field(default=[], max_length=100, description="they move here from other versions")
    remove_aliases: list[ShortText] = Field(default=[], max_length=100)
    description: str | None = Field(default=None, max_length=100_000)
    metadata: dict[str, Any] | None = None
    tags: list[ShortText] | None = Field(default=None, max_length=100)
    ttl_s: int | None = Field(default=None, description="-1 is that of the project, -2 is for ever")


class FolderItemModel(Model):
    """A file, or a folder with everything below it."""

    name: str = Field(description="inside the folder")
    path: str = Field(description="from the root; that of a folder ends in `/`")
    kind: Literal["file", "folder"]
    files: int
    size_bytes: Bytes
    digest: str | None
    is_reference: bool = Field(description="its bytes lie elsewhere")
    mimetype: str | None


class FolderPage(Model):
    """Some of what is in a folder, by path."""

    items: list[FolderItemModel]
    next: str | None


class UseItemModel(Model):
    """A use of a version."""

    run: RunRefModel
    used_as: str | None
    used_at: str


class UsePage(Model):
    """Some uses, latest first."""

    items: list[UseItemModel]
    next: str | None
    total: int


class ChangeModel(Model):
    """A file that two versions do not have in common."""

    path: str
    kind: Literal["added", "removed", "changed"]
    old_digest: str | None
    old_bytes: int | None
    new_digest: str | None
    new_bytes: int | None


class ChangeTotalModel(Model):
    """All differences of one kind."""

    files: int
    old_bytes: int
    new_bytes: int


class DiffTotalsModel(Model):
    """All differences."""

    added: ChangeTotalModel
    removed: ChangeTotalModel
    changed: ChangeTotalModel


class DiffPageModel(Model):
    """Some differences of two versions, and how many there are of each kind."""

    old: VersionRefModel
    new: VersionRefModel
    totals: DiffTotalsModel
    items: list[ChangeModel]
    next: str | None
    total: int


class InputModel(Model):
    """A version that a run used."""

    artifact: VersionRefModel
    used_as: str | None


class RunArtifactsModel(Model):
    """Versions that a run used and logged."""

    inputs: list[InputModel]
    outputs: list[VersionRefModel]


class NodeModel(Model):
    """A run or a version in a graph; one of `run` and `artifact` is there."""

    id: str
    kind: Literal["run", "artifact"]
    run: RunRefModel | None = None
    artifact: VersionRefModel | None = None


class EdgeModel(Model):
    """Data flows from one node to another."""

    source: str
    target: str


class RestModel(Model):
    """Neighbours of a node that are left out."""

    node: str
    direction: Literal["up", "down"]
    kind: Literal["run", "artifact"]
    count: int


class LineageModel(Model):
    """A graph around a node."""

    center: str
    nodes: list[NodeModel]
    edges: list[EdgeModel]
    rests: list[RestModel]
    cut: bool = Field(description="the graph would have been larger than graphs may be")


class NeighborPageModel(Model):
    """Some neighbours of a node, latest first."""

    nodes: list[NodeModel]
    edges: list[EdgeModel]
    next: str | None
    total: int
