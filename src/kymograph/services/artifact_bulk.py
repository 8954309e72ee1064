"""Many small files of a version in one request, up and down: for clients that know this server.

What one address and one request a file cost is more than small files do themselves. Here a draft's files are announced
together, their contents come in one body after another (`kymograph.wire.content_parts`), and leave the same way. All
that is promised of single files holds: contents are stored by their digests, checked before, and recorded after.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from kymograph.core.artifact import EntryRecord
from kymograph.core.digest import DigestAlgorithm, encode_digest, new_hasher, parse_digest, raw_digest
from kymograph.core.names import parse_file_path
from kymograph.core.space import Blob, ContentName
from kymograph.errors import ArtifactNotFound, Forbidden, MalformedRequest
from kymograph.services.access import Access, Caller
from kymograph.services.artifact_access import require_artifact
from kymograph.services.artifact_downloads import DOWNLOAD_URL_LENGTH_S
from kymograph.services.artifact_uploads import UPLOAD_URL_LENGTH_S, new_blob_key, touched_draft
from kymograph.services.secrets import Signer
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ObjectStore
from kymograph.types import ArtifactId, Digest, JsonObject, ObjectKey, ProjectId

BATCH_BYTES = 4 << 20
"""Contents that are checked, stored and recorded together; two of these are in memory for each request."""
BATCH_PARTS = 1_000


class Part(Protocol):
    """A content as it comes."""

    @property
    def digest(self) -> bytes:
        """Raw, as the client has it."""

    @property
    def content(self) -> bytes:
        """The bytes."""


class PartDecoder(Protocol):
    """Reads a body of contents."""

    def feed(self, piece: bytes) -> Sequence[Part]:
        """Parts that are whole now."""

    def close(self) -> None:
        """The end of the body."""


class PartFormat(Protocol):
    """What bodies of contents look like (`kymograph.wire.content_parts`)."""

    MAGIC: bytes
    END: bytes
    MAX_PART_BYTES: int

    def PartDecoder(self) -> PartDecoder:  # noqa: N802 - a class of the module
        """A new one, before the first byte."""

    def encode_head(self, digest: bytes, size_bytes: int) -> bytes:
        """What stands before a content."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What is wanted of the files that a draft announced."""

    blobs: list[Blob]
    """The content of each file, in their order; `birth` is the version that first brought it."""
    url: str
    """Where the contents go that are not there yet."""


@dataclass(slots=True)
class Received:
    """What came of a body of contents."""

    stored: int = 0
    refused: list[Digest] = field(default_factory=list)
    """Announced digests whose contents hash to something else: not stored."""


class ArtifactBulk:
    """Takes and gives many small files at once. Safe to share between threads."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        signer: Signer,
        parts: PartFormat,
        clock: Callable[[], datetime],
        *,
        public_url: str,
    ) -> None:
        """Prepare.

        Args:
            database: Where versions are recorded.
            objects: Where bytes are.
            signer: Signs addresses.
            parts: How contents stand in a body.
            clock: The present moment.
            public_url: What addresses begin with.
        """
        self._database, self._objects, self._signer, self._parts = database, objects, signer, parts
        self._clock, self._public_url = clock, public_url

    # --- up ----------------------------------------------------------------------------------------------------------

    def announce(
        self, caller: Caller, artifact: ArtifactId, files: Sequence[tuple[str, str]], *, algorithm: DigestAlgorithm
    ) -> Announced:
        """Let a draft name files, and tell which of their contents are to be sent.

        Args:
            caller: Needs write access to the draft's project.
            artifact: The draft.
            files: Path and digest of each.
            algorithm: How they are hashed.

        Raises:
            ArtifactNotFound: No such draft, or not readable.
            VersionSealed: It is committed.
            InvalidName: A path could leave its folder.
            MalformedRequest: A digest is none.
        """
        names = [ContentName(artifact, parse_file_path(path), parse_digest(digest)) for path, digest in files]

        def job(tx: Transaction) -> tuple[ProjectId, dict[Digest, Blob]]:
            now = self._clock()
            project = touched_draft(tx, caller, artifact, now).collection.project_id
            return project, tx.blobs.announce(project, names, algorithm=algorithm, new_key=new_blob_key, now=now)

        project, found = self._database.write(job)
        claims: JsonObject = {"m": "PUT-PARTS", "p": project, "a": algorithm.value}
        return Announced([found[name.digest] for name in names], self._url(claims, UPLOAD_URL_LENGTH_S))

    async def receive(self, token: str, body: AsyncIterator[bytes]) -> Received:
        """Store the contents in a body. What came before it broke off stays, and need not be sent again.

        Raises:
            Forbidden: The address is forged, expired or not for this.
            MalformedRequest: The body cannot be read.
            StorageFull: The rest was not stored.
        """
        claims = self._claims(token, "PUT-PARTS")
        project, algorithm = ProjectId(int(str(claims["p"]))), DigestAlgorithm(str(claims["a"]))
        received = Received()
        decoder = self._parts.PartDecoder()
        storing: asyncio.Task[None] | None = None
        held: list[Part] = []
        held_bytes = 0
        try:
            async for piece in body:
                for part in decoder.feed(piece):
                    held.append(part)
                    held_bytes += len(part.content)
                if held_bytes >= BATCH_BYTES or len(held) >= BATCH_PARTS:
                    if storing is not None:
                        await storing
                    # The next ones come while these are stored.
                    work = asyncio.to_thread(self._store, project, algorithm, held, received)
                    storing, held, held_bytes = asyncio.create_task(work), [], 0
        finally:
            # Also what came before the client went away: it will ask what is still wanted.
            if storing is not None:
                await storing
            if held:
                await asyncio.to_thread(self._store, project, algorithm, held, received)
        decoder.close()
        return received

    def _store(self, project: ProjectId, algorithm: DigestAlgorithm, parts: Sequence[Part], received: Received) -> None:
        contents: dict[Digest, bytes] = {}
        for part in parts:
            digest = encode_digest(part.digest)
            if new_hasher(algorithm, part.content).digest() == part.digest:
                contents[digest] = part.content
            else:
                received.refused.append(digest)
        awaited = self._database.read(lambda tx: tx.blobs.find_awaited(project, [*contents], algorithm=algorithm))
        items = [(key, contents[digest]) for digest, key in awaited.items()]
        # Objects first, rows second: a row without bytes is a broken file, bytes without a row are garbage to collect.
        self._objects.put_many(items)
        sizes = {key: len(content) for key, content in items}
        if sizes:
            self._database.write(lambda tx: tx.blobs.mark_many_stored(sizes, self._clock()))
        received.stored += len(contents)

    # --- down --------------------------------------------------------------------------------------------------------

    def offer(self, caller: Caller, artifact: ArtifactId) -> str:
        """An address that gives contents of a version for a while.

        Raises:
            ArtifactNotFound: No such version, or not readable.
        """
        version = self._database.read(lambda tx: require_artifact(tx, caller, artifact, Access.READ))
        return self._url({"m": "GET-PARTS", "v": version.id}, DOWNLOAD_URL_LENGTH_S)

    def find(self, token: str, paths: Sequence[str]) -> list[EntryRecord]:
        """Small files of a version, each once.

        Raises:
            Forbidden: The address is forged, expired or not for this.
            ArtifactNotFound: The version has no file of such a path.
            MalformedRequest: One is too large to be sent among others.
        """
        artifact = ArtifactId(int(str(self._claims(token, "GET-PARTS")["v"])))
        found = self._database.read(lambda tx: tx.entries.list_page(artifact, names=paths, limit=len(paths)))
        missing = set(paths) - {entry.path for entry in found if entry.object_key is not None}
        if missing:
            raise ArtifactNotFound(min(missing))
        for entry in found:
            if entry.size_bytes > self._parts.MAX_PART_BYTES:
                raise MalformedRequest(f"{entry.path} is too large to be sent among others", where="paths")
        return found

    async def give(self, entries: Sequence[EntryRecord]) -> AsyncIterator[bytes]:
        """The body with the contents of files, in their order.

        Raises:
            ObjectNotFound: Collected meanwhile; the body breaks off.
        """
        yield self._parts.MAGIC
        reading: asyncio.Task[bytes] | None = None
        try:
            for batch in _batches(entries):
                following = asyncio.create_task(asyncio.to_thread(self._read, batch))
                if reading is not None:
                    yield await reading
                reading = following
            if reading is not None:
                yield await reading
        finally:
            if reading is not None:
                reading.cancel()
        yield self._parts.END

    def _read(self, batch: Sequence[EntryRecord]) -> bytes:
        contents = self._objects.read_many([ObjectKey(str(entry.object_key)) for entry in batch])
        pieces: list[bytes] = []
        for entry, content in zip(batch, contents, strict=True):
            pieces += (self._parts.encode_head(raw_digest(entry.digest), len(content)), content)
        return b"".join(pieces)

    # --- addresses ---------------------------------------------------------------------------------------------------

    def _claims(self, token: str, kind: str) -> JsonObject:
        claims = self._signer.verify(token, now_s=self._clock().timestamp())
        if claims.get("m") != kind:
            raise Forbidden("use this address for that", where="storage")
        return claims

    def _url(self, claims: JsonObject, length_s: float) -> str:
        token = self._signer.sign(claims, expires_at_s=self._clock().timestamp() + length_s)
        return f"{self._public_url}/storage/artifact-parts/{token}"


def _batches(entries: Sequence[EntryRecord]) -> Iterator[list[EntryRecord]]:
    batch: list[EntryRecord] = []
    size = 0
    for entry in entries:
        if batch and (size + entry.size_bytes > BATCH_BYTES or len(batch) >= BATCH_PARTS):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size_bytes
    if batch:
        yield batch
