"""The demo's verdict: complete means value by value, and what is missing is named."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest

from verify import CLIENT_FILES, Arrival, Receipt, Verifier, read_receipt, table_of

RECEIPT = Receipt(
    "abc",
    "baseline",
    {"epochs": 2, "model": {"hidden": [64]}},
    rows=[{"train/loss": 0.5}, {"train/loss": math.nan, "val/loss": 0.25}, {}],
    media=[[], ["mistakes"], ["predictions"]],
    summary={"parameters": 10.0},
    files=["report.txt"],
    is_whole=True,
)
PNG = b"\x89PNG"
NAN = {"$number": "NaN"}


def everything() -> dict[str, Any]:
    """What a server answers that has it all: path below the run → JSON, files by their content."""
    files = dict.fromkeys(CLIENT_FILES, b"text") | {
        "report.txt": b"baseline: fine",
        "media/images/mistakes_1.png": PNG,
        "media/table/predictions_2.table.json": b"{}",
    }
    return {
        "": {
            "state": "finished",
            "exit_code": 0,
            "name": "baseline",
            "group": "digits-mlp",
            "tags": ["digits"],
            "config": deepcopy(RECEIPT.config),
            "metadata": {"program": "demo/train.py"},
            "summary": {"parameters": 10, "train/loss": NAN, "val/loss": 0.25},
        },
        "/rows": [
            {"_step": 0, "train/loss": 0.5},
            {"_step": 1, "train/loss": NAN, "val/loss": 0.25, "mistakes": {}},
            {"_step": 2, "predictions": {}},
        ],
        "/metrics": [{"name": "train/loss", "points": 2}, {"name": "val/loss", "points": 1}],
        "/files": files,
        "/console": ["epoch 1 validation 50% loss 1", "epoch 2 validation 60% loss 0.9"],
        "/system": [{"name": f"system.{name}", "points": 9} for name in ("cpu", "memory", "disk")],
        "artifacts": [{"state": "COMMITTED", "fileCount": 1, "artifactType": {"name": "run_table"}}],
    }


def check(answers: dict[str, Any]) -> Arrival:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/graphql":
            edges = [{"node": artifact} for artifact in answers["artifacts"]]
            return httpx.Response(200, json={"data": {"project": {"run": {"outputArtifacts": {"edges": edges}}}}})
        path = request.url.path.removeprefix("/api/v1/projects/ada/digits/runs/abc")
        if path.startswith("/files/"):
            return httpx.Response(200, content=answers["/files"][path.removeprefix("/files/")])
        value = answers[path]
        if path == "/console":
            value = {"total": len(value), "items": [{"text": text} for text in value]}
        elif path == "/files":
            value = {"items": [{"name": name, "size_bytes": len(body)} for name, body in value.items()], "next": None}
        elif path:
            value = {"items": value, "next": None}
        return httpx.Response(200, json=value)

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://server/") as http:
        return Verifier(http, "ada", "digits").check(RECEIPT)


def test_a_run_of_which_everything_arrived_is_complete() -> None:
    arrival = check(everything())

    assert arrival.problems == []
    assert (arrival.rows, arrival.metrics, arrival.console_lines, arrival.system_samples) == (3, 2, 2, 9)


Damage = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda server: server["/rows"].append({"_step": 3}), "4 rows of 3 arrived"),
        (lambda server: server["/rows"][0].update({"train/loss": 0.5000001}), "1 values differ"),
        (lambda server: server["/rows"][1].update({"train/loss": None}), "1 values differ"),
        (lambda server: server["/rows"][1].pop("mistakes"), "1 images, histograms or tables are missing from the rows"),
        (lambda server: server["/metrics"].pop(), "the catalogue lists 0 points of val/loss, not 1"),
        (lambda server: server[""].update(state="crashed"), "its state is crashed"),
        (lambda server: server[""]["config"]["model"].update(hidden=[]), "its config differs"),
        (lambda server: server[""]["summary"].pop("val/loss"), "summary val/loss is not the last value logged"),
        (lambda server: server["/files"].pop("report.txt"), "the file report.txt is missing"),
        (lambda server: server["/files"].pop("media/images/mistakes_1.png"), "only 0 images arrived"),
        (lambda server: server["/console"].pop(), "the console has 1 lines of 2 epochs"),
        (lambda server: server["/system"].clear(), "0 system metrics with 0 samples arrived"),
        (lambda server: server["artifacts"][0].update(state="PENDING"), "0 of 1 tables arrived as artifacts"),
    ],
)
def test_what_did_not_arrive_is_named(damage: Damage, problem: str) -> None:
    answers = everything()
    damage(answers)

    assert check(answers).problems == [problem]


def test_an_error_of_the_server_is_a_problem_not_an_exception() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(404))
    with httpx.Client(transport=transport, base_url="http://server/") as http:
        arrival = Verifier(http, "ada", "digits").check(RECEIPT)

    assert arrival.problems == ["/api/v1/projects/ada/digits/runs/abc answered 404"]
    assert arrival.state == "missing"


def test_a_receipt_is_read_as_it_was_written(tmp_path: Path) -> None:
    records: list[tuple[str, object]] = [
        ("run", {"id": "abc", "name": "baseline", "config": {"epochs": 2}}),
        ("row", {"train/loss": math.inf}),
        ("media", ["mistakes"]),
        ("summary", {"parameters": 10}),
        ("files", ["report.txt"]),
    ]
    path = tmp_path / "baseline.jsonl"
    path.write_text("\n".join(json.dumps({"kind": kind, "value": value}) for kind, value in records))

    receipt = read_receipt(path)

    assert receipt.rows == [{"train/loss": math.inf}]
    assert (receipt.run_id, receipt.media, receipt.files) == ("abc", [["mistakes"]], ["report.txt"])
    assert not receipt.is_whole


def test_an_empty_receipt_means_that_no_run_was_started(tmp_path: Path) -> None:
    path = tmp_path / "baseline.jsonl"
    path.touch()

    with pytest.raises(ValueError, match="no run was started"):
        read_receipt(path)


def test_the_table_aligns_its_columns_and_lists_the_problems() -> None:
    lines = table_of(
        [Arrival("a", "finished", rows=1800), Arrival("longer", problems=["its config differs"])]
    ).splitlines()

    assert [line.index("complete") for line in lines if "complete" in line] == [lines[0].index("arrived")]
    assert lines[-1] == "  longer: its config differs"
