"""A draft becomes a version at the server: the way that runs log theirs, carried out by threads of this process."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

from kymograph.client.retry import Backoff
from kymograph.client.runs import RunAddress
from kymograph.core import exact_json
from kymograph.core.artifact import LATEST
from kymograph.core.artifact_rules import clean_metadata
from kymograph.core.manifest import manifest_digest
from kymograph.errors import KymographError, TransportError

if TYPE_CHECKING:
    from kymograph.client.artifact_saving import Saver, Work
    from kymograph.fs.drafts import Draft
    from kymograph.fs.session import Session
    from kymograph.wire.records_pb2 import ArtifactRecord

AT_ONCE = 8
PATIENCE_S = 300.0
"""How long a server may fail before a commit does."""
_ID_BYTES = 64
"""Of ids that clients make up: 128 characters of hex. Source: protocol.md §7.2."""


def publish(session: Session, draft: Draft, run: RunAddress | None) -> str:
    """Make a draft a version; returns its id at the server.

    Args:
        session: With the server.
        draft: All of its files are here, or at the server.
        run: Whose output it is; None for one that its user made.

    Raises:
        KymographError: The server does not want it, or is away for too long.
    """
    record = _record_of(draft, run)
    at = run or RunAddress(str(draft.at.entity), str(draft.at.project), "")
    steps = _saver_of(session, draft).save(record, at, 0)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="kymograph-commit") as pool, closing(steps):
        try:
            works: list[Work] = next(steps)
            while True:
                try:
                    results: list[Any] = list(pool.map(_until_done, works))
                except KymographError as exc:
                    works = steps.throw(exc)
                else:
                    works = steps.send(results)
        except StopIteration as end:
            return str(end.value)


def _until_done(work: Callable[[], Any]) -> Any:
    backoff, waited_s = Backoff(), 0.0
    while True:
        try:
            return work()
        except TransportError as exc:
            wait_s = backoff.wait_after(exc)
            waited_s += wait_s
            if waited_s > PATIENCE_S:
                raise
            time.sleep(wait_s)


def _saver_of(session: Session, draft: Draft) -> Saver:
    from kymograph.client.artifact_saving import Saver, SavingCounts
    from kymograph.client.artifact_uploads import ArtifactUploadClient
    from kymograph.client.early_files import EarlyFiles

    return Saver(
        session.artifacts,
        ArtifactUploadClient(session.client, session.artifacts),
        session.client.transfers,
        draft.folder,
        SavingCounts(),
        session.bulk,
        EarlyFiles(session.bulk),
        session.client.base_url,
    )


def _record_of(draft: Draft, run: RunAddress | None) -> ArtifactRecord:
    from kymograph.client.artifact_entries import STORAGE_POLICY
    from kymograph.wire.manifest_json import MANIFEST_VERSION
    from kymograph.wire.records_pb2 import (
        ArtifactManifest,
        ArtifactManifestEntry,
        ArtifactRecord,
        ExtraItem,
        StoragePolicyConfigItem,
    )

    metadata = clean_metadata(draft.metadata)
    config = {
        "storageLayout": "V2",
        **({"storageRegion": draft.base.region} if draft.base and draft.base.region else {}),
    }
    manifest = ArtifactManifest(
        version=MANIFEST_VERSION,
        storage_policy=STORAGE_POLICY,
        storage_policy_config=[
            StoragePolicyConfigItem(key=key, value_json=exact_json.dumps(value)) for key, value in config.items()
        ],
        contents=[
            ArtifactManifestEntry(
                path=entry.name,
                digest=entry.digest,
                ref=entry.ref or "",
                size=entry.size_bytes,
                local_path="" if path is None else str(path),
                birth_artifact_id=entry.birth_id or "",
                extra=[ExtraItem(key=key, value_json=exact_json.dumps(value)) for key, value in entry.extra.items()],
            )
            for entry, path in draft.files()
        ],
    )
    return ArtifactRecord(
        run_id="" if run is None else run.run_id,
        entity=str(draft.at.entity),
        project=str(draft.at.project),
        type=str(draft.at.type_name),
        name=str(draft.at.name),
        client_id=secrets.token_hex(_ID_BYTES),
        sequence_client_id=secrets.token_hex(_ID_BYTES),
        digest=manifest_digest((entry for entry, _ in draft.files()), draft.algorithm),
        digest_algorithm=str(draft.algorithm),
        description=draft.description or "",
        metadata=exact_json.dumps(metadata) if metadata else "",
        base_id="" if draft.base is None else draft.base.id,
        user_created=run is None,
        finalize=True,
        aliases=dict.fromkeys([*draft.aliases, LATEST]),
        manifest=manifest,
    )
