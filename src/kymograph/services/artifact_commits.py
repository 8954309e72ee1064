"""Committing an artifact version: the moment it becomes visible.

A version can be committed only when all its bytes are there and its digest, recomputed here, is what the client
promised. What a client sends in parts is merged into a whole manifest first, so that readers meet nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias

from kymograph.core.artifact import (
    ArtifactState,
    ArtifactVersion,
    EntryRecord,
    Maker,
    ManifestKind,
    ManifestRecord,
)
from kymograph.core.digest import DigestAlgorithm, md5_digest
from kymograph.core.manifest import ManifestEntry, manifest_digest
from kymograph.errors import ArtifactNotFound, DigestMismatch, Forbidden, ManifestCorrupt, ObjectNotFound, ServerBusy
from kymograph.services.access import Access, Caller
from kymograph.services.artifact_access import readable_projects, require_artifact
from kymograph.services.artifact_uploads import new_manifest_key
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ObjectStore
from kymograph.types import ArtifactId, Digest, ManifestDigest, ObjectKey, ProjectId

MAX_COMMIT_ATTEMPTS = 10
_ENTRIES_AT_ONCE = 5000
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
    entries: list[EntryRecord]
    digest: ManifestDigest
    merged_document: bytes | None
    """The whole manifest, when the client sent only parts."""


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
        document, merged = documents[-1], None
        if parts[-1].kind is not ManifestKind.PATCH:
            self._check_promise(version, document)
        if parts[-1].kind is not ManifestKind.FULL:
            document = merged = self._manifests.merge_manifests(documents, artifact=version.path)
        entries = self._manifests.parse_manifest(document, artifact=version.path)
        return _CommitPlan(
            version=version,
            latest=latest.id if latest is not None else None,
            entries=self._database.read(lambda tx: _locate(tx, caller, version, entries)),
            digest=manifest_digest(entries, version.digest_algorithm),
            merged_document=merged,
        )

    def _carry_out(self, caller: Caller, plan: _CommitPlan) -> ArtifactVersion | None:
        merged = plan.merged_document
        key = new_manifest_key(plan.version.id)
        if merged is not None:
            self._objects.put_bytes(key, merged)

        def job(tx: Transaction) -> ArtifactVersion | None:
            version = require_artifact(tx, caller, plan.version.id, Access.WRITE)
            if version.state is not ArtifactState.PENDING:
                return version
            if merged is not None:
                latest = tx.artifacts.latest(version.collection.id)
                if (latest.id if latest is not None else None) != plan.latest:
                    return None
                tx.manifests.create(
                    version.id,
                    name=MERGED_MANIFEST,
                    kind=ManifestKind.FULL,
                    digest=md5_digest(merged),
                    object_key=key,
                )
            tx.manifests.put_entries(version.id, plan.entries)
            return tx.artifacts.commit(
                version.id,
                digest=plan.digest,
                size_bytes=sum(entry.size_bytes for entry in plan.entries),
                file_count=len(plan.entries),
                maker=Maker(run=version.created_by_run, user=caller.user.id),
                now=self._clock(),
            )

        return self._database.write(job)

    def _read_document(self, version: ArtifactVersion, manifest: ManifestRecord) -> bytes:
        try:
            document = self._objects.read_bytes(manifest.object_key)
        except ObjectNotFound as exc:
            raise ManifestCorrupt(version.path, problem=f"{manifest.name} was announced and never uploaded") from exc
        if md5_digest(document) != manifest.digest:
            raise DigestMismatch(manifest.name, expected=str(manifest.digest), actual=md5_digest(document))
        return document

    def _check_promise(self, version: ArtifactVersion, document: bytes) -> None:
        actual = manifest_digest(
            self._manifests.parse_manifest(document, artifact=version.path), version.digest_algorithm
        )
        if actual != version.digest:
            raise DigestMismatch(version.path, expected=version.digest, actual=actual)


def _locate(
    tx: Transaction, caller: Caller, version: ArtifactVersion, entries: Sequence[ManifestEntry]
) -> list[EntryRecord]:
    """Where the bytes of each entry are.

    Raises:
        ManifestCorrupt: Bytes of an entry are not there.
    """
    found: _Blobs = {}
    stored = [entry for entry in entries if entry.ref is None]
    _find(tx, version.collection.project_id, stored, found)
    missing = [entry for entry in stored if _key(entry) not in found]
    # A version that was made from one of another project shares its bytes, if the caller may read them there.
    for birth in {entry.birth_artifact for entry in missing if entry.birth_artifact is not None}:
        try:
            origin = require_artifact(tx, caller, birth, Access.USE)
        except (ArtifactNotFound, Forbidden):
            continue
        wanted = [entry for entry in missing if entry.birth_artifact == birth]
        if readable_projects(tx, caller, [origin.collection.project_id]):
            _find(tx, origin.collection.project_id, wanted, found)
        else:
            _find_in_version(tx, origin, wanted, found)
    missing = [entry for entry in missing if _key(entry) not in found]
    if missing:
        raise ManifestCorrupt(
            version.path,
            problem=f"the bytes of {len(missing):,} entries were not uploaded, the first is {missing[0].path!r}",
        )
    return [_entry_record(entry, found.get(_key(entry)) if entry.ref is None else None) for entry in entries]


class _Stored(NamedTuple):
    """Bytes that are here."""

    object_key: ObjectKey
    size_bytes: int


_Blobs: TypeAlias = dict[tuple[DigestAlgorithm, Digest], _Stored]


def _find(tx: Transaction, project: ProjectId, entries: Sequence[ManifestEntry], found: _Blobs) -> None:
    """Add the stored bytes of entries to `found`, as far as they are in a project."""
    for algorithm in {entry.algorithm for entry in entries}:
        digests = list({entry.digest for entry in entries if entry.algorithm is algorithm})
        blobs = tx.artifact_files.find_blobs(project, digests, algorithm=algorithm)
        found.update(
            ((algorithm, digest), _Stored(blob.object_key, blob.size_bytes or 0)) for digest, blob in blobs.items()
        )


def _find_in_version(tx: Transaction, origin: ArtifactVersion, entries: Sequence[ManifestEntry], found: _Blobs) -> None:
    """The same in one version: a link opens that alone to its readers, not what else its project holds."""
    wanted: dict[Digest, list[ManifestEntry]] = {}
    for entry in entries:
        wanted.setdefault(entry.digest, []).append(entry)
    last = None
    while True:
        page, _ = tx.manifests.list_entries(origin.id, after=last, limit=_ENTRIES_AT_ONCE)
        for stored in page:
            if stored.object_key is not None:
                for entry in wanted.get(stored.digest, ()):
                    found[_key(entry)] = _Stored(stored.object_key, stored.size_bytes)
        if len(page) < _ENTRIES_AT_ONCE:
            return
        last = page[-1].path


def _key(entry: ManifestEntry) -> tuple[DigestAlgorithm, Digest]:
    return entry.algorithm, entry.digest


def _entry_record(entry: ManifestEntry, blob: _Stored | None) -> EntryRecord:
    return EntryRecord(
        path=entry.path,
        digest=entry.digest,
        size_bytes=blob.size_bytes if blob is not None else entry.size_bytes,
        object_key=blob.object_key if blob is not None else None,
    )
