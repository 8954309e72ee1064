"""Files of runs, fetched from a server."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from kymograph.client.runs import RunAddress, RunClient
from kymograph.errors import RunNotFound

_FILE = """
query RunFile($entity: String, $project: String, $run: String!, $files: [String!]) {
  project(name: $project, entityName: $entity) {
    run(name: $run) {
      files(names: $files, first: 1) { edges { node { name directUrl sizeBytes md5 } } }
    }
  }
}
"""
_NOT_THERE = (None, "", "0")
"""Digests of files that were announced, or only asked for, and never sent."""


def fetch_run_file(client: RunClient, at: RunAddress, name: str, target: Path) -> bool:
    """Fetch one file; `target` is there whole, or as it was before.

    Args:
        client: Of the server.
        at: Which run.
        name: Of the file, among those of the run.
        target: Where it goes; its folders are made.

    Returns:
        Whether the run has such a file.

    Raises:
        RunNotFound: There is no such run, or it may not be seen.
        KymographError: The server cannot be asked, or says no.
        OSError: The file cannot be written.
    """
    variables = {"entity": at.entity or None, "project": at.project, "run": at.run_id, "files": [name]}
    project = client.graphql(_FILE, variables).get("project")
    run = project.get("run") if isinstance(project, dict) else None
    if not isinstance(run, dict):
        raise RunNotFound(at.run_id, within=f"{at.entity}/{at.project}".strip("/"))
    files = run.get("files")
    edges = files.get("edges") if isinstance(files, dict) else None
    nodes = [edge.get("node") for edge in (edges if isinstance(edges, list) else []) if isinstance(edge, dict)]
    node = next((node for node in nodes if isinstance(node, dict) and node.get("name") == name), None)
    if node is None or node.get("md5") in _NOT_THERE or not node.get("directUrl"):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as sink:
            client.fetch(str(node["directUrl"]), sink)
        draft.replace(target)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    return True
