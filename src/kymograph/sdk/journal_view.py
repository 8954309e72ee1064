"""A run as its folder has it, for looking at: config, summary, metrics as traces, the end of the console, damages.

Memory is bounded however long the journal is: metrics are kept as traces, and only the end of the console.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from google.protobuf.json_format import MessageToDict

from kymograph.core import exact_json
from kymograph.core.config import INTERNAL_KEY
from kymograph.core.flatten import iter_leaves
from kymograph.core.sparkline import Trace
from kymograph.sdk.journal_reading import read_journals
from kymograph.sdk.local_runs import LocalRun, read_local_run
from kymograph.sdk.run_folder import JournalTail, RunFolder
from kymograph.sdk.sender.documents import environment_document
from kymograph.sdk.sender.ledger import Ledger
from kymograph.types import JsonObject, JsonValue
from kymograph.wire.console import parse_console_line
from kymograph.wire.journal import Damage

MAX_TRACES = 10_000


@dataclass(slots=True)
class JournalView:
    """What there is to see."""

    run: LocalRun
    state: str
    """``running``, ``finished``, ``failed`` or ``crashed``."""
    exit_code: int | None
    rows: int
    lines: dict[str, int]
    """By stream."""
    last_step: int | None
    config: JsonObject
    summary: JsonObject
    notes: str
    tags: tuple[str, ...]
    group: str
    job_type: str
    environment: JsonObject
    console: list[str]
    """The last lines."""
    metrics: dict[str, Trace] = field(default_factory=dict)
    system: dict[str, Trace] = field(default_factory=dict)
    other_values: set[str] = field(default_factory=set)
    """Metrics that are no numbers: media, tables, texts."""
    is_cut: bool = False
    """Whether there are more metrics than are kept."""
    files: dict[str, int] = field(default_factory=dict)
    """Sizes by name."""
    damages: list[Damage] = field(default_factory=list)
    server: str = ""
    """Where it was sent, as the ledger says."""

    def document(self) -> JsonObject:
        """For programs."""
        return {
            "folder": str(self.run.folder.path),
            "id": self.run.run_id,
            "entity": self.run.entity,
            "project": self.run.project,
            "name": self.run.display_name,
            "state": self.state,
            "exit_code": self.exit_code,
            "started_at": _iso(self.run.started_at),
            "producer": self.run.producer,
            "is_synced": self.run.is_synced,
            "sent_to": self.server or None,
            "rows": self.rows,
            "lines": dict(self.lines),
            "last_step": self.last_step,
            "notes": self.notes,
            "tags": list(self.tags),
            "group": self.group,
            "job_type": self.job_type,
            "config": self.config,
            "summary": self.summary,
            "environment": self.environment,
            "metrics": {name: _trace_document(trace) for name, trace in self.metrics.items()},
            "system": {name: _trace_document(trace) for name, trace in self.system.items()},
            "console": list(self.console),
            "files": dict(self.files),
            "size_bytes": self.run.size_bytes,
            "damages": [
                {"position": item.position, "size_bytes": item.size_bytes, "problem": item.problem}
                for item in self.damages
            ],
        }


def view_journal(folder: RunFolder, *, console_lines: int = 10) -> JournalView:
    """Look at a run.

    Args:
        folder: Of the run.
        console_lines: How many of the last lines are kept.

    Raises:
        JournalCorrupt: There is no journal.
        OSError: It cannot be read.
    """
    run, ledger = read_local_run(folder), Ledger.load(folder.ledger)
    collected = _Collector(console_lines)
    reading = read_journals(folder, collected.take, ledger=ledger)
    replay = reading.replay
    record, exit_record = replay.facts.run, replay.exit
    if exit_record is not None:
        state = "finished" if exit_record.exit_code == 0 else "failed"
    else:
        state = "running" if run.is_being_written else "crashed"
    config = {**replay.facts.base_config, **replay.facts.config}
    environment = replay.facts.environment
    return JournalView(
        run,
        state=state,
        exit_code=exit_record.exit_code if exit_record is not None else None,
        rows=reading.rows,
        lines=reading.lines,
        last_step=collected.last_step,
        config={key: value for key, value in config.items() if key != INTERNAL_KEY},
        summary={key: value for key, value in replay.summary.document().items() if key != INTERNAL_KEY},
        notes=record.notes if record is not None else "",
        tags=tuple(record.tags) if record is not None else (),
        group=record.run_group if record is not None else "",
        job_type=record.job_type if record is not None else "",
        environment=environment_document(environment) if environment is not None else {},
        console=collected.console_end(),
        metrics=collected.metrics,
        system=collected.system,
        other_values=collected.other_values,
        is_cut=collected.is_cut,
        files=_sizes(folder),
        damages=reading.damages,
        server=f"{ledger.base_url}/{ledger.address.path}" if ledger.is_connected else "",
    )


class _Collector:
    """Keeps of each line what is shown of it."""

    def __init__(self, console_lines: int) -> None:
        self.metrics: dict[str, Trace] = {}
        self.system: dict[str, Trace] = {}
        self.other_values: set[str] = set()
        self.is_cut = False
        self.last_step: int | None = None
        self._console: dict[int, str] = {}
        self._console_lines = console_lines

    def take(self, stream: str, number: int, text: str) -> None:
        """The next line."""
        if stream == "console":
            self._console[number] = parse_console_line(text).text
            if len(self._console) > 4 * self._console_lines + 1000:
                for old in sorted(self._console)[: -2 * self._console_lines - 1]:
                    del self._console[old]
            return
        row = exact_json.loads_document(text)
        step = row.get("_step")
        if stream == "history" and isinstance(step, (int, float)):
            self.last_step = max(int(step), self.last_step if self.last_step is not None else int(step))
        traces = self.metrics if stream == "history" else self.system
        for name, value in iter_leaves(row):
            if not name.startswith("_"):
                self._take_value(traces, name, value)

    def _take_value(self, traces: dict[str, Trace], name: str, value: JsonValue) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.other_values.add(name)
            return
        trace = traces.get(name)
        if trace is None:
            if len(traces) >= MAX_TRACES:
                self.is_cut = True
                return
            trace = traces[name] = Trace()
        try:
            trace.add(float(value))
        except OverflowError:
            self.other_values.add(name)

    def console_end(self) -> list[str]:
        """The last lines, in their order."""
        numbers = sorted(self._console)
        return [self._console[number] for number in numbers[len(numbers) - min(self._console_lines, len(numbers)) :]]


def iter_documents(folder: RunFolder) -> Iterator[JsonObject]:
    """Every record of a run's journals as a JSON object, in their order; those of further processes name their writer.

    Values stay the JSON texts that the records hold.
    """
    for writer, path in [("", folder.journal), *folder.further_journals()]:
        tail = JournalTail(path)
        try:
            while (records := tail.read()) is not None:
                for record in records:
                    document = MessageToDict(record, preserving_proto_field_name=True)
                    yield {"writer": writer, **document} if writer else document
            at_the_end = tail.end()
            for damage in [*tail.damages, *([at_the_end] if at_the_end is not None else [])]:
                yield {
                    "damage": {
                        "position": damage.position,
                        "size_bytes": damage.size_bytes,
                        "problem": damage.problem,
                        "file": path.name,
                    }
                }
        finally:
            tail.close()


def _sizes(folder: RunFolder) -> dict[str, int]:
    if not folder.files.is_dir():
        return {}
    found = sorted(path for path in folder.files.rglob("*") if path.is_file())
    return {path.relative_to(folder.files).as_posix(): path.stat().st_size for path in found}


def _trace_document(trace: Trace) -> JsonObject:
    return {
        "count": trace.count,
        "last": trace.last,
        "min": trace.low if trace.low <= trace.high else None,
        "max": trace.high if trace.low <= trace.high else None,
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
