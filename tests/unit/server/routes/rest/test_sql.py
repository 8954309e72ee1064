"""SQL over REST: columns or CSV, errors in the one shape."""

from __future__ import annotations

from kymograph.core.history import LineBatch, Stream
from kymograph.testing.deployments import DeploymentUnderTest
from tests.unit.server.http import Http


def test_a_statement_is_answered_in_columns_or_csv(deployment: DeploymentUnderTest, http: Http) -> None:
    run = deployment.run("admin/sql/r")
    lines = ['{"a":1.5}', '{"a":NaN}', '{"a":2}']
    deployment.database.write(lambda tx: tx.tail.append(run.key, [LineBatch(Stream.HISTORY, 0, lines)]))
    body = {"query": "SELECT run, step, value FROM history WHERE metric = 'a' ORDER BY step", "limit": 2}

    answer = http.request("POST", "/api/v1/projects/admin/sql/sql", json=body)

    assert answer.status_code == 200
    document = answer.json()
    assert document["columns"] == [
        {"name": "run", "type": "VARCHAR", "values": ["r", "r"]},
        {"name": "step", "type": "BIGINT", "values": [0, 1]},
        {"name": "value", "type": "DOUBLE", "values": [1.5, {"$number": "NaN"}]},
    ]
    assert (document["row_count"], document["truncated"], document["damaged"]) == (2, True, [])
    as_csv = http.request("POST", "/api/v1/projects/admin/sql/sql", json={**body, "format": "csv"})
    assert as_csv.text == "run,step,value\r\nr,0,1.5\r\nr,1,NaN\r\n"
    assert as_csv.headers["content-type"].startswith("text/csv")
    assert as_csv.headers["x-kymograph-truncated"] == "true"
    assert as_csv.headers["x-kymograph-damaged"] == "0"


def test_a_refused_statement_is_a_usage_error(deployment: DeploymentUnderTest, http: Http) -> None:
    deployment.run("admin/sql/r")

    answer = http.request("POST", "/api/v1/projects/admin/sql/sql", json={"query": "FROM '/etc/passwd'"})

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["kind"] == "InvalidQuery"
    assert "table '/etc/passwd' is not allowed" in error["message"]


def test_limits_are_those_of_the_schema(http: Http) -> None:
    for body in ({"query": "SELECT 1", "limit": 0}, {"query": "SELECT 1", "format": "xml"}, {"query": "x" * 70_000}):
        assert http.request("POST", "/api/v1/projects/admin/sql/sql", json=body).status_code == 422
