"""Lists of runs over REST."""

from __future__ import annotations

import json
from typing import Any

from kymograph.core.run import RunChange
from kymograph.testing.deployments import DeploymentUnderTest
from tests.unit.server.http import Http


def get(http: Http, project: str, **params: Any) -> Any:
    response = http.get(f"/api/v1/projects/admin/{project}/runs", params=params)
    response.raise_for_status()
    return response.json()


def test_the_columns_asked_for_come_exactly(deployment: DeploymentUnderTest, http: Http) -> None:
    config = '{"lr":{"value":0.1},"layers":{"value":[1,2]},"big":{"value":9007199254740993},"_wandb":{"value":{"t":1}}}'
    summary = '{"loss":NaN,"deep":{"x":1},"none":null,"text":"' + "x" * 2_000 + '"}'
    deployment.run("admin/columns/r1", RunChange(config_json=config, summary_json=summary))
    deployment.run("admin/columns/r2")
    names = ["config.lr", "config.layers", "config.big", "config._wandb.t", "summary.loss", "summary.deep.x"]

    page = get(http, "columns", columns=[*names, "summary.none", "summary.text", "summary.absent"], sort="name")

    assert [item["values"] for item in page["items"]] == [
        {
            "config.lr": 0.1,
            "config.layers": [1, 2],
            "config.big": {"$number": "9007199254740993"},
            "summary.loss": {"$number": "NaN"},
            "summary.deep.x": 1,
            "summary.none": None,
            "summary.text": "x" * 2_000,
        },
        {},
    ]


def test_pages_follow_one_another_in_the_order_asked_for(deployment: DeploymentUnderTest, http: Http) -> None:
    for number in range(5):
        deployment.run(f"admin/pages/r{number}", RunChange(summary_json=f'{{"loss": {number}}}'))
    query = {"q": '{"summary_metrics.loss": {"$gt": 0}}', "sort": "-summary.loss", "limit": 3}

    first = get(http, "pages", **query)
    second = get(http, "pages", **query, after=first["next"])

    assert [run["id"] for run in first["items"] + second["items"]] == ["r4", "r3", "r2", "r1"]
    assert (first["total"], second["total"], second["next"]) == (4, 4, None)


def test_unknown_columns_are_refused(http: Http, deployment: DeploymentUnderTest) -> None:
    deployment.run("admin/refused/r1")
    for columns in (["lr"], ["config."], [f"config.{number}" for number in range(501)]):
        response = http.get("/api/v1/projects/admin/refused/runs", params={"columns": columns})
        assert response.status_code == 400, response.text


def test_groups_tell_key_filter_and_spread(deployment: DeploymentUnderTest, http: Http) -> None:
    for number, name in enumerate(["adam", "adam", "sgd"]):
        loss = "NaN" if number == 1 else number
        config = f'{{"optimizer":{{"value":{{"name":"{name}"}}}}}}'
        deployment.run(f"admin/groups/r{number}", RunChange(config_json=config, summary_json=f'{{"loss":{loss}}}'))
    query = {"by": ["config.optimizer.name", "state"], "metric": "summary.loss", "sort": "-count", "limit": 1}

    response = http.get("/api/v1/projects/admin/groups/groups", params=query)

    assert response.json() == {
        "items": [
            {
                "key": [
                    {"field": "config.optimizer.name", "kind": "text", "value": "adam"},
                    {"field": "state", "kind": "text", "value": "running"},
                ],
                "filter": {"$and": [{"config.optimizer.name": "adam"}, {"state": "running"}]},
                "count": 2,
                "metrics": {"summary.loss": {"count": 1, "non_finite": 1, "min": 0.0, "max": 0.0, "mean": 0.0}},
            }
        ],
        "next": response.json()["next"],
        "total": 2,
        "runs": 3,
    }
    rest = http.get("/api/v1/projects/admin/groups/groups", params={**query, "after": response.json()["next"]}).json()
    assert ([group["key"][0]["value"] for group in rest["items"]], rest["next"]) == (["sgd"], None)
    found = get(http, "groups", q=json.dumps(response.json()["items"][0]["filter"]))
    assert [run["id"] for run in found["items"]] == ["r1", "r0"]


def test_groups_that_make_no_sense_are_refused(deployment: DeploymentUnderTest, http: Http) -> None:
    deployment.run("admin/nonsense/r1")
    for query in (
        {},
        {"by": "created_at"},
        {"by": "lr"},
        {"by": "state", "metric": "state"},
        {"by": "state", "sort": "x"},
    ):
        response = http.get("/api/v1/projects/admin/nonsense/groups", params=query)
        assert response.status_code in (400, 422), response.text
        assert response.json()["error"]["message"]


def test_columns_come_by_name_in_pages(deployment: DeploymentUnderTest, http: Http) -> None:
    deployment.run("admin/names/r1", RunChange(summary_json='{"train/loss": 1, "val/loss": "x", "acc": true}'))

    def columns(**params: Any) -> Any:
        return http.get("/api/v1/projects/admin/names/columns", params=params).json()

    first = columns(q="LOSS", limit=1)
    assert first["items"] == [{"name": "summary.train/loss", "scope": "summary", "kinds": ["number"]}]
    assert first["total"] == 2
    assert columns(q="LOSS", limit=1, after=first["next"])["items"][0]["kinds"] == ["text"]
    assert [item["name"] for item in columns(q="^a", match="regex")["items"]] == ["summary.acc"]
    assert columns(scope="config")["items"] == []
    assert columns(q="(", match="regex")["error"]["kind"] == "InvalidFilter"
