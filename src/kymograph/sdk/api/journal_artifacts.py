"""What the journals of a run's folder say about artifacts, for those who read without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from kymograph.client.artifact_entries import Locator, iter_entries, storage_region
from kymograph.client.artifact_values import PORTFOLIO, SEQUENCE, CollectionAddress, RemoteArtifact, parse_metadata
from kymograph.client.artifacts import REGISTRY_PREFIX
from kymograph.client.runs import RunAddress
from kymograph.core.artifact_rules import check_entry_path
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import InvalidArtifact, ManifestCorrupt, OfflineUse
from kymograph.sdk.api.local_versions import LocalVersion
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.manifest import ArtifactManifest
from kymograph.sdk.run_folder import RunFolder, iter_records
from kymograph.sdk.sender.ledger import Ledger
from kymograph.wire.records_pb2 import ArtifactRecord, LinkArtifactRequest, Record, UseArtifactRecord

COMMITTED = "COMMITTED"


@dataclass(slots=True)
class FolderArtifacts:
    """What a run did with artifacts."""

    logged: list[LocalVersion] = field(default_factory=list)
    """In the order of logging; what the server has already is told under its id there."""
    linked: list[LocalVersion] = field(default_factory=list)
    used: list[UseArtifactRecord] = field(default_factory=list)


def read_artifacts(folder: RunFolder, at: RunAddress, *, started_at: str) -> FolderArtifacts:
    """Read the journals of a folder.

    Args:
        folder: Of the run.
        at: Where the run is, or would be.
        started_at: When it began: ISO 8601, UTC.

    Raises:
        JournalCorrupt: One of them is none.
        OSError: One cannot be read.
    """
    found, ledger = FolderArtifacts(), Ledger.load(folder.ledger)
    home = ledger.address if ledger.is_connected else at
    by_id: dict[str, LocalVersion] = {}
    journals = [("", folder.journal), *folder.further_journals()]
    for number, (writer, operation, record) in enumerate(
        (writer, operation, record)
        for writer, path in journals
        for operation, record in enumerate(_operations(map(_operation_of, iter_records(path))), 1)
    ):
        if isinstance(record, UseArtifactRecord):
            found.used.append(record)
        elif isinstance(record, LinkArtifactRequest):
            source = by_id.get(record.client_id) or by_id.get(record.server_id)
            if source is not None and not record.portfolio_project.startswith(REGISTRY_PREFIX):
                found.linked.append(_link(record, home, source, order=(started_at, number)))
        elif record.finalize:
            note = ledger.artifacts.get(f"{writer}/{operation}")
            version = _version(record, folder, home, order=(started_at, number), known_id=note.id if note else "")
            version.made_by = None if record.user_created else at
            by_id[record.client_id] = by_id[version.remote.id] = version
            found.logged.append(version)
            if record.use_after_commit:
                found.used.append(UseArtifactRecord(id=version.remote.id, type=record.type, name=record.name))
    return found


_Operation = ArtifactRecord | UseArtifactRecord | LinkArtifactRequest


def _operation_of(record: Record) -> _Operation | None:
    if record.HasField("artifact"):
        return record.artifact
    if record.HasField("use_artifact"):
        return record.use_artifact
    if record.HasField("request") and record.request.HasField("link_artifact"):
        return record.request.link_artifact
    return None


def _operations(found: Iterator[_Operation | None]) -> Iterator[_Operation]:
    return (operation for operation in found if operation is not None)


def _version(
    record: ArtifactRecord, folder: RunFolder, at: RunAddress, *, order: tuple[str, int], known_id: str
) -> LocalVersion:
    place = CollectionAddress(record.entity or at.entity, record.project or at.project, record.name)
    contents = record.manifest.contents
    ttl_s = record.ttl_duration_seconds
    remote = RemoteArtifact(
        id=known_id or record.client_id,
        source=place,
        version_index=None,
        type_name=record.type,
        state=COMMITTED,
        digest=record.digest,
        description=record.description or None,
        metadata=parse_metadata(record.metadata),
        ttl_s=ttl_s if ttl_s > 0 else None,
        tags=tuple(record.tags),
        size_bytes=sum(entry.size for entry in contents),
        file_count=len(contents),
        created_at=order[0],
    )
    read: Callable[[], ArtifactManifest] = partial(_read_manifest, record, folder)
    return LocalVersion(remote, place, SEQUENCE, None, list(record.aliases), order, read)


def _link(record: LinkArtifactRequest, at: RunAddress, source: LocalVersion, *, order: tuple[str, int]) -> LocalVersion:
    place = CollectionAddress(
        record.portfolio_entity or at.entity, record.portfolio_project or at.project, record.portfolio_name
    )
    aliases = list(record.portfolio_aliases)
    return LocalVersion(
        source.remote,
        place,
        PORTFOLIO,
        None,
        aliases,
        order,
        source.read_manifest,
        linked_at=order[0],
        made_by=source.made_by,
    )


def _read_manifest(record: ArtifactRecord, folder: RunFolder) -> ArtifactManifest:
    """The files of a version, with the places of those that wait in the folder.

    Raises:
        OfflineUse: The journal does not hold all of them.
        ManifestCorrupt: It cannot be read.
    """
    if record.incremental_beta1 or record.distributed_id:
        raise OfflineUse(
            f"artifact {record.name} was logged in parts, and not all of its files are known on this machine; use Api()"
        )
    algorithm = DigestAlgorithm(record.digest_algorithm or DigestAlgorithm.MD5)
    manifest = ArtifactManifest(digest_algorithm=algorithm, storage_region=storage_region(record.manifest))
    locate = Locator(folder.artifacts)
    for entry in iter_entries(record, locate):
        try:
            path = check_entry_path(entry.path)
        except InvalidArtifact as exc:
            raise ManifestCorrupt(record.name, problem=str(exc)) from exc
        manifest.entries[path] = ArtifactManifestEntry(
            path,
            entry.digest,
            ref=entry.ref,
            birth_artifact_id=entry.birth_id,
            size=entry.size_bytes,
            extra=entry.extra,
            local_path=None if entry.local_path is None else str(locate(entry.local_path)),
        )
    return manifest
