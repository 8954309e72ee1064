"""A server of the protocol in memory, as far as syncing and reading runs back need it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any
from urllib.parse import quote, unquote

import httpx

from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.core import exact_json
from kymograph.wire.console import parse_console_line

URL = "http://fake"


@dataclass
class FakeRun:
    """What the server has of one run."""

    number: int
    fields: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, dict[int, str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    state: str = "running"
    exit_code: int | None = None

    def texts(self, name: str) -> list[str]:
        return [text for _, text in sorted(self.lines.get(name, {}).items())]


@dataclass
class FakeServer:
    """Answers requests; `trouble` may answer in its place."""

    runs: dict[tuple[str, str], FakeRun] = field(default_factory=dict)
    """By project and run id."""
    requests: list[httpx.Request] = field(default_factory=list)
    trouble: Callable[[httpx.Request], httpx.Response | None] = lambda _request: None

    def client(self) -> RunClient:
        return RunClient(Connection.of(URL, "key"), inner=httpx.MockTransport(self.answer))

    def run(self, project: str, run_id: str) -> FakeRun:
        return self.runs[project, run_id]

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        troubled = self.trouble(request)
        if troubled is not None:
            return troubled
        path = request.url.raw_path.decode()
        if path == "/graphql":
            body = json.loads(request.content)
            return httpx.Response(200, json={"data": self._data(body["query"], body.get("variables") or {})})
        if path.endswith("/file_stream"):
            _, _, _entity, project, run_id, _ = path.split("/")
            self._stream(self.runs[project, run_id], exact_json.loads(request.content))
            return httpx.Response(200, json={})
        _, _, project, run_id, name = path.split("/", 4)
        files = self.runs[project, run_id].files
        if request.method == "PUT":
            files[unquote(name)] = request.read()
            return httpx.Response(200)
        return httpx.Response(200, content=files[unquote(name)])

    def _stream(self, run: FakeRun, document: dict[str, Any]) -> None:
        run.state = "running"
        for name, chunk in document.get("files", {}).items():
            kept = run.lines.setdefault(name, {})
            kept.update(enumerate(chunk["content"], chunk["offset"]))
        if document.get("complete"):
            run.exit_code = document["exitcode"]
            run.state = "finished" if run.exit_code == 0 else "failed"

    def _data(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "upsertBucket" in query:
            return {"upsertBucket": self._upsert(variables)}
        if "createRunFiles" in query:
            base = f"{URL}/bytes/{variables['project']}/{variables['run']}"
            files = [{"name": name, "uploadUrl": f"{base}/{quote(name)}"} for name in variables["files"]]
            return {"createRunFiles": {"uploadHeaders": [], "files": files}}
        if "viewer" in query:
            return {"viewer": {"entity": "ada", "username": "ada"}}
        if "serverInfo" in query:
            return {"serverInfo": {"features": []}}
        project = variables["project"]
        if "runs(" in query:
            found = [(key, run) for key, run in self.runs.items() if key[0] == project]
            edges = [{"node": self._node(key, run)} for key, run in found]
            return {"project": {"runs": {"edges": edges, "pageInfo": {"hasNextPage": False}}}}
        run = self.runs.get((project, variables["name"]))
        node = None if run is None else self._view(query, (project, variables["name"]), run, variables)
        return {"project": {"run": node}}

    def _upsert(self, variables: dict[str, Any]) -> dict[str, Any]:
        key = (variables.get("project") or "uncategorized", variables["name"])
        is_new = key not in self.runs
        run = self.runs.setdefault(key, FakeRun(len(self.runs) + 1))
        run.fields.update({name: value for name, value in variables.items() if value is not None})
        project = {"name": key[0], "entity": {"name": "ada"}}
        lines = len(run.lines.get("wandb-history.jsonl", {}))
        bucket = {"id": str(run.number), "name": key[1], "project": project, "historyLineCount": lines}
        return {"bucket": bucket, "inserted": is_new}

    def _view(self, query: str, key: tuple[str, str], run: FakeRun, variables: dict[str, Any]) -> dict[str, Any]:
        if "history(" in query:
            rows = [exact_json.loads(text) for text in run.texts("wandb-history.jsonl")]
            rows = [row for row in rows if variables["minStep"] <= row["_step"] < variables["maxStep"]]
            return {"history": [exact_json.dumps(row) for row in sorted(rows, key=lambda row: row["_step"])]}
        if "logLines(" in query:
            texts = sorted(run.lines.get("output.log", {}).items())
            texts = texts[-variables["last"] :] if "last" in variables else texts
            nodes = [{"number": number, "line": parse_console_line(text).text} for number, text in texts]
            edges = [{"node": node} for node in nodes]
            return {**self._node(key, run), "logLines": {"edges": edges, "pageInfo": {"hasNextPage": False}}}
        if "files(" in query:
            files = [
                {
                    "name": name,
                    "sizeBytes": str(len(data)),
                    "md5": b64encode(md5(data).digest()).decode(),
                    "directUrl": f"{URL}/bytes/{key[0]}/{key[1]}/{quote(name)}",
                }
                for name, data in sorted(run.files.items())
            ]
            return {"files": {"edges": [{"node": file} for file in files], "pageInfo": {"hasNextPage": False}}}
        return self._node(key, run)

    def _node(self, key: tuple[str, str], run: FakeRun) -> dict[str, Any]:
        rows = [exact_json.loads(text) for text in run.texts("wandb-history.jsonl")]
        summary = run.texts("wandb-summary.json")
        return {
            "id": str(run.number),
            "name": key[1],
            "displayName": run.fields.get("displayName", ""),
            "state": run.state,
            "tags": run.fields.get("tags", []),
            "jobType": run.fields.get("jobType"),
            "config": run.fields.get("config", "{}"),
            "summaryMetrics": summary[-1] if summary else "{}",
            "historyLineCount": len(rows),
            "logLineCount": len(run.lines.get("output.log", {})),
            "eventsLineCount": len(run.lines.get("wandb-events.jsonl", {})),
            "historyKeys": {"lastStep": max((row["_step"] for row in rows), default=-1), "keys": {}},
            "commit": run.fields.get("commit"),
            "runInfo": {},
        }
