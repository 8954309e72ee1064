"""Files of runs. `FileNode` is what every `File` of the protocol resolves to, those of artifacts too."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ariadne import MutationType, ObjectType

from kymograph.core.files import RunFile
from kymograph.core.names import parse_file_path
from kymograph.core.run import Run
from kymograph.errors import InvalidCursor, InvalidName, MalformedRequest
from kymograph.server.graphql.connections import MAX_PAGE
from kymograph.server.graphql.context import Info, Payload, RequestContext
from kymograph.services.access import Access
from kymograph.types import FilePath
from kymograph.wire.ids import encode_id, parse_id

mutation = MutationType()
run = ObjectType("Run")
file = ObjectType("File")


@dataclass(frozen=True, slots=True)
class FileNode:
    """One file of a run, of an artifact version, or a manifest; addresses are signed when it is made."""

    id: str
    name: str
    size_bytes: int
    direct_url: str
    url: str | None = None
    upload_url: str | None = None
    display_name: str | None = None
    upload_headers: list[str] = field(default_factory=list)
    storage_path: str | None = None
    mimetype: str | None = None
    md5: str | None = None
    digest: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    artifact: Any = None


file.set_field("displayName", lambda parent, _info: parent.display_name or parent.name)
file.set_field("directUrl", lambda parent, _info: parent.direct_url)
file.set_field("uploadUrl", lambda parent, _info: parent.upload_url)
file.set_field("uploadHeaders", lambda parent, _info: parent.upload_headers)
file.set_field("uploadMultipartUrls", lambda _parent, _info: None)
file.set_field("storagePath", lambda parent, _info: parent.storage_path)
file.set_field("sizeBytes", lambda parent, _info: parent.size_bytes)
file.set_field("updatedAt", lambda parent, _info: parent.updated_at)


@file.field("url")
def resolve_url(parent: FileNode, _info: Info, upload: bool | None = None) -> str | None:
    """Where to get the file, or where to put it."""
    return parent.upload_url if upload else (parent.url or parent.direct_url)


def run_file_node(context: RequestContext, parent: Run, stored: RunFile, *, is_writable: bool) -> FileNode:
    """The node of a file that is there; only those who may write get an address to upload to."""
    files = context.services.files
    url = files.download_url(stored)
    return FileNode(
        id=encode_id("File", stored.id),
        name=stored.path,
        size_bytes=stored.size_bytes,
        direct_url=url,
        upload_url=files.upload_url(parent, stored.path) if is_writable else None,
        mimetype=stored.mimetype,
        md5=stored.md5,
        digest=stored.md5,
        updated_at=stored.updated_at,
        created_at=stored.updated_at,
    )


def _absent_file_node(context: RequestContext, parent: Run, path: FilePath, *, is_writable: bool) -> FileNode:
    """The node of a file that was asked for by name and may be uploaded. Source: protocol.md §6."""
    return FileNode(
        id=f"absent:{path}",
        name=path,
        size_bytes=0,
        direct_url="",
        upload_url=context.services.files.upload_url(parent, path) if is_writable else None,
    )


@run.field("fileCount")
def resolve_file_count(parent: Run, info: Info) -> int:
    """Number of uploaded files."""
    return info.context.services.files.list_files(parent, limit=0).total


@run.field("files")
def resolve_files(
    parent: Run,
    info: Info,
    names: list[str] | None = None,
    pattern: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Payload:
    """Files by name, pattern or all; see the schema."""
    context = info.context
    if first is not None and first < 0:
        raise MalformedRequest("must not be negative", where="first")
    limit = min(50 if first is None else first, MAX_PAGE)
    # Clients pass on what users wrote, also `./file.txt` for `file.txt`.
    wanted = [name.removeprefix("./") for name in names or [] if name]
    page = context.services.files.list_files(
        parent, names=wanted, pattern=pattern, after=_path_of(after), limit=limit + 1
    )
    is_writable = context.services.runs.may_write(context.caller, parent)
    nodes = [run_file_node(context, parent, stored, is_writable=is_writable) for stored in page.files[:limit]]
    if wanted and not after:
        found = {node.name for node in nodes}
        absent = [path for path in _valid_paths(wanted) if path not in found]
        nodes += [_absent_file_node(context, parent, path, is_writable=is_writable) for path in absent]
    edges = [{"node": node, "cursor": _cursor_of(node.name)} for node in nodes]
    return {
        "edges": edges,
        "pageInfo": {
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasNextPage": len(page.files) > limit,
        },
        "totalCount": page.total,
        "uploadHeaders": [],
    }


def _valid_paths(names: list[str]) -> list[FilePath]:
    paths: list[FilePath] = []
    for name in dict.fromkeys(names):
        try:
            paths.append(parse_file_path(name))
        except InvalidName:
            continue  # a name that cannot exist is simply not found
    return paths


def _cursor_of(path: str) -> str:
    return f"path:{path}"


def _path_of(cursor: str | None) -> str | None:
    if not cursor:
        return None
    if not cursor.startswith("path:"):
        raise InvalidCursor(cursor)
    return cursor.removeprefix("path:")


@mutation.field("createRunFiles")
def resolve_create_run_files(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Where to PUT run files: as many answers as names, names unchanged."""
    context = info.context
    found, urls = context.services.files.upload_urls(
        context.caller, input["entityName"], input["projectName"], input["runName"], input["files"]
    )
    nodes = [
        FileNode(id=encode_id("Upload", i), name=name, size_bytes=0, direct_url="", upload_url=url)
        for i, (name, url) in enumerate(urls)
    ]
    return {"runID": encode_id("Run", found.key), "uploadHeaders": [], "files": nodes}


@mutation.field("markRunFilesUploaded")
def resolve_mark_uploaded(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """A confirmation that we do not need: a file is there once its PUT was answered."""
    context = info.context
    context.services.runs.get(
        context.caller, input["entityName"], input["projectName"], input["runName"], access=Access.WRITE
    )
    return {"success": True}


@mutation.field("deleteFiles")
def resolve_delete_files(_parent: None, info: Info, input: dict[str, Any]) -> Payload:
    """Delete run files."""
    context = info.context
    context.services.files.delete(context.caller, [parse_id("File", number) for number in input["files"]])
    return {"success": True}


BINDABLES = [mutation, run, file]
