"""Single metrics of several runs, whole and exact, in few requests: for those who compare runs.

The protocol samples: of more rows than a request allows, it gives some. So every answer is counted against what the run
says of itself, and ranges that were cut short are asked for in parts. Rows with *all* keys are what it gives, so each
key is asked for by itself.

Source: protocol.md §11.3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kymograph.client.fields import count_of, nodes_of, object_of, text_of
from kymograph.client.graphql import GraphqlTransport
from kymograph.core import exact_json
from kymograph.core.history import STEP
from kymograph.errors import ProjectNotFound, RunNotFound
from kymograph.types import JsonObject, JsonValue

ROWS_PER_REQUEST = 20_000
SPECS_PER_REQUEST = 300
RUNS_PER_PAGE = 200

_TEXT = "string"
_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""What is not finite comes as a text: of a metric that never held one, it is a number."""
_RUN = "name displayName createdAt historyLineCount"
_LISTED = f"""
query ComparedRuns($entity: String!, $project: String!, $filters: JSONString, $first: Int, $after: String) {{
  project(entityName: $entity, name: $project) {{
    runCount(filters: $filters)
    runs(filters: $filters, order: "-created_at", first: $first, after: $after) {{
      edges {{ node {{ {_RUN} }} }} pageInfo {{ endCursor hasNextPage }}
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a run says of one of its metrics."""

    type_counts: tuple[tuple[str, int], ...]
    last: JsonValue = None

    @property
    def points(self) -> int:
        """Rows that hold it."""
        return sum(count for _, count in self.type_counts)


@dataclass(frozen=True, slots=True)
class SampledRun:
    """A run as its server describes it."""

    id: str
    display_name: str
    created_at: str | None
    lines: int
    last_step: int | None = None
    keys: Mapping[str, KeyFacts] = field(default_factory=dict)
    """Empty where runs are listed only."""


@dataclass(frozen=True, slots=True)
class SampledPage:
    """Some runs of a project, the newest first."""

    runs: list[SampledRun]
    total: int


@dataclass(frozen=True, slots=True)
class Spec:
    """Rows of one run that hold one key."""

    run_id: str
    key: str
    samples: int
    first: int | None = None
    end: int | None = None
    """The first step and the one after the last. Servers differ in whether they give that one, too."""

    def encode(self) -> str:
        """As the protocol writes it."""
        document: dict[str, Any] = {"keys": list(dict.fromkeys((self.key, STEP))), "samples": self.samples}
        if self.first is not None and self.end is not None:
            document |= {"minStep": self.first, "maxStep": self.end}
        return exact_json.dumps(document)


Points = dict[int, JsonValue]
"""Values by step."""


class RunSamples:
    """Reads metrics of the runs of one project. Safe to share between threads, as its client is."""

    def __init__(self, client: GraphqlTransport, entity: str, project: str) -> None:
        """Read by way of a client; nothing is asked yet."""
        self._client, self._entity, self._project = client, entity, project

    def list_runs(self, filters: Mapping[str, Any], *, offset: int, limit: int) -> SampledPage:
        """Runs, the newest first.

        Args:
            filters: In the protocol's form.
            offset: How many to pass over.
            limit: How many at most.

        Raises:
            ProjectNotFound: There is none.
        """
        found: list[SampledRun] = []
        total, passed, after = 0, 0, None
        while len(found) < limit:
            first = min(offset + limit - passed, RUNS_PER_PAGE)
            page = self._ask(_LISTED, filters=exact_json.dumps(dict(filters)), first=first, after=after)
            connection = object_of(page.get("runs"))
            nodes = nodes_of(connection)
            total = count_of(page, "runCount")
            found += [_run_of(node) for place, node in enumerate(nodes, start=passed) if place >= offset]
            passed += len(nodes)
            info = object_of(connection.get("pageInfo"))
            after = text_of(info, "endCursor")
            if not nodes or not info.get("hasNextPage") or after is None:
                break
        return SampledPage(found[:limit], total)

    def describe(self, run_ids: Sequence[str]) -> list[SampledRun]:
        """Those of the runs that exist, with what they say of their metrics, in the order asked for.

        Raises:
            ProjectNotFound: There is none.
        """
        found = []
        for some in _chunks(list(run_ids), RUNS_PER_PAGE):
            fields = [f"r{place}: run(name: $n{place}) {{ {_RUN} historyKeys }}" for place in range(len(some))]
            document = self._document([f"$n{place}: String!" for place in range(len(some))], fields)
            project = self._ask(document, **{f"n{place}": run_id for place, run_id in enumerate(some)})
            nodes = (project.get(f"r{place}") for place in range(len(some)))
            found += [_run_of(node) for node in nodes if isinstance(node, dict)]
        return found

    def points(self, runs: Sequence[SampledRun], keys: Sequence[str]) -> dict[tuple[str, str], Points]:
        """All values of some keys, by run and key.

        Raises:
            RunNotFound: A run was deleted meanwhile.
        """
        wanted = {
            (run.id, key): (run, facts.points)
            for run in runs
            for key in dict.fromkeys(keys)
            if (facts := run.keys.get(key)) is not None and facts.points
        }
        found: dict[tuple[str, str], Points] = {place: {} for place in wanted}
        specs = [Spec(run_id, key, samples=count) for (run_id, key), (_, count) in wanted.items()]
        for spec, rows in self._read(specs):
            run, count = wanted[spec.run_id, spec.key]
            points = found[spec.run_id, spec.key]
            points.update(rows)
            if len(rows) < count:
                points.update(self._in_parts(run, spec.key, cap=max(len(rows), 2)))
        for (run_id, key), points in found.items():
            facts = wanted[run_id, key][0].keys[key]
            if all(name != _TEXT for name, _ in facts.type_counts):
                points.update(_numbers_in(points))
        return {place: dict(sorted(points.items())) for place, points in found.items()}

    def _in_parts(self, run: SampledRun, key: str, *, cap: int) -> Points:
        """All values of a key of which one request gives some: ranges are halved until each is whole.

        Args:
            run: Whose.
            key: Which.
            cap: How many rows the server gives at once.
        """
        points: Points = {}
        ranges = [(0, run.last_step + 1)] if run.last_step is not None else []
        while ranges:
            specs = [Spec(run.id, key, cap, first, end) for first, end in ranges]
            ranges = []
            for spec, rows in self._read(specs):
                assert spec.first is not None
                assert spec.end is not None
                points.update(rows)
                if len(rows) >= spec.samples and spec.end - spec.first > 1:
                    middle = (spec.first + spec.end) // 2
                    ranges += [(spec.first, middle), (middle, spec.end)]
        return points

    def values(self, places: Sequence[tuple[str, str, int]]) -> list[JsonValue]:
        """Values by run, key and step, in order; None where there is nothing.

        Raises:
            RunNotFound: A run was deleted meanwhile.
        """
        found: dict[tuple[str, str, int], JsonValue] = {}
        specs = [Spec(run_id, key, 2, step, step + 1) for run_id, key, step in dict.fromkeys(places)]
        for spec, rows in self._read(specs):
            assert spec.first is not None
            found[spec.run_id, spec.key, spec.first] = rows.get(spec.first)
        return [found.get(place) for place in places]

    def _read(self, specs: Sequence[Spec]) -> Iterator[tuple[Spec, Points]]:
        for some in _bounded(specs):
            by_run: dict[str, list[Spec]] = {}
            for spec in some:
                by_run.setdefault(spec.run_id, []).append(spec)
            names = list(by_run)
            declared = [f"$n{place}: String!, $s{place}: [JSONString!]!" for place in range(len(names))]
            fields = [
                f"r{place}: run(name: $n{place}) {{ sampledHistory(specs: $s{place}) }}" for place in range(len(names))
            ]
            variables: dict[str, Any] = {f"n{place}": name for place, name in enumerate(names)}
            variables |= {f"s{place}": [spec.encode() for spec in by_run[name]] for place, name in enumerate(names)}
            project = self._ask(self._document(declared, fields), **variables)
            for place, name in enumerate(names):
                run = project.get(f"r{place}")
                if not isinstance(run, dict):
                    raise RunNotFound(name, within=f"{self._entity}/{self._project}")
                answered = run.get("sampledHistory")
                lists = answered if isinstance(answered, list) else []
                for spec, rows in zip(by_run[name], lists, strict=False):
                    yield spec, _points_of(rows, spec.key)

    @staticmethod
    def _document(declared: Sequence[str], fields: Sequence[str]) -> str:
        return (
            f"query ComparedRuns($entity: String!, $project: String!, {', '.join(declared)}) "
            f"{{ project(entityName: $entity, name: $project) {{ {' '.join(fields)} }} }}"
        )

    def _ask(self, document: str, **variables: Any) -> JsonObject:
        named = {"entity": self._entity, "project": self._project}
        given = {name: value for name, value in {**named, **variables}.items() if value is not None}
        found = self._client.graphql(document, given).get("project")
        if not isinstance(found, dict):
            raise ProjectNotFound(f"{self._entity}/{self._project}")
        return found


def _chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


def _bounded(specs: Iterable[Spec]) -> Iterator[list[Spec]]:
    """Specs of one request each: few, and of few rows."""
    some: list[Spec] = []
    rows = 0
    for spec in specs:
        if some and (len(some) >= SPECS_PER_REQUEST or rows + spec.samples > ROWS_PER_REQUEST):
            yield some
            some, rows = [], 0
        some.append(spec)
        rows += spec.samples
    if some:
        yield some


def _points_of(rows: Any, key: str) -> Points:
    found: Points = {}
    for row in rows if isinstance(rows, list) else []:
        step = row.get(STEP) if isinstance(row, dict) else None
        if isinstance(step, (int, float)) and key in row:
            found[int(step)] = row[key]
    return found


def _numbers_in(points: Points) -> Points:
    return {step: _NUMBERS[value] for step, value in points.items() if isinstance(value, str) and value in _NUMBERS}


def _run_of(node: JsonObject) -> SampledRun:
    told = object_of(node.get("historyKeys"))
    last_step = told.get("lastStep")
    return SampledRun(
        id=str(node.get("name") or ""),
        display_name=str(node.get("displayName") or node.get("name") or ""),
        created_at=text_of(node, "createdAt"),
        lines=count_of(node, "historyLineCount"),
        last_step=int(last_step) if isinstance(last_step, (int, float)) and last_step >= 0 else None,
        keys={key: _facts_of(facts) for key, facts in object_of(told.get("keys")).items() if isinstance(facts, dict)},
    )


def _facts_of(facts: JsonObject) -> KeyFacts:
    entries = facts.get("typeCounts")
    counts = [entry for entry in (entries if isinstance(entries, list) else []) if isinstance(entry, dict)]
    return KeyFacts(
        tuple((str(entry.get("type")), count_of(entry, "count")) for entry in counts), facts.get("previousValue")
    )
