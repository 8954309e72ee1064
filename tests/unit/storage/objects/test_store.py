"""The contract on a folder, in memory and on S3 servers; and what is special to each."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import quote

import boto3  # type: ignore[import-untyped]
import httpx
import obstore
import pytest
from moto.server import ThreadedMotoServer

from kymograph.errors import InvalidSetting, StorageFull, UnsupportedOperation
from kymograph.storage.objects.store import ObstoreObjects, open_objects
from kymograph.testing import swift
from kymograph.types import ObjectKey
from tests.unit.storage.objects.contract import KEY, ODD_KEYS, ObjectStoreContract, chunks, repeated

prefixes = (f"test-{number}" for number in count(1))


class TestFolder(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObstoreObjects:
        return open_objects(f"file://{quote(str(tmp_path / 'an object folder'))}")

    async def test_keys_stay_inside_the_folder(self, store: ObstoreObjects, tmp_path: Path) -> None:
        for key in ODD_KEYS:
            store.put_bytes(ObjectKey(key), b"x")

        assert os.listdir(tmp_path) == ["an object folder"]
        files = [path for path in (tmp_path / "an object folder").rglob("*") if path.is_file()]
        assert len(files) == len(ODD_KEYS)

    async def test_ordinary_keys_are_ordinary_paths(self, store: ObstoreObjects, tmp_path: Path) -> None:
        store.put_bytes(KEY, b"abc")

        assert (tmp_path / "an object folder" / KEY).read_bytes() == b"abc"

    async def test_files_that_were_broken_off_are_no_objects_and_are_swept(
        self, store: ObstoreObjects, tmp_path: Path
    ) -> None:
        """As a killed process leaves them: those of obstore are called like ours."""
        store.put_bytes(KEY, b"abc")
        store.put_bytes(ObjectKey("hash#1"), b"an object")
        half = tmp_path / "an object folder" / f"{KEY}#1"
        half.write_bytes(b"half")
        now = datetime.now(UTC)

        assert len(store.list_keys("")) == 2
        assert store.sweep(now - timedelta(hours=1), dry_run=False) == (0, 0)
        assert store.sweep(now + timedelta(hours=1), dry_run=True) == (1, 4)
        assert half.exists()
        assert store.sweep(now + timedelta(hours=1), dry_run=False) == (1, 4)
        assert not half.exists()
        assert len(store.list_keys("")) == 2

    async def test_a_broken_stream_leaves_no_file_behind(self, store: ObstoreObjects, tmp_path: Path) -> None:
        with pytest.raises(ConnectionResetError):
            await store.put(KEY, repeated(b"x" * 1_000_000, 20, fails_at=18))

        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    async def test_a_cancelled_stream_leaves_no_file_behind(self, store: ObstoreObjects, tmp_path: Path) -> None:
        async def body() -> AsyncIterator[bytes]:
            for _ in range(15):
                yield b"x" * 1_000_000
            is_waiting.set()
            await asyncio.Event().wait()

        is_waiting = asyncio.Event()
        upload = asyncio.create_task(store.put(KEY, body()))
        await is_waiting.wait()
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload

        # The file goes when the Rust side hears of it, a moment later.
        async with asyncio.timeout(10):
            while [path for path in tmp_path.rglob("*") if path.is_file()]:
                await asyncio.sleep(0.01)
        assert await store.find(KEY) is None

    async def test_it_signs_nothing(self, store: ObstoreObjects) -> None:
        assert not store.can_sign_urls
        with pytest.raises(UnsupportedOperation):
            store.sign_get(KEY, expires_in_s=60)


class TestMemory(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObstoreObjects:
        return open_objects("memory://")


class S3Contract(ObjectStoreContract):
    """What S3 servers do beyond the common. Subclasses provide a fresh bucket as `store`."""

    async def test_signed_addresses_put_and_get_one_object(self, store: ObstoreObjects) -> None:
        key = ObjectKey("run files/100%/ünï+x.txt")
        async with httpx.AsyncClient() as client:
            answer = await client.put(store.sign_put(key, expires_in_s=60), content=b"abc")
            assert answer.status_code == 200
            answer = await client.get(store.sign_get(key, expires_in_s=60))

        assert answer.content == b"abc"
        assert store.read_bytes(key) == b"abc"

    async def test_prefixes_are_apart(self, store: ObstoreObjects, url: str) -> None:
        other = open_objects(url.replace("?", "/other?"))
        other.put_bytes(KEY, b"other")

        assert store.list_keys(str(KEY)) == []
        assert [info.key for info in other.list_keys("")] == [KEY]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket on a running server; making one takes a second, so tests share it and keep apart by prefixes."""

    address: str
    access_key: str
    secret_key: str
    name: str = "objects"

    def create(self) -> Bucket:
        session = boto3.Session(self.access_key, self.secret_key, region_name=swift.REGION)
        session.client("s3", endpoint_url=self.address).create_bucket(Bucket=self.name)
        return self

    @contextmanager
    def fresh_url(self) -> Iterator[str]:
        """The URL of a prefix that nobody used, with the credentials in the environment for as long as it is used."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", self.access_key)
            patch.setenv("AWS_SECRET_ACCESS_KEY", self.secret_key)
            yield f"s3://{self.name}/{next(prefixes)}?endpoint={self.address}&region={swift.REGION}"


@pytest.fixture(scope="session")
def moto_bucket() -> Iterator[Bucket]:
    """A bucket on a moto server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Bucket(f"http://{host}:{port}", "test", "test").create()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def swift_bucket() -> Iterator[Bucket]:
    """A bucket on OpenStack Swift."""
    with swift.swift_server() as server:
        yield Bucket(server.address, swift.ACCESS_KEY, swift.SECRET_KEY).create()


class TestMoto(S3Contract):
    @pytest.fixture
    def url(self, moto_bucket: Bucket) -> Iterator[str]:
        with moto_bucket.fresh_url() as url:
            yield url

    @pytest.fixture
    def store(self, url: str) -> ObstoreObjects:
        return open_objects(url)


class TestSwift(S3Contract):
    listing_page = swift.LISTING_PAGE

    @pytest.fixture
    def url(self, swift_bucket: Bucket) -> Iterator[str]:
        with swift_bucket.fresh_url() as url:
            yield url

    @pytest.fixture
    def store(self, url: str) -> ObstoreObjects:
        return open_objects(url)


@pytest.mark.parametrize(
    "url",
    ["s3://", "s3://bucket?endpiont=x", "s3://bucket?virtual_hosted=1", "ftp://x/y", "file://host/folder"],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(InvalidSetting):
        open_objects(url)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InvalidSetting):
        open_objects(str(tmp_path / "file"))


def test_a_plain_path_is_a_folder(tmp_path: Path) -> None:
    store = open_objects(str(tmp_path / "objects"))
    store.put_bytes(KEY, b"abc")

    assert (tmp_path / "objects" / KEY).exists()


def test_a_full_disk_is_storage_full_and_leaves_nothing(tmp_path: Path) -> None:
    """The limit on file sizes stands in for a full disk: the store's write fails in the kernel in the same place."""
    script = """
import asyncio, resource, signal, sys
from kymograph.errors import StorageFull
from kymograph.storage.objects.store import open_objects
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
store = open_objects(sys.argv[1])
async def body(times):
    for _ in range(times):
        yield b"x" * 500_000
async def main():
    for times in (4, 40):
        try:
            await store.put("key", body(times))
        except StorageFull as exc:
            print(type(exc).__name__)
    await store.put("key", body(1))
    print(len(store.read_bytes("key")))
asyncio.run(main())
"""
    ran = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)

    assert ran.stdout.split() == ["StorageFull", "StorageFull", "500000"], ran.stderr
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


async def test_no_space_is_told_apart_from_other_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_objects(str(tmp_path))

    async def refuse(*_: object, **__: object) -> None:
        raise obstore.exceptions.GenericError("Unable to copy data to file: No space left on device (os error 28)")

    monkeypatch.setattr(obstore, "put_async", refuse)
    with pytest.raises(StorageFull):
        await store.put(KEY, chunks(b"abc"))
