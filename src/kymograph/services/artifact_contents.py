"""Large contents on their own: while their client still hashes them and no draft names them, and in several goes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

from kymograph.core.digest import DigestAlgorithm, parse_digest
from kymograph.errors import Forbidden, UploadElsewhere
from kymograph.services.access import Access, Caller, require_project
from kymograph.services.artifact_uploads import UPLOAD_URL_LENGTH_S
from kymograph.services.secrets import Signer
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ObjectStore, PutResult, Resumable
from kymograph.types import Digest, JsonObject, ObjectKey, ProjectId


@dataclass(frozen=True, slots=True)
class Offer:
    """Where a content goes."""

    url: str
    received_bytes: int | None
    """How much of it has come already; None if it cannot go on where it broke off."""


class ArtifactContents:
    """Takes contents in by whatever they hash to. Safe to share between threads."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        signer: Signer,
        clock: Callable[[], datetime],
        *,
        public_url: str,
    ) -> None:
        self._database, self._objects, self._signer = database, objects, signer
        self._clock, self._public_url = clock, public_url

    def offer(
        self,
        caller: Caller,
        entity: str,
        project: str,
        *,
        algorithm: DigestAlgorithm,
        upload: str = "",
        digest: str | None = None,
    ) -> Offer:
        """An address that takes contents of a project for a while.

        Args:
            caller: Needs write access to the project.
            entity: Owner of the project.
            project: Its name.
            algorithm: How the content is to be hashed.
            upload: A name under which what came stays if it breaks off: the caller's, and the same when it goes on.
            digest: Of the content, if it is known; nothing else is taken then.

        Raises:
            ProjectNotFound: Absent or not readable.
            Forbidden: The caller may only read there.
            MalformedRequest: The digest is none.
        """
        found = self._database.read(lambda tx: require_project(tx, caller, entity, project, Access.WRITE))
        claims: JsonObject = {"m": "PUT-CONTENT", "p": found.id, "a": algorithm.value}
        received = None
        if digest is not None:
            claims["d"] = parse_digest(digest)
        if upload:
            name = f"{found.id}-{upload}"
            received = self._objects.find_received(name)
            if received is not None:
                claims["u"] = name
        token = self._signer.sign(claims, expires_at_s=self._clock().timestamp() + UPLOAD_URL_LENGTH_S)
        return Offer(f"{self._public_url}/storage/artifact-contents/{token}", received)

    async def receive(self, token: str, body: AsyncIterator[bytes], *, start: int = 0) -> PutResult:
        """Store a content and tell its digest. What no draft names within the collector's grace goes again.

        Args:
            token: Of the address.
            body: What comes.
            start: How much came before, and broke off.

        Raises:
            Forbidden: The address is forged, expired or not for this.
            DigestMismatch: The content has another digest than was said; nothing was stored.
            StorageFull: Nothing was stored.
            UploadElsewhere: So much has not come before.
        """
        claims = self._signer.verify(token, now_s=self._clock().timestamp())
        if claims.get("m") != "PUT-CONTENT":
            raise Forbidden("use this address for that", where="storage")
        project, algorithm = ProjectId(int(str(claims["p"]))), DigestAlgorithm(str(claims["a"]))
        key = ObjectKey(f"blobs/{project}/early/{secrets.token_hex(16)}")
        name, expected = claims.get("u"), claims.get("d")
        if start and not isinstance(name, str):
            raise UploadElsewhere("without a name", start=start)
        stored = await self._objects.put(
            key,
            body,
            algorithm=algorithm,
            expected=Digest(expected) if isinstance(expected, str) else None,
            resumable=Resumable(name, start) if isinstance(name, str) else None,
        )

        def note(tx: Transaction) -> bool:
            return tx.blobs.adopt(
                project,
                stored.digest,
                algorithm=algorithm,
                key=key,
                size_bytes=stored.size_bytes,
                now=self._clock(),
                xxh128=stored.xxh128,
            )

        if not await asyncio.to_thread(self._database.write, note):
            await self._objects.delete(key)
        return stored
