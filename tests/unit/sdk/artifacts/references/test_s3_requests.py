"""Small objects of S3 by the quick client: it brings what boto brings, and leaves to boto what it cannot do."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from kymograph.sdk.artifacts.references import s3_requests
from kymograph.sdk.artifacts.references.s3 import S3Handler
from kymograph.sdk.artifacts.references.s3_requests import S3Requests
from kymograph.testing.buckets import S3Server, moto_server

BUCKET = "quick"
STRANGE = [
    "a b",
    "ä/ü",
    "100%",
    "a%20b",
    "#1",
    "what?",
    "a+b=c&d",
    "~tilde",
    "co:lon",
    "back\\slash",
    "<{[^`]}>|",
    "it's",
]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with moto_server() as server:
        server.create_bucket(BUCKET)
        yield server


@pytest.fixture
def handler(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Handler:
    for name, value in {
        **server.environment,
        "AWS_S3_ENDPOINT_URL": server.endpoint,
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return S3Handler()


@pytest.fixture
def quick(handler: S3Handler) -> S3Requests:
    return handler.requests(BUCKET)


@pytest.mark.parametrize("key", STRANGE)
def test_keys_are_taken_as_they_are(quick: S3Requests, handler: S3Handler, key: str) -> None:
    put = quick.put(key, key.encode())

    assert put is not None
    found = handler.find(BUCKET, key)
    assert found is not None
    assert found.etag == put.etag
    fetched = quick.get(key)
    assert fetched is not None
    assert (fetched.content, fetched.etag) == (key.encode(), put.etag)


@pytest.mark.parametrize("key", ["a//b", "/a", "a/", "a/./b", "a/../b"])
def test_keys_that_would_become_others_are_left_to_boto(quick: S3Requests, key: str) -> None:
    assert quick.put(key, b"x") is None
    assert quick.get(key) is None


def test_what_is_not_there_is_left_to_boto(quick: S3Requests, handler: S3Handler) -> None:
    assert quick.get("nothing") is None
    assert handler.requests("no-such-bucket").put("a", b"x") is None


def test_encoded_content_is_left_to_boto(quick: S3Requests, handler: S3Handler) -> None:
    handler.client().put_object(Bucket=BUCKET, Key="encoded", Body=b"\x1f\x8b", ContentEncoding="gzip")

    assert quick.get("encoded") is None


def test_versions_are_told_and_fetched(server: S3Server, handler: S3Handler) -> None:
    server.create_bucket("versions")
    handler.client().put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    quick = handler.requests("versions")
    first, second = quick.put("a", b"one"), quick.put("a", b"two")

    assert first is not None
    assert second is not None
    assert first.version not in (None, second.version)
    fetched = quick.get("a", version=first.version)
    assert fetched is not None
    assert fetched.content == b"one"


def test_a_forked_process_asks_boto(quick: S3Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_requests, "_first_process", [os.getpid() + 1])

    assert quick.put("a", b"x") is None
