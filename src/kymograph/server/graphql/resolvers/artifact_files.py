"""Files of artifact versions: entries with their download addresses, manifests, uploads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kymograph.core.artifact import ArtifactVersion, EntryRecord, ManifestRecord
from kymograph.errors import InvalidCursor, MalformedRequest
from kymograph.server.graphql.connections import MAX_PAGE
from kymograph.server.graphql.context import Payload, RequestContext
from kymograph.server.graphql.resolvers.files import FileNode
from kymograph.services.artifact_downloads import FILES_FOLDER
from kymograph.services.artifact_uploads import FileUpload, ManifestUpload
from kymograph.services.files import guess_mimetype
from kymograph.wire.ids import encode_id, encode_text_id, find_text_id

DEFAULT_PAGE = 50


def entry_connection(
    context: RequestContext, version: ArtifactVersion, names: list[str] | None, arguments: dict[str, Any]
) -> Payload:
    """One page of the entries of a version, by path."""
    first, after = arguments.get("first"), arguments.get("after")
    if first is not None and first < 0:
        raise MalformedRequest("must not be negative", where="first")
    limit = min(DEFAULT_PAGE if first is None else first, MAX_PAGE)
    page = context.services.artifacts.entries(
        version, names=names or None, after=_path_of(after) if after else None, limit=limit + 1
    )
    nodes = entry_nodes(context, version, page.entries[:limit])
    edges = [{"node": node, "cursor": encode_text_id("Path", node.name)} for node in nodes]
    return {
        "edges": edges,
        "pageInfo": {
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasNextPage": len(page.entries) > limit,
        },
        "totalCount": page.total,
        "uploadHeaders": [],
    }


def _path_of(cursor: str) -> str:
    path = find_text_id("Path", cursor)
    if path is None:
        raise InvalidCursor(cursor)
    return path


def entry_nodes(context: RequestContext, version: ArtifactVersion, entries: Sequence[EntryRecord]) -> list[FileNode]:
    """Files and references; without addresses for those who may see the version and not get its content.

    Clients find the address of a reference in the manifest.
    """
    is_usable = context.services.artifacts.is_usable(context.caller, version)
    return [_entry_node(context, version, entry, is_usable=is_usable) for entry in entries]


def _entry_node(context: RequestContext, version: ArtifactVersion, entry: EntryRecord, *, is_usable: bool) -> FileNode:
    return FileNode(
        id=encode_text_id("ArtifactFile", f"{version.id}:{entry.path}"),
        name=entry.path,
        size_bytes=entry.size_bytes,
        direct_url=(context.services.artifact_downloads.entry_url(entry) if is_usable else None) or "",
        storage_path=f"{FILES_FOLDER}{entry.object_key}" if entry.object_key is not None else None,
        mimetype=guess_mimetype(entry.path),
        md5=entry.digest,
        digest=entry.digest,
        created_at=version.created_at,
        updated_at=version.updated_at,
    )


def upload_node(upload: FileUpload, name: str, birth: ArtifactVersion | None) -> FileNode:
    """A file that is about to be uploaded; without an address when its bytes are here already."""
    return FileNode(
        id=encode_text_id("ArtifactFile", f"{upload.file.artifact_id}:{upload.file.path}"),
        name=name,
        size_bytes=upload.file.size_bytes or 0,
        direct_url="",
        upload_url=upload.url,
        storage_path=f"{FILES_FOLDER}{upload.file.object_key}",
        mimetype=upload.file.mimetype,
        md5=upload.file.digest,
        digest=upload.file.digest,
        artifact=birth,
    )


def manifest_node(context: RequestContext, manifest: ManifestRecord) -> Payload:
    """A manifest that is there."""
    return _manifest(manifest, direct_url=context.services.artifact_downloads.manifest_url(manifest), upload_url=None)


def manifest_upload_node(upload: ManifestUpload) -> Payload:
    """A manifest that is about to be uploaded."""
    return _manifest(upload.manifest, direct_url="", upload_url=upload.url)


def _manifest(manifest: ManifestRecord, *, direct_url: str, upload_url: str | None) -> Payload:
    return {
        "id": encode_id("ArtifactManifest", manifest.id),
        "digest": manifest.digest or "",
        "type": manifest.kind.value,
        "file": FileNode(
            id=encode_id("ArtifactManifestFile", manifest.id),
            name=manifest.name,
            size_bytes=0,
            direct_url=direct_url,
            upload_url=upload_url,
            mimetype="application/json",
            md5=manifest.digest,
            digest=manifest.digest,
        ),
    }
