"""Where the bytes of many files are, of several runs and of artifacts, in few requests."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from kymograph.client.artifacts import ArtifactClient
from kymograph.client.fields import nodes_of, object_of
from kymograph.client.graphql import GraphqlTransport
from kymograph.client.runs import RunClient

NAMES_PER_REQUEST = 500
"""Servers give one page of files for each run; this fits into it."""

_OF_ARTIFACT = """
query ComparedArtifactFiles($id: ID!, $names: [String!], $first: Int) {
  artifact(id: $id) { files(names: $names, first: $first) { edges { node { name directUrl } } } }
}
"""


def run_file_urls(
    client: GraphqlTransport, entity: str, project: str, wanted: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str], str]:
    """Addresses that carry their own credential, by run and name; files that have not arrived are left out.

    Args:
        client: Of the server.
        entity: Whose project.
        project: Which.
        wanted: Names of files by run.
    """
    found: dict[tuple[str, str], str] = {}
    pairs = [(run_id, name) for run_id, names in wanted.items() for name in dict.fromkeys(names)]
    for begin in range(0, len(pairs), NAMES_PER_REQUEST):
        by_run: dict[str, list[str]] = {}
        for run_id, name in pairs[begin : begin + NAMES_PER_REQUEST]:
            by_run.setdefault(run_id, []).append(name)
        run_ids = list(by_run)
        declared = "".join(f", $n{place}: String!, $f{place}: [String]" for place in range(len(run_ids)))
        fields = " ".join(
            f"r{place}: run(name: $n{place}) {{ files(names: $f{place}, first: {len(by_run[run_id])}) "
            "{ edges { node { name directUrl } } } }"
            for place, run_id in enumerate(run_ids)
        )
        document = (
            f"query ComparedFiles($entity: String!, $project: String!{declared}) "
            f"{{ project(entityName: $entity, name: $project) {{ {fields} }} }}"
        )
        variables: dict[str, Any] = {"entity": entity, "project": project}
        for place, run_id in enumerate(run_ids):
            variables |= {f"n{place}": run_id, f"f{place}": by_run[run_id]}
        holder = object_of(client.graphql(document, variables).get("project"))
        for place, run_id in enumerate(run_ids):
            for node in nodes_of(object_of(holder.get(f"r{place}")).get("files")):
                if node.get("directUrl"):
                    found[run_id, str(node.get("name"))] = str(node["directUrl"])
    return found


def public_file_url(base_url: str, entity: str, project: str, run_id: str, name: str) -> str:
    """Where a file of a run is for those who are signed in. Source: seeds.md D.3."""
    return f"{base_url}/files/{quote(entity)}/{quote(project)}/{quote(run_id)}/{quote(name)}"


def artifact_file_url(client: RunClient, address: str) -> str | None:
    """Where a file of an artifact is.

    Args:
        client: Of the server.
        address: ``wandb-artifact://{hex of the id}/{path}`` or ``wandb-client-artifact://{client id}/{path}``.

    Returns:
        None if there is no such version or file, or it may not be seen.
    """
    scheme, _, rest = address.partition("://")
    place, _, path = rest.partition("/")
    if scheme == "wandb-artifact":
        try:
            artifact_id: str | None = base64.b64encode(bytes.fromhex(place)).decode()
        except ValueError:
            return None
    else:
        artifact_id = ArtifactClient(client).id_of_client_id(place)
    if not artifact_id:
        return None
    variables = {"id": artifact_id, "names": [path], "first": 1}
    files = object_of(client.graphql(_OF_ARTIFACT, variables).get("artifact")).get("files")
    return next((str(node["directUrl"]) for node in nodes_of(files) if node.get("directUrl")), None)
