"""JSON answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np

from kymograph.server.json import JsonResponse, encode_json, iso


def test_columns_are_written_as_they_are() -> None:
    assert encode_json({"x": np.array([1.0, 2.5]), "n": [1, None]}) == b'{"x":[1.0,2.5],"n":[1,null]}'


def test_whole_numbers_beyond_64_bits_are_written_exactly() -> None:
    assert encode_json({"big": 2**70}) == b'{"big":1180591620717411303424}'


def test_moments_are_utc_with_milliseconds() -> None:
    moment = datetime(2026, 11, 22, 9, 30, 1, 123456, tzinfo=timezone(timedelta(hours=2)))

    assert iso(moment) == "2026-11-22T07:30:01.123Z"
    assert iso(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000Z"
    assert iso(None) is None


def test_response_is_json() -> None:
    response = JsonResponse({"a": [1.5, "ü"]})

    assert response.headers["content-type"] == "application/json"
    assert bytes(response.body) == '{"a":[1.5,"ü"]}'.encode()
