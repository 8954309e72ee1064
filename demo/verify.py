"""Compare what a training script logged with what arrived, through the server's REST API (and GraphQL, for artifacts).

The script's receipt (see `train.Receipt`) is the truth; every value of every row is compared, not counted.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

CLIENT_FILES = ("config.yaml", "output.log", "requirements.txt", "wandb-metadata.json", "wandb-summary.json")
"""What the client saves beside the user's own files."""
FEWEST_SYSTEM_SAMPLES = 4
OUTPUT_ARTIFACTS = """
query OutputArtifacts($entity: String!, $project: String!, $run: String!) {
  project(entityName: $entity, name: $project) {
    run(name: $run) { outputArtifacts { edges { node { state fileCount artifactType { name } } } } }
  }
}
"""


@dataclass(slots=True)
class Receipt:
    """What one run logged."""

    run_id: str
    name: str
    config: dict[str, Any]
    rows: list[dict[str, float]] = field(default_factory=list)
    """Numbers of each `log` call, in order; the index is the step."""
    media: list[list[str]] = field(default_factory=list)
    """Names of images, histograms and tables of each `log` call."""
    summary: dict[str, float] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    is_whole: bool = False
    """The script came to its end."""


@dataclass(slots=True)
class Arrival:
    """What the server has of one run, and what is wrong with it."""

    name: str
    state: str = "missing"
    rows: int = 0
    metrics: int = 0
    files: int = 0
    artifacts: int = 0
    console_lines: int = 0
    system_samples: int = 0
    problems: list[str] = field(default_factory=list)

    def expect(self, claim: bool, problem: str) -> None:
        """Note a problem unless the claim holds."""
        if not claim:
            self.problems.append(problem)


def read_receipt(path: Path) -> Receipt:
    """Read what `train.py --receipt` wrote.

    Raises:
        ValueError: The file has no run in it: the script failed before it logged anything.
    """
    receipt: Receipt | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        kind, value = record["kind"], record["value"]
        if kind == "run":
            receipt = Receipt(value["id"], value["name"], value["config"])
        elif receipt is None:
            raise ValueError(f"{path.name}: {kind} before the run")
        elif kind == "row":
            receipt.rows.append(value)
        elif kind == "media":
            receipt.media.append(value)
        elif kind == "summary":
            receipt.summary = value
        elif kind == "files":
            receipt.files = value
        else:
            receipt.is_whole = True
    if receipt is None:
        raise ValueError(f"{path.name}: no run was started")
    return receipt


def number_of(value: Any) -> Any:
    """Return a value with the API's exact numbers (``{"$number": "NaN"}``) as Python's."""
    if isinstance(value, dict) and value.keys() == {"$number"}:
        return float(value["$number"])
    return value


def same(sent: float, arrived: Any) -> bool:
    """Tell whether a number arrived bit for bit; NaN equals NaN."""
    arrived = number_of(arrived)
    if not isinstance(arrived, int | float):
        return False
    return sent == arrived or (math.isnan(sent) and math.isnan(arrived))


class Verifier:
    """Reads one project of one server."""

    def __init__(self, http: httpx.Client, entity: str, project: str) -> None:
        """Use a client whose base address is the server's and which carries a key."""
        self.http = http
        self.entity = entity
        self.project = project
        self.runs = f"/api/v1/projects/{entity}/{project}/runs"

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON of one answer."""
        answer = self.http.get(path, params=parameters)
        answer.raise_for_status()
        return answer.json()

    def items(self, path: str, **parameters: Any) -> Iterator[Any]:
        """Yield the items of all pages."""
        while True:
            page = self.get(path, limit=1000, **parameters)
            yield from page["items"]
            if page.get("next") is None:
                return
            parameters["after"] = page["next"]

    def check(self, receipt: Receipt, *, title: str | None = None) -> Arrival:
        """Compare one run; problems are collected, never raised.

        Args:
            receipt: What was logged.
            title: What to call it; default: its name.
        """
        arrival = Arrival(title or receipt.name)
        arrival.expect(receipt.is_whole, "the training script did not come to its end")
        path = f"{self.runs}/{receipt.run_id}"
        try:
            self.check_overview(path, receipt, arrival)
            self.check_history(path, receipt, arrival)
            self.check_files(path, receipt, arrival)
            self.check_console(path, receipt, arrival)
            self.check_system(path, arrival)
            self.check_artifacts(receipt, arrival)
        except httpx.HTTPStatusError as error:
            arrival.problems.append(f"{error.request.url.path} answered {error.response.status_code}")
        return arrival

    def check_overview(self, path: str, receipt: Receipt, arrival: Arrival) -> None:
        """State, config, summary and metadata."""
        run = self.get(path)
        arrival.state = run["state"]
        arrival.expect(run["state"] == "finished", f"its state is {run['state']}")
        arrival.expect(run["exit_code"] == 0, f"its exit code is {run['exit_code']}")
        arrival.expect(run["name"] == receipt.name, f"it is named {run['name']}")
        arrival.expect(run["group"] == "digits-mlp" and "digits" in run["tags"], "its group or tags are missing")
        arrival.expect(run["config"] == receipt.config, "its config differs")
        metadata = run["metadata"] or {}
        arrival.expect(str(metadata.get("program", "")).endswith("train.py"), "its metadata names no program")
        for key, value in receipt.summary.items():
            arrival.expect(same(value, run["summary"].get(key)), f"summary {key} differs")

        last = {key: value for row in receipt.rows for key, value in row.items()}
        for key, value in last.items():
            arrived = run["summary"].get(key)
            # A metric with a defined summary ({"max": …, "last": …}) keeps its last value under `last`.
            if isinstance(arrived, dict) and "last" in arrived:
                arrived = arrived["last"]
            arrival.expect(same(value, arrived), f"summary {key} is not the last value logged")

    def check_history(self, path: str, receipt: Receipt, arrival: Arrival) -> None:
        """Every row, value by value; and the catalogue of metrics."""
        rows = {row["_step"]: row for row in self.items(f"{path}/rows")}
        arrival.rows = len(rows)
        arrival.expect(len(rows) == len(receipt.rows), f"{len(rows)} rows of {len(receipt.rows)} arrived")
        wrong = sum(
            not same(value, rows.get(step, {}).get(key))
            for step, row in enumerate(receipt.rows)
            for key, value in row.items()
        )
        arrival.expect(wrong == 0, f"{wrong} values differ")
        missing = sum(key not in rows.get(step, {}) for step, keys in enumerate(receipt.media) for key in keys)
        arrival.expect(missing == 0, f"{missing} images, histograms or tables are missing from the rows")

        catalogue = {metric["name"]: metric for metric in self.items(f"{path}/metrics")}
        arrival.metrics = len(catalogue)
        for key, n_points in Counter(key for row in receipt.rows for key in row).items():
            listed = catalogue.get(key, {"points": 0})["points"]
            arrival.expect(listed == n_points, f"the catalogue lists {listed} points of {key}, not {n_points}")

    def check_files(self, path: str, receipt: Receipt, arrival: Arrival) -> None:
        """Every file can be downloaded whole; those expected are there."""
        files = {file["name"]: file for file in self.items(f"{path}/files")}
        arrival.files = len(files)
        for name in (*CLIENT_FILES, *receipt.files):
            arrival.expect(name in files, f"the file {name} is missing")
        logged = Counter(key for keys in receipt.media for key in keys)
        if logged["mistakes"]:
            n_images = sum(name.startswith("media/images/") for name in files)
            arrival.expect(n_images >= logged["mistakes"], f"only {n_images} images arrived")
        n_tables = sum(name.startswith("media/table/") for name in files)
        arrival.expect(n_tables == logged["predictions"], f"{n_tables} tables arrived")

        for name, file in files.items():
            answer = self.http.get(f"{path}/files/{quote(name)}")
            whole = answer.is_success and len(answer.content) == file["size_bytes"]
            arrival.expect(whole, f"{name}: {len(answer.content)} of {file['size_bytes']} bytes ({answer.status_code})")
            if name.startswith("media/images/"):
                arrival.expect(answer.content.startswith(b"\x89PNG"), f"{name} is no image")
            if name == "report.txt":
                arrival.expect(answer.text.startswith(receipt.name), "report.txt is not the report")

    def check_console(self, path: str, receipt: Receipt, arrival: Arrival) -> None:
        """One line per epoch: the progress bar must have collapsed, and nothing be lost."""
        first = self.get(f"{path}/console", start=0, limit=1000)
        arrival.console_lines = first["total"]
        epochs = sum("validation " in line["text"] and "loss" in line["text"] for line in first["items"])
        expected = receipt.config["epochs"]
        arrival.expect(epochs == expected, f"the console has {epochs} lines of {expected} epochs")

    def check_system(self, path: str, arrival: Arrival) -> None:
        """Machine metrics were sampled over the run."""
        metrics = list(self.items(f"{path}/system"))
        arrival.system_samples = max((metric["points"] for metric in metrics), default=0)
        enough = arrival.system_samples >= FEWEST_SYSTEM_SAMPLES and len(metrics) >= 3
        arrival.expect(enough, f"{len(metrics)} system metrics with {arrival.system_samples} samples arrived")

    def check_artifacts(self, receipt: Receipt, arrival: Arrival) -> None:
        """Each logged table became an artifact version, committed with its file."""
        variables = {"entity": self.entity, "project": self.project, "run": receipt.run_id}
        answer = self.http.post("/graphql", json={"query": OUTPUT_ARTIFACTS, "variables": variables})
        answer.raise_for_status()
        edges = answer.json()["data"]["project"]["run"]["outputArtifacts"]["edges"]
        committed = [edge["node"] for edge in edges if edge["node"]["state"] == "COMMITTED"]
        n_tables = sum(one["artifactType"]["name"] == "run_table" and one["fileCount"] > 0 for one in committed)
        n_logged = sum(keys.count("predictions") for keys in receipt.media)
        arrival.artifacts = len(committed)
        arrival.expect(n_tables == n_logged, f"{n_tables} of {n_logged} tables arrived as artifacts")


def table_of(arrivals: list[Arrival]) -> str:
    """Return the arrivals as text, with the problems below."""
    titles = ("run", "state", "rows", "metrics", "files", "artifacts", "console", "system", "arrived")
    table: list[tuple[str | int, ...]] = [titles]
    for a in arrivals:
        verdict = "no" if a.problems else "complete"
        counts = (a.rows, a.metrics, a.files, a.artifacts, a.console_lines, a.system_samples)
        table.append((a.name, a.state, *counts, verdict))
    widths = [max(len(str(cell)) for cell in column) for column in zip(*table, strict=True)]

    lines = ["  ".join(aligned(cell, width) for cell, width in zip(row, widths, strict=True)) for row in table]
    lines.insert(1, "  ".join("─" * width for width in widths))
    lines += [f"  {a.name}: {problem}" for a in arrivals for problem in a.problems[:8]]
    return "\n".join(lines)


def aligned(cell: str | int, width: int) -> str:
    """Return numbers to the right, words to the left."""
    return str(cell).rjust(width) if isinstance(cell, int) else cell.ljust(width)
