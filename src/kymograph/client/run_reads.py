"""The reading half of the protocol for one client: runs, their history, console and files.

By GraphQL alone, so it reads from any server of the protocol. Answers are read with tolerance.

Source: protocol.md §6, §11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from kymograph.client.fields import count_of, nodes_of, object_of, text_of
from kymograph.client.runs import RunAddress, RunClient
from kymograph.core import exact_json
from kymograph.core.config import INTERNAL_KEY, unwrap_config
from kymograph.errors import ProjectNotFound, ProtocolError, RunNotFound
from kymograph.types import JsonObject

PAGE_STEPS = 1000
"""Steps of a page of history, at first."""
PAGE_LINES = 1000
PAGE_FILES = 200
PAGE_RUNS = 50
_NO_DIGEST = (None, "", "0")
"""Of files that were announced, or only asked for, and never sent."""

_RUN = """
  id name displayName state group jobType tags notes createdAt heartbeatAt sweepName commit
  historyLineCount user { name username } project { name entity { name } }
"""
_RUNS = f"""
query Runs($entity: String!, $project: String!, $filters: JSONString, $order: String, $first: Int, $after: String) {{
  project(entityName: $entity, name: $project) {{
    runCount(filters: $filters)
    runs(filters: $filters, order: $order, first: $first, after: $after) {{
      edges {{ node {{ {_RUN} config summaryMetrics }} cursor }}
      pageInfo {{ endCursor hasNextPage }}
    }}
  }}
}}
"""
_ONE = f"""
query Run($entity: String!, $project: String!, $name: String!) {{
  project(entityName: $entity, name: $project) {{
    run(name: $name) {{
      {_RUN} config summaryMetrics systemMetrics historyKeys eventsLineCount logLineCount fileCount
      runInfo {{ program args os python executable gpu gpuCount cpuCount git {{ remote commit }} }}
    }}
  }}
}}
"""
_HISTORY = """
query HistoryPage($entity: String!, $project: String!, $name: String!, $minStep: Int64!, $maxStep: Int64!, $n: Int!) {
  project(entityName: $entity, name: $project) {
    run(name: $name) { history(minStep: $minStep, maxStep: $maxStep, samples: $n) }
  }
}
"""
_CONSOLE = """
query RunConsoleLogPage($entity: String!, $project: String!, $name: String!, $first: Int, $after: String, $last: Int) {
  project(entityName: $entity, name: $project) {
    run(name: $name) {
      state logLineCount summaryMetrics
      logLines(first: $first, after: $after, last: $last) {
        edges { node { number timestamp level label line } }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
}
"""
_FILES = """
query RunFiles($entity: String!, $project: String!, $name: String!, $first: Int, $after: String, $names: [String]) {
  project(entityName: $entity, name: $project) {
    run(name: $name) {
      files(first: $first, after: $after, names: $names) {
        edges { node { name sizeBytes md5 mimetype updatedAt directUrl } cursor }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
}
"""
_DELETE = """
mutation DeleteRun($id: ID!) { deleteRun(input: { id: $id }) { clientMutationId } }
"""


@dataclass(frozen=True, slots=True)
class RemoteRun:
    """A run as a server describes it."""

    address: RunAddress
    storage_id: str
    display_name: str
    state: str
    group: str | None
    job_type: str | None
    tags: tuple[str, ...]
    notes: str
    created_at: str | None
    heartbeat_at: str | None
    user: str | None
    commit: str | None
    config: JsonObject
    """Values alone."""
    summary: JsonObject
    """Without what clients note in it."""
    history_lines: int
    console_lines: int = 0
    event_lines: int = 0
    file_count: int = 0
    last_step: int | None = None
    info: JsonObject = field(default_factory=dict)
    """The machine and the program."""
    system_metrics: JsonObject = field(default_factory=dict)

    def document(self) -> JsonObject:
        """For programs."""
        return {
            "id": self.address.run_id,
            "entity": self.address.entity,
            "project": self.address.project,
            "name": self.display_name,
            "state": self.state,
            "group": self.group,
            "job_type": self.job_type,
            "tags": list(self.tags),
            "notes": self.notes,
            "user": self.user,
            "commit": self.commit,
            "created_at": self.created_at,
            "heartbeat_at": self.heartbeat_at,
            "history_lines": self.history_lines,
            "config": self.config,
            "summary": self.summary,
        }


@dataclass(frozen=True, slots=True)
class RemoteLine:
    """A line of a run's console."""

    number: int
    text: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class ConsoleView:
    """The end of a console, and where its run stands."""

    lines: tuple[RemoteLine, ...]
    line_count: int
    state: str
    summary: JsonObject


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a run."""

    name: str
    size_bytes: int
    md5: str | None
    """Base64."""
    url: str


class RunReads:
    """Reads runs from one server. Safe to share between threads, as its client is."""

    def __init__(self, client: RunClient) -> None:
        """Read by way of a client."""
        self.client = client

    def iter_runs(
        self, entity: str, project: str, *, filters: Mapping[str, Any] | None = None, order: str = "-created_at"
    ) -> Iterator[RemoteRun]:
        """The runs of a project.

        Args:
            entity: Who owns it.
            project: Its name.
            filters: In the protocol's form.
            order: A key with ``+`` or ``-`` before it.

        Raises:
            ProjectNotFound: There is none.
        """
        variables = {"entity": entity, "project": project, "order": order, "first": PAGE_RUNS}
        variables["filters"] = exact_json.dumps(dict(filters or {}))
        for connection in self._pages(_RUNS, variables, entity, project, None, "runs"):
            for node in nodes_of(connection):
                yield _run_of(node, RunAddress(entity, project, str(node.get("name", ""))))

    def get_run(self, at: RunAddress) -> RemoteRun:
        """One run.

        Raises:
            RunNotFound: There is none.
        """
        return _run_of(self._run(_ONE, at), at)

    def iter_rows(self, at: RunAddress, *, last_step: int, first_step: int = 0) -> Iterator[JsonObject]:
        """Rows of history in ascending step order, whole.

        Args:
            at: The run.
            last_step: Up to here.
            first_step: From here on.
        """
        step, width = first_step, PAGE_STEPS
        while step <= last_step:
            stop = min(step + width, last_step + 1)
            found = self._run(_HISTORY, at, minStep=step, maxStep=stop, n=stop - step).get("history")
            texts = found if isinstance(found, list) else []
            for text in texts:
                row = exact_json.loads_document(text) if isinstance(text, str) else text
                if isinstance(row, dict):
                    yield row
            step = stop
            # Steps may be seconds, or far apart: pages grow as long as they bring few rows.
            width = width * 4 if len(texts) < PAGE_STEPS // 4 else max(PAGE_STEPS, width // 4)

    def iter_console(self, at: RunAddress) -> Iterator[RemoteLine]:
        """All lines of the console."""
        variables = {"first": PAGE_LINES}
        for connection in self._pages(_CONSOLE, variables, at.entity, at.project, at, "logLines"):
            for node in nodes_of(connection):
                yield _line_of(node)

    def console_end(self, at: RunAddress, *, last: int) -> ConsoleView:
        """The last lines of the console, and where the run stands."""
        run = self._run(_CONSOLE, at, last=last)
        nodes = nodes_of(run.get("logLines"))
        return ConsoleView(
            tuple(_line_of(node) for node in nodes),
            count_of(run, "logLineCount"),
            str(run.get("state") or ""),
            _without_notes(object_of(run.get("summaryMetrics"))),
        )

    def iter_files(self, at: RunAddress, *, names: Sequence[str] | None = None) -> Iterator[RemoteFile]:
        """Files of a run: all, or those of some names that there are."""
        variables = {"first": PAGE_FILES, "names": names}
        for connection in self._pages(_FILES, variables, at.entity, at.project, at, "files"):
            for node in nodes_of(connection):
                yield RemoteFile(
                    str(node.get("name")),
                    int(str(node.get("sizeBytes") or 0)),
                    str(node["md5"]) if node.get("md5") not in _NO_DIGEST else None,
                    str(node.get("directUrl") or ""),
                )

    def find_file(self, at: RunAddress, name: str) -> RemoteFile | None:
        """A file of a run; None if there is none, or only its name was announced.

        Raises:
            RunNotFound: There is no such run, or it may not be seen.
        """
        found = (file for file in self.iter_files(at, names=[name]) if file.name == name)
        return next((file for file in found if file.md5 is not None and file.url), None)

    def download(self, file: RemoteFile, sink: BinaryIO) -> None:
        """Write the bytes of a file.

        Raises:
            KymographError: The server refuses it, in its own words.
            Unreachable: The connection broke: what was written is not whole.
        """
        self.client.fetch(file.url, sink)

    def delete_run(self, storage_id: str) -> None:
        """Delete a run."""
        self.client.graphql(_DELETE, {"id": storage_id})

    def _pages(
        self,
        document: str,
        variables: Mapping[str, Any],
        entity: str,
        project: str,
        at: RunAddress | None,
        name: str,
    ) -> Iterator[JsonObject]:
        after: str | None = None
        while True:
            page = {**variables, "after": after}
            if at is not None:
                holder = self._run(document, at, **page)
            else:
                holder = self._project(document, {**page, "entity": entity, "project": project}, entity, project)
            connection = holder.get(name)
            if not isinstance(connection, dict):
                raise ProtocolError(f"{self.client.base_url} does not tell the {name} of {entity}/{project}")
            yield connection
            info = connection.get("pageInfo")
            if not isinstance(info, dict) or not info.get("hasNextPage") or not info.get("endCursor"):
                return
            after = str(info["endCursor"])

    def _run(self, document: str, at: RunAddress, **variables: Any) -> JsonObject:
        named = {"entity": at.entity, "project": at.project, "name": at.run_id}
        found = self._project(document, {**named, **variables}, at.entity, at.project).get("run")
        if not isinstance(found, dict):
            raise RunNotFound(at.run_id, within=f"{at.entity}/{at.project}")
        return found

    def _project(self, document: str, variables: Mapping[str, Any], entity: str, project: str) -> JsonObject:
        given = {name: value for name, value in variables.items() if value is not None}
        found = self.client.graphql(document, given).get("project")
        if not isinstance(found, dict):
            raise ProjectNotFound(f"{entity}/{project}")
        return found


def _run_of(node: JsonObject, at: RunAddress) -> RemoteRun:
    user, keys, info = node.get("user"), object_of(node.get("historyKeys")), node.get("runInfo")
    tags, last_step = node.get("tags"), keys.get("lastStep")
    return RemoteRun(
        address=at,
        storage_id=str(node.get("id") or ""),
        display_name=str(node.get("displayName") or ""),
        state=str(node.get("state") or ""),
        group=text_of(node, "group"),
        job_type=text_of(node, "jobType"),
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        notes=text_of(node, "notes") or "",
        created_at=text_of(node, "createdAt"),
        heartbeat_at=text_of(node, "heartbeatAt"),
        user=text_of(user, "username") if isinstance(user, dict) else None,
        commit=text_of(node, "commit"),
        config=_without_notes(unwrap_config(object_of(node.get("config")))),
        summary=_without_notes(object_of(node.get("summaryMetrics"))),
        history_lines=count_of(node, "historyLineCount"),
        console_lines=count_of(node, "logLineCount"),
        event_lines=count_of(node, "eventsLineCount"),
        file_count=count_of(node, "fileCount"),
        last_step=int(last_step) if isinstance(last_step, (int, float)) and last_step >= 0 else None,
        info=info if isinstance(info, dict) else {},
        system_metrics=object_of(node.get("systemMetrics")),
    )


def _line_of(node: JsonObject) -> RemoteLine:
    return RemoteLine(count_of(node, "number"), str(node.get("line") or "").rstrip("\n"), node.get("level") == "error")


def _without_notes(document: JsonObject) -> JsonObject:
    return {key: value for key, value in document.items() if key != INTERNAL_KEY}
