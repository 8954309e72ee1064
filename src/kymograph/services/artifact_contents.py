"""Contents that come before any draft names them: a large file is on its way while its client still hashes it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import Forbidden
from kymograph.services.access import Access, Caller, require_project
from kymograph.services.artifact_uploads import UPLOAD_URL_LENGTH_S
from kymograph.services.secrets import Signer
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ObjectStore, PutResult
from kymograph.types import JsonObject, ObjectKey, ProjectId


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

    def offer(self, caller: Caller, entity: str, project: str, *, algorithm: DigestAlgorithm) -> str:
        """An address that takes contents of a project for a while.

        Raises:
            ProjectNotFound: Absent or not readable.
            Forbidden: The caller may only read there.
        """
        found = self._database.read(lambda tx: require_project(tx, caller, entity, project, Access.WRITE))
        claims: JsonObject = {"m": "PUT-CONTENT", "p": found.id, "a": algorithm.value}
        token = self._signer.sign(claims, expires_at_s=self._clock().timestamp() + UPLOAD_URL_LENGTH_S)
        return f"{self._public_url}/storage/artifact-contents/{token}"

    async def receive(self, token: str, body: AsyncIterator[bytes]) -> PutResult:
        """Store a content and tell its digest. What no draft names within the collector's grace goes again.

        Raises:
            Forbidden: The address is forged, expired or not for this.
            StorageFull: Nothing was stored.
        """
        claims = self._signer.verify(token, now_s=self._clock().timestamp())
        if claims.get("m") != "PUT-CONTENT":
            raise Forbidden("use this address for that", where="storage")
        project, algorithm = ProjectId(int(str(claims["p"]))), DigestAlgorithm(str(claims["a"]))
        key = ObjectKey(f"blobs/{project}/early/{secrets.token_hex(16)}")
        stored = await self._objects.put(key, body, algorithm=algorithm)

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
