# mypy: ignore-errors
"""zarr's own tests of stores, on the files of a run. Run by pytest; the run is in ``KYMOGRAPH_TEST_RUN``."""

from __future__ import annotations

import itertools
import os
from typing import Any

import pytest
from zarr.core.buffer import Buffer, cpu
from zarr.storage import FsspecStore
from zarr.testing.store import StoreTests

from kymograph.fs import RunFileSystem

_numbers = itertools.count(1)


class TestRunFiles(StoreTests[FsspecStore, cpu.Buffer]):
    store_cls = FsspecStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self) -> dict[str, Any]:
        path = f"{os.environ['KYMOGRAPH_TEST_RUN']}/contract/{os.getpid()}-{next(_numbers)}"
        return {"fs": RunFileSystem(asynchronous=True), "path": path}

    @pytest.fixture
    async def store(self, store_kwargs: dict[str, Any]) -> FsspecStore:
        return await self.store_cls.open(**store_kwargs)

    async def get(self, store: FsspecStore, key: str) -> Buffer:
        return self.buffer_cls.from_bytes(await store.fs._cat_file(f"{store.path}/{key}"))

    async def set(self, store: FsspecStore, key: str, value: Buffer) -> None:
        await store.fs._pipe_file(f"{store.path}/{key}", value.to_bytes())

    def test_store_supports_writes(self, store: FsspecStore) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: FsspecStore) -> None:
        assert store.supports_listing

    def test_store_repr(self, store: FsspecStore) -> None:
        assert "FsspecStore" in str(store)

    def test_store_supports_partial_writes(self, store: FsspecStore) -> None:
        assert not store.supports_partial_writes
