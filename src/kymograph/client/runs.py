"""The writing half of the protocol for one client: runs, their stream, their files.

Answers are read with tolerance: servers of the protocol differ in what they leave out. Failures come as errors of our
tree; those of the family `TransportError` may be tried again, the others will fail again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from kymograph.client.graphql import GraphqlTransport
from kymograph.client.transfers import Transfers
from kymograph.core import exact_json
from kymograph.errors import ProtocolError
from kymograph.types import JsonObject
from kymograph.wire.sharing import document_headers, stream_headers

if TYPE_CHECKING:
    import httpx

    from kymograph.client.connection import Connection

GZIP_FROM_BYTES = 2_048

FEATURES = """
query ServerFeaturesQuery { serverInfo { features { name isEnabled } } }
"""
_BUCKET = """
  id name displayName description config sweepName historyLineCount
  project { id name entity { id name } }
"""
_UPSERT = f"""
mutation UpsertBucket(
  $id: String, $name: String, $project: String, $entity: String, $groupName: String, $displayName: String,
  $notes: String, $commit: String, $config: JSONString, $host: String, $program: String, $repo: String,
  $jobType: String, $sweep: String, $tags: [String!]
) {{
  upsertBucket(input: {{
    id: $id, name: $name, modelName: $project, entityName: $entity, groupName: $groupName, displayName: $displayName,
    notes: $notes, commit: $commit, config: $config, host: $host, jobProgram: $program, jobRepo: $repo,
    jobType: $jobType, sweep: $sweep, tags: $tags
  }}) {{ bucket {{ {_BUCKET} }} inserted }}
}}
"""
_RESUME_STATUS = """
query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) {
    id name entity { id name }
    bucket(name: $name, missingOk: true) {
      id name displayName summaryMetrics logLineCount historyLineCount eventsLineCount historyTail eventsTail
      config tags notes wandbConfig(keys: ["t"])
    }
  }
}
"""
_REWIND = f"""
mutation RewindRun(
  $runName: String!, $entity: String, $project: String, $metricName: String!, $metricValue: Float!
) {{
  rewindRun(input: {{
    runName: $runName, entityName: $entity, projectName: $project, metricName: $metricName, metricValue: $metricValue
  }}) {{ rewoundRun {{ {_BUCKET} }} }}
}}
"""
_CREATE_FILES = """
mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
  createRunFiles(input: { entityName: $entity, projectName: $project, runName: $run, files: $files }) {
    runID uploadHeaders files { name uploadUrl }
  }
}
"""
_ALERT = """
mutation NotifyScriptableRunAlert(
  $entityName: String!, $projectName: String!, $runName: String!, $title: String!, $text: String!,
  $severity: AlertSeverity = INFO, $waitDuration: Duration
) {
  notifyScriptableRunAlert(input: {
    entityName: $entityName, projectName: $projectName, runName: $runName, title: $title, text: $text,
    severity: $severity, waitDuration: $waitDuration
  }) { success }
}
"""


@dataclass(frozen=True, slots=True)
class RunAddress:
    """Where a run is on its server."""

    entity: str
    project: str
    run_id: str

    @property
    def path(self) -> str:
        """As people write it."""
        return f"{self.entity}/{self.project}/{self.run_id}"


@dataclass(frozen=True, slots=True)
class UploadTarget:
    """Where the bytes of a run file go."""

    name: str
    url: str | None
    """None: the server does not want them."""
    headers: tuple[tuple[str, str], ...]


class RunClient(GraphqlTransport):
    """Talks to one server as one user about runs. Safe to share between threads; close it when done."""

    def __init__(
        self,
        connection: Connection,
        *,
        inner: httpx.BaseTransport | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(connection, inner=inner, wait=wait)
        self.transfers = Transfers(self, is_direct=inner is None)
        """Moves bytes to and from addresses that carry their own credential."""

    def close(self) -> None:  # noqa: D102 — docstring inherited
        self.transfers.close()
        super().close()

    # --- runs --------------------------------------------------------------------------------------------------------

    def features(self) -> frozenset[str]:
        """Names of what the server announces; none if it does not know the question."""
        try:
            return features_in(self.graphql(FEATURES))
        except ProtocolError:
            return frozenset()

    def upsert_run(self, *, writer: str = "", **variables: Any) -> JsonObject:
        """Create a run or change one; None leaves as it is. Returns the run as the server has it then.

        Args:
            writer: Who says so, of a run that several write: config holds what that one knows.
            variables: Those of the document: ``id``, ``name``, ``project``, ``entity``, ``config``, ``tags``…
        """
        answer = self.graphql(_UPSERT, variables, headers=document_headers(writer)).get("upsertBucket")
        bucket = answer.get("bucket") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or not isinstance(bucket, dict):
            raise ProtocolError("the server made no run and does not say why")
        return {**bucket, "inserted": answer.get("inserted")}

    def resume_status(self, entity: str | None, project: str | None, run_id: str) -> JsonObject | None:
        """What a process needs to go on with a run; None if there is no such run, or it never began."""
        model = self.graphql(_RESUME_STATUS, {"entity": entity, "project": project, "name": run_id}).get("model")
        bucket = model.get("bucket") if isinstance(model, dict) else None
        if not isinstance(bucket, dict):
            return None
        noted = bucket.get("wandbConfig")
        notes = exact_json.loads(noted) if isinstance(noted, str) else noted
        return bucket if isinstance(notes, dict) and "t" in notes else None

    def rewind_run(self, entity: str | None, project: str | None, run_id: str, *, step: float) -> JsonObject:
        """Drop the history of a run after a step; returns the run as it is then."""
        variables = {
            "entity": entity,
            "project": project,
            "runName": run_id,
            "metricName": "_step",
            "metricValue": step,
        }
        answer = self.graphql(_REWIND, variables).get("rewindRun")
        found = answer.get("rewoundRun") if isinstance(answer, dict) else None
        if not isinstance(found, dict):
            raise ProtocolError(f"the server does not rewind {run_id}")
        return found

    def alert(self, at: RunAddress, *, title: str, text: str, level: str, wait_ms: int) -> None:
        """Tell the people who follow a run."""
        self.graphql(
            _ALERT,
            {
                "entityName": at.entity,
                "projectName": at.project,
                "runName": at.run_id,
                "title": title,
                "text": text,
                "severity": level or "INFO",
                "waitDuration": wait_ms,
            },
        )

    # --- the stream --------------------------------------------------------------------------------------------------

    def stream(self, at: RunAddress, document: JsonObject, *, is_gzip: bool = False, writer: str = "") -> JsonObject:
        """Send one request of the file stream; it was taken when this returns. Returns the server's wishes."""
        body = orjson.dumps(document)
        headers = {"Content-Type": "application/json"}
        if is_gzip and len(body) >= GZIP_FROM_BYTES:
            packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
            body, headers["Content-Encoding"] = packer.compress(body) + packer.flush(), "gzip"
        headers |= stream_headers(writer)
        response = self.request(
            "POST",
            f"/files/{at.entity}/{at.project}/{at.run_id}/file_stream",
            timeout_s=self.connection.stream.timeout_s,
            content=body,
            headers=headers,
        )
        try:
            wishes = response.json()
        except ValueError:
            return {}  # it was taken all the same
        return wishes if isinstance(wishes, dict) else {}

    # --- files -------------------------------------------------------------------------------------------------------

    def create_files(self, at: RunAddress, names: Sequence[str]) -> list[UploadTarget]:
        """Addresses for the bytes of run files, in any order."""
        variables = {"entity": at.entity, "project": at.project, "run": at.run_id, "files": list(names)}
        answer = self.graphql(_CREATE_FILES, variables).get("createRunFiles")
        if not isinstance(answer, dict):
            raise ProtocolError("the server gives no addresses for files")
        headers = tuple(parse_upload_headers(answer.get("uploadHeaders")).items())
        files = answer.get("files")
        return [
            UploadTarget(str(file["name"]), str(file["uploadUrl"]) if file.get("uploadUrl") else None, headers)
            for file in (files if isinstance(files, list) else [])
            if isinstance(file, dict)
        ]

    def put_file(self, target: UploadTarget, path: Path) -> int:
        """Send the bytes of a file as it is now; returns how many.

        Raises:
            OSError: The file cannot be read.
            TransportError: To be tried again.
        """
        assert target.url is not None
        return self.send_file(target.url, path, headers=dict(target.headers))


def features_in(answer: JsonObject) -> frozenset[str]:
    """Names of what an answer to `FEATURES` announces."""
    info = answer.get("serverInfo")
    entries = info.get("features") if isinstance(info, dict) else None
    return frozenset(
        str(entry.get("name"))
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and entry.get("isEnabled")
    )


def parse_upload_headers(lines: Any) -> dict[str, str]:
    """Headers that go with the bytes of a file; servers tell them as ``Name: value``."""
    parts = (str(line).partition(":") for line in (lines if isinstance(lines, list) else []))
    return {name: value for name, _, value in parts}
