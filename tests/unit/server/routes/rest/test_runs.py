"""Lists of runs over REST."""

from __future__ import annotations

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
