"""A draft's manifest told as what it changes of another version's: a few entries of a hundred thousand."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol

from kymograph.core.artifact import ArtifactState, ManifestKind, ManifestRecord
from kymograph.core.digest import md5_digest
from kymograph.errors import ArtifactNotFound, ManifestCorrupt, ObjectNotFound
from kymograph.services.access import Access, Caller
from kymograph.services.artifact_access import require_artifact
from kymograph.services.artifact_commits import MERGED_MANIFEST
from kymograph.services.artifact_uploads import new_manifest_key, touched_draft
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ObjectStore
from kymograph.types import ArtifactId, JsonObject


class AmendmentFormat(Protocol):
    """Changes manifest documents (`kymograph.wire.manifest_json`)."""

    def amend_manifest(self, document: bytes, *, removed: Collection[str], changed: JsonObject, artifact: str) -> bytes:
        """A document with some entries taken out and others put in.

        Raises:
            ManifestCorrupt: Not a manifest.
        """


class ArtifactAmendments:
    """Makes whole manifests of changes. Safe to share between threads."""

    def __init__(
        self, database: Database, objects: ObjectStore, manifests: AmendmentFormat, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._objects, self._manifests, self._clock = database, objects, manifests, clock

    def put(
        self,
        caller: Caller,
        artifact: ArtifactId,
        base: ArtifactId,
        *,
        removed: Collection[str],
        changed: JsonObject,
    ) -> ManifestRecord:
        """Give a draft the manifest of another version, changed. The commit finds out whether it is what was promised.

        Args:
            caller: Needs write access to the draft's project, and to be able to read the other version.
            artifact: The draft.
            base: A committed version.
            removed: Paths that the draft does not have.
            changed: Entries that it has in place of, or beside, those of the other version.

        Raises:
            ArtifactNotFound: No such draft or version, or not readable.
            VersionSealed: The draft is committed.
            ManifestCorrupt: The manifest of the other version cannot be read.
        """

        def find(tx: Transaction) -> tuple[str, ManifestRecord]:
            version = require_artifact(tx, caller, base, Access.READ)
            manifest = tx.manifests.current(base)
            if version.state is not ArtifactState.COMMITTED or manifest is None:
                raise ArtifactNotFound(version.path)
            return version.path, manifest

        path, manifest = self._database.read(find)
        try:
            document = self._objects.read_bytes(manifest.object_key)
        except ObjectNotFound as exc:
            raise ManifestCorrupt(path, problem="its document is not there") from exc
        amended = self._manifests.amend_manifest(document, removed=removed, changed=changed, artifact=path)
        key = new_manifest_key(artifact)
        # Checked before anything is stored for it, and again with the record.
        self._database.read(lambda tx: require_artifact(tx, caller, artifact, Access.WRITE))
        self._objects.put_bytes(key, amended)

        def put(tx: Transaction) -> ManifestRecord:
            draft = touched_draft(tx, caller, artifact, self._clock())
            record = tx.manifests.create(
                draft.id,
                name=MERGED_MANIFEST,
                kind=ManifestKind.FULL,
                digest=md5_digest(amended),
                object_key=key,
                base=base,
            )
            tx.manifests.mark_stored(key, len(amended))
            return record

        return self._database.write(put)
