"""The files of a version as its server lists them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from kymograph.client.artifact_files import RemoteArtifactFile
from kymograph.client.artifact_values import CollectionAddress
from kymograph.client.placing import written_whole
from kymograph.core.names import parse_file_path
from kymograph.errors import InvalidArtifact
from kymograph.sdk.artifacts.pages import Pages
from kymograph.sdk.artifacts.session import Session


class ArtifactFile:
    """One file."""

    def __init__(self, session: Session, remote: RemoteArtifactFile) -> None:
        """Describe what a server has told."""
        self._session, self._remote = session, remote

    def __repr__(self) -> str:
        return f"<File {self.name} ({self.mimetype}) {self.size:,} bytes>"

    @property
    def id(self) -> str:
        """The server's name for it."""
        return self._remote.id

    @property
    def name(self) -> str:
        """Its path in the artifact."""
        return self._remote.name

    @property
    def size(self) -> int:
        """In bytes."""
        return self._remote.size_bytes

    @property
    def url(self) -> str:
        """Where it is, for those who are signed in."""
        return self._remote.url

    @property
    def direct_url(self) -> str:
        """Where it is, for some time."""
        return self._remote.direct_url

    @property
    def md5(self) -> str | None:
        """Base64 MD5 of its content."""
        return self._remote.md5

    @property
    def digest(self) -> str | None:
        """Base64 hash of its content, in the artifact's algorithm."""
        return self._remote.digest

    @property
    def mimetype(self) -> str | None:
        """What kind of content it is."""
        return self._remote.mimetype

    @property
    def updated_at(self) -> str | None:
        """When it came: ISO 8601, UTC."""
        return self._remote.updated_at

    @property
    def path_uri(self) -> str:
        """Where a bucket has it, if the server tells."""
        return self._remote.storage_path or ""

    def download(self, root: str | os.PathLike[str] = ".", replace: bool = False, exist_ok: bool = False) -> IO[str]:
        """Bring it here; gives the file, open for reading.

        Args:
            root: The folder that its path is below.
            replace: Whether it may take the place of a file.
            exist_ok: Whether a file that is there is left and given.

        Raises:
            InvalidArtifact: There is a file already, and neither is set.
        """
        path = Path(root) / parse_file_path(self.name)
        if path.exists() and exist_ok and not replace:
            return path.open()
        if path.exists() and not replace:
            raise InvalidArtifact("File already exists, pass replace=True to overwrite or exist_ok=True to leave it")
        with written_whole(path) as file:
            self._session.client.transfers.get(self.direct_url, file.write)
        return path.open()


class ArtifactFiles(Pages[ArtifactFile]):
    """The files of a version."""

    def __init__(
        self,
        session: Session,
        at: CollectionAddress,
        version: str,
        *,
        names: Sequence[str] | None,
        per_page: int,
        start: str | None,
    ) -> None:
        """Begin before the first.

        Args:
            session: With the server.
            at: A collection that the version is in.
            version: Its version or alias there.
            names: Of some files only.
            per_page: How many are asked for at once.
            start: A cursor to begin after.
        """
        super().__init__(
            lambda cursor: session.files.files(at, version, names=names, cursor=cursor, per_page=per_page),
            lambda remote: ArtifactFile(session, remote),
            start=start,
        )
