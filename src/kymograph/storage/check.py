"""Looks over everything that is stored of histories: every object to the byte, and whether rows and objects agree.

It runs beside a server: what is compacted or collected meanwhile is looked up again before it is called missing.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from kymograph.core.history import Stream
from kymograph.core.run import Run
from kymograph.errors import ObjectNotFound, StoreCorrupt
from kymograph.storage.base import Database, Transaction
from kymograph.storage.history.base import Replacement, Segment
from kymograph.storage.history.check import (
    MISSING,
    ObjectProblem,
    check_lines,
    check_points,
    rebuild_points,
    steps_of_lines,
)
from kymograph.storage.history.payload import decode_lines
from kymograph.storage.history.segments.lines import LinesFile
from kymograph.storage.history.segments.points import PointsFile
from kymograph.storage.history.tables import segments as segments_table
from kymograph.storage.history.tables import tail_chunks
from kymograph.storage.objects.base import ObjectStore
from kymograph.storage.transaction import SqlTransaction
from kymograph.types import ObjectKey, ProjectId, RunKey

SEGMENT_OBJECTS = "segments/"
GRACE = timedelta(hours=1)
"""An object without a row that is younger may be of a segment that is being built."""
_AT_ONCE = 500
_STREAMS = (Stream.HISTORY, Stream.SYSTEM)
"""Streams that are compacted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One object of a live segment that is not as it was written."""

    object: ObjectKey
    run: str
    """``entity/project/id``, or the number of a run that is deleted."""
    stream: Stream
    first_step: int
    last_step: int
    """The steps that are affected, as far as that can be told."""
    problem: ObjectProblem
    can_repair: bool
    """Its points can be built again from its lines, which are whole."""
    is_repaired: bool = False

    @property
    def advice(self) -> str:
        """What to do next."""
        if self.is_repaired:
            return "built again from its lines; nothing was lost"
        if self.can_repair:
            return "its lines are whole: `kymograph check --repair` builds it again from them, and nothing is lost"
        return (
            f"put {self.object} back from a backup or another copy of the bucket; "
            "until then everything but these steps is served"
        )


@dataclass(slots=True)
class Report:
    """What was looked at, and what was found."""

    segments: int = 0
    objects: int = 0
    size_bytes: int = 0
    tail_chunks: int = 0
    findings: list[Finding] = field(default_factory=list)
    damaged_chunks: list[str] = field(default_factory=list)
    """Chunks of lines in the database that cannot be read, with the run that they are of."""
    database_problems: list[str] = field(default_factory=list)
    stray_objects: int = 0
    """Objects that no row names: the collector removes them."""
    stray_bytes: int = 0
    overlaps: int = 0
    """Streams whose newest lines hide some of a segment's: compaction joins them."""

    @property
    def is_sound(self) -> bool:
        """Whether everything is as it was written, or is again."""
        unrepaired = [finding for finding in self.findings if not finding.is_repaired]
        return not (unrepaired or self.damaged_chunks or self.database_problems)


class Checker:
    """Checks, and repairs if that is wanted. Belongs to one thread."""

    def __init__(
        self, database: Database, objects: ObjectStore, clock: Callable[[], datetime], *, scratch: Path
    ) -> None:
        """Look at what is in `database` and `objects`.

        Args:
            database: Rows of segments, and the tail.
            objects: Segments.
            clock: The present moment.
            scratch: A folder for copies of objects that are no files of this machine.
        """
        self._database = database
        self._objects = objects
        self._clock = clock
        self._scratch = scratch

    def check(
        self,
        *,
        project: ProjectId | None = None,
        repair: bool = False,
        tell: Callable[[Finding], None] = lambda finding: None,
    ) -> Report:
        """Check everything, or the histories of one project.

        Args:
            project: Only this one; the database and objects without rows are then left out.
            repair: Build points again from lines that are whole.
            tell: Hears of each finding when it is made.
        """
        report = Report()
        for some in self._live_segments(project):
            runs = self._runs_of(some)
            for segment in some:
                report.segments += 1
                for finding in self._check_segment(segment, runs, report, repair=repair):
                    report.findings.append(finding)
                    tell(finding)
            report.overlaps += self._count_overlaps({segment.run for segment in some})
        if project is None:
            self._check_tail(report)
            self._check_database(report)
            self._count_strays(report)
        return report

    # --- segments ----------------------------------------------------------------------------------------------------

    def _live_segments(self, project: ProjectId | None) -> Iterator[list[Segment]]:
        """Segments in portions, whole runs at a time."""
        last = -1
        while True:
            keys = self._database.read(lambda tx, last=last: _runs_with_segments(tx, last))  # type: ignore[misc]
            if not keys:
                return
            last = keys[-1]
            wanted = keys
            if project is not None:
                runs = self._database.read(lambda tx, keys=keys: tx.runs.list_by_keys(keys))  # type: ignore[misc]
                wanted = [run.key for run in runs if run.project_id == project]
            yield [segment for stream in _STREAMS for segment in self._live(wanted, stream)]

    def _live(self, runs: Sequence[RunKey], stream: Stream) -> list[Segment]:
        found = self._database.read(lambda tx: tx.segments.list_live(runs, stream))
        return [segment for of_run in found.values() for segment in of_run]

    def _runs_of(self, segments: Sequence[Segment]) -> dict[RunKey, Run]:
        keys = sorted({segment.run for segment in segments})
        return {run.key: run for run in self._database.read(lambda tx: tx.runs.list_by_keys(keys))}

    def _check_segment(
        self, segment: Segment, runs: dict[RunKey, Run], report: Report, *, repair: bool
    ) -> list[Finding]:
        with self._file(segment.points_key) as points, self._file(segment.lines_key) as lines:
            found_points = check_points(points, name=segment.points_key)
            found_lines = check_lines(lines, name=segment.lines_key)
            for path in (points, lines):
                if path.exists():
                    report.objects += 1
                    report.size_bytes += path.stat().st_size
            if found_points is None and found_lines is None:
                return []
            if segment not in self._live([segment.run], segment.stream):
                return []  # compacted or deleted meanwhile: its objects may be gone by right
            run = runs.get(segment.run)
            base = Finding(
                segment.points_key,
                f"run number {segment.run}, which is deleted" if run is None else run.path,
                segment.stream,
                segment.first_step,
                segment.last_step,
                found_points or MISSING,
                can_repair=False,
            )
            findings: list[Finding] = []
            if found_points is not None:
                finding = replace(base, can_repair=found_lines is None)
                if repair and finding.can_repair:
                    finding = replace(finding, is_repaired=self._repair(segment, lines))
                findings.append(finding)
            if found_lines is not None:
                first, last = base.first_step, base.last_step
                if found_points is None and found_lines.lines:
                    # Lines that are no rows have no steps.
                    steps = steps_of_lines(PointsFile(points, name=segment.points_key), found_lines.lines)
                    first, last = steps or (first, last)
                findings.append(
                    replace(base, object=segment.lines_key, first_step=first, last_step=last, problem=found_lines)
                )
        return findings

    @contextmanager
    def _file(self, key: ObjectKey) -> Iterator[Path]:
        """An object as a file; no file is there if the object is missing."""
        local = self._objects.local_path(key)
        if local is not None:
            yield local
            return
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            path = Path(folder) / "object"
            try:
                self._objects.download(key, path)
            except ObjectNotFound:
                path.unlink(missing_ok=True)
            yield path

    def _repair(self, segment: Segment, lines: Path) -> bool:
        """Put a segment with new points and the same lines in the place of a damaged one; False if it has changed."""
        stem = ObjectKey(f"{SEGMENT_OBJECTS}{segment.run}/{secrets.token_hex(12)}")
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            path = Path(folder) / "points"
            with path.open("wb") as file:
                point_count = rebuild_points(file, LinesFile(lines, name=segment.lines_key), segment.stream)
            size_bytes = path.stat().st_size + lines.stat().st_size
            # Under a new name: readers keep what they know of an object for good.
            rebuilt = replace(segment, id=0, object=stem, point_count=point_count, size_bytes=size_bytes)
            self._objects.put_file(rebuilt.lines_key, lines)
            self._objects.put_file(rebuilt.points_key, path)
        replacement = Replacement(segment.run, segment.stream, rebuilt, (), (segment,))
        now = self._clock()
        return self._database.write(lambda tx: tx.segments.replace(replacement, now))

    def _count_overlaps(self, runs: set[RunKey]) -> int:
        def count(tx: Transaction) -> int:
            n_overlaps = 0
            for stream in _STREAMS:
                versions, live = tx.tail.versions(runs, stream), tx.segments.list_live(runs, stream)
                for run, segments in live.items():
                    firsts = {
                        writer: version.tail_first_line
                        for writer, version in versions.get(run, {}).items()
                        if version.tail_first_line is not None
                    }
                    n_overlaps += any(
                        extent.writer in firsts and firsts[extent.writer] < extent.end_line
                        for segment in segments
                        for extent in segment.extents
                    )
            return n_overlaps

        return self._database.read(count)

    # --- everything else ---------------------------------------------------------------------------------------------

    def _check_tail(self, report: Report) -> None:
        last = 0
        while chunks := self._database.read(lambda tx, last=last: _tail_chunks(tx, last)):  # type: ignore[misc]
            for seq, run, stream, line_count, payload in chunks:
                report.tail_chunks += 1
                last = seq
                problem = _problem_of_chunk(payload, line_count)
                if problem is not None:
                    report.damaged_chunks.append(
                        f"chunk {seq} of the {stream} of run number {run} in the database: {problem}"
                    )

    def _check_database(self, report: Report) -> None:
        def look(tx: Transaction) -> list[str]:
            assert isinstance(tx, SqlTransaction)
            if tx.connection.dialect.name != "sqlite":
                return []
            rows = [str(row[0]) for row in tx.connection.exec_driver_sql("PRAGMA integrity_check(20)")]
            return [] if rows == ["ok"] else rows

        try:
            report.database_problems = self._database.read(look)
        except StoreCorrupt as exc:
            report.database_problems = [str(exc)]

    def _count_strays(self, report: Report) -> None:
        before = self._clock() - GRACE
        for batch in self._objects.iter_keys(SEGMENT_OBJECTS):
            old = [info for info in batch if info.modified_at < before]
            stems = {info.key: _stem(info.key) for info in old}
            known = self._database.read(lambda tx, stems=stems: tx.segments.known_objects(set(stems.values())))  # type: ignore[misc]
            strays = [info for info in old if stems[info.key] not in known]
            report.stray_objects += len(strays)
            report.stray_bytes += sum(info.size_bytes for info in strays)


def _stem(key: str) -> ObjectKey:
    return ObjectKey(key.removesuffix(".parquet").removesuffix(".jsonl.zst"))


def _problem_of_chunk(payload: bytes, line_count: int) -> str | None:
    try:
        n_lines = len(decode_lines(payload))
    except (StoreCorrupt, ValueError) as exc:
        return str(exc)
    return None if n_lines == line_count else f"it holds {n_lines} lines and should hold {line_count}"


def _runs_with_segments(tx: Transaction, after: int) -> list[RunKey]:
    assert isinstance(tx, SqlTransaction)
    statement = (
        select(segments_table.c.run_id)
        .where(segments_table.c.run_id > after, segments_table.c.retired_at.is_(None))
        .distinct()
        .order_by(segments_table.c.run_id)
        .limit(_AT_ONCE)
    )
    return [RunKey(key) for key in tx.connection.execute(statement).scalars()]


def _tail_chunks(tx: Transaction, after: int) -> list[tuple[int, int, str, int, bytes]]:
    assert isinstance(tx, SqlTransaction)
    table = tail_chunks.c
    statement = (
        select(table.seq, table.run_id, table.stream, table.line_count, table.payload)
        .where(table.seq > after)
        .order_by(table.seq)
        .limit(_AT_ONCE)
    )
    return [tuple(row) for row in tx.connection.execute(statement)]
