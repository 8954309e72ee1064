"""Many small files of a version in one request, up and down, with servers that announce it.

Source: docs/protocol/bulk-transfers.md. With any other server files go one by one (`client.artifact_uploads`,
`client.artifact_files`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from kymograph.client.artifacts import ArtifactClient
from kymograph.client.runs import RunAddress
from kymograph.client.transfers import Note, Span, Transfers
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import DigestMismatch, MalformedRequest, ProtocolError, Unreachable, UploadElsewhere
from kymograph.wire.content_parts import MAX_PART_BYTES, MEDIA_TYPE, ContentPart, PartDecoder, encode_parts

FEATURE = "X_KYMOGRAPH_BULK_TRANSFERS"
SMALL_BYTES = MAX_PART_BYTES
"""Files up to this size go together."""
ATTEMPTS = 3
"""To go on with a content that another sender may be at."""
MAX_FILES = 5_000
"""Announced, or asked for, in one request."""


class RestServer(Protocol):
    """A server that is asked for JSON documents."""

    def request(self, method: str, path: str, **arguments: Any) -> Any:
        """Its answer, as `httpx.Response`; what goes wrong is raised as an error of our tree."""


@dataclass(frozen=True, slots=True)
class AnnouncedFiles:
    """What a server wants of files that were announced."""

    url: str
    """Where contents go."""
    wanted: frozenset[int]
    """Positions of the files whose contents it does not have."""
    births: list[str]
    """Of each file, the version that first brought its content."""


class ArtifactBulkClient:
    """The requests of bulk transfers. Safe to share between threads."""

    def __init__(self, server: RestServer, artifacts: ArtifactClient, transfers: Transfers) -> None:
        """Prepare; nothing is sent yet.

        Args:
            server: Is asked with the caller's credential.
            artifacts: Of the same server: knows what it announces.
            transfers: Carries contents.
        """
        self._server, self._artifacts, self._transfers = server, artifacts, transfers

    @property
    def is_offered(self) -> bool:
        """Whether the server announces it."""
        return self._artifacts.supports(FEATURE)

    def announce(
        self, artifact_id: str, files: Sequence[tuple[str, str]], algorithm: DigestAlgorithm
    ) -> AnnouncedFiles:
        """What the server wants of files of a draft, `MAX_FILES` at most.

        Args:
            artifact_id: Of the draft.
            files: Path and digest of each.
            algorithm: How they are hashed.
        """
        answer = self._ask("artifact-uploads", {"artifact": artifact_id, "algorithm": str(algorithm), "files": files})
        try:
            births, wanted = answer["births"], frozenset(answer["wanted"])
            announced = AnnouncedFiles(str(answer["url"]), wanted, [births[index] for index in answer["born"]])
        except (IndexError, KeyError, TypeError) as exc:
            raise ProtocolError("the server does not say what it wants of the files of an artifact") from exc
        if len(announced.births) != len(files):
            raise ProtocolError(f"the server answers for {len(announced.births)} files instead of {len(files)}")
        return announced

    def send(self, url: str, parts: Sequence[ContentPart], *, note: Note = int) -> list[str]:
        """Send contents; returns the digests of those that the server refuses, since they hash to something else.

        Raises:
            TransportError: To be tried again; some may have arrived.
        """
        body = b"".join(encode_parts(parts))
        answer = _document(self._transfers.put_body(url, body, headers={"Content-Type": MEDIA_TYPE}, note=note))
        refused = answer.get("refused")
        return [str(digest) for digest in refused] if isinstance(refused, list) else []

    def amend(self, artifact_id: str, base_id: str, *, removed: Collection[str], changed: Mapping[str, Any]) -> None:
        """Give a draft the manifest of another version, changed.

        Args:
            artifact_id: Of the draft.
            base_id: Of the other version.
            removed: Paths that the draft does not have.
            changed: Entries in place of, or beside, those of the other version.
        """
        document = {"artifact": artifact_id, "base": base_id, "removed": list(removed), "changed": changed}
        self._ask("artifact-manifests", document)

    def send_content(
        self,
        at: RunAddress,
        path: Path,
        algorithm: DigestAlgorithm,
        *,
        digest: str | None = None,
        note: Note = int,
    ) -> bool:
        """Send a large file; one that broke off before goes on from there, whoever sent it.

        Args:
            at: A run of the project that it is for.
            path: Of the file; nobody changes it.
            algorithm: How it is hashed.
            digest: Of the content; None while it is not known.
            note: Told how many bytes were sent.

        Returns:
            Whether it was; not if the server keeps nothing of uploads that break off, and the digest is known.

        Raises:
            OSError: It cannot be read.
            TransportError: To be tried again.
            KymographError: The server does not want it.
        """
        with path.open("rb") as source:
            status = os.fstat(source.fileno())
            asked = {
                "entity": at.entity,
                "project": at.project,
                "algorithm": str(algorithm),
                "upload": _upload_name(path, status, algorithm),
                "digest": digest,
            }
            for left in reversed(range(ATTEMPTS)):
                answer = self._ask("artifact-contents", asked)
                url, received = str(answer.get("url") or ""), answer.get("received")
                if not isinstance(received, int):
                    if digest is not None:
                        return False
                    received = 0
                start = received if received <= status.st_size else 0
                try:
                    self._transfers.put(
                        url,
                        source,
                        Span(start, status.st_size - start),
                        headers={"Upload-Offset": str(start)} if start else None,
                        note=note,
                    )
                except (UploadElsewhere, DigestMismatch):
                    # Another sender is at it, or what came before was of another content.
                    if not (start and left):
                        raise
                else:
                    break
        return True

    def downloads_url(self, artifact_id: str) -> str:
        """Where contents of a version are given, for some time."""
        return str(self._ask("artifact-downloads", {"artifact": artifact_id}).get("url") or "")

    def fetch(self, url: str, paths: Sequence[str], take: Callable[[ContentPart], object], *, note: Note = int) -> None:
        """Contents of files of a version, one by one as they come.

        Args:
            url: See `downloads_url`.
            paths: Of the files, `MAX_FILES` at most, none larger than `SMALL_BYTES`.
            take: Given each content, in no order.
            note: Told the size of each piece.

        Raises:
            TransportError: To be tried again; some may have come.
        """
        decoder = PartDecoder()

        def write(piece: memoryview) -> None:
            for part in decoder.feed(piece):
                take(part)

        try:
            self._transfers.get(
                url, write, headers={"Content-Type": "application/json"}, question=orjson.dumps(list(paths)), note=note
            )
            decoder.close()
        except MalformedRequest as exc:
            if exc.where != "parts":
                raise
            raise Unreachable(urlsplit(url).netloc, problem=str(exc)) from exc

    def _ask(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        content = orjson.dumps(document)
        response = self._server.request(
            "POST", f"/api/v1/{path}", content=content, headers={"Content-Type": "application/json"}
        )
        return _document(response.content)


def _upload_name(path: Path, status: os.stat_result, algorithm: DigestAlgorithm) -> str:
    """The same for whoever sends a file that is as it was: another process, a container that began anew."""
    known = (os.fspath(path.absolute()), status.st_ino, status.st_size, status.st_mtime_ns, algorithm)
    return sha256("\0".join(map(str, known)).encode()).hexdigest()[:40]


def _document(content: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError as exc:
        raise ProtocolError("the server answers a transfer of files with something that is not JSON") from exc
    return answer if isinstance(answer, dict) else {}
