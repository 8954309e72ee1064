"""Console lines in the forms that clients send."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.wire.console import ConsoleLine, parse_console_line

TIME = "2026-11-22T06:47:01.123456"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{TIME} hello", ConsoleLine("hello", TIME)),
        ("2026-11-22T06:47:01 hello", ConsoleLine("hello", "2026-11-22T06:47:01")),
        (f"ERROR {TIME} oh", ConsoleLine("oh", TIME, is_error=True)),
        (f"{TIME} [rank-1] hello", ConsoleLine("hello", TIME, label="rank-1")),
        (f"{TIME} [] hello", ConsoleLine("hello", TIME)),
        (f"{TIME} \x1b[31mred\x1b[0m 10%\r20%\n", ConsoleLine("\x1b[31mred\x1b[0m 10%\r20%", TIME)),
        (f"{TIME} ", ConsoleLine("", TIME)),
        (f"{TIME} ERROR {TIME} quoted", ConsoleLine(f"ERROR {TIME} quoted", TIME)),
        ("no time at all\n", ConsoleLine("no time at all")),
        ("ERROR without a time", ConsoleLine("ERROR without a time")),
        ("", ConsoleLine("")),
    ],
)
def test_plain_line(line: str, expected: ConsoleLine) -> None:
    assert parse_console_line(line) == expected


def test_structured_line() -> None:
    line = json.dumps({"level": "error", "ts": TIME, "label": "rank-1", "content": "oh\n"})

    assert parse_console_line(line) == ConsoleLine("oh", TIME, is_error=True, label="rank-1")
    assert parse_console_line(line).level == "error"


@pytest.mark.parametrize(
    "line", ['{"content": "no time"}', '{"ts": 1, "content": 2}', "{broken", '{"loss": 0.5}', "{}"]
)
def test_json_that_a_script_printed_is_its_own_text(line: str) -> None:
    assert parse_console_line(line) == ConsoleLine(line)
    assert parse_console_line(line).level == "info"


@given(st.text())
def test_any_text_is_a_line(line: str) -> None:
    assert isinstance(parse_console_line(line).text, str)


@given(st.text(st.characters(exclude_characters="\n")).filter(lambda text: not text.startswith("[")))
def test_text_behind_the_time_is_kept_whole(text: str) -> None:
    assert parse_console_line(f"{TIME} {text}").text == text
