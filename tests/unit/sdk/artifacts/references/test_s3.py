"""References to objects of S3, on two servers: moto's, which has versions, and OpenStack Swift's, which has none."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # it has no types
import pytest

from kymograph.errors import CommError, InvalidReference, MissingPackage, ReferenceChanged, ReferenceNotFound
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import Tracking, require
from kymograph.sdk.artifacts.references.s3 import S3Handler, parse_address
from kymograph.testing import swift
from kymograph.testing.buckets import moto_server

FILES = {"data/a.txt": b"hello", "data/deep/b.txt": b"world!", "data/empty": b"", "database/c.txt": b"beside"}


class Bucket:
    """One bucket, and a client to change what is in it."""

    def __init__(self, endpoint: str, key: str, secret: str) -> None:
        self.endpoint, self.key, self.secret = endpoint, key, secret
        self.name = f"b{uuid.uuid4().hex[:10]}"
        self.client: Any = boto3.session.Session().client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret
        )
        self.client.create_bucket(Bucket=self.name)

    def put(self, key: str, content: bytes) -> str | None:
        return self.client.put_object(Bucket=self.name, Key=key, Body=content).get("VersionId")  # type: ignore[no-any-return] # of a library without types

    def fill(self) -> None:
        for key, content in FILES.items():
            self.put(key, content)


@pytest.fixture(scope="module")
def moto_bucket() -> Iterator[Bucket]:
    with moto_server() as server:
        bucket = Bucket(server.endpoint, "test", "test")
        bucket.fill()
        yield bucket


@pytest.fixture(scope="module")
def swift_bucket() -> Iterator[Bucket]:
    with swift.swift_server() as server:
        bucket = Bucket(server.address, swift.ACCESS_KEY, swift.SECRET_KEY)
        bucket.fill()
        yield bucket


@pytest.fixture(params=["moto_bucket", "swift_bucket"])
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return _entered(request.getfixturevalue(request.param), monkeypatch)


@pytest.fixture
def versioned(moto_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = _entered(Bucket(moto_bucket.endpoint, moto_bucket.key, moto_bucket.secret), monkeypatch)
    made.client.put_bucket_versioning(Bucket=made.name, VersioningConfiguration={"Status": "Enabled"})
    return made


def _entered(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setenv("AWS_S3_ENDPOINT_URL", bucket.endpoint)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket.secret)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return bucket


def track(uri: str, name: str | None = None, **more: Any) -> list[ArtifactManifestEntry]:
    return S3Handler().track(Tracking(uri, name=name, **more))


def fetched(entry: ArtifactManifestEntry, tmp_path: Path) -> bytes:
    S3Handler().fetch(entry, tmp_path / "target")
    return (tmp_path / "target").read_bytes()


def test_an_object_is_known_by_its_etag(bucket: Bucket) -> None:
    uri = f"s3://{bucket.name}/data/a.txt"
    [entry] = track(uri)
    etag = bucket.client.head_object(Bucket=bucket.name, Key="data/a.txt")["ETag"].strip('"')

    assert (entry.path, entry.digest, entry.ref, entry.size, entry.extra) == ("a.txt", etag, uri, 5, {"etag": etag})
    assert track(uri, "x/y")[0].path == "x/y"


def test_a_prefix_is_a_folder(bucket: Bucket) -> None:
    """What begins with the same characters is another; empty objects may be marks of folders: they are passed over."""
    for uri in (f"s3://{bucket.name}/data", f"s3://{bucket.name}/data/"):
        entries = track(uri)
        assert {entry.path: entry.ref for entry in entries} == {
            "a.txt": f"s3://{bucket.name}/data/a.txt",
            "deep/b.txt": f"s3://{bucket.name}/data/deep/b.txt",
        }
        assert [entry.size for entry in entries] == [5, 6]
    assert [entry.path for entry in track(f"s3://{bucket.name}/data", "n")] == ["n/a.txt", "n/deep/b.txt"]


def test_a_bucket_is_a_folder_too(bucket: Bucket) -> None:
    assert {entry.path for entry in track(f"s3://{bucket.name}")} >= {"data/a.txt", "database/c.txt"}


def test_more_objects_than_allowed_are_refused(bucket: Bucket) -> None:
    with pytest.raises(InvalidReference, match="Exceeded 1 objects tracked, pass max_objects to add_reference"):
        track(f"s3://{bucket.name}/data", max_objects=1)


def test_nothing_below_a_prefix_is_no_entry(bucket: Bucket) -> None:
    assert track(f"s3://{bucket.name}/nothing") == []


def test_content_is_fetched_and_checked(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("changing", b"one")
    [entry] = track(f"s3://{bucket.name}/changing")
    assert fetched(entry, tmp_path) == b"one"

    bucket.put("changing", b"two")
    with pytest.raises((ReferenceNotFound, CommError)):
        fetched(entry, tmp_path)
    bucket.client.delete_object(Bucket=bucket.name, Key="changing")
    with pytest.raises(ReferenceNotFound, match="Unable to find changing at s3://"):
        fetched(entry, tmp_path)
    assert (tmp_path / "target").read_bytes() == b"one"


def test_unchecked_objects_are_not_asked_for(tmp_path: Path, bucket: Bucket) -> None:
    [entry] = track("s3://nowhere/a/b", checksum=False)
    assert (entry.path, entry.digest, entry.ref, entry.size) == ("a/b", "s3://nowhere/a/b", "s3://nowhere/a/b", None)

    [entry] = track(f"s3://{bucket.name}/data/a.txt", checksum=False)
    assert fetched(entry, tmp_path) == b"hello"


def test_a_version_is_tracked_and_fetched(versioned: Bucket, tmp_path: Path) -> None:
    first = versioned.put("x", b"one")
    [entry] = track(f"s3://{versioned.name}/x")
    second = versioned.put("x", b"second")

    assert entry.extra["versionID"] == first
    assert fetched(entry, tmp_path) == b"one"
    [old] = track(f"s3://{versioned.name}/x?versionId={first}")
    assert (old.digest, old.size, old.ref) == (entry.digest, 3, f"s3://{versioned.name}/x")
    assert [entry.extra["versionID"] for entry in track(f"s3://{versioned.name}")] == [second]
    with pytest.raises(LookupError):
        track(f"s3://{versioned.name}/x?versionId={'0' * 32}")


def test_an_older_version_is_found_by_its_etag(versioned: Bucket, tmp_path: Path) -> None:
    versioned.put("x", b"one")
    [entry] = track(f"s3://{versioned.name}/x")
    versioned.put("x", b"two")
    del entry.extra["versionID"]

    assert fetched(entry, tmp_path) == b"one"
    entry.digest = "0" * 32
    with pytest.raises(FileNotFoundError, match=r"Couldn't find object version for .*/x matching etag 000"):
        fetched(entry, tmp_path)


def test_a_version_with_another_etag_is_refused(versioned: Bucket, tmp_path: Path) -> None:
    versioned.put("x", b"one")
    [entry] = track(f"s3://{versioned.name}/x")
    entry.digest = "0" * 32
    with pytest.raises(ReferenceChanged, match=r"Digest mismatch for object .* with version"):
        fetched(entry, tmp_path)


def test_deleted_objects_of_a_folder_are_passed_over(versioned: Bucket) -> None:
    for key in ("f/a", "f/b"):
        versioned.put(key, b"x")
    versioned.client.delete_object(Bucket=versioned.name, Key="f/a")

    assert [entry.path for entry in track(f"s3://{versioned.name}/f")] == ["b"]


def test_a_bucket_that_is_not_there_is_told(bucket: Bucket) -> None:
    with pytest.raises((CommError, LookupError)):
        track("s3://there-is-none/x/y/")


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("s3://b/k", ("b", "k", None)),
        ("S3://b/a/k?versionId=v", ("b", "a/k", "v")),
        ("s3://b", ("b", "", None)),
        ("s3://b/", ("b", "", None)),
        ("s3://b/a#b%20c?x", ("b", "a#b%20c?x", None)),
    ],
)
def test_keys_are_taken_as_they_are(uri: str, parts: tuple[str, str, str | None]) -> None:
    assert parse_address(uri) == parts


def test_a_missing_package_is_named() -> None:
    with pytest.raises(MissingPackage, match=r"needs the package nothing\.here.*pip install 'kymograph\[s3\]'"):
        require("nothing.here", extra="s3", purpose="an s3:// reference")
