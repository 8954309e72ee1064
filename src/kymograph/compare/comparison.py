"""The answers of the comparer, out of what a project's source says.

The shapes are those of docs/reference/compare.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from kymograph.compare.selection import Axis, MetricChoice
from kymograph.compare.source import ComparedRun, MediaMetric, ProjectSource, RunListing, StoredFile
from kymograph.compare.tracks import Match, Track, notches, plain, spans_of, x_at
from kymograph.core import exact_json
from kymograph.core.buckets import even_indices
from kymograph.core.history import (
    STEP,
    Floats,
    Ints,
    KeyMode,
    MetricKind,
    NumberPoints,
    Row,
    RowQuery,
    ValuePlace,
)
from kymograph.core.media_values import MediaItem, media_items, media_type_of
from kymograph.errors import MalformedRequest, RunNotFound
from kymograph.types import JsonObject, JsonValue, MetricName

MAX_TRACKS = 20_000
"""Runs times metrics of one request."""
MAX_SPANS = 1_000
"""How often an axis may turn back."""
NEWEST_RUNS = 100
"""Whose metrics count where no run is named."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Media of some runs of a project."""

    run_ids: tuple[str, ...]
    choice: MetricChoice = field(default_factory=MetricChoice)
    axis: Axis = field(default_factory=Axis)
    at: float | None = None
    """One place on the axis instead of all in its range."""
    match: Match = Match.EXACT
    index: int | None = None
    """Only the media with this place in their list."""


@dataclass(frozen=True, slots=True)
class ShownMedia:
    """What one metric of one run holds at one step."""

    run: ComparedRun
    metric: MetricName
    kind: MetricKind
    type: str
    """``_type`` of the record."""
    step: int
    x: int | float
    items: tuple[MediaItem, ...]


class Comparison:
    """Compares runs of one project. Belongs to one request."""

    def __init__(self, source: ProjectSource) -> None:
        """Read from a project."""
        self._source = source

    # --- as the first program of this kind answered ------------------------------------------------------------------

    def list_runs(self, search: str, *, offset: int, limit: int) -> RunListing:
        """Runs, the newest first; see `ProjectSource.list_runs`."""
        return self._source.list_runs(search, offset=offset, limit=limit)

    def metric_names(self, choice: MetricChoice) -> list[MetricName]:
        """Metrics of the newest runs that hold media, in order of first appearance."""
        return choice.choose(known.name for known in self._source.metrics(self._newest()) if choice.admits(known.kind))

    def steps_of_run(self, run_id: str, choice: MetricChoice) -> list[int]:
        """Ascending steps at which any of the metrics has media with files.

        Raises:
            RunNotFound: There is no such run, or it was deleted meanwhile.
        """
        run = self._run(run_id)
        steps = _united(_with_files(self.tracks([run], choice)))
        self._source.check([run])
        return steps

    def steps_of_runs(self, run_ids: Sequence[str], choice: MetricChoice) -> list[tuple[str, list[int]]]:
        """The same for each of some runs, in the order asked for; none for a run that is not there."""
        runs = self._source.find_runs(list(dict.fromkeys(run_ids)))
        by_run: dict[str, list[Track]] = {run.id: [] for run in runs}
        for track in _with_files(self.tracks(runs, choice)):
            by_run[runs[track.history].id].append(track)
        return [(run_id, _united(by_run.get(run_id, ()))) for run_id in run_ids]

    def images(self, run_id: str, step: int, choice: MetricChoice) -> list[JsonObject]:
        """Media with files of a run at exactly one step, by metric.

        Raises:
            RunNotFound: There is no such run, or it was deleted meanwhile.
        """
        run = self._run(run_id)
        here = [track.at(step, Match.EXACT) for track in _with_files(self.tracks([run], choice))]
        shown = self._read([run], [track for track in here if len(track.steps)])
        self._source.check([run])
        urls = self._urls(shown)
        found: list[JsonObject] = []
        for media in shown:
            told = [(item, next(urls)) for item in media.items]
            images: list[JsonValue] = [_image(item, url, step) for item, url in told if url is not None]
            if images:
                found.append(
                    {"run_id": run.id, "run_name": run.name, "metric": media.metric, "step": step, "images": images}
                )
        return found

    # --- selections --------------------------------------------------------------------------------------------------

    def keys(self, run_ids: Sequence[str], choice: MetricChoice) -> JsonObject:
        """Metrics that hold media, over the runs asked for, or the newest ones."""
        runs = self._runs(run_ids)[0] if run_ids else self._newest()
        all_metrics = self._source.metrics(runs)
        wanted = set(choice.choose(known.name for known in all_metrics))
        found: dict[MetricName, list[MediaMetric]] = {}
        for known in all_metrics:
            if known.name in wanted and choice.admits(known.kind):
                found.setdefault(known.name, []).append(known)
        items: list[JsonValue] = [
            {
                "metric": name,
                "kinds": [*dict.fromkeys(known.kind.value for known in of_runs)],
                "runs": len(of_runs),
                "points": sum(known.points for known in of_runs),
            }
            for name, of_runs in found.items()
        ]
        return {"items": items, "missing": _missing(run_ids, runs)}

    def notches(self, selection: Selection) -> JsonObject:
        """Where a slider may stand, and which runs have something there."""
        runs, missing = self._runs(selection.run_ids)
        tracks = self._tracks_of(runs, selection)
        self._source.check(runs)
        columns = _Columns()
        metrics: list[list[JsonValue]] = [[] for _ in runs]
        for track in tracks:
            entry: JsonObject = {"metric": track.metric, "kind": track.kind.value, "steps": columns.add(track.steps)}
            entry["xs"] = None if selection.axis.is_step else columns.add(track.xs)
            metrics[track.history].append(entry)
        return {
            "x": selection.axis.name,
            "notches": [*plain(notches(tracks))],
            "columns": columns.values,
            "runs": [
                {"run_id": run.id, "run_name": run.name, "last_step": run.last_step, "metrics": of_run}
                for run, of_run in zip(runs, metrics, strict=True)
            ],
            "missing": missing,
        }

    def media(self, selection: Selection, *, offset: int, limit: int, group_by: str | None = None) -> JsonObject:
        """A page of media, by run, metric and step; `total` counts those of all pages."""
        runs, missing = self._runs(selection.run_ids)
        tracks = self._tracks_of(runs, selection)
        shown = self._read(runs, _page(tracks, offset, limit), index=selection.index)
        self._source.check(runs)
        urls = self._urls(shown)
        items: list[JsonValue] = [describe(media, [{"url": next(urls)} for _ in media.items]) for media in shown]
        return {
            "x": selection.axis.name,
            "items": items,
            "groups": None if group_by is None else _groups(shown, group_by),
            "total": sum(len(track.steps) for track in tracks),
            "missing": missing,
        }

    def all_media(self, selection: Selection, *, at_once: int = 200) -> Iterable[ShownMedia]:
        """All media of a selection, read as they are asked for.

        Raises:
            RunNotFound: None of the runs is there, or one was deleted meanwhile.
        """
        runs, _ = self._runs(selection.run_ids)
        tracks = self._tracks_of(runs, selection)
        return self._iter_media(runs, tracks, selection.index, at_once)

    def _iter_media(
        self, runs: Sequence[ComparedRun], tracks: Sequence[Track], index: int | None, at_once: int
    ) -> Iterable[ShownMedia]:
        for offset in range(0, sum(len(track.steps) for track in tracks), at_once):
            yield from self._read(runs, _page(tracks, offset, at_once), index=index)
            self._source.check(runs)

    async def open_file(self, media: ShownMedia, item: MediaItem) -> StoredFile:
        """The bytes of one of the items; see `ProjectSource.open_file`."""
        return await self._source.open_file(media.run, item)

    def history(self, selection: Selection, *, mode: KeyMode, samples: int) -> JsonObject:
        """Rows of each run that hold some keys."""
        runs, missing = self._runs(selection.run_ids)
        choice = selection.choice
        keys = choice.choose(self._source.names(runs) if choice.globs else ()) if choice.is_narrow else []
        if not keys:
            raise MalformedRequest("name at least one key that is there", where="body.metrics")
        axis = selection.axis
        numbers = None if axis.is_step else self._source.numbers(runs, axis.name)
        found: list[JsonValue] = []
        for index, run in enumerate(runs):
            query = RowQuery(keys=tuple(keys), mode=mode, samples=samples)
            rows, total = self._rows(run, query, axis, None if numbers is None else numbers[index])
            found.append({"run_id": run.id, "run_name": run.name, "total": total, "rows": rows})
        self._source.check(runs)
        return {"x": axis.name, "runs": found, "missing": missing}

    def _rows(
        self, run: ComparedRun, query: RowQuery, axis: Axis, numbers: NumberPoints | None
    ) -> tuple[list[JsonValue], int]:
        """Rows in the range of an axis, evenly chosen, and how many there are."""
        spans = spans_of(axis, numbers)
        if len(spans) > MAX_SPANS:
            raise MalformedRequest(f"{axis.name} turns back too often; choose another axis", where="body.x")
        rows: list[Row] = []
        total = 0
        for span in spans:
            # Where the axis turns back, a part may have to be taken whole: which rows stay is decided over all parts.
            samples = query.samples if len(spans) == 1 else None
            page = self._source.rows(run, replace(query, min_step=span.first, max_step=span.end, samples=samples))
            rows += page.rows
            total += page.total if page.total is not None else len(page.rows)
        assert query.samples is not None
        if len(rows) > query.samples:
            rows = [rows[place] for place in even_indices(len(rows), query.samples).tolist()]
        steps = np.array([row.step for row in rows], np.int64)
        xs = plain(steps if numbers is None else x_at(numbers, steps))
        return [_row(row, x) for row, x in zip(rows, xs, strict=True)], total

    # --- reading -----------------------------------------------------------------------------------------------------

    def tracks(self, runs: Sequence[ComparedRun], choice: MetricChoice, axis: Axis | None = None) -> list[Track]:
        """Where the metrics have media, by run and then by metric."""
        if not runs:
            return []
        metrics = choice.names
        if choice.needs_catalogue:
            metrics = tuple(choice.choose(known.name for known in self._source.metrics(runs)))
        if len(runs) * len(metrics) > MAX_TRACKS:
            raise MalformedRequest(f"at most {MAX_TRACKS} runs times metrics at once", where="metrics")
        axis = axis or Axis()
        points = [found for found in self._source.media(runs, metrics) if choice.admits(found.kind)]
        numbers = None if axis.is_step else self._source.numbers(runs, axis.name)
        return [Track.of(found, None if numbers is None else numbers[found.history]).within(axis) for found in points]

    def _tracks_of(self, runs: Sequence[ComparedRun], selection: Selection) -> list[Track]:
        tracks = self.tracks(runs, selection.choice, selection.axis)
        if selection.at is not None:
            tracks = [track.at(selection.at, selection.match) for track in tracks]
        return [track for track in tracks if len(track.steps)]

    def _read(
        self, runs: Sequence[ComparedRun], tracks: Sequence[Track], *, index: int | None = None
    ) -> list[ShownMedia]:
        places = [ValuePlace(track.history, track.metric, step) for track in tracks for step in track.steps.tolist()]
        if not places:
            return []
        xs = [x for track in tracks for x in plain(track.xs)]
        kinds = [track.kind for track in tracks for _ in range(len(track.steps))]
        shown = []
        for place, x, kind, value in zip(places, xs, kinds, self._source.values(runs, places), strict=True):
            items = media_items(value)
            if index is not None:
                items = [item for item in items if item.index == index]
            media_type = media_type_of(value) or ""
            shown.append(ShownMedia(runs[place.history], place.metric, kind, media_type, place.step, x, tuple(items)))
        return shown

    def _urls(self, shown: Sequence[ShownMedia]) -> Iterator[str | None]:
        return iter(self._source.urls([(media.run, item) for media in shown for item in media.items]))

    def _newest(self) -> list[ComparedRun]:
        return self._source.list_runs("", offset=0, limit=NEWEST_RUNS).runs

    def _run(self, run_id: str) -> ComparedRun:
        return self._runs([run_id])[0][0]

    def _runs(self, run_ids: Sequence[str]) -> tuple[list[ComparedRun], list[JsonValue]]:
        """The runs that are there, and the ids of those that are not.

        Raises:
            RunNotFound: None is there.
        """
        wanted = list(dict.fromkeys(run_ids))
        runs = self._source.find_runs(wanted)
        if wanted and not runs:
            raise RunNotFound(wanted[0] if len(wanted) == 1 else ", ".join(islice(wanted, 5)))
        return runs, _missing(wanted, runs)


class _Columns:
    """Lists of numbers, each once: runs that log together have the same steps."""

    def __init__(self) -> None:
        self.values: list[JsonValue] = []
        self._known: dict[bytes, int] = {}

    def add(self, numbers: Ints | Floats) -> int:
        """The place of a list."""
        content = numbers.dtype.char.encode() + numbers.tobytes()
        if content not in self._known:
            self._known[content] = len(self.values)
            self.values.append([*plain(numbers)])
        return self._known[content]


def _with_files(tracks: Iterable[Track]) -> list[Track]:
    return [track for track in tracks if track.kind is not MetricKind.HISTOGRAM]


def _united(tracks: Iterable[Track]) -> list[int]:
    steps = [track.steps for track in tracks]
    united: list[int] = np.unique(np.concatenate(steps)).tolist() if steps else []
    return united


def _page(tracks: Sequence[Track], offset: int, limit: int) -> list[Track]:
    """What a page shows of tracks that follow one another."""
    shown = []
    for track in tracks:
        size = len(track.steps)
        if offset < size and limit > 0:
            part = track.take(np.arange(offset, min(size, offset + limit)))
            shown.append(part)
            limit -= len(part.steps)
        offset = max(0, offset - size)
    return shown


def _missing(run_ids: Sequence[str], runs: Sequence[ComparedRun]) -> list[JsonValue]:
    there = {run.id for run in runs}
    return [run_id for run_id in dict.fromkeys(run_ids) if run_id not in there]


def _image(item: MediaItem, url: str, step: int) -> JsonObject:
    """A media as the first program of this kind told of it: what was not logged is left out."""
    told: JsonObject = {"url": url, "caption": item.caption, "width": item.width, "height": item.height, "step": step}
    return {name: exact_json.to_strict(value) for name, value in told.items() if value is not None}


def _heading(media: ShownMedia) -> JsonObject:
    return {
        "run_id": media.run.id,
        "run_name": media.run.name,
        "metric": media.metric,
        "kind": media.kind.value,
        "type": media.type,
        "step": media.step,
        "x": media.x,
    }


def _media(item: MediaItem) -> JsonObject:
    return {
        "index": item.index,
        "path": item.path,
        "format": item.format,
        "caption": exact_json.to_strict(item.caption),
        "width": item.width,
        "height": item.height,
        "size_bytes": item.size_bytes,
        "extra": exact_json.to_strict(item.extra),
    }


def describe(media: ShownMedia, extras: Iterable[Mapping[str, JsonValue]]) -> JsonObject:
    """Media as an answer tells them, with something more about each."""
    return {
        **_heading(media),
        "media": [{**_media(item), **extra} for item, extra in zip(media.items, extras, strict=True)],
    }


def _row(row: Row, x: float) -> JsonObject:
    values = {name: exact_json.to_strict(value) for name, value in row.values.items() if name != STEP}
    return {"step": row.step, "x": x, "values": values}


_GROUP_KEYS: Mapping[str, Callable[[ShownMedia, MediaItem], str | int]] = {
    "run": lambda media, _item: media.run.id,
    "metric": lambda media, _item: media.metric,
    "step": lambda media, _item: media.step,
    "index": lambda _media, item: item.index,
}
GROUPINGS = tuple(_GROUP_KEYS)


def _groups(shown: Sequence[ShownMedia], group_by: str) -> list[JsonValue]:
    """Places of media that have something in common, in order of first appearance."""
    members: dict[str | int, list[JsonValue]] = {}
    for place, media in enumerate(shown):
        for inner, item in enumerate(media.items):
            members.setdefault(_GROUP_KEYS[group_by](media, item), []).append([place, inner])
    return [{"key": key, "members": places} for key, places in members.items()]
