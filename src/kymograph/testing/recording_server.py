"""A small server of the protocol that keeps what it is sent, for tests of what clients send.

It knows one user, takes every run, and forgets all when it stops. What it answers is the least that clients need.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import httpx

from kymograph.core import exact_json
from kymograph.testing.faults import Faults
from kymograph.testing.live_server import Answer, LiveServer, Request
from kymograph.wire.filestream import HISTORY_FILE, SUMMARY_FILE
from kymograph.wire.sharing import STREAM_WRITER_HEADER, merge_configs, writer_of

ENTITY = "tester"
API_KEY = "0123456789abcdef0123456789abcdef01234567"
_STREAM = re.compile(r"/files/([^/]+)/([^/]+)/([^/]+)/file_stream")
_STORAGE = re.compile(r"/storage/([^/]+)/(.+)")


@dataclass(slots=True)
class ReceivedRun:
    """What was sent of one run."""

    run_id: str
    project: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    """Of the last request that described it."""
    lines: dict[tuple[str, str], dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    """By writer and virtual file, by number."""
    files: dict[str, bytes] = field(default_factory=dict)
    exit_code: int | None = None
    """Once it has ended."""

    @property
    def rows(self) -> list[Any]:
        """Rows of its history, of all writers, in order of their lines."""
        return [
            exact_json.loads(lines[number])
            for (_, name), lines in sorted(self.lines.items())
            if name == HISTORY_FILE
            for number in sorted(lines)
        ]

    @property
    def summary(self) -> Any:
        """The last that was sent."""
        held = self.lines.get(("", SUMMARY_FILE))
        return exact_json.loads(held[0]) if held else {}

    @property
    def config(self) -> dict[str, Any]:
        """Inputs, without what clients note about themselves."""
        document = json.loads(self.variables.get("config") or "{}")
        return {key: entry["value"] for key, entry in document.items() if key != "_wandb"}


class RecordingServer(LiveServer):
    """A server in this process. Give clients its `url` and any key."""

    def __init__(self, *, faults: Faults | None = None) -> None:
        """Begin to listen."""
        self.runs: dict[str, ReceivedRun] = {}
        """What came, by id."""
        self.alerts: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str]] = []
        """Method and path of each, in order."""
        self.stopped = False
        """Whether clients are told that somebody stopped their run."""
        self._changes = threading.Lock()
        super().__init__(self._obey, faults=faults)

    def run(self, run_id: str) -> ReceivedRun:
        """What was sent of a run, nothing so far if nothing was."""
        return self.runs.setdefault(run_id, ReceivedRun(run_id))

    def _obey(self, request: Request) -> Answer:
        path = request.path.partition("?")[0]
        with self._changes:
            self.requests.append((request.method, path))
            if path == "/graphql":
                return _json(
                    {"data": self._data(json.loads(request.body), writer=writer_of(httpx.Headers(request.headers)))}
                )
            if match := _STREAM.fullmatch(path):
                return self._take_stream(unquote(match[3]), request)
            if match := _STORAGE.fullmatch(path):
                return self._take_file(unquote(match[1]), unquote(match[2]), request)
        return _json({"error": f"there is nothing at {path}"}, 404)

    def _take_stream(self, run_id: str, request: Request) -> Answer:
        headers = httpx.Headers(request.headers)
        is_packed = headers.get("content-encoding") == "gzip"
        body = zlib.decompress(request.body, zlib.MAX_WBITS | 16) if is_packed else request.body
        document = json.loads(body)
        run = self.run(run_id)
        writer = writer_of(headers, STREAM_WRITER_HEADER)
        for name, chunk in document.get("files", {}).items():
            run.lines[writer, name].update(enumerate(chunk["content"], chunk["offset"]))
        if document.get("complete"):
            run.exit_code = document.get("exitcode", 0)
        return _json({"stopped": True} if self.stopped else {})

    def _take_file(self, run_id: str, name: str, request: Request) -> Answer:
        files = self.run(run_id).files
        if request.method == "PUT":
            files[name] = request.body
            return Answer()
        found = files.get(name)
        return Answer(404) if found is None else Answer(200, found, {"Content-Type": "application/octet-stream"})

    def _data(self, request: dict[str, Any], *, writer: str) -> dict[str, Any]:
        document, variables = request["query"], request.get("variables") or {}
        if "upsertBucket" in document:
            run = self.run(variables["name"])
            is_new = not run.variables
            if writer and variables.get("config"):
                known = exact_json.loads(run.variables.get("config") or "{}")
                merged = merge_configs(known, exact_json.loads(variables["config"]))
                variables = {**variables, "config": exact_json.dumps(merged)}
            run.variables |= {name: value for name, value in variables.items() if value is not None}
            run.project = variables.get("project") or run.project or "uncategorized"
            return {"upsertBucket": {"bucket": self._bucket(run), "inserted": is_new}}
        if "createRunFiles" in document:
            run_id, names = variables.get("run") or variables.get("name"), variables["files"]
            files = [{"name": name, "uploadUrl": self._address(str(run_id), name)} for name in names]
            return {"createRunFiles": {"runID": run_id, "uploadHeaders": [], "files": files}}
        if "notifyScriptableRunAlert" in document:
            self.alerts.append(variables)
            return {"notifyScriptableRunAlert": {"success": True}}
        if "directUrl" in document:
            return self._files(variables)
        viewer = {"id": "VXNlcjox", "entity": ENTITY, "username": ENTITY, "email": None, "flags": "{}"}
        return {"viewer": viewer, "serverInfo": {"features": []}, "model": {"bucket": None}}

    def _files(self, variables: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.get(str(variables.get("run") or variables.get("name")))
        if run is None:
            return {"project": {"run": None}}
        nodes = [
            {
                "name": name,
                "directUrl": self._address(run.run_id, name),
                "sizeBytes": len(run.files[name]),
                "md5": base64.b64encode(hashlib.md5(run.files[name], usedforsecurity=False).digest()).decode(),
            }
            for name in variables.get("files") or variables.get("names") or run.files
            if name in run.files
        ]
        return {"project": {"run": {"files": {"edges": [{"node": node} for node in nodes]}}}}

    def _address(self, run_id: str, name: str) -> str:
        return f"{self.url}/storage/{quote(run_id, safe='')}/{quote(name)}"

    @staticmethod
    def _bucket(run: ReceivedRun) -> dict[str, Any]:
        return {
            "id": f"storage-{run.run_id}",
            "name": run.run_id,
            "displayName": run.variables.get("displayName") or "quiet-sea-1",
            "config": run.variables.get("config") or "{}",
            "sweepName": None,
            "historyLineCount": 0,
            "project": {"id": "project", "name": run.project, "entity": {"id": "entity", "name": ENTITY}},
        }


def _json(document: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document).encode())
