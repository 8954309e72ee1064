"""Runs a sender under a real clock, alone on its folder."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO

from kymograph.client.runs import RunClient
from kymograph.errors import FolderBusy
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.control import Control
from kymograph.sdk.sender.sender import Sender, SenderOptions
from kymograph.sdk.sender.uploads import AT_ONCE


def send(
    folder: RunFolder,
    client: RunClient,
    *,
    commands: IO[bytes] | None = None,
    events: IO[bytes] | None = None,
    options: SenderOptions | None = None,
) -> Sender:
    """Send a run to its end, or to where the server refuses it; returns the sender, which tells.

    Raises:
        FolderBusy: Another sender works on it.
        JournalCorrupt: There is no journal.
    """
    awake = threading.Event()
    with alone_on(folder), ThreadPoolExecutor(AT_ONCE, thread_name_prefix="upload") as executor:
        control = Control(commands, events, wake=awake.set)
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
                awake.wait(wait_s)
                awake.clear()
        finally:
            sender.close()
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
