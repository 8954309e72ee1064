"""What a client does to log an artifact, step by step, against the services."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import xxhash

from kymograph.core.artifact import ArtifactVersion, ManifestKind
from kymograph.core.digest import DigestAlgorithm, md5_digest
from kymograph.services.access import Caller
from kymograph.services.artifact_uploads import ArtifactRequest, FileRequest, FileUpload, ManifestUpload
from kymograph.storage.objects.base import PutResult
from kymograph.testing.deployments import DeploymentUnderTest
from kymograph.types import ArtifactId
from kymograph.wire.ids import encode_id

Entries = dict[str, dict[str, Any]]


async def stream(content: bytes, *, chunk: int = 65536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), chunk):
        yield content[start : start + chunk]


def token_of(url: str) -> str:
    """The signed part of an upload or download address."""
    return urlsplit(url).path.split("/")[3]


def name_in(url: str) -> str:
    return unquote(urlsplit(url).path.split("/", 4)[4])


def entries_of(files: Mapping[str, bytes], algorithm: DigestAlgorithm = DigestAlgorithm.MD5) -> Entries:
    more = {"extra": {"alg": "XXH128"}} if algorithm is DigestAlgorithm.XXH128 else {}
    return {
        path: {"digest": digest_of_file(content, algorithm), "size": len(content), **more}
        for path, content in files.items()
    }


def digest_of_file(content: bytes, algorithm: DigestAlgorithm) -> str:
    """Written down again, apart from the code under test. Source: protocol.md §8.2."""
    hasher = hashlib.md5(content) if algorithm is DigestAlgorithm.MD5 else xxhash.xxh128(content)
    return base64.b64encode(hasher.digest()).decode()


def document_of(entries: Entries) -> bytes:
    return json.dumps({"version": 1, "storagePolicy": "wandb-storage-policy-v1", "contents": entries}).encode()


def digest_of(entries: Entries, algorithm: DigestAlgorithm = DigestAlgorithm.MD5) -> str:
    """The same for a whole version."""
    lines = "".join(f"{path}:{entries[path]['digest']}\n" for path in sorted(entries))
    content = f"wandb-artifact-manifest-v1\n{lines}".encode()
    return (hashlib.md5 if algorithm is DigestAlgorithm.MD5 else xxhash.xxh128)(content).hexdigest()


class ArtifactClient:
    """Logs artifacts of the project ``admin/project``."""

    def __init__(self, deployment: DeploymentUnderTest, caller: Caller | None = None) -> None:
        self.caller = caller or deployment.admin
        self.services = deployment.services

    def request(self, digest: str, **changes: Any) -> ArtifactRequest:
        fields: dict[str, Any] = {
            "entity": "admin",
            "project": "project",
            "run": "run",
            "type_name": "dataset",
            "collection": "digits",
            "reuses_equal": True,
            **changes,
        }
        return ArtifactRequest(digest=digest, **fields)

    def create(self, entries: Entries, **changes: Any) -> ArtifactVersion:
        digest = digest_of(entries, changes.get("digest_algorithm", DigestAlgorithm.MD5))
        return self.services.artifact_uploads.create(self.caller, self.request(digest, **changes))

    def prepare(
        self, artifact: ArtifactId, files: Mapping[str, bytes], algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    ) -> list[FileUpload]:
        requests = [
            FileRequest(artifact, path, digest_of_file(content, algorithm), algorithm=algorithm)
            for path, content in files.items()
        ]
        return self.services.artifact_uploads.put_files(self.caller, requests)

    def send(self, url: str, content: bytes) -> PutResult:
        return asyncio.run(self.services.artifact_uploads.receive(token_of(url), stream(content)))

    def upload(
        self, artifact: ArtifactId, files: Mapping[str, bytes], algorithm: DigestAlgorithm = DigestAlgorithm.MD5
    ) -> list[FileUpload]:
        uploads = self.prepare(artifact, files, algorithm)
        for upload, content in zip(uploads, files.values(), strict=True):
            if upload.url is not None:
                self.send(upload.url, content)
        return uploads

    def announce(
        self, artifact: ArtifactId, document: bytes, *, kind: ManifestKind = ManifestKind.FULL
    ) -> ManifestUpload:
        upload = self.services.artifact_uploads.put_manifest(
            self.caller, artifact, name="wandb_manifest.json", kind=kind, digest=md5_digest(document)
        )
        assert upload.url is not None
        self.send(upload.url, document)
        return upload

    def commit(self, artifact: ArtifactId) -> ArtifactVersion:
        return self.services.artifact_commits.commit(self.caller, artifact)

    def log(
        self,
        files: Mapping[str, bytes],
        *,
        references: Entries | None = None,
        kind: ManifestKind = ManifestKind.FULL,
        **changes: Any,
    ) -> ArtifactVersion:
        """The whole way, ending early if the server has the content already."""
        algorithm = changes.get("digest_algorithm", DigestAlgorithm.MD5)
        entries = {**entries_of(files, algorithm), **(references or {})}
        draft = self.create(entries, **changes)
        if draft.version_index is not None:
            return draft
        self.services.artifact_uploads.put_manifest(self.caller, draft.id, name="wandb_manifest.json", kind=kind)
        for path, upload in zip(files, self.upload(draft.id, files, algorithm), strict=True):
            entries[path]["birthArtifactID"] = encode_id("Artifact", upload.file.artifact_id)
        self.announce(draft.id, document_of(entries), kind=kind)
        return self.commit(draft.id)

    def download(self, url: str) -> bytes:
        async def fetch() -> bytes:
            downloads = self.services.artifact_downloads
            stored = await downloads.resolve(token_of(url), name_in(url))
            return b"".join([chunk async for chunk in downloads.read(stored)])

        return asyncio.run(fetch())

    def content(self, version: ArtifactVersion) -> dict[str, bytes | None]:
        """Everything in a version; None for references."""
        page = self.services.artifacts.entries(version)
        urls = {entry.path: self.services.artifact_downloads.entry_url(entry) for entry in page.entries}
        return {path: self.download(url) if url is not None else None for path, url in urls.items()}
