"""Random runs and filters, and ways to put runs into a database."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import select

from kymograph.core import exact_json
from kymograph.core.run import Run, RunChange, RunState
from kymograph.storage.metadata.tables import runs
from kymograph.storage.metadata.value_index import Limits, ValueIndexer
from kymograph.types import RunKey
from tests.unit.storage.metadata.builders import NOW, World, make_project

SCALARS: list[Any] = [
    None, True, False, 0, 1, -1, 0.0, -0.0, 0.5, 1.0, 1e-10, 1e300, 2**53, 2**53 + 1, 2**63, -(2**63) - 1, 10**400,
    float(2**53), 1e20, 10**20, math.inf, -math.inf, math.nan,
    "", "adam", "Adam", "sgd", "a%b_c", "Ünïcode", "nul\x00byte", "sub\x1astitute", "1", "true", "NaN",
]  # fmt: skip
LEAVES = [*SCALARS, [1, 2], {}, {"_type": "image-file", "path": "a.png"}]
KEYS = ["lr", "optimizer", "a.b", "size", "__proto__"]
TEXTS = ["", "adam", "Adam", "sgd", "b", "a%b_c", "x"]
PATTERNS = ["a", "^a", "(?i)ADAM", "[dg]", r"\bsgd\b", "a.*m$"]
STATES = [state.value for state in RunState]


leaf = st.sampled_from(LEAVES)
config = st.dictionaries(st.sampled_from(KEYS), leaf, max_size=4)
run_values = st.fixed_dictionaries(
    {
        "config": config,
        "summary": config,
        "state": st.sampled_from(list(RunState)),
        "silent_s": st.sampled_from([0, 89, 91, 299, 301, 100_000]),
        "tags": st.lists(st.sampled_from(["base", "Best", "x y"]), max_size=2, unique=True),
        "group": st.sampled_from([None, "adam", "b"]),
        "notes": st.sampled_from(["", "sgd run", "ADAM"]),
        "started_s": st.sampled_from([None, -10, 5]),
    }
)
value_field = st.builds(
    lambda prefix, key: prefix + key,
    st.sampled_from(["config.", "summary_metrics.", "summaryMetrics."]),
    st.sampled_from([*KEYS, "a.value.b", "lr.value"]),
)
text_field = st.sampled_from(["name", "display_name", "state", "group", "jobType", "username", "notes", "tags"])


def _operators(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        value,
        st.builds(lambda op, item: {op: item}, st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), value),
        st.builds(lambda op, items: {op: items}, st.sampled_from(["$in", "$nin"]), st.lists(value, max_size=4)),
        st.builds(lambda exists: {"$exists": exists}, st.booleans()),
        st.builds(lambda pattern: {"$regex": pattern}, st.sampled_from(PATTERNS)),
        st.builds(lambda text: {"$contains": text}, st.sampled_from([text for text in TEXTS if text])),
        st.builds(lambda item: {"$not": {"$gt": item}}, value),
    )


times = st.sampled_from(["2026-11-22T11:59:00Z", "2026-11-22", 1795348800, 1795348800123, "2030-01-01T00:00:00+02:00"])
condition = st.one_of(
    st.builds(lambda field, item: {field: item}, value_field, _operators(st.sampled_from(SCALARS))),
    st.builds(
        lambda field, item: {field: item}, text_field, _operators(st.sampled_from([*TEXTS, *STATES, "base", "Best", 3]))
    ),
    st.builds(
        lambda field, op, item: {field: {op: item}},
        st.sampled_from(["created_at", "heartbeatAt", "startedAt"]),
        st.sampled_from(["$gt", "$lte", "$eq", "$ne"]),
        times,
    ),
    st.builds(
        lambda op, item: {"duration": {op: item}}, st.sampled_from(["$gt", "$lt"]), st.sampled_from([0, 15, 5e3])
    ),
)
filters = st.recursive(
    condition,
    lambda inner: st.one_of(
        st.builds(lambda op, parts: {op: parts}, st.sampled_from(["$and", "$or", "$nor"]), st.lists(inner, max_size=3)),
        st.builds(lambda part: {"$not": part}, inner),
    ),
    max_leaves=4,
)
orders = st.lists(
    st.builds(
        lambda sign, field: sign + field,
        st.sampled_from(["+", "-"]),
        st.one_of(value_field, st.sampled_from(["created_at", "state", "group", "duration", "notes", "username"])),
    ),
    max_size=2,
)


def fill(world: World, drawn: list[dict[str, Any]]) -> list[Run]:
    made = []
    for number, values in enumerate(drawn):
        created_at = NOW - timedelta(seconds=100 + number // 2)  # pairs are created at one moment
        change = change_of(values, created_at)
        made.append(world.run(f"r{number}", change, now=created_at, name="adam" if number % 3 else None))
    return made


def change_of(values: dict[str, Any], created_at: datetime) -> RunChange:
    started_s = values["started_s"]
    return RunChange(
        config_json=exact_json.dumps({key: {"value": item} for key, item in values["config"].items()}),
        summary_json=exact_json.dumps(values["summary"]),
        state=values["state"],
        heartbeat_at=NOW - timedelta(seconds=values["silent_s"]),
        started_at=None if started_s is None else created_at + timedelta(seconds=started_s),
        tags=tuple(values["tags"]),
        group=values["group"],
        notes=values["notes"],
    )


_numbers = count(1)


def with_new_project(world: World) -> World:
    """The same with a project of its own."""
    return replace(world, project=make_project(world.database, world.entity, f"p{next(_numbers)}"))


def stored_runs(world: World) -> list[Run]:
    keys = world.database.read(
        lambda tx: (
            tx.connection.execute(select(runs.c.key).where(runs.c.project_id == world.project.id)).scalars().all()
        )
    )
    return world.database.read(lambda tx: tx.runs.list_by_keys([RunKey(key) for key in keys]))


def index(world: World) -> None:
    """Blocks of three runs, merged when there are more than two small ones."""
    limits = Limits(min_runs=1, block_runs=3, max_small_blocks=2)
    ValueIndexer(world.database, limits).index(NOW + timedelta(days=365))
