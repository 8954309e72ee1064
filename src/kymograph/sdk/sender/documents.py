"""The documents about a run that a sender makes: its config with what clients note about themselves, and its files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import yaml
from google.protobuf.json_format import MessageToDict

from kymograph import __version__
from kymograph.core import exact_json
from kymograph.core.config import INTERNAL_KEY
from kymograph.core.terminal import VIEW_ROWS, Terminal
from kymograph.sdk.run_folder import RunFolder, iter_records
from kymograph.sdk.sender.changes import RunChanges
from kymograph.sdk.sender.replay import RunReplay
from kymograph.sdk.sender.sharing import Sharing
from kymograph.types import JsonObject, JsonValue
from kymograph.wire.config import encode_metrics
from kymograph.wire.records_pb2 import EnvironmentRecord, OutputRawRecord, TelemetryRecord
from kymograph.wire.telemetry import encode_telemetry

CONFIG_FILE = "config.yaml"
SUMMARY_FILE = "wandb-summary.json"
METADATA_FILE = "wandb-metadata.json"
_KEPT_LINES = 10 * VIEW_ROWS
"""Of the console, which may still change: more than both streams' screens hold."""


def config_document(replay: RunReplay) -> JsonObject:
    """The config as the protocol keeps it: every value in an object, and under ``_wandb`` what clients note.

    Source: protocol.md §4.2.
    """
    facts = replay.facts
    values = {**facts.base_config, **facts.config}
    written = values.pop(INTERNAL_KEY, None)
    own: JsonObject = {**facts.base_notes, **(written if isinstance(written, dict) else {})}
    telemetry = facts.telemetry or TelemetryRecord(cli_version=__version__)
    # Its presence marks a run that has started.
    own["t"] = encode_telemetry(telemetry)
    own["cli_version"], own["python_version"] = telemetry.cli_version, telemetry.python_version
    definitions = encode_metrics(replay.definitions)
    if definitions:
        own["m"] = definitions
    if facts.environment is not None:
        environments = own.get("e")
        writer = facts.environment.writer_id or (facts.run.run_id if facts.run else "")
        own["e"] = {
            **(environments if isinstance(environments, dict) else {}),
            writer: environment_document(facts.environment),
        }
    if facts.run is not None and facts.run.HasField("branch_point"):
        point = facts.run.branch_point
        own["branch_point"] = {"run_id": point.run, "step": int(point.value)}
    document: JsonObject = {key: {"value": value} for key, value in values.items()}
    document[INTERNAL_KEY] = {"value": own}
    return document


def environment_document(record: EnvironmentRecord) -> JsonObject:
    """Where a run ran, under the names that clients use."""
    shown: JsonObject = MessageToDict(record)
    shown.pop("writerId", None)
    return shown


def config_yaml(document: JsonObject) -> str:
    """The config as the file that is kept beside the run."""
    return str(yaml.safe_dump(_plain(document), sort_keys=True, allow_unicode=True))


def write_final_files(folder: RunFolder, replay: RunReplay) -> None:
    """Put config, summary and console beside the run as files, as every client leaves them.

    Of several writers each keeps its console; what there can be only one of is the primary's.
    """
    folder.files.mkdir(parents=True, exist_ok=True)
    sharing = replay.facts.sharing
    console = folder.files / sharing.console_file
    if replay.console.end and not console.exists():
        _write_console(folder, console)
    if not sharing.is_primary:
        return
    _write_if_new(folder.files / CONFIG_FILE, config_yaml(config_document(replay)))
    _write_if_new(folder.files / SUMMARY_FILE, exact_json.dumps(replay.summary.document()))
    metadata = folder.files / METADATA_FILE
    if replay.facts.environment is not None and not metadata.exists():
        text = orjson.dumps(environment_document(replay.facts.environment), option=orjson.OPT_INDENT_2)
        metadata.write_bytes(text)


def standard_files(folder: RunFolder, sharing: Sharing, changes: RunChanges) -> list[str]:
    """Files that clients put beside every run, those of them that are there and are wanted."""
    names = [] if changes.without_console else [sharing.console_file]
    if sharing.is_primary:
        names += [METADATA_FILE, "requirements.txt", "conda-environment.yaml", "diff.patch", CONFIG_FILE, SUMMARY_FILE]
    return [name for name in names if (folder.files / name).is_file()]


def _write_if_new(path: Path, text: str) -> None:
    """Write a file unless it says so already: it would be uploaded again."""
    try:
        is_new = path.read_bytes() != text.encode()
    except FileNotFoundError:
        is_new = True
    if is_new:
        path.write_bytes(text.encode())


def _write_console(folder: RunFolder, path: Path) -> None:
    """Print the whole journal once more: lines may change until they have left the screen, so none was kept."""
    terminal, lines, written = Terminal(), dict[int, str](), 0
    with path.open("w", encoding="utf-8", errors="replace") as file:
        for record in iter_records(folder.journal):
            if not record.HasField("output_raw"):
                continue
            stamp = record.output_raw.timestamp
            at = datetime.fromtimestamp(stamp.seconds + stamp.nanos / 1e9, UTC)
            terminal.feed(record.output_raw.line, at, record.output_raw.output_type == OutputRawRecord.STDERR)
            lines.update((line.number, line.text) for line in terminal.changed())
            while len(lines) > _KEPT_LINES:
                file.write(lines.pop(written, "") + "\n")
                written += 1
        for number in sorted(lines):
            file.write(lines[number] + "\n")


def _plain(value: JsonValue) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
