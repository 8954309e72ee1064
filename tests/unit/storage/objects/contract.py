"""What every object store does. Subclass the contract and provide the fixture `store`, empty for each test."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kymograph.core.digest import DigestAlgorithm, digest_of
from kymograph.errors import ObjectNotFound, RequestTooLarge, UploadElsewhere
from kymograph.storage.objects.base import ByteSpan, ObjectStore, PutResult, Resumable
from kymograph.types import Digest, ObjectKey

KEY = ObjectKey("runs/1/files/output.log")

ODD_KEYS = [
    "a",
    "a/b",
    "a/b/c",
    "a.b",
    "a.b/c",
    "a.b/c.d",
    "with space/and  two",
    "ünïcødé/✓/日本語.txt",
    "100%/%2e%2e/%41",
    "%",
    "%-",
    "%+",
    "..",
    "../up",
    "./here",
    "a/../b",
    "a//b",
    "trailing/",
    "/leading",
    "hash#1",
    "nul\x00/line\nfeed/tab\t/del\x7f",
    "back\\slash",
    "quotes'\"<>|*?&=+;:,$@!()[]{}^~`",
    "x" * 400 + "/" + "é" * 200 + ".txt",
    "__proto__",
]


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def repeated(piece: bytes, times: int, *, fails_at: int | None = None) -> AsyncIterator[bytes]:
    for number in range(times):
        if number == fails_at:
            raise ConnectionResetError("the client went away")
        yield piece


async def read_all(store: ObjectStore, key: ObjectKey, span: ByteSpan | None = None) -> bytes:
    return b"".join([piece async for piece in store.read(key, span)])


def digest(body: bytes) -> Digest:
    return Digest(b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode())


async def broken_off(piece: bytes) -> AsyncIterator[bytes]:
    yield piece
    raise ZeroDivisionError


class ObjectStoreContract:
    """Bytes by key."""

    listing_page = 1000
    """Keys that the server lists at once, if it does so in pages."""

    async def test_a_stream_comes_back(self, store: ObjectStore) -> None:
        result = await store.put(KEY, chunks(b"abc", b"", b"def"))

        assert result == PutResult(6, digest(b"abcdef"))
        assert await read_all(store, KEY) == b"abcdef"

    async def test_an_empty_stream_is_an_empty_object(self, store: ObjectStore) -> None:
        result = await store.put(KEY, chunks())

        assert result == PutResult(0, digest(b""))
        assert await read_all(store, KEY) == b""
        assert await read_all(store, KEY, ByteSpan(0)) == b""

    async def test_a_large_stream_comes_back(self, store: ObjectStore) -> None:
        piece = bytes(range(256)) * 4096
        result = await store.put(KEY, repeated(piece, 20))

        fast = digest_of(piece * 20, DigestAlgorithm.XXH128)
        assert result == PutResult(20 * len(piece), digest(piece * 20), fast)
        assert await read_all(store, KEY) == piece * 20

    async def test_what_is_named_by_its_xxh128_has_no_other_one(self, store: ObjectStore) -> None:
        piece = bytes(1 << 20)
        result = await store.put(KEY, repeated(piece, 20), algorithm=DigestAlgorithm.XXH128)

        assert result == PutResult(20 << 20, digest_of(piece * 20, DigestAlgorithm.XXH128))

    async def test_a_stream_that_broke_off_goes_on(self, store: ObjectStore) -> None:
        content = bytes(range(256)) * (3 << 12)
        first = content[: 2 << 20]
        if store.find_received("name") is None:
            # A store that keeps nothing: only whole streams come.
            with pytest.raises(UploadElsewhere):
                await store.put(KEY, chunks(b"rest"), resumable=Resumable("name", 3))
            await store.put(KEY, chunks(content), resumable=Resumable("name"))
            assert await read_all(store, KEY) == content
            return
        assert store.find_received("name") == 0
        with pytest.raises(ZeroDivisionError):
            await store.put(KEY, broken_off(first), resumable=Resumable("name"))
        assert (store.find_received("name"), store.find_received("other")) == (len(first), 0)
        assert (await store.find(KEY), store.list_keys("")) == (None, [])

        with pytest.raises(UploadElsewhere):
            await store.put(KEY, chunks(b"rest"), resumable=Resumable("name", len(first) + 1))
        rest = content[len(first) :]
        result = await store.put(
            KEY, chunks(rest), resumable=Resumable("name", len(first)), expected=digest(content), max_bytes=len(rest)
        )

        assert result == PutResult(len(content), digest(content), digest_of(content, DigestAlgorithm.XXH128))
        assert (await read_all(store, KEY), store.find_received("name")) == (content, 0)

    async def test_a_stream_that_was_cancelled_goes_on(self, store: ObjectStore) -> None:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield bytes(1 << 20)
                await asyncio.sleep(0)

        if store.find_received("name") is None:
            return
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await store.put(KEY, endless(), resumable=Resumable("name"))
        received = store.find_received("name")
        assert received

        result = await store.put(KEY, chunks(b"end"), resumable=Resumable("name", received))

        assert result.digest == digest(bytes(received) + b"end")

    async def test_what_breaks_off_is_swept_in_time(self, store: ObjectStore) -> None:
        if store.find_received("name") is None:
            return
        with pytest.raises(ZeroDivisionError):
            await store.put(KEY, broken_off(bytes(1 << 20)), resumable=Resumable("name"))

        assert store.sweep(datetime.now(UTC) - timedelta(hours=1), dry_run=False) == (0, 0)
        assert store.sweep(datetime.now(UTC) + timedelta(hours=1), dry_run=False) == (1, 1 << 20)
        assert store.find_received("name") == 0

    async def test_putting_again_replaces(self, store: ObjectStore) -> None:
        await store.put(KEY, chunks(b"a longer first body"))
        await store.put(KEY, chunks(b"second"))

        assert await read_all(store, KEY) == b"second"

    async def test_find_tells_size_and_time(self, store: ObjectStore) -> None:
        await store.put(KEY, chunks(b"abc"))

        info = await store.find(KEY)
        assert info is not None
        assert (info.key, info.size_bytes) == (KEY, 3)
        assert info.modified_at.tzinfo is not None
        assert abs(datetime.now(UTC) - info.modified_at) < timedelta(minutes=5)
        assert info.etag

    async def test_what_is_not_there_is_not_found(self, store: ObjectStore) -> None:
        assert await store.find(KEY) is None
        with pytest.raises(ObjectNotFound):
            await read_all(store, KEY)
        with pytest.raises(ObjectNotFound):
            await read_all(store, KEY, ByteSpan(3, 9))
        with pytest.raises(ObjectNotFound):
            store.read_bytes(KEY)

    async def test_a_folder_of_objects_is_no_object(self, store: ObjectStore) -> None:
        await store.put(KEY, chunks(b"abc"))

        assert await store.find(ObjectKey("runs/1")) is None
        with pytest.raises(ObjectNotFound):
            store.read_bytes(ObjectKey("runs/1/files"))

    async def test_deleting_twice_is_fine(self, store: ObjectStore) -> None:
        await store.put(KEY, chunks(b"abc"))
        await store.delete(KEY)
        await store.delete(KEY)

        assert await store.find(KEY) is None
        assert store.list_keys("") == []

    @pytest.mark.parametrize(
        ("span", "expected"),
        [
            (ByteSpan(0), b"0123456789"),
            (ByteSpan(0, 1), b"0"),
            (ByteSpan(3, 7), b"3456"),
            (ByteSpan(7), b"789"),
            (ByteSpan(7, 100), b"789"),
            (ByteSpan(5, 5), b""),
            (ByteSpan(10), b""),
            (ByteSpan(10, 12), b""),
        ],
    )
    async def test_a_span_gives_those_bytes(self, store: ObjectStore, span: ByteSpan, expected: bytes) -> None:
        store.put_bytes(KEY, b"0123456789")

        assert await read_all(store, KEY, span) == expected

    async def test_too_large_a_stream_stores_nothing(self, store: ObjectStore) -> None:
        with pytest.raises(RequestTooLarge):
            await store.put(KEY, chunks(b"abc", b"def"), max_bytes=5)

        assert await store.find(KEY) is None
        assert (await store.put(KEY, chunks(b"abc", b"de"), max_bytes=5)).size_bytes == 5

    async def test_a_large_stream_that_is_too_large_stores_nothing(self, store: ObjectStore) -> None:
        with pytest.raises(RequestTooLarge):
            await store.put(KEY, repeated(b"x" * 1_000_000, 25), max_bytes=20_000_000)

        assert await store.find(KEY) is None
        assert store.list_keys("") == []

    @pytest.mark.parametrize("fails_at", [0, 1, 18])
    async def test_a_broken_stream_leaves_what_was_there(self, store: ObjectStore, fails_at: int) -> None:
        store.put_bytes(KEY, b"before")

        with pytest.raises(ConnectionResetError):
            await store.put(KEY, repeated(b"x" * 1_000_000, 20, fails_at=fails_at))
        assert store.read_bytes(KEY) == b"before"
        assert [info.key for info in store.list_keys("")] == [KEY]

    async def test_nothing_is_seen_of_a_stream_before_its_end(self, store: ObjectStore) -> None:
        async def body() -> AsyncIterator[bytes]:
            for number in range(20):
                if number == 15:
                    seen.append(await store.find(KEY) is not None or bool(store.list_keys("")))
                yield b"x" * 1_000_000

        seen: list[bool] = []
        await store.put(KEY, body())

        assert seen == [False]
        assert (await store.find(KEY)) is not None

    async def test_streams_at_the_same_time_do_not_mix(self, store: ObjectStore) -> None:
        bodies = {ObjectKey(f"many/{number}"): bytes([number]) * 300_000 for number in range(8)}
        await asyncio.gather(*(store.put(key, chunks(body, body)) for key, body in bodies.items()))

        for key, body in bodies.items():
            assert await read_all(store, key) == body * 2

    async def test_of_two_streams_to_one_key_one_wins_whole(self, store: ObjectStore) -> None:
        await asyncio.gather(*(store.put(KEY, repeated(bytes([number]) * 1000, 50)) for number in range(4)))

        body = await read_all(store, KEY)
        assert body in [bytes([number]) * 50_000 for number in range(4)]

    async def test_any_string_is_a_key(self, store: ObjectStore) -> None:
        for key in ODD_KEYS:
            store.put_bytes(ObjectKey(key), key.encode())

        for key in ODD_KEYS:
            assert await read_all(store, ObjectKey(key)) == key.encode()
            found = await store.find(ObjectKey(key))
            assert found is not None
            assert found.key == key
        assert [info.key for info in store.list_keys("")] == sorted(ODD_KEYS)
        for key in ODD_KEYS:
            await store.delete(ObjectKey(key))
        assert store.list_keys("") == []

    async def test_listing_takes_keys_that_begin_with_a_prefix(self, store: ObjectStore) -> None:
        for key in ("a/b", "a/bc", "a/b/c", "a/b.d/e", "ab", "b"):
            store.put_bytes(ObjectKey(key), b"12")

        def keys(prefix: str) -> list[str]:
            return [info.key for info in store.list_keys(prefix)]

        assert keys("a/b") == ["a/b", "a/b.d/e", "a/b/c", "a/bc"]
        assert keys("a/b/") == ["a/b/c"]
        assert keys("a/b.d/") == ["a/b.d/e"]
        assert keys("a") == ["a/b", "a/b.d/e", "a/b/c", "a/bc", "ab"]
        assert keys("none/") == []
        assert {info.size_bytes for info in store.list_keys("")} == {2}

    async def test_small_documents_need_no_loop(self, store: ObjectStore) -> None:
        result = store.put_bytes(KEY, b"abc")

        assert result == PutResult(3, digest(b"abc"))
        assert store.read_bytes(KEY) == b"abc"

    async def test_what_is_flushed_is_still_there(self, store: ObjectStore) -> None:
        store.put_bytes(KEY, b"abc")

        store.flush()

        assert store.read_bytes(KEY) == b"abc"

    async def test_many_small_objects_at_once(self, store: ObjectStore) -> None:
        items = [(ObjectKey(f"many/{number % 3}/{number}"), b"%d" % number) for number in range(40)]
        items.append((ObjectKey("many/empty"), b""))

        store.put_many(items)
        store.put_many([(items[0][0], b"again"), *items[1:2]])

        contents = store.read_many([key for key, _ in items])
        assert contents == [b"again", *(content for _, content in items[1:])]
        assert await read_all(store, items[5][0]) == b"5"
        assert {info.key for info in store.list_keys("many/")} == {key for key, _ in items}

    async def test_of_many_objects_one_that_is_not_there_is_told(self, store: ObjectStore) -> None:
        store.put_many([(ObjectKey("many/there"), b"x")])

        with pytest.raises(ObjectNotFound):
            store.read_many([ObjectKey("many/there"), ObjectKey("many/not there")])

    @pytest.mark.parametrize("size", [0, 3, 9_000_000], ids=["empty", "small", "in parts"])
    async def test_a_file_of_this_machine_is_stored_and_fetched(
        self, store: ObjectStore, tmp_path: Path, size: int
    ) -> None:
        source, copy = tmp_path / "source", tmp_path / "copy"
        store.put_bytes(KEY, b"before")
        source.write_bytes(b"x" * size)

        assert store.put_file(KEY, source) == size
        store.download(KEY, copy)

        assert copy.read_bytes() == source.read_bytes()
        assert [info.key for info in store.list_keys("")] == [KEY]
        assert store.sweep(datetime.now(UTC) + timedelta(hours=1), dry_run=False) == (0, 0)
        assert store.read_bytes(KEY) == source.read_bytes()

    async def test_listing_goes_beyond_one_page(self, store: ObjectStore) -> None:
        n_keys = self.listing_page + 5
        for number in range(n_keys):
            store.put_bytes(ObjectKey(f"many/{number:04}"), b"")

        assert len(store.list_keys("many/")) == n_keys
