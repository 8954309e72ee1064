"""Runs whose journals tests write."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.sdk import records
from kymograph.sdk.journal import Journal
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.control import Control
from kymograph.sdk.sender.sender import Sender, SenderOptions
from kymograph.types import JsonValue
from kymograph.wire.records_pb2 import ConfigRecord, RunRecord
from tests.unit.sdk.sender.servers import MemoryServer

CONNECTION = Connection.of("http://server", "key")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Training:
    """Writes a journal as a training does."""

    def __init__(self, folder: Path, run_id: str = "run1", **fields: Any) -> None:
        self.folder = RunFolder(folder, run_id)
        self.folder.files.mkdir(parents=True)
        self.journal = Journal(self.folder.journal)
        self.step = 0
        self.journal.append(records.header())
        settings = fields.pop("settings", {})
        config = ConfigRecord(update=[records.item((key,), value) for key, value in fields.pop("config", {}).items()])
        record = RunRecord(run_id=run_id, project="p", config=config, start_time=records.stamp(NOON), **fields)
        record.settings.CopyFrom(records.settings(settings))
        self.journal.append(records.run(record))

    def log(self, step: int | None = None, **values: JsonValue) -> None:
        self.step = self.step if step is None else step
        self.journal.append_row({**values, "_step": self.step})
        self.step += 1

    def save(self, name: str, content: bytes, policy: str = "now") -> None:
        (self.folder.files / name).write_bytes(content)
        self.journal.append(records.files([name], policy))

    def end(self, code: int = 0) -> None:
        self.journal.append(records.exit_of(code, 60))
        self.journal.close()


class AtOnce(Executor):
    """Does work when it is submitted."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments, **named))
        except BaseException as exc:
            future.set_exception(exc)
        return future


class VirtualTime:
    """A clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Listener(Control):
    """Hears what a sender would tell its training."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.is_alone = False
        super().__init__(None, None, wake=lambda: None)
        self.is_alone = False

    def send(self, kind: str, **content: object) -> None:
        self.heard.append({"kind": kind, **content})

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.heard if event["kind"] != "progress"]


class Sending:
    """A sender in virtual time."""

    def __init__(
        self,
        folder: RunFolder,
        server: MemoryServer,
        *,
        clock: VirtualTime | None = None,
        options: SenderOptions | None = None,
        connection: Connection | None = None,
    ) -> None:
        self.clock = clock or VirtualTime()
        self.listener = Listener()
        self.client = RunClient(connection or CONNECTION, inner=server)
        self.sender = Sender(
            folder,
            self.client,
            control=self.listener,
            executor=AtOnce(),
            wake=lambda: None,
            now=self.clock,
            options=options,
        )
        self.most_pending_bytes = 0

    def run_for(self, seconds: float) -> bool:
        """Returns whether it is done."""
        end_s = self.clock.now_s + seconds
        while self.clock.now_s < end_s:
            wait_s = self.sender.step()
            self.most_pending_bytes = max(self.most_pending_bytes, self.sender.replay.pending_bytes)
            if wait_s is None:
                return True
            self.clock.now_s += max(wait_s, 0.001)
        return False

    def close(self) -> None:
        self.sender.close()
        self.client.close()
