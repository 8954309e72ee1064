"""The runs of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kymograph.client import bulk_reads
from kymograph.client.artifact_values import Page
from kymograph.client.fields import list_of
from kymograph.client.operations import Operation, together
from kymograph.client.public_reads import OLDEST_FIRST
from kymograph.client.runs import RunAddress
from kymograph.core.flatten import iter_leaves
from kymograph.sdk.api.damage import tell
from kymograph.sdk.api.either import M, either
from kymograph.sdk.api.frames import RUN_ID, STEP, Format, check_format, columns_to, frames_to, rows_of
from kymograph.sdk.api.listing import Listing
from kymograph.sdk.api.run import Run
from kymograph.sdk.api.run_history import Stream, check_keys, read_history
from kymograph.sdk.api.session import ApiSession
from kymograph.types import JsonObject
from kymograph.wire.columns import Frame

if TYPE_CHECKING:
    from kymograph.sdk.api.sweeps import Sweep

PER_PAGE = 50
_NOTES_PREFIX = "summary._wandb."


class Runs(Listing[M, Run[M]]):
    """Runs of a project that match a filter, in an order; read as far as they are gone through.

    The first page has `per_page` runs. Of our own server, whoever goes on gets larger ones.
    """

    def __init__(
        self,
        session: ApiSession[M],
        entity: str,
        project: str,
        *,
        filters: Mapping[str, Any] | None = None,
        order: str = OLDEST_FIRST,
        per_page: int = PER_PAGE,
        include_sweeps: bool = False,
        lazy: bool = True,
    ) -> None:
        """Begin before the first run; see `Api.runs`."""
        super().__init__(session, self._read_page)
        self.entity, self.project = entity, project
        self.filters, self.order = dict(filters or {}), order or OLDEST_FIRST
        self.per_page, self._is_light = per_page, lazy
        self._includes_sweeps = include_sweeps
        self._sweeps: dict[str, Sweep[M] | None] = {}

    def _read_page(self, cursor: str | None) -> Operation[Page[Run[M]]]:
        asked: dict[str, Any] = {"filters": self.filters, "order": self.order, "is_light": self._is_light}
        if (yield from self._session.offers(bulk_reads.FEATURE)):
            size = self.per_page if cursor is None else max(self.per_page, bulk_reads.PAGE_RUNS)
            page = yield from bulk_reads.run_nodes(
                self.entity, self.project, **asked, cursor=cursor, per_page=size, made=self._read_run
            )
        else:
            nodes = yield from self._session.reads.runs(
                self.entity, self.project, **asked, cursor=cursor, per_page=self.per_page
            )
            page = Page([self._run(node) for node in nodes.items], nodes.cursor, nodes.total)
        if self._includes_sweeps:
            yield from self._read_sweeps(page.items)
        return page

    def _read_run(self, node: JsonObject) -> Run[M]:
        """A run whose config is read while the next ones are on their way, if it is wanted at all."""
        run = self._run(node)
        if not self._is_light:
            _ = run.config
        return run

    def _run(self, node: JsonObject) -> Run[M]:
        at = RunAddress(self.entity, self.project, str(node.get("name")))
        return Run(self._session, at, node, is_light=self._is_light, complete=self._complete_from)

    def _read_sweeps(self, runs: Sequence[Run[M]]) -> Operation[None]:
        from kymograph.sdk.api.sweeps import read_sweep

        for run in runs:
            name = run.sweep_name
            if name and name not in self._sweeps:
                self._sweeps[name] = yield from read_sweep(self._session, RunAddress(self.entity, self.project, name))
            if name:
                run._sweep = self._sweeps[name]

    @either
    def upgrade_to_full(self) -> Operation[None]:
        """Read config and summary of the runs that are here, and of those that come."""
        if self._is_light:
            self._is_light = False
            yield from self._complete([run for run in self.objects if run._is_light])

    def _complete_from(self, run: Run[M]) -> Operation[None]:
        """Read what is left out of a run and of those after it: who looks at one config looks at the next."""
        light = [each for each in self.objects[self.objects.index(run) :] if each._is_light]
        at_once = bulk_reads.MAX_RUNS if (yield from self._session.offers(bulk_reads.FEATURE)) else self.per_page
        yield from self._complete(light[:at_once])

    def _complete(self, runs: Sequence[Run[M]]) -> Operation[None]:
        """Read what a list without config and summary has left out; runs that are gone stay as they are."""
        is_bulk = yield from self._session.offers(bulk_reads.FEATURE)
        at_once = bulk_reads.MAX_RUNS if is_bulk else PER_PAGE
        for first in range(0, len(runs), at_once):
            by_id = {run.id: run for run in runs[first : first + at_once]}
            asked: dict[str, Any] = {"filters": {"name": {"$in": list(by_id)}}, "order": OLDEST_FIRST}
            asked |= {"is_light": False, "cursor": None, "per_page": at_once}
            if is_bulk:
                page = yield from bulk_reads.run_nodes(self.entity, self.project, **asked, made=dict)
            else:
                page = yield from self._session.reads.runs(self.entity, self.project, **asked)
            for node in page.items:
                by_id[str(node["name"])]._add(node)

    # --- whole projects ----------------------------------------------------------------------------------------------

    @either
    def histories(
        self,
        samples: int | None = 500,
        keys: Sequence[str] | None = None,
        x_axis: str = STEP,
        format: Format = "default",
        stream: Stream = "default",
        *,
        any_of: bool = False,
    ) -> Operation[Any]:
        """Histories of all the runs as one table, with the column ``run_id``; columns by name.

        Our own server sends columns, so that tables do not pass through rows: nested metrics are columns with dotted
        names there.

        Args:
            samples: At most so many rows of each run, evenly apart; None for all of them.
            keys: Only these metrics, and rows that have all of them.
            x_axis: A metric that every row has to have, too.
            format: ``default`` for a list of dictionaries, ``pandas``, ``polars`` or ``arrow``.
            stream: ``system`` for the metrics of the machines.
            any_of: Whether a row with any of the keys is wanted.

        Raises:
            UsageError: Something is asked for that there is not.
            MissingPackage: The package is not installed.
        """
        check_format(format)
        wanted = check_keys(keys, stream)
        yield from self._reach_all()
        names = list(dict.fromkeys([x_axis, *wanted])) if wanted else []
        has_columns = stream == "default" and not (any_of and wanted and x_axis != STEP)
        if has_columns and (yield from self._session.offers(bulk_reads.FEATURE)):
            is_any = any_of and bool(wanted)
            if format == "default":
                return (yield from self._rows_in_bulk(wanted if is_any else names, samples, is_any=is_any))
            frames = []
            for query in self._queries(wanted if is_any else names, samples, is_any=is_any):
                frames += yield from self._frames(query)
            return frames_to(frames, format, with_step=not names or STEP in names)
        return (yield from self._rows_one_by_one(format, samples, wanted, x_axis, stream, is_any=any_of))

    def _frames(self, query: bulk_reads.HistoryQuery) -> Operation[list[Frame]]:
        frames = yield from bulk_reads.frames(self.entity, self.project, query)
        tell(self._path, (frame.damaged for frame in frames))
        return frames

    @property
    def _path(self) -> str:
        return f"{self.entity}/{self.project}"

    def _queries(
        self, keys: Sequence[str], samples: int | None, *, is_any: bool, as_lines: bool = False
    ) -> list[bulk_reads.HistoryQuery]:
        ids = [run.id for run in self.objects]
        return [
            bulk_reads.HistoryQuery(
                ids[first : first + bulk_reads.MAX_RUNS], keys, is_any=is_any, samples=samples, as_lines=as_lines
            )
            for first in range(0, len(ids), bulk_reads.MAX_RUNS)
        ]

    def _rows_in_bulk(self, names: Sequence[str], samples: int | None, *, is_any: bool) -> Operation[list[JsonObject]]:
        found: list[JsonObject] = []
        for query in self._queries(names, samples, is_any=is_any, as_lines=not names):
            if not names:
                rows, damaged = yield from bulk_reads.rows(self.entity, self.project, query)
                tell(self._path, damaged)
                for run_id, row in rows:
                    row[RUN_ID] = run_id
                    found.append(row)
                continue
            for frame in (yield from self._frames(query)):
                for row in rows_of(frame, () if is_any else names):
                    row[RUN_ID] = frame.run
                    found.append(row)
        return found

    def _rows_one_by_one(
        self,
        format: Format,
        samples: int | None,
        keys: Sequence[str],
        x_axis: str,
        stream: Stream,
        *,
        is_any: bool,
    ) -> Operation[Any]:
        rows_by_run = yield from together(
            [self._rows_of(run, samples, keys, x_axis, stream, is_any=is_any) for run in self.objects]
        )
        rows: list[JsonObject] = []
        for run, found in zip(self.objects, rows_by_run, strict=True):
            for row in found:
                row[RUN_ID] = run.id
            rows += found
        if format == "default":
            return rows
        columns = sorted({name for row in rows for name in row})
        return columns_to({name: [row.get(name) for row in rows] for name in columns}, format)

    def _rows_of(
        self, run: Run[M], samples: int | None, keys: Sequence[str], x_axis: str, stream: Stream, *, is_any: bool
    ) -> Operation[list[JsonObject]]:
        if samples is None:
            samples = max((yield from self._session.reads.last_step(run.at)) + 1, 1)
        return (
            yield from read_history(
                self._session, run.at, samples=samples, keys=keys, x_axis=x_axis, stream=stream, is_any=is_any
            )
        )

    @either
    def to_frame(self, format: Format = "pandas") -> Operation[Any]:
        """The runs as a table: a row for each, its fields, then ``config.<key>`` and ``summary.<key>``.

        Args:
            format: ``pandas``, ``polars``, ``arrow``, or ``default`` for a list of dictionaries.
        """
        check_format(format)
        yield from Runs.upgrade_to_full.operation(self)
        yield from self._reach_all()
        rows = [_table_row(run) for run in self.objects]
        if format == "default":
            return rows
        names = list(dict.fromkeys(name for row in rows for name in row))
        fields = [name for name in names if not name.startswith(("config.", "summary."))]
        others = sorted(name for name in names if name.startswith(("config.", "summary.")))
        return columns_to({name: [row.get(name) for row in rows] for name in [*fields, *others]}, format)

    def _reach_all(self) -> Operation[None]:
        yield from self._reach(None)

    def __repr__(self) -> str:
        return f"<Runs {self.entity}/{self.project}>"


def _table_row(run: Run[M]) -> JsonObject:
    node, user = run._node, run.user
    return {
        "id": run.id,
        "name": run.name,
        "state": node.get("state"),
        "created_at": node.get("createdAt"),
        "heartbeat_at": node.get("heartbeatAt"),
        "user": None if user is None else user._node.get("username"),
        "tags": list_of(node.get("tags")),
        "group": node.get("group"),
        "job_type": node.get("jobType"),
        "notes": node.get("notes"),
        "sweep": node.get("sweepName"),
        **dict(iter_leaves(run.config, prefix="config.")),
        **{
            name: value
            for name, value in iter_leaves(run.summary_metrics, prefix="summary.")
            if not name.startswith(_NOTES_PREFIX)
        },
    }
