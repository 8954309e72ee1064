"""The documents about a run that a sender makes: its config with what clients note about themselves, and its files."""

from __future__ import annotations

from typing import Any

import yaml
from google.protobuf.json_format import MessageToDict

from kymograph import __version__
from kymograph.core.config import INTERNAL_KEY
from kymograph.sdk.sender.replay import RunReplay
from kymograph.types import JsonObject, JsonValue
from kymograph.wire.config import encode_metrics

CONFIG_FILE = "config.yaml"
SUMMARY_FILE = "wandb-summary.json"
CONSOLE_FILE = "output.log"


def config_document(replay: RunReplay) -> JsonObject:
    """The config as the protocol keeps it: every value in an object, and under ``_wandb`` what clients note.

    Source: protocol.md §4.2.
    """
    facts = replay.facts
    values = {**facts.base_config, **facts.config}
    written = values.pop(INTERNAL_KEY, None)
    own: JsonObject = {**facts.base_notes, **(written if isinstance(written, dict) else {})}
    telemetry: JsonObject = {}
    if facts.telemetry is not None:
        telemetry = {
            "4": facts.telemetry.python_version,
            "5": facts.telemetry.cli_version,
            "13": facts.telemetry.platform,
        }
        own["python_version"] = facts.telemetry.python_version
    # Its presence marks a run that has started.
    own["t"] = {key: value for key, value in telemetry.items() if value}
    own["cli_version"] = facts.telemetry.cli_version if facts.telemetry is not None else __version__
    definitions = encode_metrics(replay.definitions)
    if definitions:
        own["m"] = definitions
    if facts.environment is not None:
        environments = own.get("e")
        writer = facts.environment.writer_id or (facts.run.run_id if facts.run else "")
        shown: dict[str, Any] = MessageToDict(facts.environment)
        shown.pop("writerId", None)
        own["e"] = {**(environments if isinstance(environments, dict) else {}), writer: shown}
    if facts.run is not None and facts.run.HasField("branch_point"):
        point = facts.run.branch_point
        own["branch_point"] = {"run_id": point.run, "step": int(point.value)}
    document: JsonObject = {key: {"value": value} for key, value in values.items()}
    document[INTERNAL_KEY] = {"value": own}
    return document


def config_yaml(document: JsonObject) -> str:
    """The config as the file that is kept beside the run."""
    return str(yaml.safe_dump(_plain(document), sort_keys=True, allow_unicode=True))


def _plain(value: JsonValue) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
