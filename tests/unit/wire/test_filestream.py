"""The file stream's requests, as clients of all generations send them and as nobody should."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.history import LineBatch, Stream
from kymograph.errors import MalformedRequest, RequestTooLarge
from kymograph.types import WriterId
from kymograph.wire.filestream import (
    MAX_LINE_NUMBER,
    MAX_REQUEST_BYTES,
    FileStreamRequest,
    decompress,
    encode_reply,
    parse_request,
)


def request(**document: Any) -> FileStreamRequest:
    return parse_request(json.dumps(document).encode())


def one_file(name: str, *lines: str, offset: int = 0) -> FileStreamRequest:
    return request(files={name: {"offset": offset, "content": list(lines)}})


@pytest.mark.parametrize("body", [b"", b"{}", b'{"files":{}}', b'{"files":null,"uploaded":null}'])
def test_empty_request_is_a_heartbeat(body: bytes) -> None:
    assert parse_request(body) == FileStreamRequest()


@pytest.mark.parametrize(
    ("name", "stream", "part"),
    [
        ("wandb-history.jsonl", Stream.HISTORY, ""),
        ("wandb-events.jsonl", Stream.SYSTEM, ""),
        ("output.log", Stream.CONSOLE, ""),
        ("logs/output_20261122_1.log", Stream.CONSOLE, "logs/output_20261122_1.log"),
    ],
)
def test_each_virtual_file_becomes_lines_of_its_stream(name: str, stream: Stream, part: str) -> None:
    parsed = one_file(name, "a", "b", offset=7)

    assert parsed.batches == (LineBatch(stream, 7, ["a", "b"], part=part),)


def test_writer_of_a_shared_run_is_kept_with_every_batch() -> None:
    body = b'{"files":{"wandb-history.jsonl":{"content":["{}"]},"output.log":{"content":["x"]}}}'

    parsed = parse_request(body, writer=WriterId("w1"))

    assert {batch.writer for batch in parsed.batches} == {"w1"}


def test_newest_of_several_summaries_counts_verbatim() -> None:
    parsed = one_file("wandb-summary.json", '{"a": 1}', '{"a": NaN, "b":9007199254740993}')

    assert parsed.summary_json == '{"a": NaN, "b":9007199254740993}'
    assert parsed.batches == ()


def test_empty_content_brings_nothing() -> None:
    parsed = request(files={"wandb-history.jsonl": {"offset": 3, "content": []}, "wandb-summary.json": {"content": []}})

    assert parsed == FileStreamRequest()


def test_single_text_is_one_line() -> None:
    parsed = request(files={"output.log": {"content": "whole"}})

    assert parsed.batches[0].lines == ["whole"]


def test_end_of_a_run_carries_its_exit_code() -> None:
    parsed = request(complete=True, exitcode=3, preempting=True, uploaded=["a.txt", 5, "b/c.txt"])

    assert (parsed.is_complete, parsed.exit_code, parsed.is_preempting) == (True, 3, True)
    assert parsed.uploaded == ("a.txt", "b/c.txt")


def test_flags_are_true_only_when_they_say_true() -> None:
    parsed = request(complete="yes", preempting=1)

    assert (parsed.is_complete, parsed.is_preempting) == (False, False)


def test_unknown_virtual_file_is_named_and_the_rest_is_kept() -> None:
    parsed = request(files={"wandb-new-thing.jsonl": {"content": ["?"]}, "wandb-history.jsonl": {"content": ["{}"]}})

    assert parsed.ignored == ("wandb-new-thing.jsonl",)
    assert len(parsed.batches) == 1


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"nonsense", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "object"),
        (b'{"files":[]}', "files"),
        (b'{"files":0}', "files"),
        (b'{"uploaded":"x"}', "uploaded"),
        (b'{"files":{"output.log":[]}}', "output.log"),
        (b'{"files":{"output.log":{"content":[1]}}}', "output.log"),
        (b'{"files":{"output.log":{"content":{}}}}', "output.log"),
        (b'{"files":{"output.log":{"offset":-1}}}', "offset"),
        (b'{"files":{"output.log":{"offset":true}}}', "offset"),
        (b'{"files":{"output.log":{"offset":"0"}}}', "offset"),
        (b'{"files":{"output.log":{"offset":1.5}}}', "offset"),
        (b'{"files":{"output.log":{"offset":9007199254740993}}}', "offset"),
        (b'{"files":{"wandb-summary.json":{"content":["[]"]}}}', "summary"),
        (b'{"files":{"wandb-summary.json":{"content":["{"]}}}', "summary"),
        (b'{"exitcode":"0"}', "exitcode"),
        (b'{"exitcode":true}', "exitcode"),
        (b'{"exitcode":NaN}', "exitcode"),
        (b'{"exitcode":-Infinity}', "exitcode"),
        (b'{"exitcode":1e300}', "exitcode"),
    ],
)
def test_malformed_request_is_refused_and_the_place_named(body: bytes, where: str) -> None:
    with pytest.raises(MalformedRequest, match=where):
        parse_request(body)


def test_highest_line_number_is_taken() -> None:
    assert one_file("output.log", "x", offset=MAX_LINE_NUMBER).batches[0].first_line == MAX_LINE_NUMBER


def test_unreadable_history_line_is_kept_as_received() -> None:
    """Reading reports it; refusing it would make a client repeat the request for a week."""
    assert one_file("wandb-history.jsonl", "not json").batches[0].lines == ["not json"]


LINES = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=8)


@given(LINES, st.integers(0, MAX_LINE_NUMBER), st.sampled_from([None, "gzip", "deflate"]))
def test_lines_of_any_text_arrive_unchanged(lines: list[str], offset: int, encoding: str | None) -> None:
    body = json.dumps({"files": {"output.log": {"offset": offset, "content": lines}}}).encode()
    packed = {"gzip": gzip.compress(body), "deflate": zlib.compress(body)}.get(encoding or "", body)

    parsed = parse_request(packed, encoding=encoding)

    expected = (LineBatch(Stream.CONSOLE, offset, lines),) if lines else ()
    assert parsed.batches == expected


@given(st.binary(max_size=200), st.sampled_from([None, "gzip", "deflate"]))
def test_any_bytes_are_parsed_or_refused(body: bytes, encoding: str | None) -> None:
    with suppress(MalformedRequest):
        parse_request(body, encoding=encoding)


def test_lone_surrogates_become_visible_replacements() -> None:
    parsed = parse_request(b'{"files":{"output.log":{"content":["a\\ud800b"]}}}')

    assert parsed.batches[0].lines == ["a\ufffdb"]


def test_reply_says_stopped_only_when_a_stop_was_asked_for() -> None:
    assert encode_reply(stop_requested=True) == b'{"stopped":true}'
    assert encode_reply(stop_requested=False) == b"{}"


# --- content encodings ------------------------------------------------------------------------------------------------


def test_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    for encoding, pack in ((None, bytes), ("gzip", gzip.compress), ("deflate", zlib.compress)):
        assert len(decompress(pack(b"x" * 1000), encoding, limit=1000)) == 1000
        with pytest.raises(RequestTooLarge, match="1,000 bytes"):
            decompress(pack(b"x" * 1001), encoding, limit=1000)


def test_gzip_bomb_is_refused_without_being_unpacked() -> None:
    """A quarter of a megabyte that unpacks to a quarter of a gigabyte costs no more memory than the limit."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(16 * 1024 * 1024)
    bomb = b"".join(packer.compress(zeros) for _ in range(16)) + packer.flush()

    tracemalloc.start()
    with pytest.raises(RequestTooLarge):
        decompress(bomb, "gzip", limit=1024 * 1024)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * 1024 * 1024
    assert MAX_REQUEST_BYTES <= 64 * 1024 * 1024


def test_members_of_a_gzip_body_are_one_text_and_bounded_together() -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"two")

    assert decompress(body, "gzip") == b"one two"
    with pytest.raises(RequestTooLarge):
        decompress(body, "gzip", limit=6)


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"abcdef")[:-4], gzip.compress(b"abcdef")[:8], b"plain", gzip.compress(b"a") + b"tail"],
    # Named, since the packed bytes hold the time: workers of one session must agree on names.
    ids=["cut at the end", "cut in the head", "not packed", "something after it"],
)
def test_damaged_or_cut_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match="gzip"):
        decompress(body, "gzip")


def test_unknown_encoding_is_refused_by_name() -> None:
    with pytest.raises(MalformedRequest, match="br"):
        decompress(b"", "br")
