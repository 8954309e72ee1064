"""Histories on their way out: as files in one piece, and as the Parquet files that the protocol's client reads.

The client keeps the protocol's files by run and position in the list, and never asks for one again. So a file that was
offered once must stay true: its range of rows is recorded before its address is given out, and what is logged later
goes into further files. If recorded rows change (a rewind, a late row), no addresses are given any more, and the client
reads page by page, which is always right. See docs/decisions/0012-parquet-history.md.

Everything is kept as objects: ``exports/<key of the run>/`` holds a record per file, the files themselves, which may be
made again at any time, and notes on states of the history that were compared with the records.
"""

from __future__ import annotations

import logging
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotReady
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

import orjson

from kymograph.core.export import EXPORT_OBJECTS, FILE_LIFETIME
from kymograph.core.history import ExportFormat, ExportQuery, HistoryPart
from kymograph.core.run import Run, RunState
from kymograph.errors import Forbidden, KymographError, ObjectNotFound, RunNotFound
from kymograph.services.history import HistoryService
from kymograph.services.secrets import Signer
from kymograph.storage.base import Database
from kymograph.storage.history.base import HistoryExport, HistoryReader, TableWriter
from kymograph.storage.objects.base import ByteSpan, ObjectInfo, ObjectStore
from kymograph.types import JsonObject, JsonValue, ObjectKey, RunKey

logger = logging.getLogger(__name__)

URL_LENGTH_S = 24 * 3600
"""The client reads parts of a file for as long as its scan lasts."""
WAIT_S = 10.0
"""After this time a client that waits for its files reads page by page, and finds them the next time."""
_MAX_ATTEMPTS = 3

ENDED = frozenset({RunState.FINISHED, RunState.FAILED, RunState.CRASHED, RunState.KILLED, RunState.PREEMPTED})
"""Runs of these states are offered as files: of a run that goes on, each look would add one."""


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """A file for the protocol's client."""

    object: ObjectKey
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Record:
    """Which rows a file holds: those after the file before it, up to a step."""

    last_step: int
    rows: int
    digest: str


class ExportService:
    """Whole histories. Safe to share between threads."""

    def __init__(
        self,
        database: Database,
        reader: HistoryReader,
        history: HistoryService,
        objects: ObjectStore,
        tables: TableWriter,
        signer: Signer,
        clock: Callable[[], datetime],
        *,
        public_url: str,
        scratch: Path,
        offers_all: bool = False,
        wait_s: float = WAIT_S,
    ) -> None:
        """Read from `reader`.

        Args:
            database: Tells whether a run is still there.
            reader: Reads histories.
            history: Knows what a run has inherited.
            objects: Where files are kept.
            tables: Writes other tables than histories.
            signer: Signs their addresses.
            clock: The present moment.
            public_url: What the addresses begin with.
            scratch: A folder for files under way; made when it is needed.
            offers_all: Give the protocol's client files also of histories whose rows it reads differently from them.
            wait_s: How long somebody waits for files to be made.
        """
        self._database = database
        self._reader = reader
        self._history = history
        self._objects = objects
        self._tables = tables
        self._signer = signer
        self._clock = clock
        self._public_url = public_url
        self._scratch = scratch
        self._offers_all = offers_all
        self._wait_s = wait_s
        # One at a time: nobody's charts and rows shall wait for files.
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="exports")
        self._lock = Lock()
        self._making: dict[RunKey, Future[list[ParquetFile]]] = {}

    def close(self) -> None:
        """Begin nothing new."""
        self._maker.shutdown(wait=False, cancel_futures=True)

    def open(self, run: Run, query: ExportQuery) -> HistoryExport:
        """The history of a run (got already) as it is at this moment."""
        return self._reader.export(self._history.parts_of(run), query)

    def table(self, kind: ExportFormat, rows: Iterable[Mapping[str, JsonValue]]) -> Iterator[bytes]:
        """Rows as one table; see `TableWriter`."""
        return self._tables.write(kind, rows)

    # --- the protocol's files ----------------------------------------------------------------------------------------

    def parquet_files(self, run: Run) -> list[ParquetFile]:
        """Files that together hold the whole history of a run (got already); empty if it is to be read page by page."""
        if run.state_at(self._clock()) not in ENDED:
            return []
        parts = self._history.parts_of(run)
        store = self._store_of(run.key)
        known = store.files_of(self._reader.identity(parts))
        if known is not None:
            return known
        with self._lock:
            future = self._making.get(run.key)
            if future is None:
                future = self._making[run.key] = self._maker.submit(self._make, run.key, parts)
        try:
            return future.result(self._wait_s)
        except NotReady:
            return []

    def download_url(self, run: Run, file: ParquetFile, number: int) -> str:
        """An address that gives a file for a while, without any other credential."""
        claims: JsonObject = {"m": "GET", "e": file.object, "s": file.size_bytes, "r": run.key}
        token = self._signer.sign(claims, expires_at_s=self._clock().timestamp() + URL_LENGTH_S)
        return f"{self._public_url}/storage/exports/{token}/{number}.parquet"

    def resolve_download(self, token: str) -> ParquetFile:
        """The file behind an address.

        Raises:
            Forbidden: The address is forged, expired or not of an export.
            RunNotFound: The run was deleted meanwhile.
        """
        claims = self._signer.verify(token, now_s=self._clock().timestamp())
        run, size = claims.get("r"), claims.get("s")
        if claims.get("m") != "GET" or not isinstance(run, int) or not isinstance(size, int) or "e" not in claims:
            raise Forbidden("download from this address", where="storage")
        if self._database.read(lambda tx: tx.runs.find_by_key(RunKey(run))) is None:
            raise RunNotFound("(of this address)")
        return ParquetFile(ObjectKey(str(claims["e"])), size)

    def read(self, file: ParquetFile, span: ByteSpan | None = None) -> AsyncIterator[bytes]:
        """The bytes of a file."""
        return self._objects.read(file.object, span)

    def _store_of(self, run: RunKey) -> _RunExports:
        return _RunExports(self._objects, run, self._clock(), mode="all" if self._offers_all else "exact")

    def _make(self, run: RunKey, parts: Sequence[HistoryPart]) -> list[ParquetFile]:
        """Bring the files of a run up to date; empty if there can be none."""
        try:
            for _ in range(_MAX_ATTEMPTS):
                # Of before: what comes in meanwhile changes it, and is looked at the next time.
                identity = self._reader.identity(parts)
                store = self._store_of(run)
                if store.is_closed or not self._extend(store, parts):
                    store.note(identity, 0)
                    return []
                records = store.records()
                if records and self._reader.last_step(parts) == records[-1].last_step:
                    store.note(identity, len(records))
                    return store.files_of(identity) or []
        except (KymographError, OSError) as exc:
            # A full disk, a database that is away: the client reads page by page.
            logger.warning("a history cannot be exported now: %s", exc, extra={"run_key": run})
        finally:
            with self._lock:
                self._making.pop(run, None)
        return []

    def _extend(self, store: _RunExports, parts: Sequence[HistoryPart]) -> bool:
        """Compare what is recorded with the history, and add a file of what is new; False if there can be none."""
        rest = self._reader.export(parts, ExportQuery(ExportFormat.PARQUET))
        if not self._may_offer(rest):
            return False
        records = store.records()
        for number, record in enumerate(records):
            first = records[number - 1].last_step + 1 if number else None
            query = ExportQuery(ExportFormat.PARQUET, min_step=first, max_step=record.last_step + 1)
            if self._write(store, number, self._reader.export(parts, query)) != record:
                store.close()
                return False
        if records:
            query = ExportQuery(ExportFormat.PARQUET, min_step=records[-1].last_step + 1)
            rest = self._reader.export(parts, query)
        new = self._write(store, len(records), rest) if self._may_offer(rest) else None
        if new is not None:
            store.add(len(records), new)
        return True

    def _may_offer(self, export: HistoryExport) -> bool:
        return export.is_plain or (self._offers_all and not export.damaged)

    def _write(self, store: _RunExports, number: int, export: HistoryExport) -> _Record | None:
        """Work out what a file holds, and keep the file unless there is one that does; None if it would be empty."""
        if export.last_step is None:
            return None
        self._scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._scratch, suffix=".parquet") as file:
            for piece in export.pieces(with_digest=True):
                file.write(piece)
            file.flush()
            record = _Record(export.last_step, export.row_count, export.digest)
            if store.file(number, record) is None:
                store.put_file(number, record, Path(file.name))
        return record


class _RunExports:
    """The objects of one run's exports, as they were when it was made, and what this look adds."""

    def __init__(self, objects: ObjectStore, run: RunKey, now: datetime, *, mode: str) -> None:
        self._objects = objects
        self._mode = mode
        self._prefix = f"{EXPORT_OBJECTS}{run}/"
        self._now = now
        self._infos: dict[str, ObjectInfo] = {
            info.key.removeprefix(self._prefix): info for info in objects.list_keys(self._prefix)
        }

    @property
    def is_closed(self) -> bool:
        """Whether recorded rows have changed: clients may hold files that are not true any more."""
        return _CLOSED in self._infos

    def close(self) -> None:
        """Give out no more addresses."""
        self._objects.add_bytes(ObjectKey(self._prefix + _CLOSED), b"{}")

    def records(self) -> list[_Record]:
        """What the files hold, in order."""
        names = sorted(name for name in self._infos if name.endswith(".record"))
        documents = [orjson.loads(self._objects.read_bytes(ObjectKey(self._prefix + name))) for name in names]
        return [_Record(document["last_step"], document["rows"], document["digest"]) for document in documents]

    def add(self, number: int, record: _Record) -> None:
        """Record a file; of several servers that do it at once, the first one counts."""
        document = {"last_step": record.last_step, "rows": record.rows, "digest": record.digest}
        self._objects.add_bytes(ObjectKey(f"{self._prefix}{number:06}.record"), orjson.dumps(document))
        self._reload()

    def file(self, number: int, record: _Record) -> ParquetFile | None:
        """A file that stays as long as an address made now."""
        for name, info in self._infos.items():
            is_wanted = name.startswith(f"{number:06}-{record.digest}-") and name.endswith(".parquet")
            if is_wanted and self._now - info.modified_at < FILE_LIFETIME - 2 * timedelta(seconds=URL_LENGTH_S):
                return ParquetFile(info.key, info.size_bytes)
        return None

    def put_file(self, number: int, record: _Record, path: Path) -> None:
        """Keep a file."""
        name = f"{number:06}-{record.digest}-{secrets.token_hex(8)}.parquet"
        self._objects.put_file(ObjectKey(self._prefix + name), path)
        self._reload()

    def note(self, identity: str, count: int) -> None:
        """Remember that the first `count` files are all of the history in this state; 0 if it has no files."""
        self._objects.add_bytes(self._key_of_state(identity), orjson.dumps({"files": count}))
        self._reload()

    def _key_of_state(self, identity: str) -> ObjectKey:
        return ObjectKey(f"{self._prefix}{identity}.{self._mode}.state")

    def files_of(self, identity: str) -> list[ParquetFile] | None:
        """The files of a state of the history that was looked at; None if that is still to be done."""
        if f"{identity}.{self._mode}.state" not in self._infos:
            return None
        try:
            count: int = orjson.loads(self._objects.read_bytes(self._key_of_state(identity)))["files"]
        except ObjectNotFound:
            return None  # removed at this moment, being old
        records = self.records()[:count]
        files = [file for number, record in enumerate(records) if (file := self.file(number, record)) is not None]
        return files if len(files) == count else None

    def _reload(self) -> None:
        self._infos = {info.key.removeprefix(self._prefix): info for info in self._objects.list_keys(self._prefix)}


_CLOSED = "closed"
