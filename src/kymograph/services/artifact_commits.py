"""Committing an artifact version: the moment it becomes visible.

A version can be committed only when all its bytes are there and its digest, recomputed here, is what the client
promised. What a client sends in parts is merged into a whole manifest first, so that readers meet nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Protocol

from kymograph.core.artifact import ArtifactState, ArtifactVersion, Maker, ManifestKind, ManifestRecord
from kymograph.core.digest import md5_digest
from kymograph.core.manifest import ManifestEntry, manifest_digest
from kymograph.errors import (
    ArtifactNotFound,
    ContentCollected,
    DigestMismatch,
    ManifestCorrupt,
    ObjectNotFound,
    ServerBusy,
)
from kymograph.services.access import Access, Caller
from kymograph.services.artifact_access import require_artifact
from kymograph.services.artifact_content import Content, locate
from kymograph.services.artifact_uploads import new_manifest_key
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ObjectStore
from kymograph.storage.space.base import NewEntry
from kymograph.types import ArtifactId, ManifestDigest

MAX_COMMIT_ATTEMPTS = 10
ENTRIES_AT_ONCE = 20_000
"""More than these are written in several transactions: the embedded database has one writer, and trainings wait."""
CLAIM_LENGTH = timedelta(minutes=2)
"""How long a commit in several transactions may be silent before another request takes it over."""
MERGED_MANIFEST = "wandb_manifest.json"


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
class _CommitPlan:
    """What a commit will write, checked."""

    version: ArtifactVersion
    latest: ArtifactId | None
    """The newest version of the collection when the plan was made."""
    entries: list[ManifestEntry]
    """In ascending order of paths."""
    digest: ManifestDigest
    merged_document: bytes | None
    """The whole manifest, when the client sent only parts."""
    content: Content


class ArtifactCommits:
    """Makes drafts visible. Safe to share between threads."""

    def __init__(
        self, database: Database, objects: ObjectStore, manifests: ManifestFormat, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._objects = objects
        self._manifests = manifests
        self._clock = clock

    def commit(self, caller: Caller, artifact: ArtifactId) -> ArtifactVersion:
        """Make a draft a version that all can see. Doing it twice changes nothing.

        Raises:
            ArtifactNotFound: No such draft, or not readable.
            Forbidden: The caller may only read there.
            ManifestCorrupt: The manifest is not there or names bytes that are not there. The draft stays a draft.
            DigestMismatch: The manifest's digest is not the one promised. The draft stays a draft.
            ServerBusy: Others committed to the collection all the time.
        """
        for _ in range(MAX_COMMIT_ATTEMPTS):
            plan = self._plan_commit(caller, artifact)
            if isinstance(plan, ArtifactVersion):
                return plan
            # What was planned to be there may be collected before it is named: then the plan is made again.
            with suppress(ContentCollected):
                committed = self._carry_out(caller, plan)
                if committed is not None:
                    return committed
        raise ServerBusy("others committed versions of the same collection at the same time")

    def _plan_commit(self, caller: Caller, artifact: ArtifactId) -> ArtifactVersion | _CommitPlan:
        def job(tx: Transaction) -> tuple[ArtifactVersion, ArtifactVersion | None, list[ManifestRecord]]:
            version = require_artifact(tx, caller, artifact, Access.WRITE)
            latest = tx.artifacts.latest(version.collection.id)
            parts = [part for part in tx.manifests.list_of(version.id) if part.digest is not None]
            kind = parts[-1].kind if parts else ManifestKind.FULL
            if kind is ManifestKind.INCREMENTAL:
                # On top of the newest version, not only of the base that the client knew when it began: others may
                # have committed meanwhile, and their entries must not vanish.
                whole = tx.manifests.current(latest.id) if latest is not None else None
                parts = [whole, parts[-1]] if whole is not None else parts[-1:]
            elif kind is ManifestKind.PATCH:
                parts = [part for part in parts if part.kind is ManifestKind.PATCH]
            else:
                parts = parts[-1:]
            return version, latest, parts

        version, latest, parts = self._database.read(job)
        if version.state is ArtifactState.COMMITTED:
            return version
        if version.state is ArtifactState.DELETED:
            raise ArtifactNotFound(version.path)
        if not parts:
            raise ManifestCorrupt(version.path, problem="it was never announced; log the artifact again")
        documents = [self._read_document(version, part) for part in parts]
        merged = None
        if parts[-1].kind is ManifestKind.FULL:
            entries = self._read_entries(version, documents.pop())
            digest = self._check_promise(version, entries)
        else:
            if parts[-1].kind is not ManifestKind.PATCH:
                self._check_promise(version, self._read_entries(version, documents[-1]))
            merged = self._manifests.merge_manifests(documents, artifact=version.path)
            entries = self._read_entries(version, merged)
            digest = manifest_digest(entries)
        return _CommitPlan(
            version=version,
            latest=latest.id if latest is not None else None,
            entries=entries,
            digest=digest,
            merged_document=merged,
            content=self._database.read(lambda tx: locate(tx, caller, version, entries)),
        )

    def _read_entries(self, version: ArtifactVersion, document: bytes) -> list[ManifestEntry]:
        entries = self._manifests.parse_manifest(document, artifact=version.path)
        entries.sort(key=attrgetter("path"))
        return entries

    def _carry_out(self, caller: Caller, plan: _CommitPlan) -> ArtifactVersion | None:
        key = new_manifest_key(plan.version.id)
        if plan.merged_document is not None:
            self._objects.put_bytes(key, plan.merged_document)
        self._objects.flush()
        worker = secrets.token_hex(8)
        in_portions = len(plan.entries) > ENTRIES_AT_ONCE
        if in_portions and not self._write_entries(plan, worker):
            return self._wait_for_other(caller, plan.version.id)

        def job(tx: Transaction) -> ArtifactVersion | None:
            tx.moves.lock({plan.version.collection.project_id, *plan.content.projects})
            version = require_artifact(tx, caller, plan.version.id, Access.WRITE)
            if version.state is not ArtifactState.PENDING:
                return version
            if in_portions:
                if not self._claim(tx, version.id, worker):
                    return None
            else:
                tx.entries.drop(version.id)
                tx.entries.add(version.id, plan.content.records(plan.entries))
            if plan.merged_document is not None:
                latest = tx.artifacts.latest(version.collection.id)
                if (latest.id if latest is not None else None) != plan.latest:
                    return None
                merged = tx.manifests.create(
                    version.id,
                    name=MERGED_MANIFEST,
                    kind=ManifestKind.FULL,
                    digest=md5_digest(plan.merged_document),
                    object_key=key,
                )
                tx.manifests.mark_stored(key, len(plan.merged_document))
                tx.moves.drop_parts(version.id, merged.id, self._clock())
            tx.moves.put_references(version.id, plan.content.references)
            committed = tx.artifacts.commit(
                version.id,
                digest=plan.digest,
                size_bytes=plan.content.size_bytes,
                file_count=len(plan.entries),
                maker=Maker(run=version.created_by_run, user=caller.user.id),
                now=self._clock(),
            )
            tx.moves.count_committed(version.id, version.collection.id, plan.content.blob_ids)
            return committed

        return self._database.write(job)

    def _write_entries(self, plan: _CommitPlan, worker: str) -> bool:
        """Write entries of a draft, which nobody sees, in portions that let others in; False if another one is at it.

        They are dropped with the draft, or by the next one who commits it.
        """
        artifact = plan.version.id
        for start in range(0, len(plan.entries), ENTRIES_AT_ONCE):
            some = plan.content.records(plan.entries[start : start + ENTRIES_AT_ONCE])

            def job(tx: Transaction, start: int = start, some: list[NewEntry] = some) -> bool:
                if not self._claim(tx, artifact, worker):
                    return False
                if not start:
                    tx.entries.drop(artifact)
                tx.entries.add(artifact, some)
                return True

            if not self._database.write(job):
                return False
        return True

    def _claim(self, tx: Transaction, artifact: ArtifactId, worker: str) -> bool:
        now = self._clock()
        return tx.moves.claim_commit(artifact, worker, now=now, until=now + CLAIM_LENGTH)

    def _wait_for_other(self, caller: Caller, artifact: ArtifactId) -> ArtifactVersion:
        version = self._database.read(lambda tx: require_artifact(tx, caller, artifact, Access.WRITE))
        if version.state is not ArtifactState.COMMITTED:
            raise ServerBusy(f"{version.path} is being committed by another request")
        return version

    def _read_document(self, version: ArtifactVersion, manifest: ManifestRecord) -> bytes:
        try:
            document = self._objects.read_bytes(manifest.object_key)
        except ObjectNotFound as exc:
            raise ManifestCorrupt(version.path, problem=f"{manifest.name} was announced and never uploaded") from exc
        if md5_digest(document) != manifest.digest:
            raise DigestMismatch(manifest.name, expected=str(manifest.digest), actual=md5_digest(document))
        return document

    def _check_promise(self, version: ArtifactVersion, entries: list[ManifestEntry]) -> ManifestDigest:
        actual = manifest_digest(entries, version.digest_algorithm)
        if actual != version.digest:
            raise DigestMismatch(version.path, expected=version.digest, actual=actual)
        return actual
