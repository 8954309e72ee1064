"""Where the content of a manifest lies: in the version's own project, or in one that it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from kymograph.core.artifact import ArtifactVersion
from kymograph.core.digest import DigestAlgorithm
from kymograph.core.manifest import ManifestEntry
from kymograph.core.space import Blob
from kymograph.errors import ArtifactNotFound, Forbidden, ManifestCorrupt
from kymograph.services.access import Access, Caller
from kymograph.services.artifact_access import readable_projects, require_artifact
from kymograph.storage.base import Transaction
from kymograph.storage.space.base import NewEntry
from kymograph.types import ArtifactId, BlobId, Digest, ProjectId

MAX_TOTAL_BYTES = 2**63 - 1
Blobs: TypeAlias = dict[DigestAlgorithm, dict[Digest, Blob]]


@dataclass(frozen=True, slots=True)
class Content:
    """What the entries of a manifest name."""

    blobs: Blobs
    size_bytes: int
    """Of all entries, references included."""
    references: frozenset[ArtifactId] = field(default_factory=frozenset)
    """Other versions that entries lead to."""

    @property
    def blob_ids(self) -> set[BlobId]:
        """All content, each piece once."""
        return {blob.id for some in self.blobs.values() for blob in some.values()}

    @property
    def projects(self) -> set[ProjectId]:
        """Where it lies."""
        return {blob.project_id for some in self.blobs.values() for blob in some.values()}

    def records(self, entries: Sequence[ManifestEntry]) -> list[NewEntry]:
        """Entries as they are stored."""
        md5, xxh128 = (self.blobs.get(algorithm, {}) for algorithm in (DigestAlgorithm.MD5, DigestAlgorithm.XXH128))
        records: list[NewEntry] = []
        for entry in entries:
            if entry.ref is not None:
                records.append(NewEntry(entry.path, entry.digest, entry.size_bytes, None))
            else:
                # Not by the algorithm as a key: hashing a member of an enumeration a million times takes a second.
                blob = (md5 if entry.algorithm is DigestAlgorithm.MD5 else xxh128)[entry.digest]
                records.append(NewEntry(entry.path, entry.digest, blob.size_bytes or 0, blob.id))
        return records


def locate(tx: Transaction, caller: Caller, version: ArtifactVersion, entries: Sequence[ManifestEntry]) -> Content:
    """Find the content of all entries.

    Raises:
        ManifestCorrupt: Bytes of an entry are not there.
    """
    found: Blobs = {}
    stored = [entry for entry in entries if entry.ref is None]
    missing = _find(tx, version.collection.project_id, stored, found)
    # A version that was made from one of another project shares its bytes, if the caller may read them there.
    for birth in sorted({entry.birth_artifact for entry in missing if entry.birth_artifact is not None}):
        with suppress(ArtifactNotFound, Forbidden):
            origin = require_artifact(tx, caller, birth, Access.USE)
            wanted = [one for one in missing if one.birth_artifact == birth]
            # A link opens that one version to its readers, not what else its project holds.
            is_open = bool(readable_projects(tx, caller, [origin.collection.project_id]))
            _find(tx, origin.collection.project_id, wanted, found, within=None if is_open else origin.id)
    missing = [entry for entry in missing if entry.digest not in found.get(entry.algorithm, {})]
    if missing:
        raise ManifestCorrupt(
            version.path,
            problem=f"the bytes of {len(missing):,} entries were not uploaded, the first is {missing[0].path!r}",
        )
    size_bytes = sum(record.size_bytes for record in Content(found, 0).records(entries))
    # Sizes of references are whatever a client says; their sum has to fit into the database.
    return Content(found, min(size_bytes, MAX_TOTAL_BYTES), frozenset(_readable_targets(tx, caller, entries)))


def _find(
    tx: Transaction,
    project: ProjectId,
    entries: Sequence[ManifestEntry],
    found: Blobs,
    *,
    within: ArtifactId | None = None,
) -> list[ManifestEntry]:
    """Add the content of entries to `found`, as far as it is in a project, or even in one version of it.

    Returns:
        Entries whose content is not there.
    """
    missing: list[ManifestEntry] = []
    for algorithm in DigestAlgorithm:
        some = [entry for entry in entries if entry.algorithm is algorithm]
        known = found.setdefault(algorithm, {})
        digests = list({entry.digest for entry in some})
        if within is None:
            known.update(tx.blobs.find_many(project, digests, algorithm=algorithm))
        else:
            known.update(tx.blobs.find_in_version(within, digests, algorithm=algorithm))
        missing += [entry for entry in some if entry.digest not in known]
    return missing


def _readable_targets(tx: Transaction, caller: Caller, entries: Iterable[ManifestEntry]) -> Iterator[ArtifactId]:
    """Versions that references lead to; nobody can make one stay that is not theirs to read."""
    for target in sorted({entry.target for entry in entries if entry.target is not None}):
        with suppress(ArtifactNotFound, Forbidden):
            yield require_artifact(tx, caller, target, Access.USE).id
