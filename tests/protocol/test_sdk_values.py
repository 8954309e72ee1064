"""Settings, configs, summaries and metric definitions of our SDK beside those of the unmodified client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kymograph.core.config_tree import same_value
from kymograph.core.exact_json import loads
from kymograph.core.metric_definitions import define_metric
from kymograph.core.summary import SummaryBuilder
from kymograph.sdk.config import Config
from kymograph.sdk.settings import Settings
from kymograph.sdk.settings_computed import ComputedSettings
from kymograph.sdk.settings_fields import REMOVED, SettingsFields
from kymograph.wire.journal import JournalReader
from kymograph.wire.metric_records import decode_definition, encode_definition
from kymograph.wire.records_pb2 import Record
from tests.e2e.client import NEWEST, Client

KEY = "0123456789abcdef0123456789abcdef01234567"

DEFINITIONS: list[dict[str, Any]] = [
    {"name": "epoch"},
    {"name": "loss", "step_metric": "epoch", "summary": "min,max,mean,last,first"},
    {"name": "val/*", "step_metric": "epoch", "summary": "max", "hidden": True},
    {"name": "val/off", "step_sync": False, "step_metric": "epoch"},
    {"name": "quiet", "summary": "none"},
    {"name": "copied", "summary": "copy"},
    {"name": "nest.x", "summary": "min"},
    {"name": "es\\.caped", "summary": "min"},
    {"name": "set", "summary": "min"},
    {"name": "text", "summary": "last,first"},
    {"name": "nan", "summary": "min,max,mean"},
]
ROWS: list[dict[str, Any]] = [
    {
        "epoch": 7 * step,
        "loss": [3, 1.5, 2.25, 4][step],
        "val/acc": step,
        "quiet": step,
        "copied": step,
        "nest": {"x": 5 - step, "y": step},
        "es.caped": step,
        "set": step,
        "text": f"t{step}",
        "nan": [1.0, "NaN", 2.0, 3.0][step],
        "list": [1, 2],
        "last": [True, None, "x", 1.5][step],
    }
    for step in range(4)
]

SCRIPT = """\
import json, sys, wandb
definitions, rows = json.loads(sys.argv[1])
run = wandb.init(project="p")
for definition in definitions:
    run.define_metric(**definition)
for step, row in enumerate(rows):
    if row["nan"] == "NaN":
        row["nan"] = float("nan")
    run.log(row)
    if step == 1:
        run.summary["set"] = 77
run.summary["after"] = {"a": {"b": 1}}
del run.summary["list"]
report(json.dumps(dict(run.summary._as_dict())))
run.finish()
"""

CONFIG = """\
import dataclasses, datetime, enum, json, numpy as np, wandb
class Color(enum.Enum):
    RED = 1
@dataclasses.dataclass
class Model:
    width: int
    scale: object
values = {
    "inf": float("inf"), "slice": slice(1, 5, 2), "float32": np.float32(1.5), "int64": np.int64(3),
    "array": np.arange(3), "large": np.arange(40), "function": json.dumps, "set": {1},
    "enum": Color.RED, "object": Model(1, np.float64(2)), "date": datetime.datetime(2020, 1, 1), "bytes": b"x",
    "none": None, "tuple": (1, (2,)), "--dashes-": 1, "_own": 2, "class": int, "nested": {"x": {"y": (1,)}},
}
"""
REPORT_CONFIG = """
run = wandb.init(mode="offline", config=values)
report({"values": run.config.as_dict(), "keys": run.config.keys()})
"""


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """The newest client, which finds no server."""
    found = Client(NEWEST, tmp_path / "client", url="http://127.0.0.1:9", key=KEY)
    found.environment["WANDB_MODE"] = "offline"
    return found


@pytest.fixture
def journal(client: Client) -> tuple[list[Record], dict[str, Any]]:
    """What the client writes for the definitions and rows, and the summary that it has at the end."""
    done = client.run(SCRIPT, json.dumps([DEFINITIONS, ROWS]))
    (folder,) = client.offline_runs()
    (path,) = folder.glob("run-*.wandb")
    records = [Record.FromString(payload) for payload in JournalReader().feed(path.read_bytes())]
    return records, loads(done.reported)


def test_rows_fold_into_the_summary_that_the_client_has(journal: tuple[list[Record], dict[str, Any]]) -> None:
    records, reported = journal
    builder = SummaryBuilder()
    step = 0
    for record in records:
        if record.HasField("metric"):
            definition = decode_definition(record.metric)
            assert definition is not None
            if not record.metric.expanded_from_glob:
                builder.define(definition, overwrite=record.metric.control.overwrite)
        elif record.HasField("history"):
            builder.add_row(row_of(record))
            if step == 1:
                builder.set(("set",), 77)
            step += 1
    builder.set(("after",), {"a": {"b": 1}})
    builder.remove(("list",))
    ours = builder.document()

    assert step == 4
    assert ours.pop("_wandb") == reported.pop("_wandb")
    assert ours.keys() == reported.keys()
    assert [name for name, value in ours.items() if not same_value(value, reported[name])] == []


def row_of(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for item in record.history.item:
        inner = row
        *above, last = item.nested_key or [item.key]
        for key in above:
            inner = inner.setdefault(key, {})
        inner[last] = loads(item.value_json)
    return row


def test_definitions_are_recorded_as_the_client_does_it(journal: tuple[list[Record], dict[str, Any]]) -> None:
    records, _ = journal
    theirs = [record.metric for record in records if record.HasField("metric")]
    ours = [encode_definition(define_metric(**arguments)) for arguments in DEFINITIONS]

    written = [decode_definition(metric) for metric in theirs if not metric.expanded_from_glob]
    assert written == [decode_definition(metric) for metric in ours]


def test_last_values_of_step_metrics_are_what_the_client_adds(client: Client) -> None:
    rows = [{"epoch": 3, "loss": 1, "nan": 0}, {"loss": 2, "nan": 0}, {"other": 2, "nan": 0}]
    client.run(SCRIPT.replace('del run.summary["list"]', ""), json.dumps([DEFINITIONS[:2], rows]))
    (folder,) = client.offline_runs()
    (path,) = folder.glob("run-*.wandb")
    records = [Record.FromString(payload) for payload in JournalReader().feed(path.read_bytes())]
    theirs = [row_of(record).get("epoch") for record in records if record.HasField("history")]
    builder = SummaryBuilder()
    for arguments in DEFINITIONS[:2]:
        builder.define(define_metric(**arguments))
    ours = [{**row, **builder.definitions.missing_steps(row)}.get("epoch") for row in rows]

    assert ours == theirs == [3, 3, None]


def test_values_of_configs_take_the_form_that_the_client_gives_them(client: Client) -> None:
    reported = client.run(CONFIG + REPORT_CONFIG).reported
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(CONFIG.replace(", wandb", ""), scope)
    config = Config(scope["values"])

    assert config.keys() == reported["keys"]
    assert config.as_dict() == reported["values"]
    assert str(np.arange(40)) == config["large"]


def test_every_setting_of_the_client_is_one_of_ours(client: Client) -> None:
    script = """
from wandb.sdk.wandb_settings import Settings
settings = Settings()
fields = {name: getattr(settings, name) for name in Settings.model_fields if name not in ("anonymous",)}
report({"fields": json.loads(json.dumps(fields, default=str)), "computed": sorted(Settings.model_computed_fields)})
"""
    reported = client.run(f"import json\n{script}").reported
    ours = Settings()

    assert reported["fields"].keys() <= SettingsFields.__annotations__.keys()
    assert set(reported["computed"]) - set(dir(ComputedSettings)) == set()
    differing = {
        name for name, value in reported["fields"].items() if json.loads(json.dumps(getattr(ours, name))) != value
    }
    # Of the process; of our server; and a finish() that ends.
    assert differing <= {
        "root_dir", "x_stats_pid", "credentials_file", "settings_system", "base_url", "finish_timeout", "api_key",
        "console",
    }, differing  # fmt: skip
    assert not REMOVED & reported["fields"].keys()
