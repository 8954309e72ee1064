"""Logs: one JSON object a line."""

from __future__ import annotations

import logging
import sys

import orjson
import pytest

from kymograph.server.logging import JsonFormatter, path_for_logs, request_id_var


def line(message: str = "hello %s", *args: object, exc: BaseException | None = None, **extra: object) -> str:
    record = logging.makeLogRecord(
        {"name": "kymograph.x", "levelname": "WARNING", "msg": message, "args": args, "created": 0.0, **extra}
    )
    if exc is not None:
        record.exc_info = (type(exc), exc, exc.__traceback__)
    return JsonFormatter().format(record)


def test_line_holds_message_level_time_and_extras() -> None:
    entry = orjson.loads(line("hello %s", "you", operation="Viewer", field=None))

    assert entry == {
        "time": "1970-01-01T00:00:00.000+00:00",
        "level": "warning",
        "logger": "kymograph.x",
        "message": "hello you",
        "operation": "Viewer",
        "field": None,
    }


def test_request_id_is_on_every_line_of_a_request() -> None:
    token = request_id_var.set("abc")
    try:
        assert orjson.loads(line("x"))["request_id"] == "abc"
    finally:
        request_id_var.reset(token)
    assert "request_id" not in orjson.loads(line("x"))


def test_traceback_stays_on_its_line() -> None:
    try:
        raise RuntimeError("a bug")
    except RuntimeError as exc:
        text = line("failed", exc=exc)

    assert "\n" not in text
    assert "RuntimeError: a bug" in orjson.loads(text)["traceback"]


@pytest.mark.parametrize("message", ["new\nline", "\x1b[31mred", 'quote"', "ünï"])
def test_text_of_users_cannot_break_a_line(message: str) -> None:
    text = line("%s", message)

    assert "\n" not in text
    assert orjson.loads(text)["message"] == message


def test_line_is_never_lost_for_its_values() -> None:
    entry = orjson.loads(line("%s", "\ud83d half", number=2**70, nested={1: "x"}).replace("\\ud83d", "?"))

    assert entry["message"] == "? half"
    assert entry["nested"] == {"1": "x"}


def test_value_that_json_does_not_know_is_written_as_text() -> None:
    assert orjson.loads(line("x", path=sys))["path"] == str(sys)


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/api/v1/shared/s3cret/compare/media", "/api/v1/shared/…/compare/media"),
        ("/api/v1/shared/s3cret", "/api/v1/shared/…"),
        ("/share/s3cret", "/share/…"),
        ("/api/v1/shares/U2hhcmU6MQ==", "/api/v1/shares/U2hhcmU6MQ=="),
    ],
)
def test_secrets_of_links_are_not_logged(path: str, logged: str) -> None:
    assert path_for_logs(path) == logged
