"""What tests of the file systems share: runs to write to, and fsspec's own suite on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.e2e.server import ADMIN_KEY, ServerProcess

UPSERT = """
mutation UpsertBucket($entity: String!, $project: String!, $name: String!, $displayName: String) {
  upsertBucket(input: { entityName: $entity, modelName: $project, name: $name, displayName: $displayName }) {
    bucket { id }
  }
}
"""


def make_run(server: ServerProcess, path: str, *, display_name: str | None = None) -> str:
    """A run of the administrator, ``entity/project/run``; its path."""
    entity, project, run = path.split("/")
    variables = {"entity": entity, "project": project, "name": run, "displayName": display_name}
    with server.http() as http:
        answer: Any = http.post("/graphql", json={"query": UPSERT, "variables": variables}).raise_for_status().json()
    assert "errors" not in answer, answer
    return path


def options(server: ServerProcess, cache: Path | None = None, **more: Any) -> dict[str, Any]:
    """Storage options for a server's administrator."""
    return {
        "api_key": ADMIN_KEY,
        "base_url": server.url,
        "cache_dir": None if cache is None else str(cache),
        "skip_instance_cache": True,
        **more,
    }


def head(url: str) -> httpx.Response:
    """What an address gives without a credential."""
    return httpx.get(url, timeout=60)
