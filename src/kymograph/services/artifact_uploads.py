"""Logging an artifact version: draft, manifest, files, commit.

A version is visible once it is committed, and it can be committed only when all its bytes are there and its digest,
recomputed here, is what the client promised. Bytes are stored once per content and project.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import quote

from kymograph.core.artifact import (
    ArtifactFile,
    ArtifactState,
    ArtifactVersion,
    EntryRecord,
    ManifestKind,
    ManifestRecord,
    NewArtifact,
)
from kymograph.core.digest import hex_digest, md5_digest, parse_digest, parse_manifest_digest
from kymograph.core.manifest import ManifestEntry, manifest_digest
from kymograph.core.names import parse_alias, parse_collection_name, parse_file_path, parse_version
from kymograph.errors import (
    ArtifactNotFound,
    DigestMismatch,
    Forbidden,
    InvalidName,
    InvalidSetting,
    MalformedRequest,
    ManifestCorrupt,
    ObjectNotFound,
    UnsupportedOperation,
    VersionSealed,
)
from kymograph.services.access import Access, Caller, require_project
from kymograph.services.artifact_access import require_artifact
from kymograph.services.runs import checked_document
from kymograph.services.secrets import Signer
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ObjectStore, PutResult
from kymograph.types import ArtifactId, Digest, FilePath, JsonObject, ManifestId, ObjectKey, ProjectId

UPLOAD_URL_LENGTH_S = 24 * 3600
"""Clients ask for addresses before they begin to upload, and may retry for hours."""
MAX_MANIFEST_BYTES = 256 * 1024 * 1024
"""A manifest is read whole at commit; this holds about a million entries."""
DEFAULT_REGION = "default"
DIGEST_ALGORITHM = "MANIFEST_MD5"


class ManifestFormat(Protocol):
    """Reads and joins manifest documents (`kymograph.wire.manifest_json`)."""

    def parse_manifest(self, text: bytes, *, artifact: str) -> list[ManifestEntry]:
        """The entries of a document.

        Raises:
            ManifestCorrupt: Not a manifest.
        """

    def merge_manifests(self, documents: Sequence[bytes], *, artifact: str) -> bytes:
        """One document with the entries of all; the last one of a path counts.

        Raises:
            ManifestCorrupt: Not manifests.
        """


@dataclass(frozen=True, slots=True)
class ArtifactRequest:
    """What a client says when it begins to log a version."""

    entity: str | None
    project: str
    run: str | None
    """None for a version that is made outside a run."""
    type_name: str
    collection: str
    digest: str
    aliases: tuple[tuple[str, str], ...] = ()
    """Pairs of collection and alias."""
    tags: tuple[str, ...] = ()
    description: str | None = None
    metadata_json: str | None = None
    client_id: str | None = None
    sequence_client_id: str | None = None
    distributed_id: str | None = None
    ttl_duration_s: int | None = None
    history_step: int | None = None
    reuses_equal: bool = False
    """Whether a committed version of the same content is answered in place of a new one."""
    digest_algorithm: str = DIGEST_ALGORITHM
    storage_region: str | None = None


@dataclass(frozen=True, slots=True)
class ManifestUpload:
    """A manifest and where to send its document."""

    manifest: ManifestRecord
    url: str | None
    """None while the digest of the document is not known."""


@dataclass(frozen=True, slots=True)
class FileRequest:
    """A file that a client wants to upload."""

    artifact: ArtifactId
    name: str
    md5: str | None
    mimetype: str | None = None


@dataclass(frozen=True, slots=True)
class FileUpload:
    """A file and where to send its bytes."""

    file: ArtifactFile
    """`artifact_id` is the version that first brought the bytes."""
    url: str | None
    """None when the bytes are here already."""


class ArtifactUploads:
    """Takes artifact versions in. Safe to share between threads."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        signer: Signer,
        manifests: ManifestFormat,
        clock: Callable[[], datetime],
        *,
        public_url: str,
    ) -> None:
        self._database = database
        self._objects = objects
        self._signer = signer
        self._manifests = manifests
        self._clock = clock
        self._public_url = public_url

    # Drafts

    def create(self, caller: Caller, request: ArtifactRequest) -> ArtifactVersion:
        """Begin a version, or find the one that is meant.

        That is the draft or version of the same client id (the request was sent twice), the draft that other writers
        of the same distributed id share, or a committed version of the same content; the last gets the aliases.

        Raises:
            ProjectNotFound: Absent or not readable.
            RunNotFound: The project has no such run.
            Forbidden: The caller may only read there.
            UsageError: A name breaks the rules, the collection has another type, the region is unknown.
            UnsupportedOperation: The digest is of another kind than `DIGEST_ALGORITHM`.
            MalformedRequest: The digest or the metadata cannot be read.
        """
        new = _checked(request)

        def job(tx: Transaction) -> ArtifactVersion:
            now = self._clock()
            project = require_project(tx, caller, request.entity, request.project, Access.WRITE)
            run = tx.runs.find(project.id, request.run) if request.run else None
            found = self._find_meant(tx, project.id, request, new)
            if found is None:
                found = tx.artifacts.create(new(project.id, run.key if run else None), now)
            elif found.state is ArtifactState.COMMITTED:
                tx.artifacts.put_aliases(found.id, [alias for _, alias in request.aliases], now)
            # Tables and media in the history name versions by these ids, whichever version it turned out to be.
            if request.client_id:
                tx.artifacts.put_client_id(request.client_id, found.id)
            if request.sequence_client_id:
                tx.artifacts.put_sequence_client_id(request.sequence_client_id, found.collection.id)
            tx.projects.touch(project.id, now)
            return tx.artifacts.find(found.id) or found

        return self._database.write(job)
