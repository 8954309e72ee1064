"""Some rows of a run's history, chosen by the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kymograph.client import bulk_reads
from kymograph.client.operations import Operation
from kymograph.client.runs import RunAddress
from kymograph.errors import UsageError
from kymograph.sdk.api.damage import tell
from kymograph.sdk.api.either import M
from kymograph.sdk.api.frames import STEP, rows_of
from kymograph.sdk.api.session import ApiSession
from kymograph.types import JsonObject

Stream = Literal["default", "system"]
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
"""Source: protocol.md §2; raw JSON has no word for these."""


def check_keys(keys: Sequence[str] | None, stream: str) -> list[str]:
    """The keys that are asked for; none for whole rows.

    Raises:
        UsageError: They are no list of texts, or are asked of system metrics, which have no choice of keys.
    """
    if isinstance(keys, str) or not all(isinstance(key, str) for key in keys or ()):
        raise UsageError("keys must be specified in a list of strings")
    if stream not in ("default", "system"):
        raise UsageError(f"there is no stream {stream!r}; 'default' or 'system'")
    if keys and stream != "default":
        raise UsageError("stream must be default when specifying keys")
    return list(keys or ())


def read_history(
    session: ApiSession[M],
    at: RunAddress,
    *,
    samples: int,
    keys: Sequence[str] | None,
    x_axis: str,
    stream: Stream,
    is_any: bool,
) -> Operation[list[JsonObject]]:
    """Rows of one run; see `Run.history`."""
    wanted = check_keys(keys, stream)
    if not wanted:
        return (yield from session.reads.spread_rows(at, samples, is_system=stream == "system"))
    names = list(dict.fromkeys([x_axis, *wanted]))
    if (x_axis == STEP or not is_any) and (yield from session.offers(bulk_reads.FEATURE)):
        query = bulk_reads.HistoryQuery([at.run_id], wanted if is_any else names, is_any=is_any, samples=samples)
        frames = yield from bulk_reads.frames(at.entity, at.project, query)
        tell(at.path, (frame.damaged for frame in frames))
        return [row for frame in frames for row in rows_of(frame, () if is_any else names)]
    if not is_any:
        return list(map(_with_numbers, (yield from session.reads.sampled_rows(at, names, samples))))
    # One metric at a time, joined by the step: rows of any server that hold at least one of them.
    by_step: dict[float, JsonObject] = {}
    for key in wanted:
        for row in (yield from session.reads.sampled_rows(at, list(dict.fromkeys([STEP, x_axis, key])), samples)):
            step = row.get(STEP)
            if isinstance(step, (int, float)):
                by_step.setdefault(step, {}).update(_with_numbers(row))
    return [by_step[step] for step in sorted(by_step)]


def _with_numbers(row: JsonObject) -> JsonObject:
    """What is not finite comes as text where rows are documents: as the number that it is."""
    return {key: _NOT_FINITE.get(value, value) if isinstance(value, str) else value for key, value in row.items()}
