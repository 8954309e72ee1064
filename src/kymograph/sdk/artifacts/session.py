"""The server as artifacts of this process ask it: one session for each server and credential."""

from __future__ import annotations

import atexit
import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kymograph.client.artifact_bulk import ArtifactBulkClient
from kymograph.client.artifact_cache import ArtifactCache
from kymograph.client.artifact_files import ArtifactFileClient
from kymograph.client.artifacts import ArtifactClient
from kymograph.client.collections import CollectionClient
from kymograph.client.runs import RunClient
from kymograph.sdk.artifacts.checksum_memo import ChecksumMemo
from kymograph.sdk.artifacts.folders import ArtifactFolders, artifact_folders, current_settings
from kymograph.sdk.artifacts.seen_versions import SeenVersions

if TYPE_CHECKING:
    from kymograph.client.connection import Connection
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.settings import Settings


@dataclass(slots=True)
class Session:
    """One server as one user. Safe to share between threads."""

    client: RunClient
    app_url: str
    """Where its pages are."""
    folders: ArtifactFolders
    artifacts: ArtifactClient = field(init=False)
    files: ArtifactFileClient = field(init=False)
    bulk: ArtifactBulkClient = field(init=False)
    collections: CollectionClient = field(init=False)
    cache: ArtifactCache = field(init=False)
    memo: ChecksumMemo = field(init=False)
    seen: SeenVersions = field(init=False)

    def __post_init__(self) -> None:
        self.artifacts = ArtifactClient(self.client)
        self.files = ArtifactFileClient(self.client, self.artifacts)
        self.bulk = ArtifactBulkClient(self.client, self.artifacts, self.client.transfers)
        self.collections = CollectionClient(self.client, self.artifacts)
        self.cache = ArtifactCache(self.folders.cache, max_bytes=self.folders.max_cache_bytes)
        self.memo = ChecksumMemo(self.folders.cache)
        self.seen = SeenVersions(self.folders.cache)

    def artifact_by_id(self, artifact_id: str) -> Artifact | None:
        """A version by its id, in the collection it was made in."""
        from kymograph.sdk.artifacts.version import ServerVersion, artifact_of

        found = self.artifacts.find(artifact_id)
        return None if found is None else artifact_of(ServerVersion.of_source(self, found))

    def artifact_by_name(self, entity: str, project: str, name: str) -> Artifact:
        """A version by its name in a collection: ``name``, ``name:alias`` or ``name:v3``.

        Raises:
            MembershipNotFound: There is none.
        """
        from kymograph.sdk.artifacts.version import ServerVersion, artifact_of

        place = self.artifacts.membership(entity, project, name)
        return artifact_of(ServerVersion.of_membership(self, place, asked=name))


_sessions: dict[tuple[int, str, ArtifactFolders, bool], Session] = {}
_lock = threading.Lock()


def session_of(settings: Settings | None = None) -> Session:
    """The session that settings mean; by default those of the active run, or of this process.

    Raises:
        Unauthenticated: There is no credential.
    """
    from kymograph.sdk.login import connection_of

    meant = settings if settings is not None else current_settings()
    return session_at(connection_of(meant), meant, app_url=str(meant.app_url))


def session_at(connection: Connection, settings: Settings, *, app_url: str, is_patient: bool = False) -> Session:
    """The session with a server that a connection leads to.

    Args:
        connection: To the server.
        settings: Say where artifacts are kept on this machine.
        app_url: Where the server's pages are.
        is_patient: Whether a request is repeated after what may pass. A run goes on without an answer instead: what it
            asks its journal holds, too.
    """
    folders = artifact_folders(settings)
    # A forked process has no use for its parent's connections.
    key = (os.getpid(), repr(sorted(connection.document().items())), folders, is_patient)
    with _lock:
        found = _sessions.get(key)
        if found is None:
            if not _sessions:
                atexit.register(close_sessions)
            found = _sessions[key] = Session(
                RunClient(connection, wait=time.sleep if is_patient else None), app_url, folders
            )
        return found


def close_sessions() -> None:
    """Release the connections of this process."""
    with _lock:
        for key in [key for key in _sessions if key[0] == os.getpid()]:
            _sessions.pop(key).client.close()
