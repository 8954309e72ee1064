"""Catalogues of metrics are searched and paged on the server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.server.http import Http

NAMES = [f"layer{number // 10}/weight.{number}" for number in range(1500)]
PATH = "/api/v1/projects/admin/catalogue"


@pytest.fixture(scope="module")
def catalogue(http: Http) -> Http:
    """A project with a run of 1,500 metrics and one of two."""
    create_run(http, "wide", dict.fromkeys(NAMES, 0.5))
    create_run(http, "narrow", {"layer0/weight.0": 0.25, "Loss": 1})
    return http


def create_run(http: Http, run: str, values: dict[str, float]) -> None:
    target = f'entityName: "admin", modelName: "catalogue", name: "{run}"'
    create = f"mutation {{ upsertBucket(input: {{{target}}}) {{ inserted }} }}"
    assert http.graphql(create).json()["data"]["upsertBucket"]["inserted"] is True
    lines = {"files": {"wandb-history.jsonl": {"offset": 0, "content": [json.dumps({"_step": 0, **values})]}}}
    assert http.request("POST", f"/files/admin/catalogue/{run}/file_stream", json=lines).status_code == 200


def get(http: Http, path: str, **params: Any) -> Any:
    response = http.get(f"{PATH}{path}", params=params)
    assert response.status_code == 200, response.text
    return response.json()


def pages(http: Http, path: str, **params: Any) -> Iterator[list[str]]:
    after = None
    while True:
        page = get(http, path, **params, **({"after": after} if after else {}))
        yield [item["name"] for item in page["items"]]
        if (after := page["next"]) is None:
            return


def test_a_catalogue_comes_in_pages_in_order_of_first_appearance(catalogue: Http) -> None:
    found = list(pages(catalogue, "/runs/wide/metrics", limit=400))

    assert [len(page) for page in found] == [400, 400, 400, 300]
    assert [name for page in found for name in page] == NAMES


def test_a_page_is_bounded_also_when_nobody_says_how_long(catalogue: Http) -> None:
    page = get(catalogue, "/runs/wide/metrics")

    assert len(page["items"]) == 1000
    assert page["total"] == 1500
    assert page["next"] is not None


@pytest.mark.parametrize(
    ("search", "total"),
    [
        ({"search": "WEIGHT.77"}, 11),
        ({"prefix": "layer7/"}, 10),
        ({"prefix": "LAYER7/"}, 0),
        ({"regex": r"^layer7/.*[05]$"}, 2),
        ({"regex": r"(?i)LAYER(7|8)/"}, 20),
        ({"search": "("}, 0),
    ],
    ids=str,
)
def test_names_are_searched(catalogue: Http, search: dict[str, str], total: int) -> None:
    page = get(catalogue, "/runs/wide/metrics", **search)

    assert page["total"] == len(page["items"]) == total
    assert page["next"] is None


def test_a_search_is_paged_too(catalogue: Http) -> None:
    found = list(pages(catalogue, "/runs/wide/metrics", search="weight.77", limit=4))

    assert [len(page) for page in found] == [4, 4, 3]


def test_several_runs_are_one_catalogue(catalogue: Http) -> None:
    page = get(catalogue, "/metrics", regex=r"^(Loss|layer0/weight\.[01])$")

    assert {item["name"]: item["runs"] for item in page["items"]} == {
        "layer0/weight.0": 2,
        "layer0/weight.1": 1,
        "Loss": 1,
    }
    assert get(catalogue, "/metrics")["total"] == 1501


def test_the_runs_own_rows_are_no_metrics(catalogue: Http) -> None:
    assert get(catalogue, "/metrics", prefix="_")["total"] == 0


@pytest.mark.parametrize(
    ("params", "status", "words"),
    [
        ({"search": "a", "regex": "b"}, 400, "one of search, prefix and regex"),
        ({"regex": "("}, 400, "not a regular expression"),
        ({"after": "nonsense"}, 400, "not one of ours"),
        ({"limit": 0}, 422, "limit"),
        ({"limit": 1001}, 422, "limit"),
        ({"search": "a" * 501}, 422, "search"),
    ],
    ids=str,
)
def test_searches_that_make_no_sense_are_refused(
    catalogue: Http, params: dict[str, Any], status: int, words: str
) -> None:
    response = catalogue.get(f"{PATH}/runs/wide/metrics", params=params)

    assert response.status_code == status, response.text
    assert words in response.text


def test_a_pattern_that_never_ends_is_refused(catalogue: Http) -> None:
    create_run(catalogue, "slow", {"a" * 60 + "!": 1})
    started_at = time.monotonic()
    response = catalogue.get(f"{PATH}/runs/slow/metrics", params={"regex": "(a|aa)+$"})

    assert response.status_code == 400, response.text
    assert "nested repetitions" in response.text
    assert time.monotonic() - started_at < 10
