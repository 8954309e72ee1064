"""What every store does, on a folder, fsspec's memory, and two S3 servers: moto's, and OpenStack Swift's."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3  # type: ignore[import-untyped] # it has no types
import pytest

from kymograph.bucket.stores import s3, s3_parts
from kymograph.bucket.stores.base import MD5_KEY, Store
from kymograph.bucket.stores.registry import open_store
from kymograph.core.digest import md5_digest
from kymograph.errors import DigestMismatch, InvalidReference
from kymograph.sdk.artifacts.references.registry import References
from kymograph.sdk.artifacts.references.s3 import S3Handler
from kymograph.testing import swift
from kymograph.testing.buckets import moto_server

NAMES = ("a.txt", "deep/b c.bin", "deep/er/ü#%?.txt")


@pytest.fixture(scope="module")
def moto() -> Iterator[tuple[str, str, str]]:
    with moto_server() as server:
        yield server.endpoint, "test", "test"


@pytest.fixture(scope="module")
def swift_s3() -> Iterator[tuple[str, str, str]]:
    with swift.swift_server() as server:
        yield server.address, swift.ACCESS_KEY, swift.SECRET_KEY


@pytest.fixture(params=["folder", "memory", "moto", "swift_s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    if request.param == "folder":
        return open_store(f"file://{tmp_path}/bucket with #")
    if request.param == "memory":
        return open_store(f"memory://bucket-{uuid.uuid4().hex[:8]}")
    endpoint, key, secret = request.getfixturevalue(request.param)
    for name, value in {
        "AWS_S3_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"b{uuid.uuid4().hex[:10]}"
    boto3.session.Session().client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket=bucket)
    return open_store(f"s3://{bucket}/below")


def put(store: Store, folder: Path, path: str, content: bytes = b"content") -> list[int]:
    source = folder / "source"
    source.write_bytes(content)
    moved: list[int] = []
    store.put(source, path, size_bytes=len(content), md5=md5_digest(content), note=moved.append)
    return moved


def test_what_was_put_is_listed_and_read_by_its_entry(store: Store, tmp_path: Path) -> None:
    for name in NAMES:
        moved = put(store, tmp_path, f"d/{name}", name.encode())
        assert sum(moved) == len(name.encode())

    found = {one.path: one for one in store.iter_objects("d")}

    assert sorted(found) == sorted(f"d/{name}" for name in NAMES)
    for name in NAMES:
        one = found[f"d/{name}"]
        entry = one.entry(name, md5=md5_digest(name.encode()))
        References().fetch(entry, tmp_path / "fetched")
        assert (tmp_path / "fetched").read_bytes() == name.encode()
        assert (one.size_bytes, one.ref) == (len(name.encode()), store.ref(f"d/{name}"))
        assert md5_digest(name.encode()) in (entry.digest, entry.extra.get(MD5_KEY))


def test_what_put_says_is_what_the_listing_says(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"same")
    said = store.put(source, "d/x", size_bytes=4, md5=md5_digest(b"same"))

    [listed] = store.iter_objects("d")

    assert (said.path, said.digest, said.ref, said.extra) == (listed.path, listed.digest, listed.ref, listed.extra)


def test_empty_objects_are_objects(store: Store, tmp_path: Path) -> None:
    put(store, tmp_path, "d/empty", b"")

    assert [(one.path, one.size_bytes) for one in store.iter_objects("d")] == [("d/empty", 0)]
    assert not store.is_empty("d")


def test_a_folder_is_not_one_that_begins_with_its_name(store: Store, tmp_path: Path) -> None:
    put(store, tmp_path, "dx/a")

    assert store.is_empty("d")
    assert list(store.iter_objects("d")) == []
    assert not store.is_empty("")


def test_a_file_that_changes_is_not_put(store: Store, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"new")

    with pytest.raises(DigestMismatch):
        store.put(tmp_path / "source", "d/a", size_bytes=3, md5=md5_digest(b"old"))

    assert store.is_empty("d")


def test_small_contents_are_replaced_and_read_back(store: Store) -> None:
    assert store.get_bytes("d/claim.json") is None

    store.put_bytes("d/claim.json", b"one")
    store.put_bytes("d/claim.json", b"second")

    assert store.get_bytes("d/claim.json") == b"second"


def test_what_is_deleted_is_gone_and_what_is_not_there_is_no_matter(store: Store, tmp_path: Path) -> None:
    for name in ("a", "b", "c/d"):
        put(store, tmp_path, f"d/{name}")

    store.delete(["d/a", "d/c/d", "d/never"])

    assert [one.path for one in store.iter_objects("")] == ["d/b"]


def test_a_copy_within_a_place_has_the_same_content(store: Store, tmp_path: Path) -> None:
    put(store, tmp_path, "d/a", b"copied")
    [source] = store.iter_objects("d")

    copy = store.copy(source.entry("a"), "e/a")

    assert copy is not None
    References().fetch(copy.entry("a"), tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == b"copied"
    assert copy.size_bytes == 6


def test_files_of_other_kinds_of_places_are_not_copied_within_it(store: Store, tmp_path: Path) -> None:
    other = open_store(
        f"memory://other-{uuid.uuid4().hex}" if not store.url.startswith("memory") else f"file://{tmp_path}"
    )
    put(other, tmp_path, "a")
    source = next(one for one in other.iter_objects("") if one.path == "a")

    assert store.copy(source.entry("a"), "b") is None


@pytest.mark.parametrize("size", [s3.PARTS_FROM_BYTES, s3.PARTS_FROM_BYTES + 12_345])
def test_large_files_go_up_in_parts_and_on_where_they_stopped(
    moto: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    for name, value in zip(("AWS_S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), moto, strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    client = boto3.session.Session().client("s3", endpoint_url=moto[0], region_name="us-east-1")
    bucket = f"b{uuid.uuid4().hex[:10]}"
    client.create_bucket(Bucket=bucket)
    content = os.urandom(1 << 20) * (size >> 20) + b"x" * (size % (1 << 20))
    source = tmp_path / "large"
    source.write_bytes(content)
    upload = client.create_multipart_upload(Bucket=bucket, Key="d/large")["UploadId"]
    first = content[: s3_parts.PART_BYTES]
    client.upload_part(Bucket=bucket, Key="d/large", UploadId=upload, PartNumber=1, Body=first)
    sent: list[int] = []
    s3_client = S3Handler()
    before = s3_client.client().upload_part

    def upload_part(**arguments: object) -> object:
        sent.append(int(str(arguments["PartNumber"])))
        return before(**arguments)

    s3_client.client().upload_part = upload_part
    store = s3.S3Store(f"s3://{bucket}", s3_client)
    moved: list[int] = []
    made = store.put(source, "d/large", size_bytes=size, md5=md5_digest(content), note=moved.append)

    assert 1 not in sent
    assert sum(moved) == size
    assert made.digest.endswith(f"-{-(-size // s3_parts.PART_BYTES)}")
    References().fetch(made.entry("large"), tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == content


def test_leavings_of_interrupted_transfers_are_freed(
    moto: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(("AWS_S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), moto, strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    client = boto3.session.Session().client("s3", endpoint_url=moto[0], region_name="us-east-1")
    bucket = f"b{uuid.uuid4().hex[:10]}"
    client.create_bucket(Bucket=bucket)
    client.create_multipart_upload(Bucket=bucket, Key="d/large")
    client.create_multipart_upload(Bucket=bucket, Key="e/large")

    open_store(f"s3://{bucket}").clear_unfinished("d")

    assert [one["Key"] for one in client.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["e/large"]


def test_drafts_of_killed_processes_are_no_objects(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/bucket")
    put(store, tmp_path, "d/a")
    draft = tmp_path / "bucket/d/.b.0123456789ab.draft"
    draft.write_bytes(b"half")

    assert [one.path for one in store.iter_objects("")] == ["d/a"]
    store.clear_unfinished("d")
    assert not draft.exists()


@pytest.mark.parametrize(
    "url", ["http://example.org/x", "wandb-artifact://00/x", "s3://bucket/key?versionId=1", "s3://", "nothing://x"]
)
def test_places_that_take_nothing_are_refused(url: str) -> None:
    with pytest.raises(InvalidReference):
        open_store(url)
