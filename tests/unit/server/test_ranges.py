"""Byte ranges, and headers that keep a browser safe from what users logged."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response, StreamingResponse

from kymograph.core.files import ByteSpan
from kymograph.server.ranges import ACTIVE_TYPES, bytes_response, parse_range

CONTENT = bytes(range(100))


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", ByteSpan(0, 1)),
        ("bytes=10-19", ByteSpan(10, 20)),
        ("bytes=90-", ByteSpan(90, 100)),
        ("bytes=90-500", ByteSpan(90, 100)),
        ("bytes=-10", ByteSpan(90, 100)),
        ("bytes=-500", ByteSpan(0, 100)),
        (" bytes=0-9 ", ByteSpan(0, 10)),
    ],
)
def test_range(header: str, span: ByteSpan) -> None:
    assert parse_range(header, 100) == span


@pytest.mark.parametrize(
    "header", [None, "", "bytes=-", "bytes=0-1,5-6", "items=0-1", "bytes=a-b", "bytes", "bytes=1-2-3", "0-5"]
)
def test_form_that_may_be_ignored_means_everything(header: str | None) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=200-300", "bytes=5-4", "bytes=-0"])
def test_range_outside_of_the_object_is_refused(header: str) -> None:
    with pytest.raises(ValueError, match="range"):
        parse_range(header, 100)


def test_no_range_of_an_empty_object_can_be_given() -> None:
    for header in ("bytes=0-", "bytes=-5", "bytes=0-0"):
        with pytest.raises(ValueError, match="range"):
            parse_range(header, 0)


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(1, 10**6))
def test_range_lies_within_the_object(first: int, last: int, size: int) -> None:
    try:
        span = parse_range(f"bytes={first}-{last}", size)
    except ValueError:
        assert first >= size or last < first
        return

    assert span is not None
    assert span.end is not None
    assert 0 <= span.start < span.end <= size


async def read(span: ByteSpan | None) -> AsyncIterator[bytes]:
    yield CONTENT[span.start : span.end] if span else CONTENT


def answer(mimetype: str = "text/plain", name: str = "a.txt", *, attachment: bool = False, **headers: str) -> Response:
    raw = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
    request = Request({"type": "http", "method": "GET", "headers": raw})
    return bytes_response(
        read, request, size_bytes=100, mimetype=mimetype, name=name, etag='"abc"', attachment=attachment
    )


async def body_of(response: Response) -> bytes:
    assert isinstance(response, StreamingResponse)
    return b"".join([bytes(piece) async for piece in response.body_iterator])  # type: ignore[arg-type]


async def test_whole_object() -> None:
    response = answer()

    assert (response.status_code, await body_of(response)) == (200, CONTENT)
    assert response.headers["content-length"] == "100"
    assert response.headers["accept-ranges"] == "bytes"


async def test_part_of_an_object() -> None:
    response = answer(range="bytes=10-19")

    assert (response.status_code, await body_of(response)) == (206, CONTENT[10:20])
    assert response.headers["content-length"] == "10"
    assert response.headers["content-range"] == "bytes 10-19/100"


def test_part_outside_of_an_object() -> None:
    response = answer(range="bytes=500-")

    assert response.status_code == 416
    assert response.headers["content-range"] == "bytes */100"


def test_object_that_the_browser_has_is_not_sent_again() -> None:
    assert answer(if_none_match='"abc"').status_code == 304
    assert answer(if_none_match='"other"').status_code == 200


@pytest.mark.parametrize("mimetype", ACTIVE_TYPES)
def test_page_that_a_user_logged_runs_in_a_box_without_origin_and_network(mimetype: str) -> None:
    policy = answer(mimetype).headers["content-security-policy"]

    assert policy.startswith("sandbox")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy


def test_type_that_cannot_be_shown_is_offered_to_save_and_never_guessed() -> None:
    response = answer("application/x-thing", "model.pt")

    assert response.headers["content-disposition"].startswith("attachment")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert answer(attachment=True).headers["content-disposition"].startswith("attachment")
    assert answer("image/png").headers["content-disposition"].startswith("inline")


def test_name_cannot_break_out_of_its_header() -> None:
    value = answer(name='x"; evil=1\r\nSet-Cookie: a=b ünï.txt').headers["content-disposition"]

    assert value == "inline; filename*=UTF-8''x%22%3B%20evil%3D1%0D%0ASet-Cookie%3A%20a%3Db%20%C3%BCn%C3%AF.txt"
