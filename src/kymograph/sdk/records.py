"""Records of journals, made from what the SDK knows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from kymograph import __version__
from kymograph.core import exact_json
from kymograph.types import JsonValue
from kymograph.wire.records_pb2 import (
    AlertRecord,
    ConfigRecord,
    FilesItem,
    FilesRecord,
    HeaderRecord,
    Item,
    OutputRawRecord,
    Record,
    RunExitRecord,
    RunPreemptingRecord,
    RunRecord,
    SettingsRecord,
    StatsRecord,
    SummaryRecord,
    TelemetryRecord,
    VersionInfo,
)
from kymograph.wire.telemetry import PRODUCER

MIN_CONSUMER = "0.13.0"
"""The oldest of the vendor's readers that these records are made for."""


def header() -> Record:
    """Who writes the journal."""
    return Record(
        header=HeaderRecord(version_info=VersionInfo(producer=PRODUCER + __version__, min_consumer=MIN_CONSUMER))
    )


def telemetry() -> TelemetryRecord:
    """The versions at work."""
    version = ".".join(map(str, sys.version_info[:3]))
    return TelemetryRecord(python_version=version, cli_version=__version__, platform=sys.platform)


def label(*, repo: str, code: str) -> Record | None:
    """Who logs on behalf of a script; None if that is not said.

    The message is written by hand: it is one of those that readers pass on as they are (`kymograph.wire.telemetry`).
    Source: the vendor's `Labels`: ``code_string`` is its field 1, ``repo_string`` its field 2.
    """
    message = b"".join(
        bytes([number << 3 | 2, len(text.encode())]) + text.encode()
        for number, text in ((1, code[:40]), (2, repo[:40]))
        if text and text.isascii()
    )
    return Record(telemetry=TelemetryRecord(label=message)) if message else None


def item(path: tuple[str, ...], value: JsonValue) -> Item:
    """A value at a path of keys."""
    text = exact_json.dumps(value)
    return Item(key=path[0], value_json=text) if len(path) == 1 else Item(nested_key=path, value_json=text)


def config_change(path: tuple[str, ...], value: JsonValue) -> Record:
    """A value of the config."""
    return Record(config=ConfigRecord(update=[item(path, value)]))


def summary_change(path: tuple[str, ...], value: JsonValue) -> Record:
    """A value of the summary that was set by hand."""
    return Record(summary=SummaryRecord(update=[item(path, value)]))


def summary_removal(path: tuple[str, ...]) -> Record:
    """A value of the summary that was taken out."""
    named = Item(key=path[0]) if len(path) == 1 else Item(nested_key=path)
    return Record(summary=SummaryRecord(remove=[named]))


def output(stream: str, text: str, at: datetime) -> Record:
    """A piece of what was printed."""
    kind = OutputRawRecord.STDERR if stream == "stderr" else OutputRawRecord.STDOUT
    return Record(output_raw=OutputRawRecord(output_type=kind, timestamp=stamp(at), line=text))


def stats(values: Mapping[str, float], at: datetime) -> Record:
    """A sample of the machine."""
    items = [Item(key=name, value_json=exact_json.dumps(value)) for name, value in values.items()]
    return Record(stats=StatsRecord(timestamp=stamp(at), item=items))


def files(paths: Iterable[str], policy: str = "now", *, kind: FilesItem.FileType = FilesItem.OTHER) -> Record:
    """Files below the run's folder of files that are to be uploaded."""
    return Record(files=FilesRecord(files=[FilesItem(path=path, policy=policy.upper(), type=kind) for path in paths]))


def alert(title: str, text: str, level: str, wait_ms: int) -> Record:
    """A message for the people who follow the run."""
    return Record(alert=AlertRecord(title=title, text=text, level=level, wait_duration=wait_ms))


def exit_of(code: int, runtime_s: float) -> Record:
    """The end."""
    return Record(exit=RunExitRecord(exit_code=code, runtime=int(runtime_s)))


def preempting() -> Record:
    """The machine is about to be taken away."""
    return Record(preempting=RunPreemptingRecord())


def settings(values: Mapping[str, Any]) -> SettingsRecord:
    """Settings that a sender has to know. Secrets are none of them."""
    return SettingsRecord(item=[Item(key=name, value_json=exact_json.dumps(value)) for name, value in values.items()])


def run(record: RunRecord) -> Record:
    """Which run it is."""
    return Record(run=record)


def stamp(at: datetime) -> Timestamp:
    """A moment as records hold it."""
    moment = at.astimezone(UTC)
    seconds = int(moment.timestamp() // 1)
    return Timestamp(seconds=seconds, nanos=moment.microsecond * 1000)
