"""A server in memory that takes artifacts, too: by the protocol's rules, and counting what it is sent."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from kymograph.core.manifest import manifest_digest
from kymograph.wire.manifest_json import parse_manifest
from tests.unit.sdk.sender.servers import MemoryServer


@dataclass
class Version:
    """A draft or a version."""

    id: str
    input: dict[str, Any]
    state: str = "PENDING"
    index: int | None = None
    manifest: bytes = b""
    aliases: list[str] = field(default_factory=list)

    @property
    def contents(self) -> dict[str, Any]:
        return dict(json.loads(self.manifest)["contents"])


class ArtifactServer(MemoryServer):
    """Versions by collection, bytes by digest."""

    def __init__(self) -> None:
        super().__init__()
        self.versions: dict[str, Version] = {}
        self.blobs: dict[str, bytes] = {}
        self.uploads: Counter[str] = Counter()
        """Bytes that were sent, by digest: more than once is waste."""
        self.commits: list[str] = []
        """Names of collections in the order of commits."""
        self.uses: list[dict[str, Any]] = []
        self.links: list[dict[str, Any]] = []
        self.file_batches: list[int] = []
        self.takes_parts_from: int | None = None
        """Files of so many parts and more go up in parts."""
        self.parts: dict[str, dict[int, bytes]] = {}

    def of(self, collection: str) -> list[Version]:
        """Committed versions of a collection, in order."""
        found = [version for version in self.versions.values() if version.input["artifactCollectionName"] == collection]
        return sorted(
            (version for version in found if version.state == "COMMITTED"), key=lambda version: version.index or 0
        )

    def _obey(self, request: httpx.Request, body: bytes) -> httpx.Response:
        path = request.url.path
        if request.method == "PUT" and path.startswith("/blob/"):
            digest = base64.b64encode(bytes.fromhex(path.removeprefix("/blob/"))).decode()
            if md5(body) != digest:
                return httpx.Response(422, json={"error": "the digest is another"})
            self.blobs[digest] = body
            self.uploads[digest] += 1
            return httpx.Response(200)
        if request.method == "PUT" and path.startswith("/part/"):
            _, _, name, number = path.split("/")
            assert request.headers["Content-MD5"] == md5(body)
            self.parts.setdefault(name, {})[int(number)] = body
            return httpx.Response(200, headers={"ETag": f"etag-{number}"})
        if request.method == "PUT" and path.startswith("/manifest/"):
            self.versions[path.removeprefix("/manifest/")].manifest = body
            return httpx.Response(200)
        return super()._obey(request, body)

    def _answer(self, request: dict[str, Any]) -> httpx.Response:
        document, variables = request["query"], request.get("variables", {})
        for name, answer in (
            ("createArtifact(", self._create),
            ("createArtifactManifest(", self._manifest),
            ("updateArtifactManifest(", self._manifest),
            ("createArtifactFiles(", self._files),
            ("completeMultipartUploadArtifact(", self._complete),
            ("commitArtifact(", self._commit),
            ("useArtifact(", self._use),
            ("linkArtifact(", self._link),
            ("clientIDMapping(", self._map),
        ):
            if name in document:
                found = answer(variables)
                if isinstance(found, str):
                    return httpx.Response(200, json={"errors": [{"message": found}]})
                return httpx.Response(200, json={"data": found})
        return super()._answer(request)

    def _create(self, variables: dict[str, Any]) -> dict[str, Any] | str:
        given = variables["input"]
        if given["artifactTypeName"] == "refused":
            return "this type is refused here"
        found = next((v for v in self.versions.values() if v.input["clientID"] == given["clientID"]), None)
        others = self.of(given["artifactCollectionName"])
        if found is None and others and others[-1].input["digest"] == given["digest"]:
            found = others[-1]
            found.aliases += [alias["alias"] for alias in given["aliases"] if alias["alias"] not in found.aliases]
        if found is None:
            found = Version(base64.b64encode(f"Artifact:{len(self.versions) + 1}".encode()).decode(), given)
            self.versions[found.id] = found
        latest = {"id": others[-1].id} if others else None
        sequence = {"latestArtifact": latest}
        return {"createArtifact": {"artifact": {"id": found.id, "state": found.state, "artifactSequence": sequence}}}

    def _manifest(self, variables: dict[str, Any]) -> dict[str, Any]:
        artifact_id = variables.get("artifactID") or variables["artifactManifestID"].removeprefix("manifest of ")
        is_announced = variables["includeUpload"]
        file = {"id": "f", "uploadUrl": f"http://server/manifest/{artifact_id}", "uploadHeaders": []}
        node = {"id": f"manifest of {artifact_id}", "file": file if is_announced else {"id": "f"}}
        field_name = "createArtifactManifest" if "artifactID" in variables else "updateArtifactManifest"
        return {field_name: {"artifactManifest": node}}

    def _files(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.file_batches.append(len(variables["artifactFiles"]))
        edges = []
        for spec in variables["artifactFiles"]:
            name = base64.b64decode(spec["md5"]).hex()
            parts = spec.get("uploadPartsInput") or []
            node: dict[str, Any] = {
                "storagePath": f"store/{name}",
                "uploadUrl": None if spec["md5"] in self.blobs else f"http://server/blob/{name}",
                "uploadHeaders": ["Content-Type:application/x-thing"],
                "uploadMultipartUrls": None,
                "artifact": {"id": spec["artifactID"]},
            }
            if self.takes_parts_from is not None and len(parts) >= self.takes_parts_from:
                urls = [
                    {"partNumber": part["partNumber"], "uploadUrl": f"http://server/part/{name}/{part['partNumber']}"}
                    for part in parts
                ]
                node |= {"uploadUrl": None, "uploadMultipartUrls": {"uploadID": name, "uploadUrlParts": urls}}
            edges.append({"node": node})
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _complete(self, variables: dict[str, Any]) -> dict[str, Any]:
        held = self.parts[variables["uploadID"]]
        assert [part["hexMD5"] for part in variables["completedParts"]] == [f"etag-{number}" for number in sorted(held)]
        whole = b"".join(held[number] for number in sorted(held))
        self.blobs[md5(whole)] = whole
        return {"completeMultipartUploadArtifact": {"digest": md5(whole)}}

    def _commit(self, variables: dict[str, Any]) -> dict[str, Any] | str:
        version = self.versions[variables["artifactID"]]
        entries = parse_manifest(version.manifest, artifact="a")
        missing = [entry.path for entry in entries if entry.ref is None and entry.digest not in self.blobs]
        if missing:
            return f"bytes are missing: {missing}"
        if version.state != "COMMITTED":
            if not version.input.get("distributedID") and manifest_digest(entries) != version.input["digest"]:
                return "the manifest has another digest"
            collection = version.input["artifactCollectionName"]
            version.index, version.state = len(self.of(collection)), "COMMITTED"
            version.aliases = [alias["alias"] for alias in version.input["aliases"]]
            self.commits.append(collection)
        return {"commitArtifact": {"artifact": {"id": version.id, "digest": "d"}}}

    def _use(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.uses.append(variables["input"])
        return {"useArtifact": {"artifact": {"id": variables["input"]["artifactID"]}}}

    def _link(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.links.append(variables["input"])
        return {"result": {"versionIndex": len(self.links) - 1}}

    def _map(self, variables: dict[str, Any]) -> dict[str, Any]:
        found = next((v for v in self.versions.values() if v.input["clientID"] == variables["clientID"]), None)
        return {"clientIDMapping": {"serverID": found.id} if found else None}


def md5(content: bytes) -> str:
    """Base64."""
    return base64.b64encode(hashlib.md5(content).digest()).decode()
