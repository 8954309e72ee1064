"""One run that uses most of what a training script can log, seen through the REST API; once per client generation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.client import NEWEST, VERSIONS, Client
from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY, ServerProcess, wait_until

STEPS = 60

SCRIPT = f"""
import math, os, sys, time
import numpy as np
import wandb

run = wandb.init(
    name="whole run", tags=["first", "two words"], notes="line one\\nline two", group="group-1", job_type="train",
    config={{"lr": 0.1, "layers": [64, 32], "nested": {{"deep": {{"er": "Ünï 🚀"}}}}, "none": None, "flag": True}},
)
run.config.update({{"added": "later"}})

os.makedirs(os.path.join(run.dir, "sub folder"), exist_ok=True)
with open(os.path.join(run.dir, "sub folder", "100% säved.txt"), "w") as file:
    file.write("at the end")
wandb.save(os.path.join(run.dir, "sub folder", "100% säved.txt"), base_path=run.dir, policy="end")

print("plain line")
print("\\x1b[31mred\\x1b[0m line with <b>markup</b>")
print("to stderr: Ünï 🚀", file=sys.stderr)
for percent in range(0, 101, 10):
    sys.stdout.write(f"\\rprogress {{percent}} %")
    sys.stdout.flush()
sys.stdout.write("\\n")
print("last line")

for step in range({STEPS}):
    run.log({{"train/loss": 1 / (step + 1), "step squared": step ** 2}})
run.log({{"values/nan": math.nan, "values/inf": math.inf, "values/-inf": -math.inf, "values/big": 2**62 + 1}})
run.log({{"__proto__": 1, "ключ 🚀": 2, "<script>": 3, "dots.in.name": 4, "constructor": 5}})
run.log({{"text": "words", "flag": True, "nested": {{"a": {{"b": 6}}}}}})
run.log({{"image": wandb.Image(np.zeros((8, 8, 3), dtype=np.uint8), caption="black")}})
run.log({{"table": wandb.Table(columns=["x", "label"], data=[[1, "one"], [2, "two"]])}})
run.log({{"histogram": wandb.Histogram([1, 2, 2, 3])}})

run.summary["best"] = 0.99
run.summary["answers"] = {{"everything": 42}}
time.sleep(1.5)
report({{"id": run.id, "entity": run.entity, "project": run.project, "name": run.name}})
run.finish()
"""

MACHINE_METRICS_EVERY_SECOND = {
    "WANDB_X_STATS_SAMPLING_INTERVAL": "1",
    "WANDB__STATS_SAMPLING_INTERVAL": "1",
    "WANDB__STATS_SAMPLE_RATE_SECONDS": "0.5",
    "WANDB__STATS_SAMPLES_TO_AVERAGE": "1",
}
"""The setting has had three names."""


@dataclass(frozen=True, slots=True)
class WholeRun:
    """The finished run, and the server that has it."""

    version: str
    id: str
    project: str
    rest: Rest

    @property
    def detail(self) -> Any:
        return self.rest.run(self.project, self.id)

    @property
    def rows(self) -> list[Any]:
        return self.rest.rows(self.project, self.id)

    def row_with(self, key: str) -> Any:
        """The only row that has a key."""
        (row,) = [row for row in self.rows if key in row]
        return row


@pytest.fixture(scope="module", params=VERSIONS)
def whole_run(
    request: pytest.FixtureRequest, server: ServerProcess, rest: Rest, tmp_path_factory: pytest.TempPathFactory
) -> WholeRun:
    version: str = request.param
    client = Client(version, tmp_path_factory.mktemp("whole-run"), url=server.url, key=ADMIN_KEY)
    project = f"whole-{version}"
    finished = client.run(SCRIPT, environment={"WANDB_PROJECT": project, **MACHINE_METRICS_EVERY_SECOND})
    assert finished.reported["project"] == project
    assert finished.reported["entity"] == "admin"
    return WholeRun(version, finished.reported["id"], f"admin/{project}", rest)


def test_every_logged_row_is_there_exactly_once(whole_run: WholeRun) -> None:
    rows = whole_run.rows

    losses = [(row["_step"], row["train/loss"]) for row in rows if "train/loss" in row]
    assert losses == [(step, 1 / (step + 1)) for step in range(STEPS)]
    assert [row["_step"] for row in rows] == list(range(STEPS + 6))
    assert whole_run.detail["history_lines"] == STEPS + 6
    assert whole_run.rest.metrics(whole_run.project, whole_run.id)["train/loss"]["points"] == STEPS


def test_rows_carry_time_and_runtime(whole_run: WholeRun) -> None:
    times = [(row["_timestamp"], row["_runtime"]) for row in whole_run.rows]

    assert times == sorted(times)
    assert all(runtime >= 0 for _, runtime in times)


def test_run_is_finished_with_exit_code_zero(whole_run: WholeRun) -> None:
    detail = whole_run.detail

    assert (detail["state"], detail["exit_code"]) == ("finished", 0)
    assert detail["finished_at"] is not None
    assert detail["last_step"] == STEPS + 5


def test_names_tags_notes_and_group_are_kept(whole_run: WholeRun) -> None:
    detail = whole_run.detail

    assert detail["name"] == "whole run"
    assert sorted(detail["tags"]) == ["first", "two words"]
    assert detail["notes"] == "line one\nline two"
    assert (detail["group"], detail["job_type"]) == ("group-1", "train")
    assert detail["user"] == "admin"


def test_config_is_nested_and_without_bookkeeping(whole_run: WholeRun) -> None:
    assert whole_run.detail["config"] == {
        "lr": 0.1,
        "layers": [64, 32],
        "nested": {"deep": {"er": "Ünï 🚀"}},
        "none": None,
        "flag": True,
        "added": "later",
    }


def test_summary_has_last_values_and_what_was_set(whole_run: WholeRun) -> None:
    summary = whole_run.detail["summary"]

    assert summary["train/loss"] == 1 / STEPS
    assert summary["best"] == 0.99
    assert summary["answers"] == {"everything": 42}
    assert "_wandb" not in summary


def test_numbers_that_json_cannot_carry_arrive_exactly(whole_run: WholeRun) -> None:
    row = whole_run.row_with("values/big")

    assert math.isnan(row["values/nan"])
    assert row["values/inf"] == math.inf
    assert row["values/-inf"] == -math.inf
    assert row["values/big"] == 2**62 + 1
    summary = whole_run.detail["summary"]
    assert math.isnan(summary["values/nan"])
    assert summary["values/inf"] == math.inf


def test_metric_names_may_be_any_text(whole_run: WholeRun) -> None:
    row = whole_run.row_with("__proto__")

    names = ["__proto__", "ключ 🚀", "<script>", "dots.in.name", "constructor"]
    assert [row[name] for name in names] == [1, 2, 3, 4, 5]
    catalogue = whole_run.rest.metrics(whole_run.project, whole_run.id)
    assert {catalogue[name]["kind"] for name in names} == {"number"}


def test_metadata_describes_the_machine(whole_run: WholeRun) -> None:
    metadata = whole_run.detail["metadata"]

    assert metadata["python"].removeprefix("CPython ").startswith("3.")
    assert metadata["host"] == whole_run.detail["host"]


def test_console_has_collapsed_progress_bars_and_keeps_colours(whole_run: WholeRun) -> None:
    console = whole_run.rest.console(whole_run.project, whole_run.id)

    texts = [text for text in console if text]
    plain, red = texts.index("plain line"), next(index for index, text in enumerate(texts) if "red" in text)
    assert plain < red < texts.index("last line")
    assert texts[red].startswith("\x1b[31mred\x1b[0m") or whole_run.version != NEWEST
    assert texts[red].endswith(" line with <b>markup</b>")
    progress = [text for text in texts if "progress" in text]
    assert len(progress) == 1
    assert progress[0].endswith("progress 100 %")
    assert sum("to stderr: Ünï 🚀" in text for text in texts) == 1


def test_saved_and_automatic_files_are_there(whole_run: WholeRun) -> None:
    files = whole_run.rest.files(whole_run.project, whole_run.id)

    assert {"config.yaml", "wandb-summary.json", "wandb-metadata.json", "output.log"} <= set(files)
    name = "sub folder/100% säved.txt"
    assert files[name]["size_bytes"] == len("at the end")
    assert whole_run.rest.file(whole_run.project, whole_run.id, name) == b"at the end"


def test_image_file_is_there_under_the_name_in_its_row(whole_run: WholeRun) -> None:
    image = whole_run.row_with("image")["image"]

    assert image["_type"] == "image-file"
    content = whole_run.rest.file(whole_run.project, whole_run.id, image["path"])
    assert content.startswith(b"\x89PNG")
    assert len(content) == image["size"]
    assert whole_run.rest.metrics(whole_run.project, whole_run.id)["image"]["kind"] == "image"


def test_table_is_there_as_file_and_as_artifact(whole_run: WholeRun) -> None:
    table = whole_run.row_with("table")["table"]

    assert table["_type"] == "table-file"
    content = whole_run.rest.file(whole_run.project, whole_run.id, table["path"])
    assert b'"one"' in content
    assert table["artifact_path"].startswith("wandb-client-artifact://")


def test_system_metrics_arrive(whole_run: WholeRun) -> None:
    def catalogue() -> list[Any]:
        found: list[Any] = whole_run.rest.get(f"/projects/{whole_run.project}/runs/{whole_run.id}/system")["items"]
        return found

    metrics = {item["name"]: item for item in wait_until(catalogue, what="system metrics", timeout_s=5)}

    assert "system.cpu" in metrics
    assert metrics["system.cpu"]["points"] >= 1
    answer = whole_run.rest.series(
        whole_run.project, [whole_run.id], ["system.cpu"], stream="system", x="relative", width=100
    )
    assert len(answer["series"]) == 1
