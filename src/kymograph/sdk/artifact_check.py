"""Whether a server takes an artifact and gives it back: each request that clients make, once.

Source: protocol.md §7.1, §8, §9.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import orjson

from kymograph.client.runs import RunAddress, RunClient, parse_upload_headers
from kymograph.core.digest import md5_digest
from kymograph.core.manifest import ManifestEntry, manifest_digest
from kymograph.core.names import parse_file_path
from kymograph.errors import ArtifactNotFound, IntegrityError, ProtocolError
from kymograph.wire.manifest_json import MANIFEST_VERSION, parse_manifest

TYPE = "verify"
COLLECTION = "verify"
"""Always the same, so that checks leave one empty collection behind and not many."""
MANIFEST_NAME = "wandb_manifest.json"

_CREATE = """
mutation CreateArtifact($input: CreateArtifactInput!) {
  createArtifact(input: $input) { artifact { id } }
}
"""
_CREATE_MANIFEST = """
mutation CreateArtifactManifest(
  $artifactID: ID!, $name: String!, $digest: String!, $entityName: String!, $projectName: String!, $runName: String!
) {
  createArtifactManifest(input: {
    artifactID: $artifactID, name: $name, digest: $digest, entityName: $entityName, projectName: $projectName,
    runName: $runName, type: FULL
  }) { artifactManifest { id file { uploadUrl uploadHeaders } } }
}
"""
_CREATE_FILES = """
mutation CreateArtifactFiles($input: CreateArtifactFilesInput!) {
  createArtifactFiles(input: $input) { files { edges { node { uploadUrl uploadHeaders artifact { id } } } } }
}
"""
_COMMIT = """
mutation CommitArtifact($artifactID: ID!) {
  commitArtifact(input: { artifactID: $artifactID }) { artifact { id digest } }
}
"""
_BY_NAME = """
query ArtifactByName($entity: String!, $project: String!, $name: String!) {
  project(entityName: $entity, name: $project) {
    artifact(name: $name) {
      id digest currentManifest { file { directUrl } } files(first: 10) { edges { node { name directUrl } } }
    }
  }
}
"""
_DELETE = """
mutation DeleteArtifact($artifactID: ID!) {
  deleteArtifact(input: { artifactID: $artifactID, deleteAliases: true }) { artifact { id } }
}
"""


class ArtifactCheck:
    """Logs one artifact in a run, reads it back by its alias, and removes it."""

    def __init__(self, client: RunClient, at: RunAddress) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: Of the server.
            at: A run that may be written.
        """
        self._client, self._at = client, at
        self._alias = f"checked-{at.run_id}"
        self._contents = {name: f"{at.run_id} {name}\n".encode() * 100 for name in ("one.txt", "folder/two.txt")}
        self._artifact_id = ""

    def log(self) -> None:
        """Make a version, with its files and its manifest.

        Raises:
            KymographError: The server does not take it.
        """
        entries = [
            ManifestEntry(parse_file_path(name), md5_digest(content), len(content))
            for name, content in self._contents.items()
        ]
        digest = manifest_digest(entries)
        made = self._ask(
            _CREATE,
            "createArtifact",
            input={
                "entityName": self._at.entity,
                "projectName": self._at.project,
                "runName": self._at.run_id,
                "artifactTypeName": TYPE,
                "artifactCollectionName": COLLECTION,
                "digest": digest,
                "digestAlgorithm": "MANIFEST_MD5",
                "aliases": [{"artifactCollectionName": COLLECTION, "alias": self._alias}],
            },
        )["artifact"]
        self._artifact_id = str(made["id"])
        manifest_id = self._manifest("")["id"]
        births = self._send_files(str(manifest_id), entries)
        manifest = _manifest_document(entries, births)
        file = self._manifest(md5_digest(manifest))["file"]
        self._client.put(str(file["uploadUrl"]), manifest, headers=parse_upload_headers(file.get("uploadHeaders")))
        committed = self._ask(_COMMIT, "commitArtifact", artifactID=self._artifact_id)["artifact"]
        if committed.get("digest") != digest:
            raise IntegrityError(f"the artifact is {digest}, and the server says {committed.get('digest')}")

    def read(self) -> str:
        """Find the version by its alias and fetch all of it.

        Returns:
            What was compared, in words.

        Raises:
            KymographError: It is not there, or other bytes come than were sent.
        """
        name = f"{COLLECTION}:{self._alias}"
        variables = {"entity": self._at.entity, "project": self._at.project, "name": name}
        project = self._client.graphql(_BY_NAME, variables, operation="ArtifactByName").get("project")
        found: Any = project.get("artifact") if isinstance(project, dict) else None
        if not isinstance(found, dict):
            raise ArtifactNotFound(name)
        manifest = self._fetch(str(found["currentManifest"]["file"]["directUrl"]))
        listed = {entry.path: entry for entry in parse_manifest(manifest, artifact=name)}
        urls = {str(edge["node"]["name"]): str(edge["node"]["directUrl"]) for edge in found["files"]["edges"]}
        for path, content in self._contents.items():
            entry = listed.get(parse_file_path(path))
            if entry is None or entry.digest != md5_digest(content) or path not in urls:
                raise IntegrityError(f"{path} is not in the artifact as it was logged")
            if self._fetch(urls[path]) != content:
                raise IntegrityError(f"{path}: other bytes come than were sent; does a proxy or cache change answers?")
        return f"{len(listed)} files logged, found by an alias, read back and compared"

    def remove(self) -> None:
        """Remove what was made; nothing happens if nothing was."""
        if self._artifact_id:
            self._client.graphql(_DELETE, {"artifactID": self._artifact_id}, operation="DeleteArtifact")

    def _send_files(self, manifest_id: str, entries: list[ManifestEntry]) -> list[str]:
        """Send the bytes that the server lacks; returns which version brought each file first."""
        specs = [
            {
                "artifactID": self._artifact_id,
                "artifactManifestID": manifest_id,
                "name": entry.path,
                "md5": entry.digest,
                "mimetype": "text/plain",
            }
            for entry in entries
        ]
        answer = self._ask(_CREATE_FILES, "createArtifactFiles", input={"artifactFiles": specs, "storageLayout": "V2"})
        nodes = [edge["node"] for edge in answer["files"]["edges"]]
        if len(nodes) != len(entries):
            raise ProtocolError(f"the server gives {len(nodes)} addresses for {len(entries)} files")
        for entry, node in zip(entries, nodes, strict=True):
            if node.get("uploadUrl"):
                headers = parse_upload_headers(node.get("uploadHeaders"))
                self._client.put(str(node["uploadUrl"]), self._contents[entry.path], headers=headers)
        return [str(node["artifact"]["id"]) for node in nodes]

    def _manifest(self, digest: str) -> Any:
        return self._ask(
            _CREATE_MANIFEST,
            "createArtifactManifest",
            artifactID=self._artifact_id,
            name=MANIFEST_NAME,
            digest=digest,
            entityName=self._at.entity,
            projectName=self._at.project,
            runName=self._at.run_id,
        )["artifactManifest"]

    def _ask(self, document: str, field: str, **variables: Any) -> Any:
        operation = f"{field[0].upper()}{field[1:]}"
        answer = self._client.graphql(document, variables, operation=operation).get(field)
        if not isinstance(answer, dict):
            raise ProtocolError(f"the server answers {operation} with nothing")
        return answer

    def _fetch(self, url: str) -> bytes:
        sink = BytesIO()
        self._client.fetch(url, sink)
        return sink.getvalue()


def _manifest_document(entries: list[ManifestEntry], births: list[str]) -> bytes:
    contents = {
        entry.path: {"digest": entry.digest, "size": entry.size_bytes, "birthArtifactID": birth}
        for entry, birth in zip(entries, births, strict=True)
    }
    return orjson.dumps(
        {
            "version": MANIFEST_VERSION,
            "storagePolicy": "wandb-storage-policy-v1",
            "storagePolicyConfig": {"storageLayout": "V2"},
            "contents": contents,
        }
    )
