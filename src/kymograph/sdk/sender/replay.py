"""What the records of a journal come to: the run as it shall be on the server.

Pure, and the same however often and in whatever pieces a journal is read: a line's number follows from the records
before it alone. So a sender that starts anew, and a sync that comes a second time, send the same lines under the same
numbers, and the server has each once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from kymograph.core import exact_json
from kymograph.core.config import INTERNAL_KEY
from kymograph.core.history import STEP
from kymograph.core.metric_definitions import MetricDefinitions
from kymograph.core.summary import SummaryBuilder
from kymograph.core.terminal import Terminal
from kymograph.sdk.sender.artifact_operations import ArtifactOperation
from kymograph.sdk.sender.changes import RunChanges
from kymograph.sdk.sender.lines import LineQueue
from kymograph.sdk.sender.sharing import Sharing, sharing_of
from kymograph.types import JsonObject, JsonValue
from kymograph.wire.console import encode_console_line
from kymograph.wire.filestream import CONSOLE_FILE
from kymograph.wire.metric_records import decode_definition
from kymograph.wire.records_pb2 import (
    AlertRecord,
    ArtifactRecord,
    ConfigRecord,
    EnvironmentRecord,
    FilesItem,
    HeaderRecord,
    HistoryRecord,
    OutputRawRecord,
    Record,
    Request,
    RunExitRecord,
    RunRecord,
    StatsRecord,
    SummaryRecord,
    TelemetryRecord,
    UseArtifactRecord,
)
from kymograph.wire.telemetry import PRODUCER, merge_telemetry

_SYSTEM_PREFIX = "system."


@dataclass(slots=True)
class Acknowledged:
    """How many lines of each stream a server has from an earlier sender; they are counted, not kept."""

    history: int = 0
    events: int = 0
    console: int = 0


@dataclass(slots=True)
class RunFacts:
    """What describes the run and may change while it goes on."""

    run: RunRecord | None = None
    sharing: Sharing = field(default_factory=Sharing)
    config: JsonObject = field(default_factory=dict)
    base_config: JsonObject = field(default_factory=dict)
    """What a run that is resumed had before; values of this journal win."""
    base_notes: JsonObject = field(default_factory=dict)
    """What earlier clients noted about themselves there."""
    telemetry: TelemetryRecord | None = None
    environment: EnvironmentRecord | None = None
    revision: int = 0
    """Goes up with every change."""
    run_revision: int = 0
    """The same for the record alone, without config and notes."""
    summary_revision: int = 0
    """The same for the summary."""


class RunReplay:
    """Folds the records of one journal, in their order."""

    def __init__(
        self,
        acknowledged: Acknowledged | None = None,
        *,
        main: RunReplay | None = None,
        changes: RunChanges | None = None,
    ) -> None:
        """Begin before the first record.

        Args:
            acknowledged: Lines that are on the server already.
            main: The replay that lines aside everything belongs to, if another process began the run.
            changes: To what the journal says of the run; default: those of `main`.
        """
        self._changes: RunChanges = changes or (RunChanges() if main is None else main._changes)
        known = acknowledged or Acknowledged()
        self.history = LineQueue(acknowledged_end=known.history)
        self.events = LineQueue(acknowledged_end=known.events)
        self.console = LineQueue(acknowledged_end=known.console)
        self.facts: RunFacts = RunFacts() if main is None else main.facts
        self.definitions: MetricDefinitions = MetricDefinitions() if main is None else main.definitions
        self.summary: SummaryBuilder = SummaryBuilder(self.definitions) if main is None else main.summary
        self.files: dict[str, FilesItem.PolicyType] = {} if main is None else main.files
        self.new_files: deque[str] = deque() if main is None else main.new_files
        """Files that were named since somebody last looked, named again included."""
        self.alerts: deque[AlertRecord] = deque() if main is None else main.alerts
        self.operations: deque[ArtifactOperation] = deque()
        """About artifacts, that nobody has taken yet."""
        self.operations_seen = 0
        self.is_preempting = False
        self.exit: RunExitRecord | None = None
        self.is_console_structured = False
        """Whether the server wants console lines as JSON."""
        self.rows = 0
        """History records so far."""
        self._folds_rows = True
        """Other clients write into their journals what each row makes of the summary."""
        self._terminal = Terminal()
        self._last_time = datetime.fromtimestamp(0, UTC)
        """Of a record that had one: lines without a time must not get another with every replay."""
        self._open_row: dict[str, str] = {}
        """JSON texts by key of the row that may still grow: rows of one step are one line."""
        self._open_step: int | None = None
        self._key_texts: dict[str, str] = {}

    def resume(self, *, config: JsonObject, notes: JsonObject, summary: JsonObject) -> None:
        """Go on from what the run had before this journal."""
        self.facts.base_config, self.facts.base_notes = config, notes
        for key, value in summary.items():
            if key not in (INTERNAL_KEY, STEP):
                self.summary.set((key,), value)

    @property
    def pending_bytes(self) -> int:
        """About how much memory lines take that wait."""
        return self.history.pending_bytes + self.events.pending_bytes + self.console.pending_bytes

    @property
    def sealed_history_end(self) -> int:
        """Lines before this number will not change any more."""
        return self.history.end if self.exit is not None else max(self.history.end - 1, 0)

    def apply(self, record: Record) -> None:
        """Fold the next record in. Kinds that nothing follows from are passed over."""
        kind = record.WhichOneof("record_type")
        if kind == "history":
            self._apply_history(record.history)
        elif kind == "output_raw":
            self._apply_output(record.output_raw)
        elif kind == "stats":
            self._apply_stats(record.stats)
        elif kind is not None and (apply := _OTHERS.get(kind)) is not None:
            apply(self, getattr(record, kind))

    # --- lines -------------------------------------------------------------------------------------------------------

    def _apply_history(self, record: HistoryRecord) -> None:
        self.rows += 1
        row = _texts_of(record)
        step_text = row.get(STEP)
        if step_text is None:
            step = record.step.num
            row[STEP] = str(step)
        else:
            step = int(float(step_text))
        if step == self._open_step and self.history.end:
            self._open_row |= row
            line = self._line(self._open_row)
            self.history.put(self.history.end - 1, line)
            folded = self._line(row)
        else:
            self._open_row, self._open_step = row, step
            line = folded = self._line(row)
            self.history.add(line)
        if self._folds_rows:
            self.summary.add_row(exact_json.loads(folded))
        self.facts.summary_revision += 1

    def _line(self, row: Mapping[str, str]) -> str:
        keys = self._key_texts
        return "{" + ",".join([f"{keys.get(key) or self._key_text(key)}:{text}" for key, text in row.items()]) + "}"

    def _key_text(self, key: str) -> str:
        if len(self._key_texts) > 100_000:
            self._key_texts.clear()
        text = self._key_texts[key] = orjson.dumps(key).decode()
        return text

    def _apply_stats(self, record: StatsRecord) -> None:
        at = self._last_time = _time_of(record)
        row: JsonObject = {"_wandb": True, "_timestamp": at.timestamp()}
        if self.facts.run is not None and self.facts.run.HasField("start_time"):
            row["_runtime"] = round(at.timestamp() - _time_of_stamp(self.facts.run.start_time).timestamp(), 3)
        for item in record.item:
            name = item.key if item.key.startswith(_SYSTEM_PREFIX) else _SYSTEM_PREFIX + item.key
            row[name] = exact_json.loads(item.value_json)
        self.events.add(exact_json.dumps(row))

    def _apply_output(self, record: OutputRawRecord) -> None:
        self._last_time = _time_of(record)
        self._print(record.line, self._last_time, is_error=record.output_type == OutputRawRecord.STDERR)

    def _print(self, text: str, at: datetime, *, is_error: bool) -> None:
        if self._changes.without_console:
            return
        self._terminal.feed(text, at, is_error)
        for line in self._terminal.changed():
            text = encode_console_line(
                line.text,
                line.timestamp,
                is_error=line.is_error,
                label=self.facts.sharing.label,
                is_structured=self.is_console_structured,
            )
            self.console.put(line.number, text)

    # --- facts -------------------------------------------------------------------------------------------------------

    def _apply_run(self, record: RunRecord) -> None:
        self.facts.run = self._changes.apply(record)
        self.facts.sharing = sharing_of(self.facts.run)
        self.facts.run_revision += 1
        if record.HasField("start_time"):
            self._last_time = _time_of_stamp(record.start_time)
        self._apply_config(record.config)
        self._apply_summary(record.summary)
        if record.HasField("telemetry"):
            self._apply_telemetry(record.telemetry)
        self.facts.revision += 1

    def _apply_config(self, record: ConfigRecord) -> None:
        for item in record.update:
            _set_at(self.facts.config, item.nested_key or (item.key,), exact_json.loads_document(item.value_json))
        for item in record.remove:
            _remove_at(self.facts.config, item.nested_key or (item.key,))
        if record.update or record.remove:
            self.facts.revision += 1

    def _apply_summary(self, record: SummaryRecord) -> None:
        for item in record.update:
            path = tuple(item.nested_key) or (item.key,)
            self.summary.set(path, exact_json.loads_document(item.value_json))
        for item in record.remove:
            self.summary.remove(tuple(item.nested_key) or (item.key,))
        if record.update or record.remove:
            self.facts.summary_revision += 1

    def _apply_telemetry(self, record: TelemetryRecord) -> None:
        merged = merge_telemetry(self.facts.telemetry, record)
        if merged != self.facts.telemetry:
            self.facts.telemetry = merged
            self.facts.revision += 1

    def _apply_environment(self, record: EnvironmentRecord) -> None:
        known = self.facts.environment
        if known is None or (record.writer_id and record.writer_id != known.writer_id):
            self.facts.environment = record
        else:
            # What is found out later comes in records of its own.
            for name in ("args", "gpu_nvidia", "gpu_amd"):
                if len(getattr(record, name)):
                    known.ClearField(name)
            known.MergeFrom(record)
        self.facts.revision += 1

    def _apply_header(self, record: HeaderRecord) -> None:
        self._folds_rows = record.version_info.producer.startswith(PRODUCER)

    def _apply_metric(self, record: Any) -> None:
        definition = decode_definition(record)
        if definition is not None and not record.expanded_from_glob:
            self.summary.define(definition, overwrite=record.control.overwrite)
            self.facts.revision += 1

    def _apply_files(self, record: Any) -> None:
        for item in record.files:
            if self._changes.without_console and item.path == CONSOLE_FILE:
                continue
            self.files[item.path] = item.policy
            self.new_files.append(item.path)

    def _apply_alert(self, record: AlertRecord) -> None:
        self.alerts.append(record)

    def _apply_artifact(self, record: ArtifactRecord | UseArtifactRecord) -> None:
        self._operate(record)

    def _apply_request(self, record: Request) -> None:
        if record.HasField("link_artifact"):
            self._operate(record.link_artifact)

    def _operate(self, record: Any) -> None:
        self.operations_seen += 1
        next_step = 0 if self._open_step is None else self._open_step + 1
        self.operations.append(ArtifactOperation(self.operations_seen, record, next_step))

    def _apply_preempting(self, _record: Any) -> None:
        self.is_preempting = True

    def _apply_exit(self, record: RunExitRecord) -> None:
        self.exit = record
        if record.runtime:
            self.summary.runtime_s = record.runtime
        self.facts.summary_revision += 1

    def _apply_output_logger(self, record: Any) -> None:
        self._print(record.line + "\n", self._last_time, is_error=False)


_OTHERS: dict[str, Callable[[RunReplay, Any], None]] = {
    "header": RunReplay._apply_header,
    "run": RunReplay._apply_run,
    "config": RunReplay._apply_config,
    "summary": RunReplay._apply_summary,
    "telemetry": RunReplay._apply_telemetry,
    "environment": RunReplay._apply_environment,
    "metric": RunReplay._apply_metric,
    "files": RunReplay._apply_files,
    "alert": RunReplay._apply_alert,
    "artifact": RunReplay._apply_artifact,
    "use_artifact": RunReplay._apply_artifact,
    "request": RunReplay._apply_request,
    "preempting": RunReplay._apply_preempting,
    "exit": RunReplay._apply_exit,
    "output_logger": RunReplay._apply_output_logger,
}


def _texts_of(record: HistoryRecord) -> dict[str, str]:
    """JSON texts by top-level key; of keys with a path, one mapping each."""
    row: dict[str, str] = {}
    nested: JsonObject = {}
    for item in record.item:
        if item.nested_key and len(item.nested_key) > 1:
            _set_at(nested, item.nested_key, exact_json.loads_document(_text_of(item)))
        else:
            row[item.key or item.nested_key[0]] = item.value_json or _text_of(item)
    for key, value in nested.items():
        row[key] = exact_json.dumps(value)
    return row


def _text_of(item: Any) -> str:
    """The value of an item as JSON text, whichever way it was written."""
    if item.value_json:
        return str(item.value_json)
    kind = item.WhichOneof("value")
    if kind == "json":
        return str(item.json)
    if kind is None or kind == "none":
        return "null"
    return exact_json.dumps(getattr(item, kind))


def _set_at(document: JsonObject, path: Any, value: JsonValue) -> None:
    container = document
    for key in path[:-1]:
        inner = container.get(key)
        if not isinstance(inner, dict):
            container[key] = inner = {}
        container = inner
    container[path[-1]] = value


def _remove_at(document: JsonObject, path: Any) -> None:
    container: Any = document
    for key in path[:-1]:
        container = container.get(key)
        if not isinstance(container, dict):
            return
    container.pop(path[-1], None)


def _time_of(record: OutputRawRecord | StatsRecord) -> datetime:
    return _time_of_stamp(record.timestamp)


def _time_of_stamp(stamp: Any) -> datetime:
    return datetime.fromtimestamp(stamp.seconds + stamp.nanos / 1e9, UTC)


def iter_files(replay: RunReplay, *policies: int) -> Iterator[str]:
    """Names of the files that are to be uploaded under one of the policies."""
    return (path for path, policy in replay.files.items() if policy in policies)
