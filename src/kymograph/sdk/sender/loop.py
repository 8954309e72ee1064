"""Runs a sender under a real clock, alone on its folder."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO

from kymograph.client.runs import RunClient
from kymograph.errors import FolderBusy
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender import artifacts
from kymograph.sdk.sender.control import Control
from kymograph.sdk.sender.sender import Sender, SenderOptions
from kymograph.sdk.sender.uploads import AT_ONCE
from kymograph.types import JsonObject

LOCK_LOOK_S = 0.05
"""Longer than somebody takes who only looks whether a lock is held."""
N_THREADS = AT_ONCE + artifacts.AT_ONCE
STOP_POLL_S = 0.5
"""How soon a sender that waits for its server notices that it shall stop."""


def send(
    folder: RunFolder,
    client: RunClient,
    *,
    commands: IO[bytes] | None = None,
    events: IO[bytes] | None = None,
    options: SenderOptions | None = None,
    listener: Callable[[str, JsonObject], object] | None = None,
    stop: threading.Event | None = None,
) -> Sender:
    """Send a run to its end, or to where the server refuses it; returns the sender, which tells.

    Args:
        folder: Of the run.
        client: Of the server.
        commands: What the training says, if there is one.
        events: Where it is told.
        options: How to work.
        listener: Is told the same, on the calling thread.
        stop: Once it is set, the sender notes how far it is, and ends.

    Raises:
        FolderBusy: Another sender works on it.
        JournalCorrupt: There is no journal.
    """
    awake = threading.Event()
    control = Control(commands, events, wake=awake.set, listener=listener)

    def work() -> Sender:
        with alone_on(folder), ThreadPoolExecutor(N_THREADS, thread_name_prefix="upload") as executor:
            sender = Sender(
                folder,
                client,
                control=control,
                executor=executor,
                wake=awake.set,
                now=time.monotonic,
                options=options,
            )
            try:
                while (wait_s := sender.step()) is not None:
                    if stop is None:
                        awake.wait(wait_s)
                    elif stop.is_set():
                        break
                    else:
                        awake.wait(min(wait_s, STOP_POLL_S))
                    awake.clear()
            finally:
                sender.close()
            return sender

    sender = work()
    # Looked at once the lock is let go: a process that begins to write before relies on this sender, one that begins
    # after finds none and starts another.
    while sender.receipt is not None and not sender.knows_all_journals():
        folder.synced_mark.unlink(missing_ok=True)
        try:
            sender = work()
        except FolderBusy:
            break
    return sender


@contextmanager
def alone_on(folder: RunFolder) -> Iterator[None]:
    """Keep other senders off a folder; the lock ends with this process, however that ends.

    Raises:
        FolderBusy: Another sender works on it.
    """
    with folder.lock.open("ab") as file:
        try:
            _lock(file.fileno())
        except OSError:
            time.sleep(LOCK_LOOK_S)
            try:
                _lock(file.fileno())
            except OSError as exc:
                raise FolderBusy(str(folder.path)) from exc
        yield


def _lock(descriptor: int) -> None:
    if os.name == "nt":  # pragma: no cover
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        return
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
