"""Getting the bytes of artifact versions: signed addresses, and look-ups by digest for clients that build their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from kymograph.core.artifact import ArtifactVersion, EntryRecord, ManifestRecord
from kymograph.core.digest import STATED_XXH128, parse_hex_digest
from kymograph.errors import ArtifactNotFound, Forbidden, ObjectNotFound, ProjectNotFound
from kymograph.services.access import Access, Caller, require_entity, require_project
from kymograph.services.artifact_access import readable_projects, require_artifact
from kymograph.services.secrets import Signer, steady_expiry
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ByteSpan, ObjectInfo, ObjectStore
from kymograph.types import ArtifactId, Digest, ObjectKey, ProjectId

DOWNLOAD_URL_LENGTH_S = 6 * 3600
"""Clients ask for the addresses of up to 5,000 files at once, and then take a while to get them all."""
FILES_FOLDER = "wandb_artifacts/"
"""How storage paths, and the readable parts of addresses, of files begin, and those of manifests do not: callers tell
them apart by it."""
_PROJECT_PAGE = 1000


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """Bytes to send, and the name they go by."""

    info: ObjectInfo
    name: str


class ArtifactDownloads:
    """Gives artifact files out. Safe to share between threads."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        signer: Signer,
        clock: Callable[[], datetime],
        *,
        public_url: str,
    ) -> None:
        self._database = database
        self._objects = objects
        self._signer = signer
        self._clock = clock
        self._public_url = public_url

    # Addresses, for things that the caller has got already

    def manifest_url(self, manifest: ManifestRecord) -> str:
        """An address that gives a manifest document for a while."""
        return self._url(manifest.object_key, manifest.name)

    def entry_url(self, entry: EntryRecord) -> str | None:
        """An address that gives the bytes of an entry for a while; None for a reference.

        With large content that is named by another digest it states the XXH128, which is quicker to check.
        """
        if entry.object_key is None:
            return None
        url = self._url(entry.object_key, f"{FILES_FOLDER}{entry.path}")
        return url if entry.xxh128 is None else f"{url}?{urlencode({STATED_XXH128: entry.xxh128})}"

    def shown_url(self, entry: EntryRecord) -> str | None:
        """The same, for browsers: one address for hours, so that they keep what they have loaded."""
        if entry.object_key is None:
            return None
        expires_at_s = steady_expiry(self._clock().timestamp(), DOWNLOAD_URL_LENGTH_S)
        return self._url(entry.object_key, f"{FILES_FOLDER}{entry.path}", expires_at_s)

    def _url(self, key: ObjectKey, path: str, expires_at_s: float | None = None) -> str:
        expires_at_s = expires_at_s or self._clock().timestamp() + DOWNLOAD_URL_LENGTH_S
        token = self._signer.sign({"m": "GET", "k": key}, expires_at_s=expires_at_s)
        return f"{self._public_url}/storage/artifacts/{token}/{quote(path)}"

    # Looking bytes up

    async def resolve(self, token: str, name: str) -> StoredBytes:
        """The bytes behind a download address.

        Raises:
            Forbidden: The address is forged, expired or not for downloads.
            ObjectNotFound: Collected meanwhile.
        """
        claims = self._signer.verify(token, now_s=self._clock().timestamp())
        key = claims.get("k")
        if claims.get("m") != "GET" or not isinstance(key, str):
            raise Forbidden("download from this address", where="storage")
        return await self.open(ObjectKey(key), name)

    async def open(self, key: ObjectKey, name: str) -> StoredBytes:
        """The bytes under a key (allowed already).

        Raises:
            ObjectNotFound: There are none.
        """
        info = await self._objects.find(key)
        if info is None:
            raise ObjectNotFound(name)
        return StoredBytes(info, name)

    def find_in_version(
        self,
        caller: Caller,
        birth: ArtifactId | None,
        entity: str,
        project: str,
        hexdigest: str,
        *,
        artifact: ArtifactId | None = None,
    ) -> ObjectKey:
        """Where content of a digest lies that came with a version, or with another one of the named project.

        Args:
            caller: Needs to be able to read one of the places.
            birth: The version that first brought the bytes.
            entity: Owner of the project.
            project: Where the version was found.
            hexdigest: MD5 of the content.
            artifact: The version that has the content, if known. Its readers may read it wherever it came from.

        Raises:
            ArtifactNotFound: No such content, or not readable.
            Forbidden: The caller may only see the artifact.
            MalformedRequest: Not a digest.
        """
        digest = parse_hex_digest(hexdigest)

        def job(tx: Transaction) -> ObjectKey:
            usable: list[ArtifactVersion] = []
            refusal: Forbidden | None = None
            for one in (artifact, birth):
                if one is not None:
                    try:
                        usable.append(require_artifact(tx, caller, one, Access.USE))
                    except ArtifactNotFound:
                        continue
                    except Forbidden as exc:
                        refusal = exc
            own = readable_projects(tx, caller, {version.collection.project_id for version in usable})
            for place in (*own, *self._places(tx, caller, birth, entity, project)):
                blob = tx.blobs.find(place, digest)
                if blob is not None:
                    return blob.object_key
            # It was shared from a project that the caller may not read, or a link opens the version and not its
            # project; this looks through all entries.
            for version in usable:
                entry = tx.entries.find(version.id, digest)
                if entry is not None and entry.object_key is not None:
                    return entry.object_key
            raise refusal or ArtifactNotFound(hexdigest, within=f"{entity}/{project}")

        return self._database.read(job)

    def _places(
        self, tx: Transaction, caller: Caller, birth: ArtifactId | None, entity: str, project: str
    ) -> list[ProjectId]:
        """Projects in which the content may lie, as far as the caller may read all of them.

        Readers of a link to the version that brought the bytes may read that version, not its project.
        """
        places: list[ProjectId] = []
        origin = tx.artifacts.find(birth) if birth is not None else None
        if origin is not None:
            # The version may be gone while its bytes live on in others.
            places += readable_projects(tx, caller, [origin.collection.project_id], Access.USE)
        with suppress(ProjectNotFound, Forbidden):
            places.append(require_project(tx, caller, entity, project, Access.USE).id)
        return places

    def find_in_entity(self, caller: Caller, entity: str, hexdigest: str) -> ObjectKey:
        """Where content of a digest lies in any project of an entity: the addresses of storage layout V1.

        Raises:
            EntityNotFound: Absent or not readable.
            ArtifactNotFound: No such content.
            MalformedRequest: Not a digest.
        """
        digest = parse_hex_digest(hexdigest)

        def job(tx: Transaction) -> ObjectKey:
            owner = require_entity(tx, caller, entity, Access.READ)
            offset = 0
            while True:
                projects, total = tx.projects.list([owner.id], limit=_PROJECT_PAGE, offset=offset)
                for project in projects:
                    blob = tx.blobs.find(project.id, Digest(digest))
                    if blob is not None:
                        return blob.object_key
                offset += len(projects)
                if not projects or offset >= total:
                    raise ArtifactNotFound(hexdigest, within=entity)

        return self._database.read(job)

    def read(self, stored: StoredBytes, span: ByteSpan | None = None) -> AsyncIterator[bytes]:
        """The bytes themselves."""
        return self._objects.read(stored.info.key, span)

    def local_path(self, stored: StoredBytes) -> Path | None:
        """Where they lie as a file of this machine, if they do."""
        return self._objects.local_path(stored.info.key)
