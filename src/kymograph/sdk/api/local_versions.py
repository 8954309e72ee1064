"""Versions of artifacts as this machine has them: in folders of runs, in the cache, and by what was seen of servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import httpx

from kymograph.client.artifact_values import CollectionAddress, Page, RemoteArtifact, RemoteCollection
from kymograph.client.connection import Connection
from kymograph.client.placing import place
from kymograph.client.runs import RunAddress, RunClient
from kymograph.errors import ContentNotHere, OfflineUse
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.collection import ArtifactCollection
from kymograph.sdk.artifacts.download import Download, Wanted
from kymograph.sdk.artifacts.download_progress import DownloadProgress
from kymograph.sdk.artifacts.folders import artifact_folders
from kymograph.sdk.artifacts.hashing import hash_file
from kymograph.sdk.artifacts.manifest import ArtifactManifest
from kymograph.sdk.artifacts.pages import Pages
from kymograph.sdk.artifacts.session import Session
from kymograph.sdk.artifacts.version import ServerVersion, artifact_of
from kymograph.sdk.settings import Settings

if TYPE_CHECKING:
    from kymograph.sdk.api.either import Sync
    from kymograph.sdk.api.run import Run

FILE_MODE = 0o644


@dataclass(slots=True)
class LocalVersion:
    """What this machine knows of a version in one collection."""

    remote: RemoteArtifact
    """As a server has it, or will."""
    place: CollectionAddress
    kind: str
    """Of the collection: `SEQUENCE` or `PORTFOLIO`."""
    version_index: int | None
    """None for what no server has numbered yet, as far as is known here."""
    aliases: list[str]
    order: tuple[str, int]
    """Later ones are newer: when it was made, and its number among those of that time."""
    read_manifest: Callable[[], ArtifactManifest]
    linked_at: str | None = None
    made_by: RunAddress | None = None

    @property
    def version(self) -> str:
        """``v3``; empty without a number."""
        return "" if self.version_index is None else f"v{self.version_index}"


def offline_artifacts(settings: Settings) -> Session:
    """What artifacts ask in place of a server; the cache is that of the settings."""
    client = RunClient(Connection.of(settings.base_url, "offline"), inner=_NoServer())
    return Session(client, str(settings.app_url), artifact_folders(settings))


class _NoServer(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise OfflineUse("this needs a server, and Api(offline=True) reads what is on this machine; use Api()")


class _LocalDownload(Download):
    """Takes contents from the folders of runs, and from the cache."""

    def _not_cached(self, missing: Sequence[Wanted], progress: DownloadProgress) -> list[Wanted]:
        left = [
            wanted
            for wanted in super()._not_cached(missing, progress)
            if not self._into_place(wanted, partial(_take_staged, wanted), progress)
        ]
        if left:
            raise ContentNotHere(self._name, paths=[wanted.entry.path for wanted in left])
        return []


def _take_staged(wanted: Wanted) -> bool:
    """Put a file into place that waits in the folder of a run; whether it does, unchanged."""
    source, entry = wanted.entry.local_path, wanted.entry
    try:
        if source is None or hash_file(source, entry.digest_algorithm()) != entry.digest:
            return False
    except OSError:
        return False
    place(source, wanted.path, may_share=False, mode=FILE_MODE)
    return True


class VersionHere(ServerVersion):
    """A version that is read on this machine; what else is asked of it needs a server, and says so."""

    download_class = _LocalDownload

    def __init__(
        self, session: Session, known: LocalVersion, find_run: Callable[[RunAddress], Run[Sync]], *, asked: str = ""
    ) -> None:
        """Describe what is known.

        Args:
            session: In place of a server; see `offline_artifacts`.
            known: That.
            find_run: Gives a run of this machine.
            asked: Under which name it was asked for.
        """
        super().__init__(
            session,
            known.remote,
            known.place,
            version_index=known.version_index,
            aliases=known.aliases,
            asked=asked,
            linked_at=known.linked_at,
        )
        self._known, self._find_run = known, find_run

    def _read_manifest(self) -> ArtifactManifest:
        return self._known.read_manifest()

    def logged_by(self) -> Run[Sync] | None:
        """The run that made it, if that is here.

        Raises:
            OfflineUse: It is not.
        """
        return super().logged_by() if self._known.made_by is None else self._find_run(self._known.made_by)


class CollectionHere(ArtifactCollection):
    """A collection, as far as its versions are known on this machine."""

    def __init__(self, session: Session, remote: RemoteCollection, versions: Sequence[VersionHere]) -> None:
        """Hold what is known.

        Args:
            session: In place of a server.
            remote: What is known of it.
            versions: The newest first.
        """
        super().__init__(session, remote)
        self._versions = versions

    @property
    def aliases(self) -> list[str]:
        """Those of the versions that are known."""
        return [alias for version in self._versions for alias in version.aliases]

    def artifacts(self, per_page: int = 50, start: str | None = None, *, order: str | None = None) -> Pages[Artifact]:
        """Its versions, the newest first; with an ``order`` of ``+created_at``, the oldest."""
        versions = list(reversed(self._versions)) if order == "+created_at" else list(self._versions)
        return Pages(lambda _cursor: Page(versions, None, len(versions)), artifact_of)
