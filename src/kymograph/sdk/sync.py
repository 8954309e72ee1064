"""Sending runs that lie in folders, whoever wrote them: the sender of a live run, started later.

A sync may be stopped at any time and started again: it goes on where it was. A second one sends nothing that the server
has, and changes nothing there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from kymograph.client.runs import RunClient
from kymograph.errors import KymographError
from kymograph.sdk.local_runs import LocalRun, read_local_run
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.changes import RunChanges
from kymograph.sdk.sender.loop import send
from kymograph.sdk.sender.receipt import Receipt
from kymograph.sdk.sender.sender import Sender, SenderOptions
from kymograph.types import JsonObject
from kymograph.wire.journal import Damage

AT_ONCE = 5
PATIENCE_S = 600.0
"""How long a server may be away before a run is given up for now."""


class SyncOutcome(StrEnum):
    """What came of one run."""

    SENT = "sent"
    """The server has all that can be read."""
    GROWING = "growing"
    """It has all that is there; the run's process still writes."""
    FAILED = "failed"
    """Something is missing; a later sync goes on."""


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What came of one run, and how much of it the server has."""

    run: LocalRun
    outcome: SyncOutcome
    receipt: Receipt | None = None
    """None if nothing could be sent."""
    problem: str = ""
    """Why it failed."""
    damages: tuple[Damage, ...] = ()
    """What of the journal cannot be read: everything else of it was sent."""
    missing_files: tuple[str, ...] = ()
    """Files and artifacts that could not be sent, each with the reason."""
    is_abandoned: bool = False
    """Whether the run's process died without saying how it ended, so that it counts as failed."""

    @property
    def is_whole(self) -> bool:
        """Whether everything arrived that can be read, files included."""
        return self.outcome is not SyncOutcome.FAILED and self.receipt is not None and not self.missing_files

    def document(self) -> JsonObject:
        """For programs."""
        return {
            "folder": str(self.run.folder.path),
            "run": self.receipt.path if self.receipt is not None else self.run.path,
            "outcome": self.outcome.value,
            "is_whole": self.is_whole,
            "is_abandoned": self.is_abandoned,
            "problem": self.problem or None,
            "damages": [
                {"position": damage.position, "size_bytes": damage.size_bytes, "problem": damage.problem}
                for damage in self.damages
            ],
            "receipt": self.receipt.document() if self.receipt is not None else None,
        }


Listener: TypeAlias = Callable[[LocalRun, str, JsonObject], object]
"""Is told of a run what its sender says: ``started``, ``progress``, ``trouble``, ``recovered``, ``finished``…"""


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How to sync."""

    changes: RunChanges = field(default_factory=RunChanges)
    is_marked: bool = True
    """Whether a run that was sent is marked, so that it is not sent again unasked."""
    at_once: int = AT_ONCE
    """Runs under way at the same time."""
    patience_s: float = PATIENCE_S


def sync_run(
    folder: RunFolder,
    client: RunClient,
    *,
    options: SyncOptions | None = None,
    listener: Listener = lambda _run, _kind, _content: None,
    stop: threading.Event | None = None,
    now: Callable[[], float] = time.monotonic,
) -> SyncResult:
    """Send one run. What is wrong with it is in the result, and raises nothing.

    Args:
        folder: Of the run.
        client: Of the server.
        options: How.
        listener: Is told how far it is, on the calling thread.
        stop: Once it is set, the sync ends soon; a later one goes on.
        now: A monotonic clock in s.
    """
    options, stop = options or SyncOptions(), stop or threading.Event()
    try:
        run = read_local_run(folder)
    except OSError as exc:
        return SyncResult(_unread(folder), SyncOutcome.FAILED, problem=f"cannot be read: {exc.strerror or exc}")
    if run.problem:
        return SyncResult(run, SyncOutcome.FAILED, problem=run.problem)
    patience = _Patience(options.patience_s, stop, now)

    def listen(kind: str, content: JsonObject) -> None:
        patience.note(kind, content)
        listener(run, kind, content)

    sending = SenderOptions(
        is_sync=True,
        changes=options.changes,
        is_marked=options.is_marked,
        is_writer_alive=run.is_being_written,
    )
    try:
        sender = send(folder, client, options=sending, listener=listen, stop=patience)
    except KymographError as exc:
        return SyncResult(run, SyncOutcome.FAILED, problem=str(exc))
    except OSError as exc:
        return SyncResult(run, SyncOutcome.FAILED, problem=f"{exc.filename or folder.path}: {exc.strerror or exc}")
    return _result_of(run, sender, patience)


def _result_of(run: LocalRun, sender: Sender, patience: _Patience) -> SyncResult:
    damages = [damage for strand in sender.strands for damage in strand.damages(is_growing=run.is_being_written)]
    if sender.receipt is None:
        if sender.refusal is not None:
            problem = str(sender.refusal)
        elif patience.is_set():
            problem = patience.why or "it was stopped; sync again to go on"
        else:
            problem = "the journal does not say which run it is; nothing of it can be sent"
        return SyncResult(run, SyncOutcome.FAILED, problem=problem, damages=tuple(damages))
    has_ended = sender.replay.exit is not None
    is_growing = run.is_being_written and (not has_ended or sender.is_written_by_others())
    outcome = SyncOutcome.GROWING if is_growing else SyncOutcome.SENT
    return SyncResult(
        run,
        outcome,
        sender.receipt,
        damages=tuple(damages),
        missing_files=tuple(
            f"{name}: {problem}"
            for counts in (sender.upload_counts, sender.artifact_counts)
            for name, problem in counts.problems.items()
        ),
        is_abandoned=not has_ended and not run.is_being_written,
    )


def sync_runs(
    folders: Iterable[RunFolder],
    client: RunClient,
    *,
    options: SyncOptions | None = None,
    listener: Listener = lambda _run, _kind, _content: None,
    done: Callable[[SyncResult], object] = lambda _result: None,
    stop: threading.Event | None = None,
) -> list[SyncResult]:
    """Send runs, several at a time; one that cannot be sent keeps no other from it.

    Args:
        folders: Of the runs. Those of one run (resumed, say) are sent one after the other, in this order.
        client: Of the server.
        options: How.
        listener: Is told how far each is, on the threads that send them.
        done: Is given each result as it comes, on the same threads.
        stop: Once it is set, the syncs under way end soon, and no other begins.

    Returns:
        A result for each that was begun, in the order of `folders`.
    """
    options, stop = options or SyncOptions(), stop or threading.Event()

    def work(group: Sequence[RunFolder]) -> list[SyncResult]:
        results = []
        for folder in group:
            if stop.is_set():
                break
            results.append(sync_run(folder, client, options=options, listener=listener, stop=stop))
            done(results[-1])
        return results

    groups: dict[str, list[RunFolder]] = {}
    order = list(folders)
    for folder in order:
        # A run that was resumed has several folders: what came first must be there first.
        groups.setdefault(options.changes.run_id or folder.run_id, []).append(folder)
    with ThreadPoolExecutor(max(1, options.at_once), thread_name_prefix="sync") as executor:
        futures = [executor.submit(work, group) for group in groups.values()]
        try:
            results = [result for future in futures for result in future.result()]
        except BaseException:
            stop.set()  # Ctrl-C: the others note how far they are, then the executor ends
            for future in futures:
                future.cancel()
            raise
    places = {folder: place for place, folder in enumerate(order)}
    return sorted(results, key=lambda result: places[result.run.folder])


class _Patience(threading.Event):
    """Is set once there was trouble without a break for too long, or somebody stops everything."""

    def __init__(self, patience_s: float, stop: threading.Event, now: Callable[[], float]) -> None:
        super().__init__()
        self._patience_s, self._stop, self._now = patience_s, stop, now
        self._since: float | None = None
        self._trouble = ""
        self.why = ""

    def note(self, kind: str, content: JsonObject) -> None:
        """Something happened."""
        if kind not in ("trouble", "progress"):
            self._since = None
            return
        # Uploads have their own trouble, which comes with the progress.
        trouble = content.get("message" if kind == "trouble" else "trouble")
        if trouble:
            self._trouble = str(trouble)
            self._since = self._now() if self._since is None else self._since
        else:
            self._since = None

    def is_set(self) -> bool:
        """Whether to stop."""
        if self._since is not None and self._now() - self._since > self._patience_s and not self.why:
            self.why = f"{self._trouble}; sync again to go on"
        return bool(self.why) or self._stop.is_set()


def _unread(folder: RunFolder) -> LocalRun:
    from datetime import UTC, datetime

    return LocalRun(
        folder,
        is_ours=False,
        is_online=False,
        is_synced=False,
        is_busy=False,
        is_being_written=False,
        size_bytes=0,
        changed_at=datetime.fromtimestamp(0, UTC),
    )
