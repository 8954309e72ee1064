"""Artifacts logged as a client does it, over HTTP, for tests of the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kymograph.core.digest import md5_digest
from tests.e2e.rest import Rest
from tests.unit.services.artifact_client import digest_of, document_of, entries_of

DOCUMENTS = (Path(__file__).parents[1] / "protocol" / "documents" / "artifacts.graphql").read_text()


def log_artifact(
    rest: Rest,
    project: str,
    run: str | None,
    name: str,
    files: Mapping[str, bytes],
    *,
    type: str = "dataset",
    aliases: Sequence[str] = (),
    references: Mapping[str, dict[str, Any]] | None = None,
    **fields: Any,
) -> str:
    """Log a version of a collection; gives its id, or that of the one with the same content."""
    entity, project_name = project.split("/")
    place = {"entity": entity, "project": project_name}
    entries = {**entries_of(files), **(references or {})}
    given = {
        "entityName": entity,
        "projectName": project_name,
        "runName": run,
        "artifactTypeName": type,
        "artifactCollectionName": name,
        "digest": digest_of(entries),
        "digestAlgorithm": "MANIFEST_MD5",
        "enableDigestDeduplication": True,
        "aliases": [{"artifactCollectionName": name, "alias": alias} for alias in ("latest", *aliases)],
        **fields,
    }
    created = _run(rest, "CreateArtifact", input=given)["createArtifact"]["artifact"]
    artifact: str = created["id"]
    if created["state"] == "COMMITTED":
        return artifact
    manifest = {"name": "wandb_manifest.json", "artifactID": artifact, "type": "FULL", **place, "run": run or ""}
    draft = _run(rest, "CreateArtifactManifest", **manifest, digest="", includeUpload=False)
    draft_id = draft["createArtifactManifest"]["artifactManifest"]["id"]
    specs = [
        {"artifactID": artifact, "artifactManifestID": draft_id, "name": path, "md5": md5_digest(content)}
        for path, content in files.items()
    ]
    announced = _run(rest, "CreateArtifactFiles", input={"artifactFiles": specs, "storageLayout": "V2"})
    for edge, (path, content) in zip(announced["createArtifactFiles"]["files"]["edges"], files.items(), strict=True):
        entries[path]["birthArtifactID"] = edge["node"]["artifact"]["id"]
        if edge["node"]["uploadUrl"] is not None:
            assert rest.http.put(edge["node"]["uploadUrl"], content=content).status_code == 200
    document = document_of(entries)
    final = _run(rest, "CreateArtifactManifest", **manifest, digest=md5_digest(document), includeUpload=True)
    url = final["createArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"]
    assert rest.http.put(url, content=document).status_code == 200
    _run(rest, "CommitArtifact", artifactID=artifact)
    return artifact


def use_artifact(rest: Rest, project: str, run: str, artifact: str) -> None:
    """Record that a run uses a version."""
    entity, project_name = project.split("/")
    given = {"entityName": entity, "projectName": project_name, "runName": run, "artifactID": artifact}
    rest.graphql(
        "mutation ($input: UseArtifactInput!) { useArtifact(input: $input) { artifact { id } } }",
        input=given,
    )


def table_of(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """A logged table, as the client writes it."""
    return json.dumps({"columns": list(columns), "data": rows, "ncols": len(columns), "nrows": len(rows)}).encode()


def _run(rest: Rest, operation: str, **variables: Any) -> Any:
    body = {"query": DOCUMENTS, "operationName": operation, "variables": variables}
    response = rest.http.post("/graphql", json=body)
    assert response.status_code == 200, response.text
    reply = response.json()
    assert "errors" not in reply, reply["errors"]
    return reply["data"]
