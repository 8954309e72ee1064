"""History, system metrics and console lines of a run, as the protocol reads them back. Source: protocol.md §11.3."""

from __future__ import annotations

from typing import Any

from ariadne import ObjectType

from kymograph.core import exact_json
from kymograph.core.ancestry import may_be_forked
from kymograph.core.flatten import iter_leaves
from kymograph.core.history import KeyMode, MetricInfo, NumberedLine, RowQuery, Stream
from kymograph.core.run import Run
from kymograph.errors import InvalidCursor, MalformedRequest
from kymograph.server.graphql.context import Info, Payload
from kymograph.types import JsonObject, JsonValue, MetricName
from kymograph.wire.console import parse_console_line
from kymograph.wire.ids import encode_id, find_id

DEFAULT_SAMPLES = 500
MAX_ROWS = 100_000
DEFAULT_LINES = 1_000
MAX_LINES = 10_000

run = ObjectType("Run")
run.set_field("historyLineCount", lambda parent, _info: parent.history_lines)
run.set_field("eventsLineCount", lambda parent, _info: parent.event_lines)
run.set_field("logLineCount", lambda parent, _info: parent.console_lines)


@run.field("historyTail")
def resolve_history_tail(parent: Run, info: Info) -> str:
    """The last history lines: a JSON list of JSON texts."""
    return exact_json.dumps(list(info.context.services.history.resume_info(parent).history_tail))


@run.field("eventsTail")
def resolve_events_tail(parent: Run, info: Info) -> str:
    """The last system metric lines, likewise."""
    return exact_json.dumps(list(info.context.services.history.resume_info(parent).events_tail))


@run.field("historyKeys")
def resolve_history_keys(parent: Run, info: Info) -> Payload | None:
    """Steps and types of the logged keys, null before the first row."""
    if not parent.history_lines and not may_be_forked(parent.config_json):
        return None  # without a question to the database: pages of runs ask this for each
    history = info.context.services.history
    last_step = history.last_step(parent)
    if last_step is None:
        return None
    return {
        "lastStep": last_step,
        "keys": {metric.name: _describe(metric) for metric in history.catalogue(parent)},
        "sets": [],
    }


def _describe(metric: MetricInfo) -> Payload:
    return {
        "typeCounts": [{"type": name, "count": count} for name, count in metric.type_counts],
        "monotonic": metric.is_monotonic,
        "previousValue": metric.last,
    }


@run.field("systemMetrics")
def resolve_system_metrics(parent: Run, info: Info) -> str:
    """The last value of each system metric."""
    if not parent.event_lines and not may_be_forked(parent.config_json):
        return "{}"
    catalogue = info.context.services.history.catalogue(parent, Stream.SYSTEM)
    return exact_json.dumps({metric.name: metric.last for metric in catalogue if metric.name.startswith("system.")})


@run.field("history")
def resolve_history(
    parent: Run,
    info: Info,
    minStep: int | None = None,
    maxStep: int | None = None,
    samples: int | None = None,
) -> list[str]:
    """Rows as JSON texts, of a range of steps or spread over the whole run."""
    is_range = minStep is not None or maxStep is not None
    query = RowQuery(
        min_step=minStep,
        max_step=maxStep,
        samples=None if is_range else min(_positive(samples, "samples", DEFAULT_SAMPLES), MAX_ROWS),
        limit=MAX_ROWS,
        with_total=False,
    )
    return list(info.context.services.history.row_texts(parent, query).texts)


@run.field("events")
def resolve_events(parent: Run, info: Info, samples: int | None = None) -> list[str]:
    """System metric lines, evenly chosen."""
    lines = info.context.services.history.system_lines(parent)
    wanted = _positive(samples, "samples", DEFAULT_SAMPLES)
    if len(lines) > wanted:
        last = len(lines) - 1
        lines = [lines[round(i * last / max(1, wanted - 1))] for i in range(wanted)]
    return [line.text for line in lines]


@run.field("sampledHistory")
def resolve_sampled_history(parent: Run, info: Info, specs: list[str]) -> list[list[Payload]]:
    """Row objects with exactly the keys asked for, one list per specification."""
    history = info.context.services.history
    answer: list[list[Payload]] = []
    for text in specs:
        query = _parse_spec(text)
        rows = history.rows(parent, query).rows
        answer.append([_picked(row.values, query.keys) for row in rows])
    return answer


def _parse_spec(text: str) -> RowQuery:
    try:
        spec = exact_json.loads(text)
    except ValueError as exc:
        raise MalformedRequest(f"not JSON: {exc}", where="specs") from exc
    if not isinstance(spec, dict):
        raise MalformedRequest("expected an object", where="specs")
    keys = spec.get("keys") or []
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise MalformedRequest("keys must be a list of texts", where="specs")
    min_step, max_step = _step(spec, "minStep"), _step(spec, "maxStep")
    samples = spec.get("samples")
    # New clients name the last step of a page, old ones the first step of the next: told apart by the page's size.
    is_exclusive = min_step is not None and max_step is not None and max_step - min_step == samples
    return RowQuery(
        min_step=min_step,
        max_step=max_step + 1 if max_step is not None and not is_exclusive else max_step,
        keys=tuple(MetricName(key) for key in keys),
        mode=KeyMode.ALL,
        samples=_positive(samples if isinstance(samples, int) else None, "samples", DEFAULT_SAMPLES),
    )


def _step(spec: JsonObject, key: str) -> int | None:
    value = spec.get(key)
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _picked(values: JsonObject, keys: tuple[MetricName, ...]) -> Payload:
    """Exactly the keys asked for, under the names they were asked by."""
    if not keys:
        return values
    leaves: dict[str, JsonValue] = {**dict(iter_leaves(values)), **values}
    return {key: leaves[key] for key in keys if key in leaves}


@run.field("parquetHistory")
def resolve_parquet_history(parent: Run, info: Info, liveKeys: list[str] | None = None) -> Payload:
    """Either files that hold the whole history, or the first live row: everything from there on is read page by page.

    Never both: the client would read the rows of a page that reaches into both twice.
    """
    services = info.context.services
    files = services.exports.parquet_files(parent)
    if files:
        urls = [services.exports.download_url(parent, file, number) for number, file in enumerate(files)]
        return {"parquetUrls": urls, "liveData": []}
    keys = tuple(MetricName(key) for key in liveKeys or ())
    query = RowQuery(keys=keys, mode=KeyMode.ALL, limit=1, with_total=False)
    page = services.history.rows(parent, query)
    return {"parquetUrls": [], "liveData": [_picked(row.values, keys) for row in page.rows]}


@run.field("logLines")
def resolve_log_lines(
    parent: Run,
    info: Info,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    **_arguments: Any,
) -> Payload:
    """Console lines in ascending order, from the start or the last ones."""
    history = info.context.services.history
    if last is not None:
        lines = history.console_tail(parent, min(_positive(last, "last", DEFAULT_LINES), MAX_LINES))
        return _log_connection(lines, has_next=False)
    start = 0
    if after:
        found = find_id("LogLine", after)
        if found is None:
            raise InvalidCursor(after)
        start = found + 1
    limit = min(_positive(first, "first", DEFAULT_LINES), MAX_LINES)
    lines = history.console(parent, first=start, limit=limit + 1)
    return _log_connection(lines[:limit], has_next=len(lines) > limit)


def _log_connection(lines: list[NumberedLine], *, has_next: bool) -> Payload:
    edges: list[JsonValue] = []
    for line in lines:
        parsed = parse_console_line(line.text)
        node: JsonObject = {
            "number": line.number,
            "timestamp": parsed.timestamp,
            "level": "error" if parsed.is_error else None,
            "label": parsed.label,
            "line": parsed.text,
        }
        edges.append({"node": node, "cursor": encode_id("LogLine", line.number)})
    end_cursor = encode_id("LogLine", lines[-1].number) if lines else None
    return {"edges": edges, "pageInfo": {"endCursor": end_cursor, "hasNextPage": has_next}}


def _positive(value: int | None, name: str, default: int) -> int:
    if value is None:
        return default
    if value < 0:
        raise MalformedRequest("must not be negative", where=name)
    return max(1, value)


BINDABLES = [run]
