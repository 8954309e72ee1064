"""The series answer as JSON and as bytes: the page's decoder is tested with the same files."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from kymograph.core.history import BucketAnswer, Mark, SeriesBuckets
from kymograph.server.json import encode_json
from kymograph.server.routes.rest.models import SeriesAnswer
from kymograph.server.routes.rest.series import (
    MAGIC,
    MEDIA_TYPE,
    encode_bytes,
    encode_document,
    is_wanted,
    may_be_single,
)
from kymograph.types import MetricName, RunKey
from tests.unit.server.http import Http

FIXTURES = Path(__file__).parents[5] / "web" / "tests" / "fixtures"
RUN_IDS = {RunKey(1): "a1", RunKey(2): "b2", RunKey(3): "c3"}


def bucketed(run: int, **changes: Any) -> SeriesBuckets:
    """Three buckets, the second with nothing but NaN."""
    values: dict[str, Any] = {
        "run": RunKey(run),
        "metric": MetricName("train/loss"),
        "points": 11,
        "is_exact": False,
        "x": [1.5, 5.0, 8.5],
        "mean": [0.1, None, 3.25],
        "min": [-0.3, None, 2.7],
        "max": [2.1, None, 4.9],
        "count": [4, 0, 5],
        "nan": (Mark(5.0, 6.0, 2),),
        "pos_inf": (),
        "neg_inf": (),
        "last": math.nan,
    }
    return SeriesBuckets(**{key: _as_array(value) for key, value in {**values, **changes}.items()})


def _as_array(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    is_whole = all(type(item) is int for item in value)
    return np.array(value, np.int64 if is_whole else np.float64)  # None becomes NaN


def example() -> BucketAnswer:
    """What the files show: buckets in single precision, in double precision, and points."""
    points: list[float | None] = [0.1, 16_777_217.0, None]
    series = [
        bucketed(1),
        bucketed(2, mean=[1e9 + 0.25, None, 1e9 + 0.5], min=[1e9, None, 1e9], max=[1e9 + 1, None, 1e9 + 1]),
        bucketed(
            3,
            points=3,
            is_exact=True,
            x=[0.0, 1.0, 7.0],
            mean=points,
            min=points,
            max=points,
            count=[1, 1, 0],
            nan=(),
            pos_inf=(Mark(7.0, 7.0, 1),),
            last=math.inf,
        ),
    ]
    return BucketAnswer(0.0, 10.0, 3, series)


def test_files_that_the_page_is_tested_with_are_what_the_server_sends() -> None:
    """`series.json` and `series.bin` are this example; write them again when the format changes on purpose."""
    document = encode_document(example(), RUN_IDS, "step", "single")

    assert json.loads((FIXTURES / "series.json").read_text()) == json.loads(encode_json(document))
    assert (FIXTURES / "series.bin").read_bytes() == encode_bytes(document)


@pytest.mark.parametrize("name", ["series.json", "series-damaged.json"])
def test_answers_have_the_documented_shape(name: str) -> None:
    answer = SeriesAnswer.model_validate_json((FIXTURES / name).read_text())

    assert answer.series
    assert answer.truncated is False


def test_damage_is_part_of_a_series() -> None:
    answer = SeriesAnswer.model_validate_json((FIXTURES / "series-damaged.json").read_text())
    [damaged] = answer.series[0].damaged or []

    assert (damaged.first_step, damaged.last_step) == (4000, 4999)
    assert damaged.object.endswith(".parquet")


def test_equal_x_columns_are_sent_once() -> None:
    document = encode_document(BucketAnswer(0.0, 10.0, 3, [bucketed(1), bucketed(2)]), RUN_IDS, "step", "double")
    answer = json.loads(encode_json(document))

    assert answer["xs"] == [[1.5, 5.0, 8.5]]
    assert [item["x"] for item in answer["series"]] == [0, 0]


def test_single_precision_writes_half_the_digits() -> None:
    answer = BucketAnswer(0.0, 10.0, 3, [bucketed(1, mean=[1 / 3, None, 2 / 3])])

    [double] = json.loads(encode_json(encode_document(answer, RUN_IDS, "step", "double")))["series"]
    [single] = json.loads(encode_json(encode_document(answer, RUN_IDS, "step", "single")))["series"]

    assert double["mean"] == [0.3333333333333333, None, 0.6666666666666666]
    assert single["mean"] == [0.33333334, None, 0.6666667]


@pytest.mark.parametrize(
    ("values", "may_be"),
    [
        ([0.1, 0.2, 0.3], True),
        ([], True),
        ([math.nan], True),
        ([0.0, 16_777_216.0], True),
        ([0.0, 16_777_217.0], False),
        ([1e300, 1.0], False),
        ([1e-40, 1.0], False),
        ([1_790_000_000.25, 1_790_000_900.5], False),
        ([1.0, 1.0 + 1e-9], False),
        ([1 / 3, 1 / 3], False),
    ],
)
def test_single_precision_only_where_a_chart_shows_no_difference(values: list[float], may_be: bool) -> None:
    assert may_be_single([np.array(values, dtype=np.float64)]) is may_be


def test_columns_of_bytes_begin_where_a_reader_can_take_them() -> None:
    content = encode_bytes(encode_document(example(), RUN_IDS, "step", "single"))
    size = struct.unpack("<I", content[4:8])[0]
    header = orjson.loads(content[8 : 8 + size])
    references = [*header["xs"], *(item[name] for item in header["series"] for name in ("mean", "max") if name in item)]

    assert content[:4] == MAGIC
    assert (8 + size) % 8 == 0
    assert all(offset % 8 == 0 for _, offset, _ in references)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        (MEDIA_TYPE, True),
        (f"{MEDIA_TYPE};q=1, application/json;q=0.5", True),
        (f"application/json, {MEDIA_TYPE}", True),
    ],
)
def test_bytes_are_for_those_who_ask_for_them(accept: str | None, wanted: bool) -> None:
    assert is_wanted(accept) is wanted


def test_the_route_answers_both(http: Http) -> None:
    create = 'mutation { upsertBucket(input: {entityName: "admin", modelName: "bytes", name: "r1"}) { inserted } }'
    assert http.graphql(create).json()["data"]["upsertBucket"]["inserted"] is True
    rows = [json.dumps({"_step": step, "loss": step / 10}) for step in range(50)]
    lines = {"files": {"wandb-history.jsonl": {"offset": 0, "content": rows}}}
    assert http.request("POST", "/files/admin/bytes/r1/file_stream", json=lines).status_code == 200
    body = {"runs": ["r1"], "metrics": ["loss"], "width": 10}

    plain = http.request("POST", "/api/v1/projects/admin/bytes/series", json=body)
    packed = http.request(
        "POST",
        "/api/v1/projects/admin/bytes/series",
        json=body,
        headers={"Accept": MEDIA_TYPE, "Accept-Encoding": "gzip"},
    )

    assert plain.headers["Content-Type"] == "application/json"
    assert len(plain.json()["series"][0]["mean"]) == 10
    assert packed.headers["Content-Type"] == MEDIA_TYPE
    assert "Content-Encoding" not in packed.headers
    assert packed.headers["Vary"] == "Accept"
    assert packed.content.startswith(MAGIC)
