"""A server in memory that has versions of artifacts to be read, and counts what it is asked."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.sdk.artifacts.artifact import Artifact
from kymograph.sdk.artifacts.folders import ArtifactFolders
from kymograph.sdk.artifacts.session import Session
from kymograph.sdk.artifacts.version import ServerVersion, artifact_of

ARTIFACT_ID = base64.b64encode(b"Artifact:7").decode()
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


def md5(content: bytes) -> str:
    """Base64."""
    return base64.b64encode(hashlib.md5(content).digest()).decode()


class VersionServer(httpx.BaseTransport):
    """One version, ``me/p/data:v3``."""

    def __init__(self, files: Mapping[str, bytes], refs: Mapping[str, str] | None = None) -> None:
        self.contents = {md5(content): content for content in files.values()}
        self.entries: dict[str, dict[str, Any]] = {
            path: {"digest": md5(content), "size": len(content), "birthArtifactID": ARTIFACT_ID}
            for path, content in files.items()
        }
        for path, ref in (refs or {}).items():
            self.entries[path] = {"digest": ref, "ref": ref}
        self.asked: Counter[str] = Counter()
        """Requests by what they ask for."""
        self.urls_asked: list[int] = []
        self.features: set[str] = {"PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP"}
        self.knows_entries = True
        self.stated: dict[str, str] = {}
        """What is stated of contents with their addresses, by digest."""
        self.inputs: dict[str, list[dict[str, Any]]] = {}
        self.failure: Callable[[httpx.Request], httpx.Response | None] = lambda _request: None
        self.node: dict[str, Any] = {
            "id": ARTIFACT_ID,
            "artifactSequence": _collection("ArtifactSequence", "data"),
            "versionIndex": 3,
            "artifactType": {"name": "dataset"},
            "description": "text",
            "metadata": '{"a": 1}',
            "state": "COMMITTED",
            "digest": "d",
            "size": str(sum(map(len, files.values()))),
            "fileCount": len(self.entries),
            "tags": [{"name": "t"}],
            "historyStep": 5,
            "ttlDurationSeconds": -2,
            "aliases": [
                {"alias": "latest", "artifactCollection": _collection("ArtifactSequence", "data")},
                {"alias": "elsewhere", "artifactCollection": _collection("ArtifactPortfolio", "linked")},
                {"alias": "v3", "artifactCollection": _collection("ArtifactSequence", "data")},
            ],
            "createdAt": "2026-01-01T00:00:00Z",
        }

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        if (answer := self.failure(request)) is not None:
            return answer
        path = request.url.path
        if path == "/graphql":
            return self._answer(json.loads(body))
        if path == "/manifest":
            self.asked["manifest"] += 1
            document = {
                "version": 1,
                "storagePolicy": "wandb-storage-policy-v1",
                "storagePolicyConfig": {"storageLayout": "V2"},
                "contents": self.entries,
            }
            return httpx.Response(200, content=json.dumps(document).encode())
        if path.startswith("/blob/"):
            self.asked["file"] += 1
            content = self.contents[base64.b64encode(bytes.fromhex(path.removeprefix("/blob/"))).decode()]
            span = _RANGE.fullmatch(request.headers.get("Range", ""))
            if span is not None:
                return httpx.Response(206, content=content[int(span[1]) : int(span[2]) + 1])
            return httpx.Response(200, content=content)
        return httpx.Response(404)

    def _answer(self, request: dict[str, Any]) -> httpx.Response:
        document, variables = request["query"], request.get("variables", {})
        name = document.split("(")[0].split("{")[0].split()[-1]
        self.asked[name] += 1
        self.inputs.setdefault(name, []).append(variables.get("input", variables))
        if name == "ServerFeaturesQuery":
            features = [{"name": feature, "isEnabled": True} for feature in self.features]
            return _data({"serverInfo": {"features": features}})
        if name == "FetchArtifactManifest":
            return _data({"artifact": {"currentManifest": {"file": {"directUrl": "http://files/manifest"}}}})
        if name == "ArtifactFileURLsByManifestEntries":
            if not self.knows_entries:
                return httpx.Response(200, json={"errors": [{"message": "unknown field filesByManifestEntries"}]})
            self.urls_asked.append(len(variables["entries"]))
            edges = [_file(entry["name"], entry["digest"], self.stated) for entry in variables["entries"]]
            return _data({"artifact": {"filesByManifestEntries": {"edges": edges}}})
        if name == "GetArtifactMembershipFileUrls":
            edges = [_file(path, entry["digest"]) for path, entry in self.entries.items() if "ref" not in entry]
            start = int(variables["cursor"] or 0)
            end = start + variables["perPage"]
            info = {"hasNextPage": end < len(edges), "endCursor": str(end)}
            files = {"edges": edges[start:end], "pageInfo": info}
            return _data({"project": {"artifactCollection": {"artifactMembership": {"files": files}}}})
        if name == "ArtifactMembershipByName":
            return _data({"project": {"artifactCollectionMembership": self._membership(variables["name"])}})
        if name in ("ArtifactByID", "ArtifactByName"):
            return _data({"artifact": self.node, "project": {"artifact": self.node}})
        if name == "UpdateArtifact":
            given = variables["input"]
            tags = [tag["tagName"] for tag in given["tagsToAdd"]]
            node = {**self.node, "metadata": given["metadata"], "tags": [{"name": tag} for tag in tags]}
            return _data({"result": {"artifact": node}})
        return _data({"result": {"success": True}, "project": {"name": "p", "readOnly": False}})

    def _membership(self, name: str) -> dict[str, Any] | None:
        collection, _, alias = name.partition(":")
        if alias == "absent":
            return None
        kind = "ArtifactSequence" if collection == "data" else "ArtifactPortfolio"
        return {
            "id": "membership",
            "versionIndex": 3 if collection == "data" else 0,
            "aliases": [{"alias": alias or "latest"}],
            "artifactCollection": _collection(kind, collection),
            "artifact": self.node,
            "createdAt": "2026-02-02T00:00:00Z",
        }

    # --- for tests ---

    def session(self, folder: Path) -> Session:
        """A session whose cache is in a folder."""
        client = RunClient(Connection.of("http://server", "key"), inner=self)
        return Session(client, "http://pages", ArtifactFolders(folder / "cache", folder / "staging", None))

    def artifact(self, folder: Path) -> Artifact:
        """The version, as a script holds it."""
        session = self.session(folder)
        return artifact_of(ServerVersion.of_source(session, session.artifacts.get(ARTIFACT_ID)))


def _collection(kind: str, name: str) -> dict[str, Any]:
    return {"__typename": kind, "name": name, "project": {"name": "p", "entity": {"name": "me"}}}


def _file(path: str, digest: str, stated: Mapping[str, str] | None = None) -> dict[str, Any]:
    url = f"http://files/blob/{base64.b64decode(digest).hex()}"
    if stated and digest in stated:
        url += f"?{urlencode({'xxh128': stated[digest]})}"
    return {"node": {"name": path, "directUrl": url}}


def _data(data: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"data": data})
