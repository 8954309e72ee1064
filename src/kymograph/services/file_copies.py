"""Files of runs copied and moved where they are: no byte of them goes to a client and back."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from kymograph.core.files import RunFile
from kymograph.core.live import LiveEvent, LiveKind
from kymograph.core.names import parse_file_path
from kymograph.core.run import Run
from kymograph.errors import DuplicatePath, KymographError, NameTaken, RunFileNotFound, TransportError
from kymograph.services.access import Access, Caller, require_run
from kymograph.services.live import LiveBus
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ObjectStore
from kymograph.types import FilePath, ObjectKey


@dataclass(frozen=True, slots=True)
class FileAddress:
    """A file of a run."""

    entity: str
    project: str
    run: str
    path: str


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """One file that is to be at another path, too, or instead."""

    source: FileAddress
    path: str
    """In the run that is copied to."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """A copy whose bytes are where they belong."""

    source: RunFile
    path: FilePath
    object_key: ObjectKey


class FileCopies:
    """Copies and moves files. What one request asks for becomes visible at once, or not at all."""

    def __init__(self, database: Database, objects: ObjectStore, live: LiveBus, clock: Callable[[], datetime]) -> None:
        self._database, self._objects, self._live, self._clock = database, objects, live, clock

    async def copy(
        self,
        caller: Caller,
        entity: str,
        project: str,
        run: str,
        requests: Sequence[CopyRequest],
        *,
        is_move: bool,
        may_replace: bool,
    ) -> list[RunFile]:
        """Copy files into a run, or move them there.

        Args:
            caller: May read what is copied, and write to what changes.
            entity: Of the run that is copied to.
            project: Of it.
            run: Its id.
            requests: What goes where.
            is_move: Whether the sources are gone afterwards.
            may_replace: Whether files that are there already make way.

        Returns:
            The files in the run, in the order of the requests.

        Raises:
            RunFileNotFound: There is no such source, or it may not be seen.
            NameTaken: There is such a file already.
            DuplicatePath: Two files are to be at one path, or at one that is moved away.
            RunNotFound: No such run to copy to.
            Forbidden: The caller may only read.
            StorageFull: Nothing was copied.
        """
        paths = [parse_file_path(request.path) for request in requests]
        if len(set(paths)) != len(paths):
            raise DuplicatePath(next(path for path in paths if paths.count(path) > 1))

        def find(tx: Transaction) -> tuple[Run, list[RunFile]]:
            _, target = require_run(tx, caller, entity, project, run, Access.WRITE)
            access = Access.WRITE if is_move else Access.READ
            return target, [_find(tx, caller, request.source, access) for request in requests]

        target, sources = await asyncio.to_thread(self._database.read, find)
        left = {source.path for source in sources if source.run == target.key} if is_move else set()
        for source, path in zip(sources, paths, strict=True):
            if path in left and not (source.run == target.key and source.path == path):
                raise DuplicatePath(path)
        written: list[ObjectKey] = []
        try:
            planned = []
            for source, path in zip(sources, paths, strict=True):
                key = source.object_key
                if source.run != target.key or (not is_move and source.path != path):
                    # An object belongs to one file: it goes when that goes.
                    key = ObjectKey(f"runs/{target.key}/{secrets.token_hex(16)}")
                    await self._objects.put(key, self._objects.read(source.object_key))
                    written.append(key)
                planned.append(_Planned(source, path, key))

            def place(tx: Transaction) -> tuple[list[RunFile], list[ObjectKey]]:
                placed, gone = [], []
                for one in planned:
                    file, keys = _place(tx, target, one, self._clock(), is_move=is_move, may_replace=may_replace)
                    placed.append(file)
                    gone += keys
                return placed, gone

            placed, gone = await asyncio.to_thread(self._database.write, place)
        except KymographError:
            await asyncio.to_thread(self._forget, written)
            raise
        await asyncio.to_thread(self._forget, gone)
        self._live.publish(LiveEvent(target.project_id, target.id, LiveKind.FILES))
        return placed

    def _forget(self, keys: Sequence[ObjectKey]) -> None:
        """Remove bytes that no record names; what fails now is left to `services.garbage`."""
        with suppress(TransportError):
            self._objects.delete_keys(keys)


def _find(tx: Transaction, caller: Caller, at: FileAddress, access: Access) -> RunFile:
    _, run = require_run(tx, caller, at.entity, at.project, at.run, access)
    file = tx.files.find(run.key, at.path)
    if file is None:
        raise RunFileNotFound(at.path, within=run.path)
    return file


def _place(
    tx: Transaction, target: Run, planned: _Planned, now: datetime, *, is_move: bool, may_replace: bool
) -> tuple[RunFile, list[ObjectKey]]:
    """The file in its place, and the objects that no file names any more."""
    source, path = planned.source, planned.path
    current = tx.files.find_by_id(source.id)
    if current is None or current.object_key != source.object_key:
        raise RunFileNotFound(source.path)  # it was replaced or removed meanwhile
    if (source.run, source.path) == (target.key, path):
        return current, []
    replaced = tx.files.find(target.key, path)
    if replaced is not None and not may_replace:
        raise NameTaken("file", path)
    gone = [] if replaced is None else [replaced.object_key]
    if is_move:
        tx.files.delete(source.id)
        if planned.object_key != source.object_key:
            gone.append(source.object_key)
    file = tx.files.put(
        target.key,
        path,
        size_bytes=source.size_bytes,
        md5=source.md5,
        mimetype=source.mimetype,
        object_key=planned.object_key,
        now=now,
    )
    return file, gone
