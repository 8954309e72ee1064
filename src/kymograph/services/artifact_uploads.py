"""Logging an artifact version up to its commit: draft, manifest, files.

Bytes are stored once per content and project, and only if they hash to the digest that was announced.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import quote

from kymograph.core.artifact import (
    ArtifactFile,
    ArtifactState,
    ArtifactVersion,
    ManifestKind,
    ManifestRecord,
    NewArtifact,
    check_ttl,
)
from kymograph.core.artifact_metadata import checked_metadata
from kymograph.core.digest import DigestAlgorithm, hex_digest, parse_digest, parse_manifest_digest
from kymograph.core.names import parse_collection_name, parse_file_path, parse_new_alias, parse_tag, parse_type_name
from kymograph.core.run import Run
from kymograph.core.space import Blob, ContentName
from kymograph.errors import (
    ArtifactNotFound,
    Forbidden,
    InvalidSetting,
    RunNotFound,
    UnsupportedOperation,
    VersionSealed,
)
from kymograph.services.access import Access, Caller, require_project
from kymograph.services.artifact_access import require_artifact
from kymograph.services.registry_rules import refuse_registry_name
from kymograph.services.secrets import Signer
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ObjectStore, PutResult
from kymograph.types import ArtifactId, Digest, FilePath, JsonObject, ManifestId, ObjectKey, ProjectId

UPLOAD_URL_LENGTH_S = 24 * 3600
"""Clients ask for addresses before they begin to upload, and may retry for hours."""
MAX_MANIFEST_BYTES = 256 * 1024 * 1024
"""A manifest is read whole at commit; this holds about a million entries."""
DEFAULT_REGION = "default"


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
    """Whether any committed version of the same content is answered in place of a new one, not only the newest."""
    digest_algorithm: DigestAlgorithm = DigestAlgorithm.MD5
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
    digest: str | None
    mimetype: str | None = None
    algorithm: DigestAlgorithm = DigestAlgorithm.MD5


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
        clock: Callable[[], datetime],
        *,
        public_url: str,
        regions: Collection[str] = (),
    ) -> None:
        """Take in.

        Args:
            database: Where versions are recorded.
            objects: Where bytes go.
            signer: Signs upload addresses.
            clock: The present moment.
            public_url: What upload addresses begin with.
            regions: Names of storage regions beside `DEFAULT_REGION`; all mean `objects`.
        """
        self._database = database
        self._objects = objects
        self._signer = signer
        self._clock = clock
        self._public_url = public_url
        self._regions = (DEFAULT_REGION, *regions)

    def knows_region(self, name: str) -> bool:
        """Whether versions can be stored in, and given out of, a region of that name."""
        return name in self._regions

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
            MalformedRequest: The digest or the metadata cannot be read.
        """
        _check_request(request)
        if request.storage_region and not self.knows_region(request.storage_region):
            raise InvalidSetting(
                "storageRegion", request.storage_region, rule=f"the regions here are {', '.join(self._regions)}"
            )

        def job(tx: Transaction) -> ArtifactVersion:
            now = self._clock()
            project = require_project(tx, caller, request.entity, request.project, Access.WRITE)
            if project.registry is not None:
                refuse_registry_name(project.name)
            version = _find_meant(tx, project.id, request)
            if version is None:
                version = tx.artifacts.create(_new_artifact(tx, project.id, request), now)
            else:
                _log_again(tx, project.id, version, request, now)
            # Tables and media in the history name versions by these ids, whichever version it turned out to be.
            if request.client_id:
                tx.artifacts.put_client_id(request.client_id, version.id)
            if request.sequence_client_id:
                tx.collections.put_client_id(request.sequence_client_id, version.collection.id)
            tx.projects.touch(project.id, now)
            return _refreshed(tx, version.id)

        return self._database.write(job)

    # Manifests

    def put_manifest(
        self,
        caller: Caller,
        artifact: ArtifactId,
        *,
        name: str,
        kind: ManifestKind = ManifestKind.FULL,
        digest: str | None = None,
        base: ArtifactId | None = None,
    ) -> ManifestUpload:
        """Begin the manifest of a draft, or announce the document of the one that was begun.

        Args:
            caller: Needs write access to the draft's project.
            artifact: The draft.
            name: File name of the document.
            kind: Whether the document is all of it or a part.
            digest: Base64 MD5 of the document; None while it is not known.
            base: The version that an incremental manifest adds to.

        Raises:
            ArtifactNotFound: No such draft, or not readable.
            VersionSealed: It is committed.
        """
        path = parse_file_path(name)
        announced = parse_digest(digest) if digest else None

        def job(tx: Transaction) -> ManifestRecord:
            draft = touched_draft(tx, caller, artifact, self._clock())
            # Writers of a distributed version send parts of the same name: each of these is a manifest of its own.
            if announced is not None and kind is not ManifestKind.PATCH:
                for known in tx.manifests.list_of(draft.id):
                    if (known.name, known.kind) == (path, kind) and known.digest in (None, announced):
                        return tx.manifests.update(known.id, digest=announced, base=base)
            return tx.manifests.create(
                draft.id, name=path, kind=kind, digest=announced, object_key=new_manifest_key(draft.id), base=base
            )

        return self._upload_of(self._database.write(job))

    def announce_manifest(
        self, caller: Caller, manifest: ManifestId, *, digest: str | None, base: ArtifactId | None = None
    ) -> ManifestUpload:
        """Say what document a manifest that was begun will have.

        Raises:
            ArtifactNotFound: No such manifest, or not readable.
            VersionSealed: Its version is committed.
        """
        announced = parse_digest(digest) if digest else None

        def job(tx: Transaction) -> ManifestRecord:
            known = tx.manifests.find(manifest)
            if known is None:
                raise ArtifactNotFound("(by manifest id)")
            touched_draft(tx, caller, known.artifact_id, self._clock())
            return known if announced is None else tx.manifests.update(known.id, digest=announced, base=base)

        return self._upload_of(self._database.write(job))

    def _upload_of(self, manifest: ManifestRecord) -> ManifestUpload:
        if manifest.digest is None:
            return ManifestUpload(manifest, None)
        claims: JsonObject = {"m": "PUT", "k": manifest.object_key, "d": manifest.digest, "x": MAX_MANIFEST_BYTES}
        return ManifestUpload(manifest, self._url(claims, manifest.name))

    # Files

    def put_files(self, caller: Caller, requests: Sequence[FileRequest]) -> list[FileUpload]:
        """Prepare uploads: as many answers as requests, in the same order.

        Raises:
            ArtifactNotFound: A draft is absent or not readable.
            VersionSealed: A version is committed.
            InvalidName: A file's name could leave its folder.
            MalformedRequest: A digest is none.
        """
        wanted = [(request, parse_file_path(request.name), parse_digest(request.digest or "")) for request in requests]

        def job(tx: Transaction) -> list[FileUpload]:
            now = self._clock()
            drafts = {key: touched_draft(tx, caller, key, now) for key in sorted({one.artifact for one in requests})}
            projects = {key: draft.collection.project_id for key, draft in drafts.items()}
            names: dict[tuple[ProjectId, DigestAlgorithm], list[ContentName]] = {}
            for request, path, digest in wanted:
                place = projects[request.artifact], request.algorithm
                names.setdefault(place, []).append(ContentName(request.artifact, path, digest))
            blobs = {
                (project, algorithm): tx.blobs.announce(
                    project, some, algorithm=algorithm, new_key=new_blob_key, now=now
                )
                for (project, algorithm), some in sorted(names.items())
            }
            return [
                self._file_upload(request, path, blobs[projects[request.artifact], request.algorithm][digest])
                for request, path, digest in wanted
            ]

        return self._database.write(job)

    def _file_upload(self, request: FileRequest, path: FilePath, blob: Blob) -> FileUpload:
        file = ArtifactFile(
            artifact_id=blob.birth if blob.birth is not None else request.artifact,
            path=path,
            digest=blob.digest,
            size_bytes=blob.size_bytes,
            object_key=blob.object_key,
            mimetype=request.mimetype,
            algorithm=blob.algorithm,
        )
        return FileUpload(file, None if blob.size_bytes is not None else self._file_url(file))

    def _file_url(self, file: ArtifactFile) -> str:
        claims: JsonObject = {"m": "PUT", "k": file.object_key, "d": file.digest, "b": 1}
        if file.algorithm is not DigestAlgorithm.MD5:
            claims["a"] = file.algorithm.value
        return self._url(claims, file.path)

    def _url(self, claims: JsonObject, path: str) -> str:
        token = self._signer.sign(claims, expires_at_s=self._clock().timestamp() + UPLOAD_URL_LENGTH_S)
        return f"{self._public_url}/storage/artifacts/{token}/{quote(path)}"

    async def receive(self, token: str, body: AsyncIterator[bytes]) -> PutResult:
        """Store what is sent to an upload address.

        Raises:
            Forbidden: The address is forged, expired or not for uploads.
            DigestMismatch: The content is not what was announced; nothing was stored.
            RequestTooLarge: A manifest over `MAX_MANIFEST_BYTES`; nothing was stored.
            StorageFull: Nothing was stored.
        """
        claims = self._signer.verify(token, now_s=self._clock().timestamp())
        key, digest, limit = claims.get("k"), claims.get("d"), claims.get("x")
        algorithm = claims.get("a", DigestAlgorithm.MD5.value)
        if claims.get("m") != "PUT" or not isinstance(key, str) or not isinstance(digest, str):
            raise Forbidden("upload to this address", where="storage")
        object_key = ObjectKey(key)
        # Object first, row second: a row without bytes is a broken file, bytes without a row are garbage to collect.
        stored = await self._objects.put(
            object_key,
            body,
            max_bytes=limit if isinstance(limit, int) else None,
            expected=Digest(digest),
            algorithm=DigestAlgorithm(str(algorithm)),
        )
        await asyncio.to_thread(self._database.write, partial(self._note, object_key, stored, bool(claims.get("b"))))
        return stored

    def _note(self, object_key: ObjectKey, stored: PutResult, is_blob: bool, tx: Transaction) -> None:
        if is_blob:
            tx.blobs.mark_stored(object_key, stored.size_bytes, self._clock(), xxh128=stored.xxh128)
        else:
            tx.manifests.mark_stored(object_key, stored.size_bytes)


def new_blob_key(project: ProjectId, digest: Digest) -> ObjectKey:
    """Where content of that digest will lie: never where such content lay before it was collected."""
    name = hex_digest(digest)
    return ObjectKey(f"blobs/{project}/{name[:2]}/{name}.{secrets.token_hex(8)}")


def new_manifest_key(artifact: ArtifactId) -> ObjectKey:
    """Where a manifest document will lie: every one in a place of its own, so that none is ever overwritten."""
    return ObjectKey(f"manifests/{artifact}/{secrets.token_hex(16)}")


def _check_request(request: ArtifactRequest) -> None:
    parse_manifest_digest(request.digest)
    parse_collection_name(request.collection)
    parse_type_name(request.type_name)
    for collection, alias in request.aliases:
        check_own_alias(request.collection, collection, alias)
    for tag in request.tags:
        parse_tag(tag)
    check_ttl(request.ttl_duration_s, request.type_name)


def check_own_alias(own: str, collection: str, alias: str) -> str:
    """Check an alias that a client gives to a version of the collection `own`.

    Raises:
        InvalidName: Not an alias, or a version name: those are given by the server.
        UnsupportedOperation: It is for another collection.
    """
    parse_new_alias(alias)
    if collection and collection != own:
        raise UnsupportedOperation(f"alias {alias!r} in collection {collection!r}", hint="link the version there first")
    return alias


def _find_meant(tx: Transaction, project: ProjectId, request: ArtifactRequest) -> ArtifactVersion | None:
    """The version that a request means, if it is there already; see `ArtifactUploads.create`."""
    collection = tx.collections.find(project, request.collection, type_name=request.type_name)
    if collection is None:
        return None
    if request.client_id:
        known = tx.artifacts.find_by_client_id(request.client_id)
        is_same = known is not None and known.collection.id == collection.id
        if known is not None and is_same and known.state is not ArtifactState.DELETED:
            return known
    if request.distributed_id:
        return tx.artifacts.find_draft(collection.id, request.distributed_id)
    equal = (
        tx.artifacts.find_by_digest(collection.id, request.digest)
        if request.reuses_equal
        else tx.artifacts.latest(collection.id)
    )
    is_meant = equal is not None and (equal.digest, equal.digest_algorithm) == (
        request.digest,
        request.digest_algorithm,
    )
    return equal if is_meant else None


def _log_again(
    tx: Transaction, project: ProjectId, version: ArtifactVersion, request: ArtifactRequest, now: datetime
) -> None:
    """Let a version that is there be what the request asks for: labelled so, and logged by that run too."""
    if version.state is ArtifactState.COMMITTED:
        tx.memberships.put_aliases(version.collection.id, version.id, [alias for _, alias in request.aliases], now)
        tags = tuple(dict.fromkeys([*version.tags, *request.tags]))
        if tags != version.tags:
            tx.artifacts.update(
                version.id, description=None, metadata_json=None, ttl_duration_s=None, tags=tags, now=now
            )
    run = _find_run(tx, project, request)
    if run is not None:
        tx.lineage.put_output(run.key, version.id, now)


def _find_run(tx: Transaction, project: ProjectId, request: ArtifactRequest) -> Run | None:
    run = tx.runs.find(project, request.run) if request.run else None
    if request.run and run is None:
        raise RunNotFound(request.run)
    return run


def _new_artifact(tx: Transaction, project: ProjectId, request: ArtifactRequest) -> NewArtifact:
    run = _find_run(tx, project, request)
    return NewArtifact(
        project_id=project,
        type_name=request.type_name,
        collection_name=request.collection,
        digest=parse_manifest_digest(request.digest),
        created_by_run=run.key if run else None,
        description=request.description,
        metadata_json=checked_metadata(request.metadata_json) if request.metadata_json is not None else None,
        aliases=tuple(alias for _, alias in request.aliases),
        tags=request.tags,
        client_id=request.client_id,
        sequence_client_id=request.sequence_client_id,
        distributed_id=request.distributed_id,
        ttl_duration_s=request.ttl_duration_s,
        history_step=request.history_step,
        digest_algorithm=request.digest_algorithm,
    )


def _refreshed(tx: Transaction, artifact: ArtifactId) -> ArtifactVersion:
    version = tx.artifacts.find(artifact)
    assert version is not None
    return version


def touched_draft(tx: Transaction, caller: Caller, artifact: ArtifactId, now: datetime) -> ArtifactVersion:
    """A draft, which counts as used from now on: it is not abandoned."""
    version = require_artifact(tx, caller, artifact, Access.WRITE)
    if version.state is ArtifactState.DELETED:
        raise ArtifactNotFound(version.path)
    if version.state is not ArtifactState.PENDING:
        raise VersionSealed(version.path)
    if not tx.artifacts.touch_draft(artifact, now):
        raise ArtifactNotFound(version.path)
    return version
