"""Whole projects in one answer: the same as in pages, documents and single files."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kymograph.client.bulk_reads import LineDecoder
from kymograph.core import exact_json
from kymograph.core.history import LineBatch, Stream
from kymograph.core.run import RunChange
from kymograph.sdk.api.frames import rows_of
from kymograph.services.history import StreamUpdate
from kymograph.testing.deployments import DeploymentUnderTest
from kymograph.wire.columns import FrameDecoder
from kymograph.wire.content_parts import PartDecoder
from tests.unit.server.http import Http

RUNS = """
query { project(name: "bulk", entityName: "admin") { runs(first: 50, order: "+created_at") { edges { node {
  id name displayName projectId sweepName state group jobType commit readOnly createdAt heartbeatAt
  description notes tags historyLineCount user { name username } config summaryMetrics
} } } } }
"""


@pytest.fixture(scope="module")
def project(deployment: DeploymentUnderTest) -> str:
    """Three runs, the first two with a history."""
    for number, name in enumerate(("one", "two", "three")):
        change = RunChange(
            display_name=f"run {name}",
            config_json=f'{{"lr": {{"value": {number}}}}}',
            summary_json='{"loss": NaN}',
            tags=("a", name),
        )
        run = deployment.run(f"admin/bulk/{name}", change)
        lines = [f'{{"_step": {step}, "n": {number}, "loss": {step}.5, "at": "s{step}"}}' for step in range(20)]
        lines.append('{"_step": 20, "loss": NaN, "nest": {"ed": 1}}')
        if name != "three":
            batch = LineBatch(Stream.HISTORY, 0, lines)
            deployment.services.history.record(deployment.admin, "admin", "bulk", run.id, StreamUpdate([batch]))
        deployment.clock.advance(seconds=1)
    return "/api/v1/projects/admin/bulk"


def nodes_of(http: Http, project: str, **parameters: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    head, *nodes = map(orjson.loads, http.get(f"{project}/run-nodes", params=parameters).content.splitlines())
    return head, nodes


def test_runs_are_those_that_documents_give(http: Http, project: str) -> None:
    answer = http.request("POST", "/graphql", json={"query": RUNS}).json()["data"]["project"]["runs"]["edges"]
    expected = [edge["node"] for edge in answer]

    head, nodes = nodes_of(http, project)

    assert (head["total"], head["next"]) == (3, None)
    assert nodes == expected


def test_runs_come_in_pages_by_filter_and_order(http: Http, project: str) -> None:
    head, nodes = nodes_of(http, project, order="-created_at", limit=2, is_light="true")
    _, rest = nodes_of(http, project, order="-created_at", limit=2, after=head["next"])
    _, chosen = nodes_of(http, project, filters='{"config.lr": {"$gt": 0}}')

    assert [node["name"] for node in [*nodes, *rest]] == ["three", "two", "one"]
    assert "config" not in nodes[0]
    assert [node["name"] for node in chosen] == ["two", "three"]
    assert http.get(f"{project}/run-nodes", params={"filters": '{"none": 1}'}).status_code == 400


def histories(http: Http, project: str, **asked: Any) -> list[tuple[str, dict[str, Any]]]:
    content = http.request("POST", f"{project}/histories", json=asked).content
    if asked.get("format") == "lines":
        lines = LineDecoder()
        found = list(lines.feed(content))
        lines.close()
        return found
    frames = FrameDecoder()
    rows = [(frame.run, row) for frame in frames.feed(content) for row in rows_of(frame)]
    frames.close()
    return rows


def test_histories_of_runs_follow_one_another(http: Http, project: str) -> None:
    whole = histories(http, project, runs=["two", "three", "one"], format="lines")
    columns = histories(http, project, runs=["two", "three", "one"])

    assert [run for run, _ in whole] == ["two"] * 21 + ["one"] * 21
    assert whole[0][1] == {"_step": 0, "n": 1, "loss": 0.5, "at": "s0"}
    assert exact_json.dumps(whole[20][1]) == '{"_step":20,"loss":NaN,"nest":{"ed":1}}'
    assert [(run, row["_step"]) for run, row in columns] == [(run, row["_step"]) for run, row in whole]
    assert columns[20][1]["nest.ed"] == 1


def test_rows_are_chosen(http: Http, project: str) -> None:
    def steps(**asked: Any) -> list[int]:
        return [row["_step"] for _, row in histories(http, project, runs=["one"], **asked)]

    assert steps(samples=3) == [0, 10, 20]
    assert steps(samples=3, format="lines") == [0, 10, 20]
    assert steps(keys=["loss", "at"], samples=3) == [0, 9, 19]
    assert steps(keys=["nest", "at"], mode="any", min_step=19) == [19, 20]
    assert steps(keys=["nest", "at"]) == []
    assert steps(min_step=5, max_step=7) == [5, 6]


def test_a_run_that_is_not_there_is_named(http: Http, project: str) -> None:
    answer = http.request("POST", f"{project}/histories", json={"runs": ["one", "absent"]})

    assert answer.status_code == 404
    assert "absent" in answer.json()["error"]["message"]


def test_contents_of_files_are_named_by_their_place(http: Http, project: str) -> None:
    names = [f"{number}.txt" for number in range(3)]
    question = """
    mutation ($files: [String!]!) {
      createRunFiles(input: { entityName: "admin", projectName: "bulk", runName: "one", files: $files }) {
        files { uploadUrl }
      }
    }
    """
    answer = http.request("POST", "/graphql", json={"query": question, "variables": {"files": names}}).json()
    for number, file in enumerate(answer["data"]["createRunFiles"]["files"]):
        content = b"x" * (1 << 20) + b"." if number == 2 else f"content {number}".encode()
        http.request("PUT", file["uploadUrl"], content=content)

    asked = {"names": ["1.txt", "absent.txt", "2.txt", "0.txt"]}
    content = http.request("POST", f"{project}/runs/one/file-contents", json=asked).content
    decoder = PartDecoder()
    parts = decoder.feed(content)
    decoder.close()

    found = {asked["names"][int.from_bytes(part.digest, "big") - 1]: part.content for part in parts}
    assert found == {"0.txt": b"content 0", "1.txt": b"content 1"}
