"""A file system's way to its server: clients of this process, and threads that they wait in.

The file systems await; the clients wait in threads of their own. So one file system serves any event loop, and bytes
take the way that costs the least processor time (see `client.transfers`), which no loop could keep up with.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn, ParamSpec, TypeVar

from kymograph.client.artifact_bulk import ArtifactBulkClient
from kymograph.client.artifact_cache import ArtifactCache
from kymograph.client.artifact_files import ArtifactFileClient
from kymograph.client.artifacts import ArtifactClient
from kymograph.client.collections import CollectionClient
from kymograph.client.connection import Attempts, Connection
from kymograph.client.environment import Surroundings
from kymograph.client.fetching import Fetcher, Source
from kymograph.client.run_files import RunFileClient
from kymograph.client.runs import RunAddress, RunClient, UploadTarget
from kymograph.client.transfers import PIECE_BYTES, Span
from kymograph.errors import (
    Forbidden,
    KymographError,
    NameTaken,
    NotFoundError,
    PathExists,
    PathForbidden,
    PathNotFound,
    ProtocolError,
)

DEFAULT_CONCURRENCY = 16
"""Requests under way. More gain nothing from one server, and each may hold a block in memory."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Way:
    """Which server, and how: the options of a file system that say so."""

    base_url: str | None = None
    api_key: str | None = None
    timeout_s: float | None = None
    max_concurrency: int = DEFAULT_CONCURRENCY
    cache_dir: str | None = None

    def connection(self, surroundings: Surroundings) -> Connection:
        """How to reach the server.

        Raises:
            Unauthenticated: There is no key.
            InvalidSetting: The address is none.
        """
        found = surroundings.connection(self.base_url, self.api_key)
        if self.timeout_s is None:
            return found
        from dataclasses import replace

        patience = Attempts(self.timeout_s)
        return replace(found, graphql=patience, transfer=patience)


class Session:
    """Clients of one process. Safe to share between threads and event loops."""

    def __init__(self, way: Way) -> None:
        """Prepare; nothing is sent yet.

        Raises:
            Unauthenticated: There is no key.
        """
        surroundings = Surroundings.here()
        self.pid = os.getpid()
        self.client = RunClient(way.connection(surroundings), wait=time.sleep)
        self.run_files = RunFileClient(self.client)
        self.artifacts = ArtifactClient(self.client)
        self.artifact_files = ArtifactFileClient(self.client, self.artifacts)
        self.collections = CollectionClient(self.client, self.artifacts)
        self.bulk = ArtifactBulkClient(self.client, self.artifacts, self.client.transfers)
        told = surroundings.value("artifact_cache_max_bytes")
        self.cache = ArtifactCache(
            Path(way.cache_dir) if way.cache_dir else surroundings.cache_folder(),
            max_bytes=int(told) if told and told.isdigit() else None,
        )
        self.fetcher = Fetcher(self.client.transfers, self.cache, skip_cache=True)
        self._sleep = time.sleep
        self._pool = ThreadPoolExecutor(way.max_concurrency, thread_name_prefix="kymograph-fs")

    async def call(self, function: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
        """What a function gives that waits for the server; its errors are those of a file system, too.

        Raises:
            FileNotFoundError: There is no such thing.
            PermissionError: It may not be changed.
            KymographError: Anything else that the server says.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, lambda: function(*arguments, **named))
        except KymographError as exc:
            raise as_os_error(exc) from exc

    def read(self, url: str, span: Span | None) -> bytes:
        """What an address holds, or a part of it; waits as long as patience allows.

        Raises:
            AuthError: The address has expired.
            NotFoundError: The same, or what it led to is gone.
            TransportError: The server is away for too long.
        """
        found: list[bytes] = []
        source = Source(url, _no_other, self._sleep)
        source.ask(lambda address: found.append(self.client.transfers.read(address, span)))
        return found[-1]

    def send(
        self,
        at: RunAddress,
        name: str,
        spool: BinaryIO,
        size_bytes: int,
        *,
        is_new: bool,
        note: Callable[[int], object],
    ) -> None:
        """Bring an open file to a run.

        Raises:
            NameTaken: There is such a file, and this one was to be new.
            NotFoundError: There is no such run.
            TransportError: The server is away for too long.
        """

        def ask_address() -> UploadTarget:
            return self.client.create_files(at, [name])[0]

        target = ask_address()
        headers = dict(target.headers)

        def put(url: str) -> None:
            told = {**headers, "If-None-Match": "*"} if is_new and url.startswith(self.client.base_url) else headers
            if size_bytes <= PIECE_BYTES:
                spool.seek(0)
                self.client.transfers.put_body(url, spool.read(size_bytes), headers=told, note=note)
            else:
                self.client.transfers.put(url, spool, Span(0, size_bytes), headers=told, note=note)

        if target.url is None:
            raise ProtocolError(f"the server gives no address for {name!r}")
        Source(target.url, lambda: str(ask_address().url), self._sleep).ask(put)

    def close(self) -> None:
        """Release connections and threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.fetcher.close()
        self.client.close()


class SessionHolder:
    """The session of whichever process asks: a forked one has no use for its parent's connections."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._lock_pid = os.getpid()

    def get(self) -> Session:
        """The session of this process.

        Raises:
            Unauthenticated: There is no key.
        """
        if self._lock_pid != os.getpid():
            # Another thread of the parent may have held it when this process was forked.
            self._lock, self._lock_pid, self._session = threading.Lock(), os.getpid(), None
        with self._lock:
            if self._session is None:
                self._session = Session(self._way)
                weakref.finalize(self, _close, self._session)
            return self._session


def _no_other() -> NoReturn:
    """Addresses expire; who asked finds a new one, since the file may be another by then."""
    raise Forbidden("read by this address", where="the store of files")


def _close(session: Session) -> None:
    if session.pid == os.getpid():
        session.close()


def as_os_error(error: KymographError) -> KymographError:
    """An error that callers of file systems catch by what the system calls it."""
    if isinstance(error, OSError):
        return error
    if isinstance(error, NotFoundError):
        return PathNotFound(getattr(error, "name", "") or "", problem=str(error))
    if isinstance(error, NameTaken):
        return PathExists(getattr(error, "name", "") or "the path")
    if isinstance(error, Forbidden):
        return PathForbidden(str(error))
    return error
