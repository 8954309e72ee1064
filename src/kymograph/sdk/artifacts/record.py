"""The record of a version that is logged, as it stands in the run's journal."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from kymograph.core import exact_json
from kymograph.core.artifact_rules import clean_metadata
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.manifest import STORAGE_POLICY, ArtifactManifest
from kymograph.wire.manifest_json import MANIFEST_VERSION
from kymograph.wire.records_pb2 import ArtifactManifest as ManifestRecord
from kymograph.wire.records_pb2 import ArtifactManifestEntry as EntryRecord
from kymograph.wire.records_pb2 import ArtifactRecord, ExtraItem, StoragePolicyConfigItem

MAX_ENTRIES = 1_000
"""Of a record; more are in a file beside the journal, which is read line by line."""
_PACKING = 1


def artifact_record(
    artifact: Artifact,
    *,
    run_id: str,
    entity: str,
    project: str,
    aliases: Iterable[str],
    tags: Iterable[str],
    folder: Path,
    is_finalized: bool = True,
    is_user_created: bool = False,
    is_used: bool = False,
) -> ArtifactRecord:
    """What a sender needs to know of a version.

    Args:
        artifact: With all its files in the run's folder.
        run_id: Of the run that logs it.
        entity: Whose project that is in.
        project: That it is in.
        aliases: Of the version.
        tags: Of the version.
        folder: The artifacts' folder of the run: a long list of entries is written there.
        is_finalized: Whether it is to be committed; otherwise others add to it.
        is_user_created: Whether it counts as made outside the run.
        is_used: Whether the run also uses it.

    Raises:
        InvalidArtifact: Its metadata cannot be stored.
        OSError: The list cannot be written.
    """
    metadata = clean_metadata(artifact.metadata)
    return ArtifactRecord(
        run_id=run_id,
        entity=entity,
        project=project,
        type=artifact.type,
        name=artifact.name,
        client_id=artifact.client_id,
        sequence_client_id=artifact.sequence_client_id,
        digest=artifact.digest,
        digest_algorithm=str(artifact.digest_algorithm),
        distributed_id=artifact.distributed_id or "",
        description=artifact.description or "",
        metadata=exact_json.dumps(metadata) if metadata else "",
        base_id=artifact.base_id or "",
        ttl_duration_seconds=artifact.ttl_on_the_wire() or 0,
        incremental_beta1=artifact.incremental,
        user_created=is_user_created,
        use_after_commit=is_used,
        finalize=is_finalized,
        aliases=aliases,
        tags=tags,
        manifest=_manifest_record(artifact.manifest, folder / f"entries-{artifact.client_id[:24]}.jl.gz"),
    )


def _manifest_record(manifest: ArtifactManifest, path: Path) -> ManifestRecord:
    record = ManifestRecord(
        version=MANIFEST_VERSION,
        storage_policy=STORAGE_POLICY,
        storage_policy_config=[
            StoragePolicyConfigItem(key=key, value_json=exact_json.dumps(value))
            for key, value in manifest.policy.items()
        ],
    )
    if len(manifest) > MAX_ENTRIES:
        _write_entries(manifest, path)
        record.manifest_file_path = str(path)
    else:
        record.contents.extend(map(_entry_record, manifest.entries.values()))
    return record


def _write_entries(manifest: ArtifactManifest, path: Path) -> None:
    """A line of JSON for each, as readers of other clients take it, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wb", compresslevel=_PACKING) as file:
        for lines in _batches(manifest.entries.values()):
            file.write(lines)


def _batches(entries: Iterable[ArtifactManifestEntry], size: int = 1_000) -> Iterator[bytes]:
    lines: list[bytes] = []
    for entry in entries:
        form = {**entry.to_manifest_json(), "path": entry.path}
        if entry.local_path is not None:
            form["local_path"] = entry.local_path
        if entry.skip_cache:
            form["skip_cache"] = True
        lines.append(orjson.dumps(form) + b"\n")
        if len(lines) >= size:
            yield b"".join(lines)
            lines.clear()
    yield b"".join(lines)


def _entry_record(entry: ArtifactManifestEntry) -> EntryRecord:
    return EntryRecord(
        path=entry.path,
        digest=entry.digest,
        ref=entry.ref or "",
        size=entry.size or 0,
        local_path=entry.local_path or "",
        birth_artifact_id=entry.birth_artifact_id or "",
        skip_cache=entry.skip_cache,
        extra=[ExtraItem(key=key, value_json=exact_json.dumps(value)) for key, value in entry.extra.items()],
    )
