"""Whether a server has of a run what its journal says: compared value by value, read back by the protocol.

It trusts no ledger, receipt or mark. Rows are folded by step, as a server does; memory grows with the journal.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kymograph.client.files import md5_of
from kymograph.client.run_reads import RemoteRun, RunReads
from kymograph.client.runs import RunAddress
from kymograph.core import exact_json
from kymograph.core.config import INTERNAL_KEY, unwrap_config
from kymograph.core.history import STEP
from kymograph.errors import JournalCorrupt
from kymograph.sdk.journal_reading import JournalReading, read_journals
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.changes import RunChanges
from kymograph.sdk.sender.documents import config_document, standard_files
from kymograph.sdk.sender.ledger import Ledger
from kymograph.sdk.sender.sender import ABANDONED_EXIT_CODE
from kymograph.types import JsonObject
from kymograph.wire.console import parse_console_line

MAX_NAMED = 20
"""Differences of one kind that are named; all are counted."""
ENDED_STATES = {True: ("finished",), False: ("failed", "crashed", "killed")}
"""By whether the exit code is 0."""
_MISSING = object()


@dataclass(slots=True)
class Difference:
    """Something that is not the same on both sides."""

    kind: str
    """``rows``, ``summary``, ``config``, ``files``, ``console``, ``system`` or ``state``."""
    where: str
    local: str
    remote: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: here {self.local}, on the server {self.remote}"


@dataclass(slots=True)
class CheckReport:
    """What was compared, and what differs."""

    path: str
    counts: dict[str, int] = field(default_factory=dict)
    """Things compared, by kind."""
    differences: list[Difference] = field(default_factory=list)
    differing: dict[str, int] = field(default_factory=dict)
    """All differences, by kind, named or not."""
    notes: list[str] = field(default_factory=list)
    """What could not be compared, and why."""

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differing

    def differ(self, kind: str, where: str, local: object, remote: object) -> None:
        """Note a difference."""
        self.differing[kind] = self.differing.get(kind, 0) + 1
        if self.differing[kind] <= MAX_NAMED:
            self.differences.append(Difference(kind, where, _shown(local), _shown(remote)))

    def document(self) -> JsonObject:
        """For programs."""
        return {
            "path": self.path,
            "is_equal": self.is_equal,
            "compared": dict(self.counts),
            "differing": dict(self.differing),
            "differences": [
                {"kind": item.kind, "where": item.where, "local": item.local, "remote": item.remote}
                for item in self.differences
            ],
            "notes": list(self.notes),
        }


def check_run(folder: RunFolder, reads: RunReads, *, changes: RunChanges | None = None) -> CheckReport:
    """Compare a run on a server with its journal.

    Args:
        folder: Of the run.
        reads: Of the server.
        changes: Those that it was synced with.

    Raises:
        RunNotFound: The server has no such run.
        JournalCorrupt: There is no journal, or it does not say which run it is.
        TransportError: The server does not answer.
    """
    ledger = Ledger.load(folder.ledger)
    is_known = ledger.is_connected and ledger.base_url == reads.client.base_url
    rows, console = dict[int, JsonObject](), dict[int, str]()

    def take(stream: str, number: int, text: str) -> None:
        if stream == "history":
            row = exact_json.loads_document(text)
            step = int(float(row[STEP]))
            known = rows.get(step)
            rows[step] = row if known is None else {**known, **row}
        elif stream == "console":
            console[number] = parse_console_line(text).text

    reading = read_journals(folder, take, ledger=ledger if is_known else None, changes=changes)
    run = reading.replay.facts.run
    if run is None:
        raise JournalCorrupt("it does not say which run it is", path=str(folder.journal))
    at = ledger.address if is_known else RunAddress(run.entity or reads.client.viewer().entity, run.project, "")
    at = RunAddress(at.entity, at.project or "uncategorized", run.run_id)
    remote = reads.get_run(at)
    report = CheckReport(at.path)
    report.notes += [f"{damage.size_bytes} bytes at {damage.position}: {damage.problem}" for damage in reading.damages]
    sharing = reading.replay.facts.sharing
    is_alone = not (ledger.base_lines or run.resumed or run.HasField("branch_point") or sharing.writer)
    if sharing.writer:
        report.notes.append("several processes wrote the run: what only others said of it is not compared")
    elif not is_alone:
        report.notes.append("the run began before this journal: what is on the server beyond it is not compared")
    _compare_rows(report, rows, reads, remote, is_alone=is_alone)
    _compare_documents(report, "summary", _own(reading.replay.summary.document()), remote.summary, is_alone=is_alone)
    config = unwrap_config(config_document(reading.replay))
    _compare_documents(report, "config", config, remote.config, is_alone=is_alone)
    if sharing.writer:
        _find_console(report, console.values(), reads, remote)
    else:
        _compare_console(report, console, reads, remote, base=ledger.base_lines.get("console", 0))
    _compare_counts(report, reading, remote, base=ledger.base_lines.get("events", 0))
    _compare_files(report, folder, reading, reads, at, changes or RunChanges())
    if sharing.says_end:
        _compare_state(report, reading, remote)
    return report


def _compare_rows(
    report: CheckReport, rows: Mapping[int, JsonObject], reads: RunReads, remote: RemoteRun, *, is_alone: bool
) -> None:
    report.counts["rows"] = len(rows)
    waiting = dict.fromkeys(rows)
    last_step = max((remote.last_step if remote.last_step is not None else -1, *rows), default=-1)
    for found in reads.iter_rows(remote.address, first_step=min(rows, default=0), last_step=last_step):
        step = int(float(str(found.get(STEP, -1))))
        local = rows.get(step)
        if local is None:
            if is_alone:
                report.differ("rows", f"step {step}", "no row", f"a row of {len(found) - 1} values")
            continue
        waiting.pop(step, None)
        for path, here, there in _differences(local, found, is_alone=is_alone):
            report.differ("rows", f"step {step}, {path}", _text_of(here), _text_of(there))
    for step in waiting:
        report.differ("rows", f"step {step}", f"a row of {len(rows[step]) - 1} values", "no row")


def _compare_documents(
    report: CheckReport, kind: str, local: JsonObject, remote: JsonObject, *, is_alone: bool
) -> None:
    report.counts[kind] = len(local)
    for path, here, there in _differences(local, remote, is_alone=is_alone):
        report.differ(kind, path, _text_of(here), _text_of(there))


def _compare_console(
    report: CheckReport, console: Mapping[int, str], reads: RunReads, remote: RemoteRun, *, base: int
) -> None:
    report.counts["console"] = len(console)
    if not console and remote.console_lines <= base:
        return
    there = {line.number - base: line.text for line in reads.iter_console(remote.address) if line.number >= base}
    for number in sorted(console.keys() | there.keys()):
        # A line that nobody printed on is empty, and may as well be none.
        here, found = console.get(number, "").rstrip(), there.get(number, "").rstrip()
        if here != found:
            report.differ("console", f"line {number + base}", here, found)


def _find_console(report: CheckReport, console: Iterable[str], reads: RunReads, remote: RemoteRun) -> None:
    """Look for the lines of one of several writers among those of all."""
    wanted = Counter(text.rstrip() for text in console if text.rstrip())
    report.counts["console"] = wanted.total()
    missing = wanted - Counter(line.text.rstrip() for line in reads.iter_console(remote.address))
    for text, count in missing.items():
        report.differ("console", "lines of this writer", text, f"{count} fewer")


def _compare_counts(report: CheckReport, reading: JournalReading, remote: RemoteRun, *, base: int) -> None:
    samples = reading.replay.events.end
    report.counts["system"] = samples
    if remote.event_lines < samples + base:
        report.differ("system", "samples of the machine", samples + base, remote.event_lines)


def _compare_files(
    report: CheckReport,
    folder: RunFolder,
    reading: JournalReading,
    reads: RunReads,
    at: RunAddress,
    changes: RunChanges,
) -> None:
    about = standard_files(folder, reading.replay.facts.sharing, changes)
    names = list(dict.fromkeys([*reading.replay.files, *about]))
    report.counts["files"] = len(names)
    remote = {file.name: file for file in reads.iter_files(at)} if names else {}
    for name in names:
        path, there = folder.files / name, remote.get(name)
        if not path.is_file():
            report.notes.append(f"{name} is not in the folder any more: not compared")
        elif there is None:
            report.differ("files", name, f"{path.stat().st_size} bytes", "no such file")
        elif there.md5 is None:
            if path.stat().st_size != there.size_bytes:
                report.differ("files", name, f"{path.stat().st_size} bytes", f"{there.size_bytes} bytes")
        elif (digest := md5_of(path)) != there.md5:
            report.differ("files", name, f"MD5 {digest}", f"MD5 {there.md5}")


def _compare_state(report: CheckReport, reading: JournalReading, remote: RemoteRun) -> None:
    report.counts["state"] = 1
    code = reading.replay.exit.exit_code if reading.replay.exit is not None else ABANDONED_EXIT_CODE
    allowed = ENDED_STATES[code == 0]
    if reading.replay.exit is None and remote.state in ("running", "stale", "preempting", "preempted"):
        return  # it may still go on
    if remote.state not in allowed:
        report.differ("state", "of the run", " or ".join(allowed), remote.state)


def _differences(
    local: Mapping[str, Any], remote: Mapping[str, Any], *, is_alone: bool, prefix: str = ""
) -> Iterator[tuple[str, object, object]]:
    """Path, value here, value there, wherever they are not the same; what is only there counts if `is_alone`."""
    keys: Iterable[str] = dict.fromkeys((*local, *remote)) if is_alone else local
    for key in keys:
        here, there = local.get(key, _MISSING), remote.get(key, _MISSING)
        path = f"{prefix}{key}"
        if isinstance(here, dict) and isinstance(there, dict):
            yield from _differences(here, there, is_alone=is_alone, prefix=f"{path}.")
        elif not _is_same(here, there):
            yield path, here, there


def _is_same(here: Any, there: Any) -> bool:
    if isinstance(here, float) and isinstance(there, float):
        if math.isnan(here) or math.isnan(there):
            return math.isnan(here) and math.isnan(there)
        return here == there and math.copysign(1, here) == math.copysign(1, there)
    if isinstance(here, bool) != isinstance(there, bool):
        return False
    if isinstance(here, list) and isinstance(there, list):
        return len(here) == len(there) and all(map(_is_same, here, there))
    if isinstance(here, dict) and isinstance(there, dict):
        return here.keys() == there.keys() and all(_is_same(here[key], there[key]) for key in here)
    return bool(here == there)


def _own(summary: JsonObject) -> JsonObject:
    return {key: value for key, value in summary.items() if key != INTERNAL_KEY}


def _text_of(value: Any) -> str:
    return "nothing" if value is _MISSING else exact_json.dumps(value)


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
