"""What tests read from the server: the REST API, with exact numbers turned back into Python's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx


class Rest:
    """The REST API for one caller; a context manager.

    Methods that return values fail the test unless the answer is a success; `http` is there for the others.
    """

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.http.close()

    def get(self, path: str, **params: Any) -> Any:
        return checked(self.http.get(f"/api/v1{path}", params=params))

    def post(self, path: str, body: object) -> Any:
        return checked(self.http.post(f"/api/v1{path}", json=body))

    def items(self, path: str, **params: Any) -> list[Any]:
        """All items of a paged list."""
        return list(self._pages(path, params))

    def _pages(self, path: str, params: dict[str, Any]) -> Iterator[Any]:
        after = None
        while True:
            page = self.get(path, **params, **({"after": after} if after else {}))
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def session(self) -> Any:
        return self.get("/session")

    def find_run(self, project: str, run: str) -> Any | None:
        """One run, None if there is none (yet)."""
        response = self.http.get(f"/api/v1{run_path(project, run)}")
        return None if response.status_code == 404 else checked(response)

    def run(self, project: str, run: str) -> Any:
        return self.get(run_path(project, run))

    def runs(self, project: str, **params: Any) -> list[Any]:
        return self.items(f"/projects/{project}/runs", **params)

    def rows(self, project: str, run: str, **params: Any) -> list[Any]:
        """All merged history rows."""
        return self.items(f"{run_path(project, run)}/rows", limit=1000, **params)

    def console(self, project: str, run: str) -> list[str]:
        """The text of all console lines."""
        return [line["text"] for line in self.get(f"{run_path(project, run)}/console", start=0, limit=1000)["items"]]

    def files(self, project: str, run: str) -> dict[str, Any]:
        """Files by name."""
        return {file["name"]: file for file in self.items(f"{run_path(project, run)}/files", limit=1000)}

    def file(self, project: str, run: str, name: str) -> bytes:
        """The bytes of a file."""
        response = self.http.get(f"/api/v1{run_path(project, run)}/files/{quote(name)}")
        assert response.status_code == 200, response.text
        return response.content

    def metrics(self, project: str, run: str) -> dict[str, Any]:
        """The metric catalogue of a run, by name."""
        return {item["name"]: item for item in self.get(f"{run_path(project, run)}/metrics")["items"]}

    def series(self, project: str, runs: list[str], metrics: list[str], **options: Any) -> Any:
        body = {"stream": "history", "x": "step", "width": 1000, "min": None, "max": None} | options
        return self.post(f"/projects/{project}/series", {"runs": runs, "metrics": metrics} | body)

    def graphql(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL document."""
        answer = checked(self.http.post("/graphql", json={"query": query, "variables": variables}))
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def create_run(self, project: str, run: str, **fields: Any) -> Any:
        """Make a run the way a client does; `project` is ``entity/project``."""
        entity, name = project.split("/", 1)
        return self.graphql(UPSERT_RUN, entity=entity, project=name, name=run, **fields)["upsertBucket"]["bucket"]

    def stream(self, project: str, run: str, body: object) -> httpx.Response:
        """One request of a run's file stream, whatever comes back."""
        return self.http.post(stream_path(project, run), json=body)


UPSERT_RUN = """
mutation UpsertBucket($entity: String, $project: String, $name: String, $displayName: String, $config: JSONString,
                      $tags: [String!], $notes: String, $groupName: String) {
  upsertBucket(input: {entityName: $entity, modelName: $project, name: $name, displayName: $displayName,
                       config: $config, tags: $tags, notes: $notes, groupName: $groupName}) {
    bucket { id name displayName project { name entity { name } } historyLineCount }
    inserted
  }
}
"""


def run_path(project: str, run: str) -> str:
    """Where a run lies under ``/api/v1``; `project` is ``entity/project``."""
    return f"/projects/{quote(project)}/runs/{quote(run, safe='')}"


def stream_path(project: str, run: str) -> str:
    """The address of a run's file stream."""
    return f"/files/{quote(project)}/{quote(run, safe='')}/file_stream"


def checked(response: httpx.Response) -> Any:
    """The decoded body of a successful answer."""
    assert response.is_success, (
        f"{response.request.method} {response.request.url}: {response.status_code} {response.text}"
    )
    return exact(response.json()) if response.content else None


def exact(value: Any) -> Any:
    """Undo the REST API's notation for numbers that JSON cannot carry."""
    if isinstance(value, dict):
        if set(value) == {"$number"}:
            return parse_number(value["$number"])
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return value


def parse_number(text: str) -> float | int:
    """A number in the notation of ``$number``."""
    special = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0.0": -0.0}
    return special[text] if text in special else int(text)
