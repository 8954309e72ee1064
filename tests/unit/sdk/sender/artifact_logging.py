"""Records of artifacts, as trainings write them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kymograph.core.manifest import manifest_digest
from kymograph.wire.records_pb2 import (
    ArtifactManifest,
    ArtifactManifestEntry,
    ArtifactRecord,
    LinkArtifactRequest,
    Record,
    Request,
    UseArtifactRecord,
)
from tests.unit.sdk.sender.artifact_servers import md5
from tests.unit.sdk.sender.journals import Training


class _Digested:
    def __init__(self, path: str, digest: str) -> None:
        self.path, self.digest = path, digest


def log_artifact(
    training: Training,
    name: str,
    files: Mapping[str, bytes],
    *,
    client_id: str | None = None,
    refs: Mapping[str, str] | None = None,
    in_file: bool = False,
    finalize: bool = True,
    **fields: Any,
) -> ArtifactRecord:
    """Stage files in the run's folder and append the record."""
    client_id = client_id or f"client-{name}-{training.journal.size_bytes}"
    folder = training.folder.artifacts / client_id[:40]
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, (path, content) in enumerate(files.items()):
        staged = folder / f"{number}"
        staged.write_bytes(content)
        entries.append(ArtifactManifestEntry(path=path, digest=md5(content), size=len(content), local_path=str(staged)))
    for path, ref in (refs or {}).items():
        entries.append(ArtifactManifestEntry(path=path, digest="digest", ref=ref, size=3))
    manifest = ArtifactManifest(version=1, storage_policy="wandb-storage-policy-v1")
    if in_file:
        manifest.manifest_file_path = str(write_entries(folder / "entries.jl.gz", entries))
    else:
        manifest.contents.extend(entries)
    record = ArtifactRecord(
        name=name,
        type=fields.pop("type", "dataset"),
        digest=manifest_digest([_Digested(entry.path, entry.digest) for entry in entries]),
        client_id=client_id,
        sequence_client_id=f"sequence-{name}",
        aliases=fields.pop("aliases", ["latest"]),
        manifest=manifest,
        finalize=finalize,
        run_id="run1",
        **fields,
    )
    training.journal.append(Record(artifact=record))
    return record


def write_entries(path: Path, entries: list[ArtifactManifestEntry]) -> Path:
    """Entries as lines, as records name them that hold very many."""
    with gzip.open(path, "wt") as file:
        for entry in entries:
            line = {"path": entry.path, "digest": entry.digest, "size": entry.size}
            line |= {"local_path": entry.local_path} if entry.local_path else {}
            line |= {"ref": entry.ref} if entry.ref else {}
            file.write(json.dumps(line) + "\n")
    return path


def use_artifact(training: Training, artifact_id: str) -> None:
    training.journal.append(Record(use_artifact=UseArtifactRecord(id=artifact_id, type="dataset", name="used:v0")))


def link_artifact(training: Training, target: str, **fields: Any) -> None:
    project, _, name = target.rpartition("/")
    link = LinkArtifactRequest(portfolio_name=name, portfolio_project=project, portfolio_aliases=["good"], **fields)
    training.journal.append(Record(request=Request(link_artifact=link)))
