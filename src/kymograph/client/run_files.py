"""Files of runs as a tree: what is there, where its bytes are, and changes to it.

By GraphQL, which every server of the protocol answers; where ours announces it, by what docs/protocol/run-folders.md
describes. Source: protocol.md §6, §11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kymograph.client.fields import count_of, nodes_of, object_of, text_of
from kymograph.client.runs import RunAddress, RunClient
from kymograph.errors import EntityNotFound, ProjectNotFound, RunNotFound, UnsupportedOperation
from kymograph.types import JsonObject

FEATURE = "X_KYMOGRAPH_RUN_FOLDERS"
PER_PAGE = 1_000
COPIES_PER_REQUEST = 10_000
_NO_DIGEST = (None, "", "0")
"""Of files that were announced, or only asked for, and never sent."""

_PAGE = "pageInfo { endCursor hasNextPage }"
_RUN = "id name displayName state createdAt heartbeatAt"
_FILE = "id name sizeBytes md5 mimetype updatedAt directUrl"
_PROJECTS = f"""
query Projects($entity: String!, $first: Int, $after: String) {{
  models(entityName: $entity, first: $first, after: $after) {{ edges {{ node {{ name createdAt }} }} {_PAGE} }}
}}
"""
_PROJECT = """
query Project($entity: String!, $project: String!) {
  project(entityName: $entity, name: $project) { name createdAt }
}
"""
_RUNS = f"""
query RunNames($entity: String!, $project: String!, $first: Int, $after: String) {{
  project(entityName: $entity, name: $project) {{
    runs(first: $first, after: $after) {{ edges {{ node {{ {_RUN} }} }} {_PAGE} }}
  }}
}}
"""
_RUN_BY_ID = f"""
query RunByID($entity: String!, $project: String!, $run: String!) {{
  project(entityName: $entity, name: $project) {{ run(name: $run) {{ {_RUN} }} }}
}}
"""
_LOOK = f"""
query RunFileOrFolder($entity: String!, $project: String!, $run: String!, $name: String!, $below: String!) {{
  project(entityName: $entity, name: $project) {{ run(name: $run) {{
    exact: files(names: [$name], first: 1) {{ edges {{ node {{ {_FILE} }} }} }}
    below: files(pattern: $below, first: 1) {{ edges {{ node {{ name md5 }} }} }}
  }} }}
}}
"""
_FILES = f"""
query RunFilePage(
  $entity: String!, $project: String!, $run: String!, $pattern: String, $first: Int, $after: String
) {{
  project(entityName: $entity, name: $project) {{ run(name: $run) {{
    files(pattern: $pattern, first: $first, after: $after) {{ edges {{ node {{ {_FILE} }} }} {_PAGE} }}
  }} }}
}}
"""
_NAMED = f"""
query RunFilesByName($entity: String!, $project: String!, $run: String!, $names: [String], $first: Int) {{
  project(entityName: $entity, name: $project) {{ run(name: $run) {{
    files(names: $names, first: $first) {{ edges {{ node {{ {_FILE} }} }} }}
  }} }}
}}
"""
_DELETE = "mutation DeleteFiles($files: [ID!]!) { deleteFiles(input: { files: $files }) { success } }"
_DELETE_RUN = "mutation DeleteRun($id: ID!) { deleteRun(input: { id: $id }) { clientMutationId } }"


@dataclass(frozen=True, slots=True)
class ProjectNode:
    """A project."""

    name: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunNode:
    """A run."""

    id: str
    storage_id: str
    display_name: str
    state: str
    created_at: datetime | None
    heartbeat_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunFileNode:
    """A file of a run."""

    name: str
    storage_id: str
    """By which it is deleted; empty where only its name is known."""
    size_bytes: int
    md5: str | None
    """Base64."""
    mimetype: str | None
    updated_at: datetime | None
    url: str = ""
    """Where its bytes are, for some time; empty if it has to be asked for."""


@dataclass(frozen=True, slots=True)
class FolderPage:
    """What is right in a folder."""

    files: list[RunFileNode]
    folders: list[str]
    """Whole names."""


class RunFileClient:
    """Files of runs at one server. Safe to share between threads."""

    def __init__(self, client: RunClient) -> None:
        """Prepare; nothing is sent yet."""
        self._client = client
        self._features: frozenset[str] | None = None

    @property
    def knows_folders(self) -> bool:
        """Whether the server has what docs/protocol/run-folders.md describes."""
        if self._features is None:
            self._features = self._client.features()
        return FEATURE in self._features

    # --- above files -------------------------------------------------------------------------------------------------

    def entities(self) -> list[str]:
        """The entities that the caller belongs to."""
        viewer = self._client.viewer()
        return sorted({viewer.entity, *viewer.teams})

    def projects(self, entity: str) -> list[ProjectNode]:
        """Projects of an entity.

        Raises:
            EntityNotFound: There is no such entity, or it may not be seen.
        """
        found: list[ProjectNode] = []
        after: str | None = None
        while True:
            variables = {"entity": entity, "first": PER_PAGE, **({"after": after} if after else {})}
            models = self._client.graphql(_PROJECTS, variables).get("models")
            if not isinstance(models, dict):
                raise EntityNotFound(entity)
            found += [_project_of(node) for node in nodes_of(models)]
            after = _next(models)
            if after is None:
                return found

    def project(self, entity: str, project: str) -> ProjectNode:
        """A project.

        Raises:
            ProjectNotFound: There is none.
        """
        return _project_of(self._project(_PROJECT, {"entity": entity, "project": project}))

    def runs(self, entity: str, project: str) -> list[RunNode]:
        """Runs of a project.

        Raises:
            ProjectNotFound: There is no such project.
        """
        found: list[RunNode] = []
        after: str | None = None
        while True:
            variables = {"entity": entity, "project": project, "first": PER_PAGE, **({"after": after} if after else {})}
            runs = object_of(self._project(_RUNS, variables).get("runs"))
            found += [_run_of(node) for node in nodes_of(runs)]
            after = _next(runs)
            if after is None:
                return found

    def run(self, at: RunAddress) -> RunNode:
        """A run.

        Raises:
            RunNotFound: There is none.
        """
        return _run_of(self._run(_RUN_BY_ID, at))

    # --- files -------------------------------------------------------------------------------------------------------

    def look(self, at: RunAddress, name: str) -> tuple[RunFileNode | None, bool]:
        """The file of a name, and whether there is a folder of that name."""
        run = self._run(_LOOK, at, name=name, below=_pattern(f"{name}/"))
        files = [file for file in map(_file_of, nodes_of(run.get("exact"))) if file.name == name and _is_there(file)]
        return (files[0] if files else None), bool(nodes_of(run.get("below")))

    def named(self, at: RunAddress, names: Sequence[str]) -> dict[str, RunFileNode]:
        """Those files of some names that there are."""
        found: dict[str, RunFileNode] = {}
        for start in range(0, len(names), PER_PAGE):
            some = list(names[start : start + PER_PAGE])
            run = self._run(_NAMED, at, names=some, first=len(some))
            found |= {file.name: file for file in map(_file_of, nodes_of(run.get("files"))) if _is_there(file)}
        return found

    def iter_pages(self, at: RunAddress, prefix: str = "") -> Iterator[tuple[list[RunFileNode], bool]]:
        """Files of a run by name, page by page as they are asked for, each with whether more follow.

        Args:
            at: The run.
            prefix: Only names that begin so.
        """
        after: str | None = None
        while True:
            given: dict[str, Any] = {"first": PER_PAGE}
            given |= {"pattern": _pattern(prefix)} if prefix else {}
            given |= {"after": after} if after else {}
            files = object_of(self._run(_FILES, at, **given).get("files"))
            after = _next(files)
            # A pattern may mean more than a prefix to another server.
            yield (
                [file for file in map(_file_of, nodes_of(files)) if file.name.startswith(prefix) and _is_there(file)],
                after is not None,
            )
            if after is None:
                return

    def folder(self, at: RunAddress, prefix: str) -> FolderPage:
        """What is right in a folder, at a server that `knows_folders`; addresses of the files are not told.

        Args:
            at: The run.
            prefix: Empty, or the name of a folder with a slash at its end.
        """
        files = [
            RunFileNode(
                name=str(item["name"]),
                storage_id="",
                size_bytes=count_of(item, "size_bytes"),
                md5=text_of(item, "md5"),
                mimetype=text_of(item, "mimetype"),
                updated_at=parse_time(item.get("updated_at")),
            )
            for item in self._rest_items(at, "files", {"prefix": prefix, "shallow": "true"})
        ]
        return FolderPage(files, [str(name) for name in self._rest_items(at, "file-folders", {"prefix": prefix})])

    # --- changes -----------------------------------------------------------------------------------------------------

    def copy(
        self, sources: Sequence[tuple[RunAddress, str]], at: RunAddress, names: Sequence[str], *, is_move: bool
    ) -> None:
        """Copy files into a run, or move them there, at a server that `knows_folders`.

        Up to `COPIES_PER_REQUEST` of them become visible at once, or not at all.

        Raises:
            NotFoundError: There is no such source, or no such run.
        """
        for start in range(0, len(names), COPIES_PER_REQUEST):
            items = [
                {
                    "source": {"entity": run.entity, "project": run.project, "run": run.run_id, "path": source},
                    "path": name,
                }
                for (run, source), name in zip(
                    sources[start : start + COPIES_PER_REQUEST], names[start : start + COPIES_PER_REQUEST], strict=True
                )
            ]
            self._client.request("POST", f"{_rest(at)}/file-copies", json={"items": items, "move": is_move})

    def delete(self, storage_ids: Sequence[str]) -> None:
        """Delete files."""
        for start in range(0, len(storage_ids), PER_PAGE):
            self._client.graphql(_DELETE, {"files": list(storage_ids[start : start + PER_PAGE])})

    def delete_run(self, at: RunAddress) -> None:
        """Delete a run with all that it has."""
        self._client.graphql(_DELETE_RUN, {"id": self.run(at).storage_id})

    # --- helpers -----------------------------------------------------------------------------------------------------

    def _rest_items(self, at: RunAddress, what: str, parameters: Mapping[str, str]) -> Iterator[Any]:
        if not self.knows_folders:
            raise UnsupportedOperation("a listing of one folder", hint="list all files below it")
        after: str | None = None
        while True:
            page = {**parameters, "limit": str(PER_PAGE), **({"after": after} if after else {})}
            answer = object_of(self._client.get(f"{_rest(at)}/{what}", params=page))
            items = answer.get("items")
            yield from items if isinstance(items, list) else []
            after = text_of(answer, "next")
            if after is None:
                return

    def _run(self, document: str, at: RunAddress, **variables: Any) -> JsonObject:
        named = {"entity": at.entity, "project": at.project, "run": at.run_id}
        found = self._project(document, {**named, **variables}).get("run")
        if not isinstance(found, dict):
            raise RunNotFound(at.run_id, within=f"{at.entity}/{at.project}")
        return found

    def _project(self, document: str, variables: Mapping[str, Any]) -> JsonObject:
        found = self._client.graphql(document, variables).get("project")
        if not isinstance(found, dict):
            raise ProjectNotFound(f"{variables['entity']}/{variables['project']}")
        return found


def parse_time(value: Any) -> datetime | None:
    """A moment from an answer, which is in UTC whether it says so or not; None if it is none."""
    try:
        moment = datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _rest(at: RunAddress) -> str:
    from urllib.parse import quote

    entity, project, run_id = (quote(part, safe="") for part in (at.entity, at.project, at.run_id))
    return f"/api/v1/projects/{entity}/{project}/runs/{run_id}"


def _pattern(prefix: str) -> str:
    r"""An SQL ``LIKE`` pattern for names that begin so."""
    return "".join(f"\\{character}" if character in "%_\\" else character for character in prefix) + "%"


def _next(connection: JsonObject) -> str | None:
    info = object_of(connection.get("pageInfo"))
    return str(info["endCursor"]) if info.get("hasNextPage") and info.get("endCursor") else None


def _is_there(file: RunFileNode) -> bool:
    return file.md5 is not None or file.size_bytes > 0


def _project_of(node: JsonObject) -> ProjectNode:
    return ProjectNode(str(node.get("name") or ""), parse_time(node.get("createdAt")))


def _run_of(node: JsonObject) -> RunNode:
    return RunNode(
        id=str(node.get("name") or ""),
        storage_id=str(node.get("id") or ""),
        display_name=str(node.get("displayName") or ""),
        state=str(node.get("state") or ""),
        created_at=parse_time(node.get("createdAt")),
        heartbeat_at=parse_time(node.get("heartbeatAt")),
    )


def _file_of(node: JsonObject) -> RunFileNode:
    return RunFileNode(
        name=str(node.get("name") or ""),
        storage_id=str(node.get("id") or ""),
        size_bytes=int(str(node.get("sizeBytes") or 0)),
        md5=str(node["md5"]) if node.get("md5") not in _NO_DIGEST else None,
        mimetype=text_of(node, "mimetype"),
        updated_at=parse_time(node.get("updatedAt")),
        url=str(node.get("directUrl") or ""),
    )
