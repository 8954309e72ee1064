"""The training's end of its sender: starts the process, hears what it says, and lets go of it."""

from __future__ import annotations

import json
import logging
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from kymograph.client.connection import Connection
from kymograph.core import exact_json
from kymograph.errors import KymographError
from kymograph.sdk import writer_lock
from kymograph.sdk.notices import Voice
from kymograph.sdk.processes import start_module
from kymograph.sdk.run_folder import RunFolder
from kymograph.types import JsonObject


@dataclass(frozen=True, slots=True)
class Beginning:
    """How the server has the run, as the sender tells it."""

    entity: str
    project: str
    display_name: str
    storage_id: str
    sweep: str | None
    is_resumed: bool
    starting_step: int
    runtime_s: float
    config: JsonObject
    summary: JsonObject


@dataclass(frozen=True, slots=True)
class ArtifactResult:
    """What came of an operation on an artifact."""

    artifact_id: str
    """Of the version at the server; empty if there is none."""
    problem: str = ""
    """Why there is none, in the server's words."""


class SenderLink:
    """A sender process and what is known of its work. Safe to share between threads."""

    def __init__(
        self,
        folder: RunFolder,
        connection: Connection,
        *,
        voice: Voice,
        on_stop: Callable[[], None] = lambda: None,
        is_stopped_by_refusal: bool = False,
        log_level: int = logging.INFO,
        artifact_cache: str | None = None,
    ) -> None:
        """Start the process; it outlives this one.

        Args:
            folder: Of the run; its journal exists.
            connection: To the server.
            voice: Says what a user should know.
            on_stop: Called when somebody stops the run from the server.
            is_stopped_by_refusal: Whether it is called as well when the server will not have the run any more.
            log_level: Of what the process writes to its log.
            artifact_cache: The folder of artifacts, in the user's folder of caches.

        Raises:
            OSError: No process can be started.
        """
        self._voice, self._on_stop = voice, on_stop
        self._is_stopped_by_refusal = is_stopped_by_refusal
        self._changed = threading.Condition()
        self._beginning: Beginning | None = None
        self._refusal: KymographError | None = None
        self._trouble = ""
        self._progress: JsonObject = {}
        self._receipt: JsonObject | None = None
        self._artifacts: dict[int, ArtifactResult] = {}
        self._is_over = False
        self._process = _start(folder)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._commands: IO[bytes] = self._process.stdin
        self._say({**connection.document(), "log_level": log_level, "artifact_cache": artifact_cache})
        threading.Thread(
            target=self._listen, args=(self._process.stdout,), name="kymograph sender", daemon=True
        ).start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def refusal(self) -> KymographError | None:
        """Why the server will not have the run."""
        return self._refusal

    @property
    def is_over(self) -> bool:
        """Whether the process has ended, or is about to."""
        return self._is_over

    @property
    def trouble(self) -> str:
        """What keeps it from sending at the moment."""
        return self._trouble

    @property
    def progress(self) -> JsonObject:
        """Rows and files so far."""
        return dict(self._progress)

    def wait_for_beginning(self, timeout_s: float, *, trouble_timeout_s: float) -> Beginning | None:
        """How the server has the run.

        Args:
            timeout_s: How long to wait for an answer.
            trouble_timeout_s: How long once it is known that there is none for now.

        Returns:
            None if there is no answer yet; the sender goes on asking.

        Raises:
            KymographError: The server refuses the run.
        """
        with self._changed:
            self._changed.wait_for(self._has_begun_or_failed, timeout_s)
            if self._beginning is None and self._refusal is None and not self._is_over:
                return None
            if self._trouble and self._beginning is None and self._refusal is None:
                self._changed.wait_for(lambda: self._beginning or self._refusal or self._is_over, trouble_timeout_s)
        if self._refusal is not None:
            raise self._refusal
        return self._beginning

    def _has_begun_or_failed(self) -> bool:
        return self._beginning is not None or self._refusal is not None or self._is_over or bool(self._trouble)

    def wait_for_receipt(
        self, timeout_s: float, *, look: Callable[[JsonObject], None] | None = None
    ) -> JsonObject | None:
        """What the sender ends with; None if it is not done in time, or will not be.

        Args:
            timeout_s: How long to wait.
            look: Is shown how far it is, now and then.
        """
        import time

        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self._receipt is None and self._refusal is None and not self._is_over:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return None
                self._changed.wait(min(left_s, 0.2))
                if look is not None:
                    look(self.progress)
        return self._receipt

    def wait_for_artifact(self, number: int, timeout_s: float | None) -> ArtifactResult | None:
        """What came of an operation on an artifact.

        Args:
            number: Of the operation among those in the journal of this process, from 1.
            timeout_s: How long to wait; None for as long as it takes.

        Returns:
            None if nothing came of it in time, or the sender ended before.

        Raises:
            KymographError: The server refuses the run.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: number in self._artifacts or self._refusal is not None or self._is_over, timeout_s
            )
            result = self._artifacts.get(number)
        if result is None and self._refusal is not None:
            raise self._refusal
        return result

    def hurry(self) -> None:
        """Have the sender look at the journal now: somebody waits for what was written there last."""
        self._say({"kind": "hurry"})

    def expect(self, path: str, algorithm: str) -> None:
        """Have the sender begin with a large file that nobody changes, while it is hashed here."""
        self._say({"kind": "expect", "path": path, "algorithm": algorithm})

    def end(self) -> None:
        """Stop the sender: nothing of the run is to be sent."""
        self._process.terminate()
        self._process.wait()
        with _quietly():
            self._commands.close()

    def let_go(self) -> None:
        """The training is done with it; the sender goes on by itself if it has to."""
        with _quietly():
            self._commands.close()
        if self._is_over:
            self._process.wait()
        else:
            # Nobody waits for it any more; without this, the interpreter would warn about that.
            self._process.returncode = 0

    def _say(self, command: Mapping[str, Any]) -> None:
        with _quietly():
            self._commands.write(json.dumps(command).encode() + b"\n")
            self._commands.flush()

    # --- on a thread of its own --------------------------------------------------------------------------------------

    def _listen(self, events: IO[bytes]) -> None:
        with events:
            for line in events:
                try:
                    event = exact_json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict):
                    with self._changed:
                        self._take(event)
                        self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _take(self, event: JsonObject) -> None:
        kind = event.pop("kind", None)
        if kind == "started":
            config, summary = (
                exact_json.loads_document(str(event.pop(name))) for name in ("config_json", "summary_json")
            )
            self._beginning = Beginning(**event, config=config, summary=summary)  # type: ignore[arg-type]
            self._trouble = ""
        elif kind == "refused":
            self._refusal = _error_of(event.get("error"))
            if self._beginning is not None:
                self._voice.warn(f"the server does not take the run any more: {self._refusal}\nit is kept here")
                if self._is_stopped_by_refusal:
                    self._on_stop()
        elif kind == "trouble":
            is_news = not self._trouble
            self._trouble = str(event.get("message"))
            if is_news:
                self._voice.warn(f"{self._trouble}\nthe run goes on, and is sent when the server is back", repeat=True)
        elif kind == "recovered":
            self._trouble = ""
            self._voice.tell("the server is back: sending what was logged meanwhile")
        elif kind == "progress":
            self._progress = event
        elif kind == "artifact" and not event.get("writer"):
            error = event.get("error")
            problem = str(error.get("message")) if isinstance(error, dict) else ""
            self._artifacts[int(str(event.get("number")))] = ArtifactResult(str(event.get("id") or ""), problem)
        elif kind == "stop":
            self._voice.warn("this run was stopped from its page")
            self._on_stop()
        elif kind == "finished":
            receipt = event.get("receipt")
            self._receipt = receipt if isinstance(receipt, dict) else {}


def ensure_sender(folder: RunFolder, connection: Connection, *, voice: Voice) -> None:
    """Start a sender where none works on the folder any more, and let it go.

    For a process that begins to write a run after its end. Its journal is to be there already: a sender that ends looks
    for such journals after it has let go of the lock.
    """
    if folder.lock.exists() and writer_lock.is_held(folder.lock):
        return
    try:
        folder.synced_mark.unlink(missing_ok=True)
        SenderLink(folder, connection, voice=voice).let_go()
    except OSError as exc:
        voice.warn(f"no sender can be started ({exc}); send run {folder.run_id} with: kymograph sync {folder.path}")


def _start(folder: RunFolder) -> subprocess.Popen[bytes]:
    folder.logs.mkdir(exist_ok=True)
    with (folder.logs / "sender.err").open("ab") as errors:
        return start_module("kymograph.sdk.sender", str(folder.path), errors=errors)


def _error_of(document: Any) -> KymographError:
    from kymograph.client.answers import make_error

    told = document if isinstance(document, dict) else {}
    return make_error(str(told.get("kind", "")), str(told.get("message", "the sender ended")), status=400)


class _quietly:  # noqa: N801 - reads as the statement it is
    """Passes over a pipe that nobody reads any more."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, (OSError, ValueError))
