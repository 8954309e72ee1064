"""A server of the protocol in memory, which can fail in every way that a real one does."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import httpx

Failure = Callable[[httpx.Request], httpx.Response | None]
"""What happens instead of an answer: another one, or it raises; None lets the request through."""

ADDRESS = re.compile(r"/files/(?P<entity>[^/]+)/(?P<project>[^/]+)/(?P<run>[^/]+)/file_stream")
HISTORY, EVENTS, CONSOLE, SUMMARY = "wandb-history.jsonl", "wandb-events.jsonl", "output.log", "wandb-summary.json"


class MemoryServer(httpx.BaseTransport):
    """Keeps what it is sent, by the protocol's rules: lines by number, of files the last."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
        """By writer and virtual file."""
        self.files: dict[str, bytes] = {}
        self.config: dict[str, Any] = {}
        self.run: dict[str, Any] = {}
        self.alerts: list[dict[str, Any]] = []
        self.is_complete = False
        self.is_known = False
        self.exit_code: int | None = None
        self.requests = 0
        self.stream_requests = 0
        self.largest_body = 0
        self.existing: dict[str, Any] | None = None
        """What a question about resuming is answered with."""
        self.failure: Failure | None = None
        self.failure_after: Failure | None = None
        """The same once the request has been obeyed: the answer is what gets lost."""
        self.stopped = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        self.requests += 1
        self.largest_body = max(self.largest_body, len(body))
        if self.failure is not None and (answer := self.failure(request)) is not None:
            return answer
        answer = self._obey(request, body)
        if self.failure_after is not None and (lost := self.failure_after(request)) is not None:
            return lost
        return answer

    def _obey(self, request: httpx.Request, body: bytes) -> httpx.Response:
        path = request.url.path
        if path == "/graphql":
            return self._answer(json.loads(body))
        if ADDRESS.fullmatch(path):
            writer = request.headers.get("X-WANDB-ASYNC-CLIENT-ID", "")
            return self._take_stream(json.loads(body), writer)
        if request.method == "PUT" and path.startswith("/upload/"):
            self.files[path.removeprefix("/upload/")] = body
            return httpx.Response(200)
        return httpx.Response(404, json={"error": "nothing here"})

    def _take_stream(self, document: dict[str, Any], writer: str) -> httpx.Response:
        self.stream_requests += 1
        for name, chunk in document.get("files", {}).items():
            self.lines[writer, name].update(enumerate(chunk["content"], chunk["offset"]))
        if document.get("complete"):
            self.is_complete, self.exit_code = True, document["exitcode"]
        return httpx.Response(200, json={"stopped": True} if self.stopped else {})

    def _answer(self, request: dict[str, Any]) -> httpx.Response:
        document, variables = request["query"], request.get("variables", {})
        if "upsertBucket" in document:
            is_new, self.run = not self.is_known, variables
            self.is_known = True
            self.config = json.loads(variables["config"])
            data: dict[str, Any] = {"upsertBucket": {"bucket": self._bucket(), "inserted": is_new}}
        elif "RunResumeStatus" in document:
            data = {"model": {"bucket": self.existing}}
        elif "createRunFiles" in document:
            files = [{"name": name, "uploadUrl": f"http://server/upload/{name}"} for name in variables["files"]]
            data = {"createRunFiles": {"runID": "id", "uploadHeaders": [], "files": files}}
        elif "notifyScriptableRunAlert" in document:
            self.alerts.append(variables)
            data = {"notifyScriptableRunAlert": {"success": True}}
        else:
            data = {"serverInfo": {"features": []}}
        return httpx.Response(200, json={"data": data})

    def _bucket(self) -> dict[str, Any]:
        return {
            "id": "storage-id",
            "name": self.run["name"],
            "displayName": self.run.get("displayName") or "quiet-sea-1",
            "config": self.run["config"],
            "historyLineCount": len(self.lines["", HISTORY]),
            "project": {"id": "p", "name": self.run["project"] or "uncategorized", "entity": {"id": "e", "name": "me"}},
        }

    # --- what came of it ---

    def rows(self, writer: str = "") -> list[dict[str, Any]]:
        """History rows in order of their lines; fails if one is missing."""
        held = self.lines[writer, HISTORY]
        assert sorted(held) == list(range(len(held)))
        return [json.loads(held[number]) for number in sorted(held)]

    @property
    def summary(self) -> Any:
        held = self.lines["", SUMMARY]
        return json.loads(held[0]) if held else None
