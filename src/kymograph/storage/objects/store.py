"""Objects through obstore: a local folder, a bucket, or memory."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, S3Store

from kymograph.core.digest import DigestAlgorithm, Hasher, encode_digest, md5_digest, new_hasher
from kymograph.errors import (
    DigestMismatch,
    InvalidSetting,
    ObjectNotFound,
    RequestTooLarge,
    ServerBusy,
    StorageFull,
    UnsupportedOperation,
    UploadElsewhere,
)
from kymograph.storage import durable
from kymograph.storage.objects import large_files, small_files
from kymograph.storage.objects.base import ByteSpan, ObjectInfo, PutResult, Resumable
from kymograph.storage.objects.keys import (
    decode_folder_key,
    decode_key,
    encode_folder_key,
    encode_folder_prefix,
    encode_key,
    encode_prefix,
)
from kymograph.storage.objects.unfinished import Unfinished
from kymograph.types import Digest, ObjectKey

if TYPE_CHECKING:
    from obstore import ObjectMeta

PART_BYTES = 8 * 1024 * 1024
"""Objects up to this size go in one request, larger ones in parts; buckets take 10,000 parts, so 80 GB in all."""
_PARTS_AT_ONCE = 2
_HASH_BYTES = 1024 * 1024
"""Streams are hashed outside the event loop in pieces of this size: a smaller piece costs more to hand over."""
_SMALL_AT_ONCE = 16
"""Requests for small objects of a bucket under way."""
_DELETED_AT_ONCE = 1000
"""What S3 takes in one request."""

_NO_SPACE = re.compile(r"os error (28|27|122)\b|status: 507|StorageFull|QuotaExceeded")
"""ENOSPC, EFBIG, EDQUOT; and what S3 servers say."""
_DRAFT = re.compile(r"#\d+$")
"""How files under way end; keys are written without ``#``."""

_RULE = "use a folder, memory:// or s3://bucket/prefix?endpoint=…&region=…&virtual_hosted=true"

_BucketStore = S3Store | GCSStore | AzureStore

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _Paths:
    """How keys become paths of a store."""

    encode: Callable[[str], str]
    decode: Callable[[str], ObjectKey]
    encode_prefix: Callable[[str], str]


_BUCKET_PATHS = _Paths(encode_key, decode_key, encode_prefix)
_FOLDER_PATHS = _Paths(encode_folder_key, decode_folder_key, encode_folder_prefix)


class ObstoreObjects:
    """`ObjectStore` over any obstore store."""

    def __init__(
        self, store: LocalStore | MemoryStore | _BucketStore, *, name: str, folder: Path | None = None
    ) -> None:
        """Wrap a store.

        Args:
            store: Where the bytes go.
            name: What error messages call it.
            folder: The folder of a local store.
        """
        self._store = store
        self._name = name
        self._paths = _FOLDER_PATHS if isinstance(store, LocalStore) else _BUCKET_PATHS
        self._folder = folder
        self.can_sign_urls = isinstance(store, _BucketStore)

    # docstrings inherited

    async def put(
        self,
        key: ObjectKey,
        body: AsyncIterator[bytes],
        *,
        max_bytes: int | None = None,
        expected: Digest | None = None,
        algorithm: DigestAlgorithm = DigestAlgorithm.MD5,
        resumable: Resumable | None = None,
    ) -> PutResult:
        """Docstring inherited."""
        measured = _Measured(body, max_bytes=max_bytes, expected=expected, algorithm=algorithm)
        if resumable is not None and self._folder is not None:
            return await self._resume(key, resumable, measured, self._folder)
        if resumable is not None and resumable.start:
            raise UploadElsewhere(resumable.name, start=resumable.start)
        batches = measured.batches()
        head: list[bytes] = []
        size = 0
        async for batch in batches:
            head += batch
            size += sum(map(len, batch))
            if size > PART_BYTES:
                break
        path = self._paths.encode(key)
        if size <= PART_BYTES:
            small = b"".join(head)
            await measured.take(small)
            measured.check()
            with self._translated(key):
                await obstore.put_async(self._store, path, small, use_multipart=False)
        elif self._folder is not None:
            measured.hash_fast_too()
            await large_files.write(
                self._folder / path,
                _chain(head, batches),
                also=measured.update,
                check=measured.check,
                guard=lambda: self._translated_os(key),
            )
        else:
            measured.hash_fast_too()
            with self._translated(key):
                # Aborts the parts it sent when the pieces raise, and makes the object visible only at the end.
                await obstore.put_async(
                    self._store,
                    path,
                    measured.hashed(_chain(head, batches)),
                    use_multipart=True,
                    chunk_size=PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
        return measured.result()

    async def _resume(self, key: ObjectKey, resumable: Resumable, measured: _Measured, folder: Path) -> PutResult:
        with self._translated_os(key):
            unfinished = Unfinished.open(folder, resumable.name, resumable.start)
        if unfinished is None and resumable.start:
            raise UploadElsewhere(resumable.name, start=resumable.start)
        measured.hash_fast_too()
        await large_files.write(
            folder / self._paths.encode(key),
            measured.batches(),
            also=measured.update,
            check=measured.check,
            guard=lambda: self._translated_os(key),
            unfinished=unfinished,
        )
        result = measured.result()
        return replace(result, size_bytes=resumable.start + result.size_bytes)

    def find_received(self, name: str) -> int | None:
        """Docstring inherited."""
        if self._folder is None:
            return None
        with self._translated_os(name):
            return Unfinished.find_received(self._folder, name)

    async def read(self, key: ObjectKey, span: ByteSpan | None = None) -> AsyncIterator[bytes]:
        """Docstring inherited."""
        if span is not None and span.end is not None and span.end <= span.start:
            return
        if self._folder is not None:
            try:
                with self._translated_os(key):
                    async for piece in large_files.read(self._folder / self._paths.encode(key), span):
                        yield piece
            except FileNotFoundError as exc:
                raise ObjectNotFound(key) from exc
            return
        options: dict[str, Any] = {}
        if span is not None:
            options["range"] = {"offset": span.start} if span.end is None else (span.start, span.end)
        with self._translated(key):
            try:
                found = await obstore.get_async(self._store, self._paths.encode(key), options=options)  # type: ignore[arg-type]
            except BaseError:
                # Stores refuse a span that begins after the end; there is nothing in it.
                info = await self.find(key) if span is not None else None
                if span is not None and info is not None and span.start >= info.size_bytes:
                    return
                raise
            async for piece in found.stream():
                yield bytes(piece)

    async def find(self, key: ObjectKey) -> ObjectInfo | None:
        """Docstring inherited."""
        with self._translated(key):
            try:
                meta = await obstore.head_async(self._store, self._paths.encode(key))
            except FileNotFoundError:
                return None
        return _to_info(key, meta)

    async def delete(self, key: ObjectKey) -> None:
        """Docstring inherited."""
        # Folders say that there was nothing to delete, buckets do not.
        with self._translated(key), suppress(FileNotFoundError):
            await obstore.delete_async(self._store, self._paths.encode(key))

    def put_bytes(self, key: ObjectKey, body: bytes) -> PutResult:
        """Docstring inherited."""
        with self._translated(key):
            obstore.put(self._store, self._paths.encode(key), body, use_multipart=len(body) > PART_BYTES)
        return PutResult(len(body), md5_digest(body))

    def add_bytes(self, key: ObjectKey, body: bytes) -> bool:
        """Docstring inherited."""
        with self._translated(key):
            try:
                obstore.put(self._store, self._paths.encode(key), body, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    def read_bytes(self, key: ObjectKey) -> bytes:
        """Docstring inherited."""
        with self._translated(key):
            return bytes(obstore.get(self._store, self._paths.encode(key)).bytes())

    def put_many(self, items: Sequence[tuple[ObjectKey, bytes]]) -> None:
        """Docstring inherited."""
        if self._folder is None:
            self._each(lambda item: self.put_bytes(*item), items)
            return
        paths = [(self._folder / self._paths.encode(key), body) for key, body in items]
        with self._translated_os("several objects"):
            small_files.write_all(paths)

    def read_many(self, keys: Sequence[ObjectKey]) -> list[bytes]:
        """Docstring inherited."""
        if self._folder is None:
            return self._each(self.read_bytes, keys)
        return [self._read_file(key, self._folder) for key in keys]

    def _read_file(self, key: ObjectKey, folder: Path) -> bytes:
        try:
            with self._translated_os(key):
                return small_files.read(folder / self._paths.encode(key))
        except FileNotFoundError as exc:
            raise ObjectNotFound(key) from exc

    def _each(self, work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """The same for many objects of a bucket, which answers many requests at once and each one slowly."""
        if not isinstance(self._store, _BucketStore) or len(items) < 2:
            return [work(item) for item in items]
        with ThreadPoolExecutor(_SMALL_AT_ONCE, thread_name_prefix="objects") as pool:
            return list(pool.map(work, items))

    def local_path(self, key: ObjectKey) -> Path | None:
        """Docstring inherited."""
        return None if self._folder is None else self._folder / self._paths.encode(key)

    def download(self, key: ObjectKey, path: Path) -> None:
        """Docstring inherited."""
        with self._translated(key):
            pieces = obstore.get(self._store, self._paths.encode(key)).stream(min_chunk_size=PART_BYTES)
            try:
                with path.open("wb") as file:
                    for piece in pieces:
                        file.write(piece)
            except OSError as exc:
                if exc.errno in durable.NO_SPACE:
                    raise StorageFull(str(path.parent)) from exc
                raise

    def put_file(self, key: ObjectKey, path: Path) -> int:
        """Docstring inherited."""
        size = path.stat().st_size
        if self._folder is not None:
            with self._translated_os(key):
                durable.put_file(path, self._folder / self._paths.encode(key), root=self._folder)
            return size
        with self._translated(key):
            obstore.put(
                self._store,
                self._paths.encode(key),
                path,
                use_multipart=size > PART_BYTES,
                chunk_size=PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
        return size

    def flush(self) -> None:
        """Docstring inherited."""
        if self._folder is not None:  # buckets have what they acknowledge
            with self._translated_os("what was stored"):
                durable.flush_file_system(self._folder)

    def list_keys(self, prefix: str) -> list[ObjectInfo]:
        """Docstring inherited."""
        return sorted((info for batch in self.iter_keys(prefix) for info in batch), key=lambda info: info.key)

    def iter_keys(self, prefix: str) -> Iterator[list[ObjectInfo]]:
        """Docstring inherited."""
        with self._translated(ObjectKey(prefix)):
            for batch in obstore.list(self._store, self._paths.encode_prefix(prefix) or None):
                found = [_to_info(self._paths.decode(meta["path"]), meta) for meta in batch]
                yield [info for info in found if info.key.startswith(prefix)]

    def delete_keys(self, keys: Sequence[ObjectKey]) -> None:
        """Docstring inherited."""
        if isinstance(self._store, _BucketStore):
            with self._translated(ObjectKey("several objects")):
                for start in range(0, len(keys), _DELETED_AT_ONCE):
                    some = [self._paths.encode(key) for key in keys[start : start + _DELETED_AT_ONCE]]
                    obstore.delete(self._store, some)
            return
        for key in keys:  # one by one: a folder breaks off at the first one that is absent
            with self._translated(key), suppress(FileNotFoundError):
                obstore.delete(self._store, self._paths.encode(key))

    def sweep(self, before: datetime, *, dry_run: bool) -> tuple[int, int]:
        """Docstring inherited."""
        count = size = 0
        if self._folder is None:
            return count, size
        for folder, _, names in os.walk(self._folder):
            for path in (Path(folder, name) for name in names if _DRAFT.search(name)):
                with suppress(FileNotFoundError):
                    found = path.stat()
                    if found.st_mtime < before.timestamp():
                        if not dry_run:
                            path.unlink()
                        count, size = count + 1, size + found.st_size
        return count, size

    def sign_put(self, key: ObjectKey, *, expires_in_s: float) -> str:
        """Docstring inherited."""
        return self._sign("PUT", key, expires_in_s)

    def sign_get(self, key: ObjectKey, *, expires_in_s: float) -> str:
        """Docstring inherited."""
        return self._sign("GET", key, expires_in_s)

    def _sign(self, method: Any, key: ObjectKey, expires_in_s: float) -> str:
        if not isinstance(self._store, _BucketStore):
            raise UnsupportedOperation("a signed address", hint=f"{self._name} has none; stream through the server")
        with self._translated(key):
            return obstore.sign(self._store, method, self._paths.encode(key), timedelta(seconds=expires_in_s))

    @contextmanager
    def _translated(self, key: ObjectKey) -> Iterator[None]:
        """Turn errors of obstore into ours; errors of the body pass through."""
        try:
            yield
        except ObjectNotFound:
            raise
        except FileNotFoundError as exc:
            raise ObjectNotFound(key) from exc
        except BaseError as exc:
            if _NO_SPACE.search(str(exc)):
                raise StorageFull(self._name) from exc
            raise ServerBusy(f"{self._name} cannot serve {key!r}: {str(exc).splitlines()[0]}") from exc

    @contextmanager
    def _translated_os(self, what: str) -> Iterator[None]:
        """Turn errors of files that are handled here, and not by obstore, into ours."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as exc:
            if exc.errno in durable.NO_SPACE:
                raise StorageFull(self._name) from exc
            raise ServerBusy(f"{self._name} cannot serve {what!r}: {exc.strerror}") from exc


class _Measured:
    """A stream that is counted, bounded and hashed while it passes."""

    def __init__(
        self, body: AsyncIterator[bytes], *, max_bytes: int | None, expected: Digest | None, algorithm: DigestAlgorithm
    ) -> None:
        self._body = body
        self._max_bytes = max_bytes
        self._expected = expected
        self._size = 0
        self._algorithm = algorithm
        self._hash = new_hasher(algorithm)
        self._fast_hash: Hasher | None = None

    def hash_fast_too(self) -> None:
        """Have large content hashed by XXH128 as well, unless it is by that alone; call it before any was hashed."""
        if self._algorithm is not DigestAlgorithm.XXH128:
            self._fast_hash = new_hasher(DigestAlgorithm.XXH128)

    async def batches(self) -> AsyncIterator[list[bytes]]:
        """The stream as it is, some chunks together: they are not copied, and worth handing to a thread.

        Raises:
            RequestTooLarge: As soon as the bound is passed.
        """
        held: list[bytes] = []
        held_bytes = 0
        async for chunk in self._body:
            self._size += len(chunk)
            if self._max_bytes is not None and self._size > self._max_bytes:
                raise RequestTooLarge("the file", limit=self._max_bytes)
            held.append(chunk)
            held_bytes += len(chunk)
            if held_bytes >= _HASH_BYTES:
                yield held
                held, held_bytes = [], 0
        if held:
            yield held

    async def hashed(self, batches: AsyncIterator[Sequence[bytes]]) -> AsyncIterator[bytes]:
        """The batches, each in one piece, hashed while they pass.

        Raises:
            DigestMismatch: At the end, before the last piece.
        """
        last = b""
        async for batch in batches:
            if last:
                yield last
            last = b"".join(batch)
            await self.take(last)
        self.check()
        if last:
            yield last

    async def take(self, piece: bytes) -> None:
        """Hash a piece, outside the event loop if it is large."""
        if len(piece) < _HASH_BYTES:
            self.update([piece])
        else:
            await asyncio.to_thread(self.update, [piece])

    def update(self, batch: Sequence[bytes]) -> None:
        """Hash what comes next."""
        for piece in batch:
            self._hash.update(piece)
            if self._fast_hash is not None:
                self._fast_hash.update(piece)

    def check(self) -> None:
        """All has been hashed.

        Raises:
            DigestMismatch: It has another digest than was expected.
        """
        actual = encode_digest(self._hash.digest())
        if self._expected is not None and actual != self._expected:
            raise DigestMismatch("upload", expected=self._expected, actual=actual)

    def result(self) -> PutResult:
        """What passed; call it after the end."""
        fast = None if self._fast_hash is None else encode_digest(self._fast_hash.digest())
        return PutResult(self._size, encode_digest(self._hash.digest()), fast)


async def _chain(head: Sequence[bytes], rest: AsyncIterator[list[bytes]]) -> AsyncIterator[Sequence[bytes]]:
    yield head
    async for batch in rest:
        yield batch


def _to_info(key: ObjectKey, meta: ObjectMeta) -> ObjectInfo:
    return ObjectInfo(key, meta["size"], meta["last_modified"], meta.get("e_tag"))


def open_objects(url: str) -> ObstoreObjects:
    """Open the object store that a URL names.

    Args:
        url: ``file:///folder`` or a plain path, created if missing; ``memory://``; or ``s3://bucket/prefix`` with the
            optional parameters ``endpoint``, ``region`` and ``virtual_hosted``. Credentials and whatever else is not in
            the URL come from the usual ``AWS_…`` variables of the environment.

    Raises:
        InvalidSetting: Not such a URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return ObstoreObjects(MemoryStore(), name="memory")
    if parts.scheme == "s3":
        return _open_s3(url)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise InvalidSetting("objects", url, rule="file:// takes an absolute path: file:///folder")
        return open_folder(Path(unquote(parts.path)))
    if "://" in url:
        raise InvalidSetting("objects", url, rule=_RULE)
    return open_folder(Path(url))


def open_folder(folder: Path) -> ObstoreObjects:
    """A local folder, created if missing.

    Raises:
        InvalidSetting: There can be no such folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InvalidSetting("objects", str(folder), rule=f"the folder cannot be made: {exc.strerror}") from exc
    root = folder.resolve()
    return ObstoreObjects(LocalStore(root, automatic_cleanup=True), name=f"the folder {folder}", folder=root)


def _open_s3(url: str) -> ObstoreObjects:
    parts = urlsplit(url)
    settings = dict(parse_qsl(parts.query, keep_blank_values=True))
    endpoint = settings.pop("endpoint", None)
    region = settings.pop("region", None)
    virtual_hosted = settings.pop("virtual_hosted", "false")
    if not parts.netloc or settings or virtual_hosted not in ("true", "false"):
        raise InvalidSetting("objects", url, rule=_RULE)
    config: dict[str, str] = {}
    if endpoint:
        config["endpoint"] = endpoint
    if region:
        config["region"] = region
    store = S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config=config,  # type: ignore[arg-type]
        virtual_hosted_style_request=virtual_hosted == "true",
        client_options={"allow_http": True} if endpoint and endpoint.startswith("http://") else {},
    )
    return ObstoreObjects(store, name=f"the bucket {parts.netloc}")
