"""Where the content of a manifest lies: in the version's own project, or in one that it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from kymograph.core.artifact import ArtifactVersion
from kymograph.core.manifest import ManifestEntry
from kymograph.core.space import Blob
from kymograph.errors import ArtifactNotFound, ManifestCorrupt
from kymograph.services.access import Access, Caller
from kymograph.services.artifact_access import require_artifact
from kymograph.storage.base import Transaction
from kymograph.storage.space.base import NewEntry
from kymograph.types import ArtifactId, BlobId, Digest, ProjectId


@dataclass(frozen=True, slots=True)
class Content:
    """What the entries of a manifest name."""

    blobs: dict[Digest, Blob]
    size_bytes: int
    """Of all entries, references included."""
    references: frozenset[ArtifactId] = field(default_factory=frozenset)
    """Other versions that entries lead to."""

    @property
    def blob_ids(self) -> set[BlobId]:
        """All content, each piece once."""
        return {blob.id for blob in self.blobs.values()}

    @property
    def projects(self) -> set[ProjectId]:
        """Where it lies."""
        return {blob.project_id for blob in self.blobs.values()}

    def records(self, entries: Sequence[ManifestEntry]) -> list[NewEntry]:
        """Entries as they are stored."""
        return [self._record(entry) for entry in entries]

    def _record(self, entry: ManifestEntry) -> NewEntry:
        if entry.ref is not None:
            return NewEntry(entry.path, entry.digest, entry.size_bytes, None)
        blob = self.blobs[entry.digest]
        return NewEntry(entry.path, entry.digest, blob.size_bytes or 0, blob.id)


def locate(tx: Transaction, caller: Caller, version: ArtifactVersion, entries: Sequence[ManifestEntry]) -> Content:
    """Find the content of all entries.

    Raises:
        ManifestCorrupt: Bytes of an entry are not there.
    """
    algorithm = version.digest_algorithm
    project = version.collection.project_id
    wanted = {entry.digest for entry in entries if entry.ref is None}
    blobs = tx.blobs.find_many(project, list(wanted), algorithm=algorithm)
    if len(blobs) < len(wanted):
        missing = [entry for entry in entries if entry.ref is None and entry.digest not in blobs]
        # A version that was made from one of another project shares its bytes, if the caller may read them there.
        for birth in sorted({entry.birth_artifact for entry in missing if entry.birth_artifact is not None}):
            some = list({entry.digest for entry in missing if entry.birth_artifact == birth})
            try:
                origin = require_artifact(tx, caller, birth, Access.READ)
            except ArtifactNotFound:
                continue
            blobs.update(tx.blobs.find_many(origin.collection.project_id, some, algorithm=algorithm))
        missing = [entry for entry in missing if entry.digest not in blobs]
        if missing:
            raise ManifestCorrupt(
                version.path,
                problem=f"the bytes of {len(missing):,} entries were not uploaded, the first is {missing[0].path!r}",
            )
    size_bytes = sum(
        entry.size_bytes if entry.ref is not None else blobs[entry.digest].size_bytes or 0 for entry in entries
    )
    return Content(blobs, size_bytes, frozenset(_readable_targets(tx, caller, entries)))


def _readable_targets(tx: Transaction, caller: Caller, entries: Iterable[ManifestEntry]) -> Iterator[ArtifactId]:
    """Versions that references lead to; nobody can make one stay that is not theirs to read."""
    for target in sorted({entry.target for entry in entries if entry.target is not None}):
        with suppress(ArtifactNotFound):
            yield require_artifact(tx, caller, target, Access.READ).id
