"""Files of runs: where to send them, what has come, where to get them."""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from kymograph.core.files import RunFile
from kymograph.core.live import LiveEvent, LiveKind
from kymograph.core.names import parse_file_path
from kymograph.core.run import Run, RunChange
from kymograph.errors import (
    Forbidden,
    KymographError,
    NameTaken,
    ObjectNotFound,
    RunFileNotFound,
    RunNotFound,
    TransportError,
)
from kymograph.services.access import Access, Caller, check_run, require_run
from kymograph.services.live import LiveBus
from kymograph.services.secrets import Signer, steady_expiry
from kymograph.storage.base import Database, Transaction
from kymograph.storage.objects.base import ByteSpan, ObjectStore
from kymograph.types import FilePath, JsonObject, ObjectKey, RunKey

logger = logging.getLogger(__name__)

UPLOAD_URL_LENGTH_S = 24 * 3600
"""Clients ask for addresses when a file is ready but may retry for hours."""
DOWNLOAD_URL_LENGTH_S = 3600
CONTENTS_AT_ONCE = 64
"""Small files that are in memory for one request."""
METADATA_FILE = "wandb-metadata.json"
MAX_METADATA_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FilePage:
    """Some files of a run."""

    files: list[RunFile]
    total: int


class FileService:
    """Run files. Bytes are stored first, then the record that makes them visible."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        signer: Signer,
        live: LiveBus,
        clock: Callable[[], datetime],
        *,
        public_url: str,
    ) -> None:
        self._database = database
        self._objects = objects
        self._signer = signer
        self._live = live
        self._clock = clock
        self._public_url = public_url

    # Addresses

    def upload_urls(
        self, caller: Caller, entity: str | None, project: str, run: str, names: Sequence[str]
    ) -> tuple[Run, list[tuple[str, str]]]:
        """An address to PUT each file to, in the order asked for.

        Raises:
            InvalidName: A name that could leave the run's folder.
            RunNotFound: Absent or not readable.
            Forbidden: The caller may only read there.
        """
        paths = [parse_file_path(name) for name in names]
        _, found = self._database.read(lambda tx: require_run(tx, caller, entity, project, run, Access.WRITE))
        return found, [(path, self.upload_url(found, path)) for path in paths]

    def upload_url(self, run: Run, path: FilePath) -> str:
        """An address that takes one file of a run (whose write access was checked)."""
        return self._url({"m": "PUT", "r": run.key, "p": path}, path, UPLOAD_URL_LENGTH_S)

    def download_url(self, file: RunFile) -> str:
        """An address that gives one file for a while, without any other credential."""
        return self._url({"m": "GET", "f": file.id, "k": file.object_key}, file.path, DOWNLOAD_URL_LENGTH_S)

    def shown_url(self, run: Run, path: str) -> str:
        """An address that gives what a run (got already) has under a name, without any other credential.

        It lasts for an hour at least, and is the same for an hour, so that browsers keep what they have loaded. Made
        without looking: history names files that are still on their way.

        Raises:
            InvalidName: No file of a run can have that name.
        """
        name = parse_file_path(path)
        expires_at_s = steady_expiry(self._clock().timestamp(), DOWNLOAD_URL_LENGTH_S)
        return self._signed_url({"m": "GET", "r": run.key, "p": name}, name, expires_at_s)

    def _url(self, claims: JsonObject, path: str, length_s: float) -> str:
        return self._signed_url(claims, path, self._clock().timestamp() + length_s)

    def _signed_url(self, claims: JsonObject, path: str, expires_at_s: float) -> str:
        token = self._signer.sign(claims, expires_at_s=expires_at_s)
        return f"{self._public_url}/storage/runs/{token}/{quote(path)}"

    # Transfers

    async def receive(
        self, token: str, body: AsyncIterator[bytes], *, content_type: str | None, may_replace: bool = True
    ) -> RunFile:
        """Store what is sent to an upload address.

        Raises:
            NameTaken: There is such a file already, and it may not be replaced.
            Forbidden: The address is forged, expired or not for uploads.
            RunNotFound: The run was deleted meanwhile; nothing was stored.
            StorageFull: Nothing was stored.
        """
        claims = self._signer.verify(token, now_s=self._clock().timestamp())
        if claims.get("m") != "PUT" or not isinstance(claims.get("r"), int):
            raise Forbidden("upload to this address", where="storage")
        run_key, path = RunKey(int(str(claims["r"]))), FilePath(str(claims["p"]))
        object_key = ObjectKey(f"runs/{run_key}/{secrets.token_hex(16)}")
        # Object first, row second: a row without bytes is a broken file, bytes without a row are garbage to collect.
        stored = await self._objects.put(object_key, body)
        metadata = await asyncio.to_thread(self._read_metadata, path, object_key, stored.size_bytes)

        def job(tx: Transaction) -> tuple[Run, RunFile, RunFile | None]:
            now = self._clock()
            run = tx.runs.find_by_key(run_key)
            if run is None:
                raise RunNotFound("(of this address)")
            previous = tx.files.find(run_key, path)
            if previous is not None and not may_replace:
                raise NameTaken("file", path)
            file = tx.files.put(
                run_key,
                path,
                size_bytes=stored.size_bytes,
                md5=stored.digest,
                mimetype=guess_mimetype(path, content_type),
                object_key=object_key,
                now=now,
            )
            if metadata is not None:
                tx.runs.update(run_key, RunChange(metadata_json=metadata), now)
            return run, file, previous

        try:
            run, file, previous = await asyncio.to_thread(self._database.write, job)
        except KymographError:
            await asyncio.to_thread(self._forget, [object_key])
            raise
        if previous is not None and previous.object_key != object_key:
            await asyncio.to_thread(self._forget, [previous.object_key])
        self._live.publish(LiveEvent(run.project_id, run.id, LiveKind.FILES))
        return file

    def _forget(self, keys: Sequence[ObjectKey]) -> None:
        """Remove bytes that no record names; what fails now is left to `services.garbage`."""
        try:
            self._objects.delete_keys(keys)
        except TransportError as exc:
            logger.warning("objects are left for the collector", extra={"objects": len(keys), "problem": str(exc)})

    def _read_metadata(self, path: FilePath, key: ObjectKey, size_bytes: int) -> str | None:
        if path != METADATA_FILE or size_bytes > MAX_METADATA_BYTES:
            return None
        return self._objects.read_bytes(key).decode(errors="replace")

    def resolve_download(self, token: str) -> RunFile:
        """The file behind a download address.

        Raises:
            Forbidden: The address is forged, expired or not for downloads.
            RunFileNotFound: Deleted meanwhile.
        """
        claims = self._signer.verify(token, now_s=self._clock().timestamp())
        if claims.get("m") != "GET":
            raise Forbidden("download from this address", where="storage")
        run_key, path = claims.get("r"), claims.get("p")
        if isinstance(run_key, int) and isinstance(path, str):
            return self._named_file(RunKey(run_key), path)
        if not isinstance(claims.get("f"), int):
            raise Forbidden("download from this address", where="storage")
        number = int(str(claims["f"]))
        file = self._database.read(lambda tx: tx.files.find_by_id(number))
        if file is None or file.object_key != claims.get("k"):
            raise RunFileNotFound(str(number))
        return file

    def _named_file(self, run_key: RunKey, path: str) -> RunFile:
        def job(tx: Transaction) -> RunFile | None:
            return tx.files.find(run_key, path) if tx.runs.find_by_key(run_key) is not None else None

        file = self._database.read(job)
        if file is None:
            raise RunFileNotFound(path)
        return file

    def read(self, file: RunFile, span: ByteSpan | None = None) -> AsyncIterator[bytes]:
        """The bytes of a file (got already)."""
        return self._objects.read(file.object_key, span)

    def small_contents(self, run: Run, names: Sequence[str], *, max_bytes: int) -> Iterator[tuple[int, bytes]]:
        """Contents of files of a run (got already), each with the place of its name among `names`.

        Files that the run has not, or no more, and those larger than `max_bytes` are left out.
        """
        place_of = {name: place for place, name in enumerate(names)}
        files = self.list_files(run, names=list(place_of), limit=len(place_of)).files
        small = [file for file in files if file.size_bytes <= max_bytes]
        for first in range(0, len(small), CONTENTS_AT_ONCE):
            some = small[first : first + CONTENTS_AT_ONCE]
            for file, content in zip(some, self._read_small(some), strict=True):
                if content is not None:
                    yield place_of[file.path], content

    def _read_small(self, files: Sequence[RunFile]) -> Sequence[bytes | None]:
        try:
            return self._objects.read_many([file.object_key for file in files])
        except ObjectNotFound:
            # Replaced or deleted at this moment: it is missing alone.
            return [None] if len(files) == 1 else [self._read_small([file])[0] for file in files]

    # Records

    def get(self, run: Run, path: str) -> RunFile:
        """One file of a run (got already).

        Raises:
            RunFileNotFound: The run has no such file.
        """
        file = self._database.read(lambda tx: tx.files.find(run.key, path))
        if file is None:
            raise RunFileNotFound(path, within=run.path)
        return file

    def list_files(
        self,
        run: Run,
        *,
        names: Sequence[str] = (),
        pattern: str | None = None,
        prefix: str = "",
        is_shallow: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> FilePage:
        """Files of a run (got already), by path; see `FileStore.list`."""

        def job(tx: Transaction) -> FilePage:
            files, total = tx.files.list(
                run.key, names=names, pattern=pattern, prefix=prefix, is_shallow=is_shallow, after=after, limit=limit
            )
            return FilePage(files, total)

        return self._database.read(job)

    def list_folders(self, run: Run, *, prefix: str = "", after: str | None = None, limit: int = 100) -> Sequence[str]:
        """Folders of a run (got already); see `FileStore.list_folders`."""
        return self._database.read(lambda tx: tx.files.list_folders(run.key, prefix=prefix, after=after, limit=limit))

    def delete(self, caller: Caller, numbers: Sequence[int]) -> list[RunFile]:
        """Remove files: all of them or none.

        Raises:
            RunFileNotFound: No such file, or not readable.
            Forbidden: The caller may only read there.
        """

        def job(tx: Transaction) -> list[tuple[Run, RunFile]]:
            removed: list[tuple[Run, RunFile]] = []
            for number in dict.fromkeys(numbers):
                file = tx.files.find_by_id(number)
                run = tx.runs.find_by_key(file.run) if file is not None else None
                if file is None or run is None:
                    raise RunFileNotFound(str(number))
                try:
                    check_run(tx, caller, run, Access.WRITE, named=file.path)
                except RunNotFound as exc:
                    raise RunFileNotFound(str(number)) from exc
                tx.files.delete(number)
                removed.append((run, file))
            return removed

        removed = self._database.write(job)
        # Row first, object second: a record without bytes would be a broken file.
        self._forget([file.object_key for _, file in removed])
        for project_id, run_id in {(run.project_id, run.id) for run, _ in removed}:
            self._live.publish(LiveEvent(project_id, run_id, LiveKind.FILES))
        return [file for _, file in removed]


def guess_mimetype(path: str, content_type: str | None = None) -> str:
    """By the name's ending, else what the sender said, else bytes."""
    guessed, encoding = mimetypes.guess_type(path)
    if guessed is not None and encoding is None:
        return guessed
    if path.endswith((".log", ".jsonl", ".patch", ".diff", ".yaml", ".yml", ".toml")):
        return "text/plain"
    return content_type.split(";")[0].strip() if content_type else "application/octet-stream"
