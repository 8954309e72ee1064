"""Small files on their way to a server that takes many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kymograph.client.artifact_bulk import AnnouncedFiles, ArtifactBulkClient
from kymograph.client.artifact_entries import LoggedEntry
from kymograph.core.digest import DigestAlgorithm, raw_digest
from kymograph.errors import ArtifactNotSaved, AuthError, StagedFilesMissing
from kymograph.wire.content_parts import ContentPart

CHUNK_FILES = 1_000
"""Files in one body…"""
CHUNK_BYTES = 4 << 20
"""…unless they are larger than this together: a body is in memory while it is sent."""


@dataclass(frozen=True, slots=True)
class SmallFile:
    """A file that is wanted."""

    entry: LoggedEntry
    path: Path


@dataclass(slots=True)
class BulkChunk:
    """Files that go in one body. Done again, it asks first which of them are still wanted."""

    client: ArtifactBulkClient
    artifact: str
    """Its name, for messages."""
    artifact_id: str
    algorithm: DigestAlgorithm
    url: str
    files: Sequence[SmallFile]
    note_bytes: Callable[[int], object]
    note_files: Callable[[int], object]
    has_failed: bool = False

    def __call__(self) -> None:
        """Send what is wanted.

        Raises:
            StagedFilesMissing: A file is gone.
            ArtifactNotSaved: A file has changed since it was logged.
            TransportError: To be done again.
        """
        if self.has_failed:
            self._ask_again()
        self.has_failed = True
        try:
            self._send()
        except AuthError:
            # Addresses expire. If a new one is refused, too, that is the answer.
            self._ask_again()
            self._send()

    def _ask_again(self) -> None:
        announced = self.announce([file.entry for file in self.files])
        left = [file for index, file in enumerate(self.files) if index in announced.wanted]
        self.note_files(len(self.files) - len(left))
        self.url, self.files = announced.url, left

    def announce(self, entries: Sequence[LoggedEntry]) -> AnnouncedFiles:
        """Ask what is wanted of entries."""
        return self.client.announce(self.artifact_id, [(entry.path, entry.digest) for entry in entries], self.algorithm)

    def _send(self) -> None:
        if not self.files:
            return
        refused = self.client.send(self.url, [self._part(file) for file in self.files], note=self.note_bytes)
        if refused:
            gone = {*refused}
            raise changed_files(self.artifact, [str(file.path) for file in self.files if file.entry.digest in gone])
        self.note_files(len(self.files))
        self.files = ()

    def _part(self, file: SmallFile) -> ContentPart:
        try:
            with open(file.path, "rb", buffering=0) as source:
                content = source.read(file.entry.size_bytes + 1)
        except FileNotFoundError as exc:
            raise StagedFilesMissing(self.artifact, paths=[str(file.path)]) from exc
        if len(content) != file.entry.size_bytes:
            raise changed_files(self.artifact, [str(file.path)])
        return ContentPart(raw_digest(file.entry.digest), content)


def changed_files(artifact: str, paths: Sequence[str]) -> ArtifactNotSaved:
    """Files were promised not to change, or not to have changed yet, and did."""
    others = f" and {len(paths) - 1:,} others" if len(paths) > 1 else ""
    return ArtifactNotSaved(
        f"artifact {artifact} is not saved: {paths[0]}{others} changed after it was added; add it again, "
        'and not with policy="immutable" if files change'
    )


def in_chunks(files: Sequence[SmallFile]) -> Iterator[list[SmallFile]]:
    """Files by bodies."""
    chunk: list[SmallFile] = []
    size = 0
    for file in files:
        if chunk and (len(chunk) >= CHUNK_FILES or size + file.entry.size_bytes > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(file)
        size += file.entry.size_bytes
    if chunk:
        yield chunk
