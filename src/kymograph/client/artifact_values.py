"""Artifacts as a server describes them, read with tolerance: servers of the protocol differ in what they leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from kymograph.core import exact_json
from kymograph.errors import ProtocolError
from kymograph.types import JsonObject

SEQUENCE = "ArtifactSequence"
"""``__typename`` of a collection that versions are made in."""
PORTFOLIO = "ArtifactPortfolio"
"""``__typename`` of one that versions are linked to."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CollectionAddress:
    """Where a collection is."""

    entity: str
    project: str
    name: str

    @property
    def path(self) -> str:
        """As people write it."""
        return f"{self.entity}/{self.project}/{self.name}"


@dataclass(frozen=True, slots=True)
class RemoteArtifact:
    """One version, and the collection it was made in."""

    id: str
    source: CollectionAddress
    version_index: int | None
    """None while it is not committed."""
    type_name: str
    state: str
    digest: str
    description: str | None = None
    metadata: JsonObject = field(default_factory=dict)
    ttl_s: int | None = None
    """None: never deleted."""
    ttl_is_inherited: bool = True
    tags: tuple[str, ...] = ()
    aliases: tuple[tuple[CollectionAddress, str], ...] = ()
    """In all collections, those of versions (``v3``) among them on some servers."""
    history_step: int | None = None
    size_bytes: int = 0
    file_count: int = 0
    commit_hash: str | None = None
    created_at: str = ""
    updated_at: str | None = None

    def aliases_in(self, collection: CollectionAddress) -> list[str]:
        """Its aliases in one collection."""
        return [alias for place, alias in self.aliases if place == collection]


@dataclass(frozen=True, slots=True)
class RemoteMembership:
    """A version's place in a collection."""

    id: str
    collection: CollectionAddress
    kind: str
    """`SEQUENCE` or `PORTFOLIO`."""
    version_index: int | None
    aliases: tuple[str, ...]
    artifact: RemoteArtifact | None
    """None where it was not asked for."""
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteCollection:
    """A collection."""

    id: str
    address: CollectionAddress
    kind: str
    type_name: str
    description: str | None = None
    tags: tuple[str, ...] = ()
    created_at: str = ""
    updated_at: str | None = None

    @property
    def is_sequence(self) -> bool:
        """Whether versions are made in it."""
        return self.kind == SEQUENCE


@dataclass(frozen=True, slots=True)
class RemoteType:
    """A type of artifacts in a project."""

    id: str
    name: str
    description: str | None = None
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class FileUrl:
    """Where the bytes of an entry are, for some time."""

    name: str
    url: str | None
    """None: they are not at the server (a reference)."""


@dataclass(frozen=True, slots=True)
class ArtifactRun:
    """A run that made or used a version."""

    entity: str
    project: str
    run_id: str

    @property
    def id(self) -> str:
        """Its id in the project."""
        return self.run_id

    @property
    def path(self) -> str:
        """As people write it."""
        return f"{self.entity}/{self.project}/{self.run_id}"


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """Part of a list."""

    items: list[_T]
    cursor: str | None
    """To go on after; None at the end."""
    total: int | None = None
    """How many there are in all, where the server tells."""


def every(read: Callable[[str | None], Page[_T]]) -> Iterator[_T]:
    """All items of a list that comes in pages."""
    cursor = None
    while True:
        page = read(cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def parse_artifact(node: Any) -> RemoteArtifact:
    """A version from an answer.

    Raises:
        ProtocolError: What every version has is missing.
    """
    document = as_object(node)
    if not document.get("id"):
        raise ProtocolError("the server describes an artifact without an id")
    source, type_ = as_object(document.get("artifactSequence")), as_object(document.get("artifactType"))
    ttl_s = whole(document.get("ttlDurationSeconds"))
    return RemoteArtifact(
        id=str(document["id"]),
        source=parse_address(source),
        version_index=whole(document.get("versionIndex")),
        type_name=str(type_.get("name") or ""),
        state=str(document.get("state") or ""),
        digest=str(document.get("digest") or ""),
        description=text_or_none(document.get("description")),
        metadata=parse_metadata(document.get("metadata")),
        # Values of 0 and less say that there is none. Source: protocol.md §7.3.
        ttl_s=ttl_s if ttl_s is not None and ttl_s > 0 else None,
        ttl_is_inherited=bool(document.get("ttlIsInherited", True)),
        tags=tuple(str(tag.get("name")) for tag in as_objects(document.get("tags"))),
        aliases=tuple(
            (parse_address(as_object(alias.get("artifactCollection"))), str(alias.get("alias")))
            for alias in as_objects(document.get("aliases"))
        ),
        history_step=whole(document.get("historyStep")),
        size_bytes=whole(document.get("size")) or 0,
        file_count=whole(document.get("fileCount")) or 0,
        commit_hash=text_or_none(document.get("commitHash")),
        created_at=str(document.get("createdAt") or ""),
        updated_at=text_or_none(document.get("updatedAt")),
    )


def parse_membership(node: Any) -> RemoteMembership:
    """A place in a collection from an answer."""
    document = as_object(node)
    collection = as_object(document.get("artifactCollection"))
    artifact = document.get("artifact")
    return RemoteMembership(
        id=str(document.get("id") or ""),
        collection=parse_address(collection),
        kind=str(collection.get("__typename") or ""),
        version_index=whole(document.get("versionIndex")),
        aliases=tuple(str(alias.get("alias")) for alias in as_objects(document.get("aliases"))),
        artifact=parse_artifact(artifact) if isinstance(artifact, dict) else None,
        created_at=text_or_none(document.get("createdAt")),
    )


def parse_collection(node: Any) -> RemoteCollection:
    """A collection from an answer."""
    document = as_object(node)
    return RemoteCollection(
        id=str(document.get("id") or ""),
        address=parse_address(document),
        kind=str(document.get("__typename") or ""),
        type_name=str(as_object(document.get("type")).get("name") or ""),
        description=text_or_none(document.get("description")),
        tags=tuple(str(tag.get("name")) for tag in nodes_of(document.get("tags"))),
        created_at=str(document.get("createdAt") or ""),
        updated_at=text_or_none(document.get("updatedAt")),
    )


def parse_type(node: Any) -> RemoteType:
    """A type from an answer."""
    document = as_object(node)
    return RemoteType(
        id=str(document.get("id") or ""),
        name=str(document.get("name") or ""),
        description=text_or_none(document.get("description")),
        created_at=str(document.get("createdAt") or ""),
    )


def parse_run(node: Any) -> ArtifactRun | None:
    """A run from an answer; None if it may not be seen."""
    document = as_object(node)
    project = as_object(document.get("project"))
    if not document.get("name") or not project.get("name"):
        return None
    entity = as_object(project.get("entity")).get("name")
    return ArtifactRun(str(entity or ""), str(project["name"]), str(document["name"]))


def parse_address(collection: JsonObject) -> CollectionAddress:
    """Where a collection is, from its node."""
    project = as_object(collection.get("project"))
    entity = as_object(project.get("entity"))
    return CollectionAddress(
        str(entity.get("name") or ""), str(project.get("name") or ""), str(collection.get("name") or "")
    )


def parse_metadata(value: Any) -> JsonObject:
    """Metadata, which come as text."""
    found = exact_json.loads(value) if isinstance(value, str) and value else value
    return found if isinstance(found, dict) else {}


# --- parts of answers -------------------------------------------------------------------------------------------------


def as_object(value: Any) -> JsonObject:
    """The object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def as_objects(value: Any) -> list[JsonObject]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def nodes_of(connection: Any) -> Iterator[JsonObject]:
    """The nodes of a connection."""
    for edge in as_objects(as_object(connection).get("edges")):
        node = edge.get("node")
        if isinstance(node, dict):
            yield node


def next_cursor(connection: Any) -> str | None:
    """Where a connection goes on; None at its end."""
    info = as_object(as_object(connection).get("pageInfo"))
    return str(info["endCursor"]) if info.get("hasNextPage") and info.get("endCursor") else None


def whole(value: Any) -> int | None:
    """A whole number; servers write large ones as text."""
    try:
        return None if value is None or isinstance(value, bool) else int(value)
    except (TypeError, ValueError):
        return None


def text_or_none(value: Any) -> str | None:
    """A text; None in place of an empty one."""
    return str(value) if value else None
