"""A server in memory that takes many small files at once, and manifests told as changes."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx

from kymograph.client.artifact_bulk import FEATURE
from kymograph.wire.content_parts import PartDecoder
from kymograph.wire.manifest_json import amend_manifest
from tests.unit.sdk.sender.artifact_servers import ArtifactServer, md5


class BulkServer(ArtifactServer):
    """Source: docs/protocol/bulk-transfers.md."""

    def __init__(self) -> None:
        super().__init__()
        self.announced: list[int] = []
        """Files of each request."""
        self.amended: list[dict[str, Any]] = []
        self.early: list[str] = []
        """Digests of what came before it was logged."""
        self.lost: set[str] = set()
        """Versions that are no base any more."""

    def _answer(self, request: dict[str, Any]) -> httpx.Response:
        if "ServerFeaturesQuery" in request["query"]:
            features = [{"name": FEATURE, "isEnabled": True}]
            return httpx.Response(200, json={"data": {"serverInfo": {"features": features}}})
        return super()._answer(request)

    def _obey(self, request: httpx.Request, body: bytes) -> httpx.Response:
        path = request.url.path
        if path == "/api/v1/artifact-uploads":
            return self._announce(json.loads(body))
        if path == "/api/v1/artifact-manifests":
            return self._amend(json.loads(body))
        if path == "/api/v1/artifact-contents":
            return httpx.Response(200, json={"url": "http://server/content"})
        if path == "/content":
            self.blobs[md5(body)] = body
            self.early.append(md5(body))
            return httpx.Response(200, headers={"ETag": f'"{md5(body)}"'})
        if path == "/parts":
            return self._take(body)
        return super()._obey(request, body)

    def _announce(self, asked: dict[str, Any]) -> httpx.Response:
        self.announced.append(len(asked["files"]))
        wanted = [index for index, (_, digest) in enumerate(asked["files"]) if digest not in self.blobs]
        answer = {"url": "http://server/parts", "wanted": wanted, "births": [asked["artifact"]]}
        return httpx.Response(200, json={**answer, "born": [0] * len(asked["files"])})

    def _take(self, body: bytes) -> httpx.Response:
        decoder = PartDecoder()
        parts = decoder.feed(body)
        decoder.close()
        refused = []
        for part in parts:
            digest = base64.b64encode(part.digest).decode()
            if md5(part.content) != digest:
                refused.append(digest)
                continue
            self.blobs[digest] = part.content
            self.uploads[digest] += 1
        return httpx.Response(200, json={"stored": len(parts) - len(refused), "refused": refused})

    def _amend(self, asked: dict[str, Any]) -> httpx.Response:
        if asked["base"] in self.lost:
            return httpx.Response(404, json={"error": {"kind": "ArtifactNotFound", "message": "gone"}})
        self.amended.append(asked)
        base = self.versions[asked["base"]].manifest
        amended = amend_manifest(base, removed=asked["removed"], changed=asked["changed"], artifact="a")
        self.versions[asked["artifact"]].manifest = amended
        return httpx.Response(200, json={"digest": md5(amended)})
