"""Files of artifact versions: where their bytes are, page by page, and what is known of each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from kymograph.client import artifact_documents as documents
from kymograph.client.artifact_values import (
    CollectionAddress,
    FileUrl,
    Page,
    as_object,
    next_cursor,
    nodes_of,
    text_or_none,
    whole,
)
from kymograph.client.artifacts import ArtifactClient, Graphql
from kymograph.core.digest import STATED_XXH128
from kymograph.errors import ArtifactNotFound, ProtocolError
from kymograph.types import Digest, JsonObject

URLS_PER_PAGE = 5_000
"""Source: seeds.md C.6."""
TOTAL_FEATURE = "TOTAL_COUNT_IN_FILE_CONNECTION"


@dataclass(frozen=True, slots=True)
class WantedEntry:
    """An entry of a manifest whose bytes are asked for."""

    name: str
    digest: str
    birth_id: str | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RemoteArtifactFile:
    """A file of a version as a server describes it."""

    id: str
    name: str
    size_bytes: int
    url: str
    direct_url: str
    md5: str | None
    digest: str | None
    mimetype: str | None
    storage_path: str | None
    updated_at: str | None


class ArtifactFileClient:
    """Files of the versions of one server. Safe to share between threads."""

    def __init__(self, server: Graphql, artifacts: ArtifactClient) -> None:
        """Prepare; nothing is sent yet.

        Args:
            server: Sends documents.
            artifacts: Of the same server: knows what it announces.
        """
        self._server, self._artifacts = server, artifacts

    def urls_of_entries(
        self, artifact_id: str, entries: Sequence[WantedEntry], *, layout: str, region: str | None
    ) -> list[FileUrl]:
        """Where the bytes of some entries are. One request: give it a page at a time.

        Args:
            artifact_id: Of the version.
            entries: Those that are wanted.
            layout: Storage layout that the manifest names.
            region: Storage region that it names.
        """
        given = [
            {
                "name": entry.name,
                "digest": entry.digest,
                "size": entry.size_bytes,
                **({"birthArtifactID": entry.birth_id} if entry.birth_id else {}),
            }
            for entry in entries
        ]
        variables = {
            "id": artifact_id,
            "entries": given,
            "storageLayout": layout,
            "manifestVersion": "1",
            "storageRegion": region,
        }
        node = self._server.graphql(documents.FILE_URLS_OF_ENTRIES, variables).get("artifact")
        if not isinstance(node, dict):
            raise ArtifactNotFound(artifact_id)
        return [_file_url(file) for file in nodes_of(node.get("filesByManifestEntries"))]

    def iter_urls(self, at: CollectionAddress, version: str, *, per_page: int | None = None) -> Iterator[FileUrl]:
        """Where the bytes of all files of a version are, read page by page as they are asked for.

        Args:
            at: A collection that it is in.
            version: Its alias or version there.
            per_page: How many a request.
        """
        cursor: str | None = None
        while True:
            variables = {
                **_place(at, version),
                "cursor": cursor,
                "perPage": per_page or urls_per_page(),
            }
            found = self._files(documents.FILE_URLS, variables)
            yield from (_file_url(file) for file in nodes_of(found))
            cursor = next_cursor(found)
            if cursor is None:
                return

    def files(
        self,
        at: CollectionAddress,
        version: str,
        *,
        names: Sequence[str] | None = None,
        cursor: str | None = None,
        per_page: int = 50,
    ) -> Page[RemoteArtifactFile]:
        """Files of a version, with all that is known of each.

        Args:
            at: A collection that it is in.
            version: Its alias or version there.
            names: Of some files only.
            cursor: Where to go on.
            per_page: How many.
        """
        document = documents.membership_files(with_total=self._artifacts.supports(TOTAL_FEATURE))
        variables: JsonObject = {
            **_place(at, version),
            "fileNames": [*names] if names else None,
            "cursor": cursor,
            "perPage": per_page,
        }
        found = self._files(document, variables)
        return Page([_file(node) for node in nodes_of(found)], next_cursor(found), whole(found.get("totalCount")))

    def _files(self, document: str, variables: JsonObject) -> JsonObject:
        project = as_object(self._server.graphql(document, variables).get("project"))
        membership = as_object(as_object(project.get("artifactCollection")).get("artifactMembership"))
        found = membership.get("files")
        if not isinstance(found, dict):
            raise ProtocolError(f"Unable to fetch files for artifact: {variables['collection']}:{variables['alias']}")
        return found


def urls_per_page() -> int:
    """How many addresses are asked for at once: ``WANDB_ARTIFACT_FETCH_FILE_URL_BATCH_SIZE``."""
    told = os.environ.get("WANDB_ARTIFACT_FETCH_FILE_URL_BATCH_SIZE", "")
    return int(told) if told.isascii() and told.isdigit() and int(told) > 0 else URLS_PER_PAGE


def stated_xxh128(url: str) -> Digest | None:
    """What a server says of large content with the address it gives for it, if it does."""
    found = parse_qs(urlsplit(url).query).get(STATED_XXH128)
    return Digest(found[0]) if found else None


def _place(at: CollectionAddress, version: str) -> JsonObject:
    return {"entity": at.entity, "project": at.project, "collection": at.name, "alias": version}


def _file_url(node: JsonObject) -> FileUrl:
    return FileUrl(str(node.get("name") or ""), text_or_none(node.get("directUrl")))


def _file(node: JsonObject) -> RemoteArtifactFile:
    return RemoteArtifactFile(
        id=str(node.get("id") or ""),
        name=str(node.get("name") or ""),
        size_bytes=whole(node.get("sizeBytes")) or 0,
        url=str(node.get("url") or ""),
        direct_url=str(node.get("directUrl") or ""),
        md5=text_or_none(node.get("md5")),
        digest=text_or_none(node.get("digest")),
        mimetype=text_or_none(node.get("mimetype")),
        storage_path=text_or_none(node.get("storagePath")),
        updated_at=text_or_none(node.get("updatedAt")),
    )
