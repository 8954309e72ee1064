"""A client of the artifact family, over GraphQL and HTTP against an application in this process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from kymograph.core.digest import md5_digest
from kymograph.testing.deployments import ADMIN_KEY, PUBLIC_URL
from tests.unit.services.artifact_client import digest_of, document_of, entries_of

DOCUMENTS = "\n".join(
    (Path(__file__).parents[2] / "protocol" / "documents" / f"{noun}.graphql").read_text()
    for noun in ("artifacts", "collections")
)
PROJECT = {"entity": "admin", "project": "project"}
FILES = {"a.txt": b"A", "sub/ü %20.bin": bytes(range(256)) * 40}
REFERENCE: dict[str, dict[str, Any]] = {"ref.bin": {"digest": "etag", "ref": "s3://bucket/key", "size": 12}}
KEY_OF_EVE = "e" * 40


class Http:
    """A client of an application in this process."""

    def __init__(self, app: FastAPI, key: str = ADMIN_KEY) -> None:
        self.app = app
        self.auth = ("api", key)

    def request(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as http:
                return await http.request(method, url, **arguments)

        return asyncio.run(send())

    def reply(self, operation: str, **variables: Any) -> Any:
        body = {"query": DOCUMENTS, "operationName": operation, "variables": variables}
        response = self.request("POST", "/graphql", json=body, auth=self.auth)
        assert response.status_code == 200, response.text
        return response.json()

    def run(self, operation: str, **variables: Any) -> Any:
        reply = self.reply(operation, **variables)
        assert "errors" not in reply, reply["errors"]
        return reply["data"]

    def error(self, operation: str, **variables: Any) -> str:
        (error,) = self.reply(operation, **variables)["errors"]
        assert error.get("extensions", {}).get("kind") != "InternalError", error
        message: str = error["message"]
        return message

    def get(self, url: str, **headers: str) -> httpx.Response:
        """Without credentials."""
        return self.request("GET", url, headers=headers)

    def get_signed_in(self, url: str) -> httpx.Response:
        return self.request("GET", url, auth=self.auth)

    def put(self, url: str, content: bytes) -> httpx.Response:
        """Without credentials."""
        return self.request("PUT", url, content=content)

    def create(self, entries: dict[str, dict[str, Any]], **fields: Any) -> Any:
        given = {
            "entityName": "",
            "projectName": "project",
            "runName": "run",
            "artifactTypeName": "dataset",
            "artifactCollectionName": "digits",
            "digest": digest_of(entries),
            "digestAlgorithm": "MANIFEST_MD5",
            "enableDigestDeduplication": True,
            "aliases": [{"artifactCollectionName": "digits", "alias": "latest"}],
            **fields,
        }
        return self.run("CreateArtifact", input=given)["createArtifact"]["artifact"]

    def manifest(self, artifact: str, digest: str, *, upload: bool, type: str = "FULL") -> Any:
        variables = {"name": "wandb_manifest.json", "digest": digest, "artifactID": artifact, "run": "run"}
        return self.run("CreateArtifactManifest", **PROJECT, **variables, includeUpload=upload, type=type)[
            "createArtifactManifest"
        ]["artifactManifest"]

    def upload_nodes(self, artifact: str, manifest: str, files: dict[str, bytes]) -> list[Any]:
        specs = [
            {"artifactID": artifact, "artifactManifestID": manifest, "name": name, "md5": md5_digest(content)}
            for name, content in files.items()
        ]
        data = self.run("CreateArtifactFiles", input={"artifactFiles": specs, "storageLayout": "V2"})
        return [edge["node"] for edge in data["createArtifactFiles"]["files"]["edges"]]

    def log(self, files: dict[str, bytes], **fields: Any) -> str:
        """The whole way of a client; the id of the committed version."""
        entries = {**entries_of(files), **REFERENCE}
        artifact: str = self.create(entries, **fields)["id"]
        manifest = self.manifest(artifact, "", upload=False)
        nodes = self.upload_nodes(artifact, manifest["id"], files)
        for node, (name, content) in zip(nodes, files.items(), strict=True):
            entries[name]["birthArtifactID"] = node["artifact"]["id"]
            if node["uploadUrl"] is not None:
                assert self.put(node["uploadUrl"], content).status_code == 200
        document = document_of(entries)
        announced = self.manifest(artifact, md5_digest(document), upload=True)
        assert self.put(announced["file"]["uploadUrl"], document).status_code == 200
        committed = self.run("CommitArtifact", artifactID=artifact)["commitArtifact"]["artifact"]
        assert committed["digest"] == digest_of(entries)
        return artifact
