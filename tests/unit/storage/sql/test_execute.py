"""Answers of statements: equal to a plain reading of what was logged, wherever it lies and however it came."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kymograph.core.history import LineBatch, Stream
from kymograph.core.run import Run, RunChange
from kymograph.core.sql import SqlFormat, SqlQuery
from kymograph.errors import InvalidQuery, QueryOverLimit
from kymograph.storage.history.column_cache import ColumnCache
from kymograph.storage.history.query import StoredHistory
from kymograph.storage.history.segments.files import SegmentFiles
from kymograph.storage.sql import execute as execute_module
from kymograph.storage.sql.execute import SqlLimits, execute
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from kymograph.types import WriterId
from tests.unit.storage.history.compacting import Compactions
from tests.unit.storage.history.test_properties import Plain, Sent, batches, to_float


class World:
    """A deployment whose statements run in this process, and whose segments are made when told."""

    def __init__(self, under_test: DeploymentUnderTest, folder: Path) -> None:
        self.under_test = under_test
        self.compactions = Compactions(under_test.database, folder)
        self.project = itertools.count(1)

    def run(self, address: str, change: RunChange | None = None) -> Run:
        return self.under_test.run(address, change)

    def log(self, run: Run, *rows: dict[str, Any] | str, first: int = 0, writer: str = "") -> None:
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        batch = LineBatch(Stream.HISTORY, first, lines, WriterId(writer))
        self.under_test.database.write(lambda tx: tx.tail.append(run.key, [batch]))

    def body(
        self,
        run: Run,
        text: str,
        *,
        limit: int = 1000,
        format: SqlFormat = SqlFormat.JSON,
        limits: SqlLimits | None = None,
    ) -> bytes:
        """The answer of a statement over the project of a run."""
        query = SqlQuery(text, self.under_test.clock(), limit, format)
        cache, files = ColumnCache(budget_bytes=10_000_000), SegmentFiles(self.compactions.objects)
        return self.under_test.database.read(
            lambda tx: execute(
                tx,  # type: ignore[arg-type]
                run.project_id,
                query,
                cache=cache,
                files=files,
                limits=limits or SqlLimits(),
            )
        ).body

    def ask(self, run: Run, text: str, *, limit: int = 1000) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.body(run, text, limit=limit))
        return answer

    def rows(self, run: Run, text: str) -> list[tuple[Any, ...]]:
        columns = [[plain(value) for value in column["values"]] for column in self.ask(run, text)["columns"]]
        return list(zip(*columns, strict=True))


def plain(value: Any) -> Any:
    """A value of REST's exact JSON as Python's own; integers beyond doubles as integers."""
    if isinstance(value, dict) and set(value) == {"$number"}:
        text = value["$number"]
        return int(text) if text.lstrip("-").isdigit() else float(text)
    return value


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("sql")
    with open_test_deployment(folder / "data", objects=(folder / "objects").as_uri()) as opened:
        yield World(opened, folder)


def same(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return json.dumps(left) == json.dumps(right)


def expected_row(run: str, step: int, metric: str, value: Any) -> tuple[Any, ...]:
    """A point as the table `history` has it."""
    if isinstance(value, bool):
        return run, step, metric, float(value), "boolean", None
    if isinstance(value, int):
        text = str(value) if abs(value) >= 2**53 else None
        # Integers beyond 64 bits are numbers like any other to the parser; their digits are in the text.
        kind = "integer" if -(2**63) <= value < 2**64 else "float"
        return run, step, metric, to_float(value), kind, text
    if isinstance(value, float):
        return run, step, metric, value, "float", None
    if value is None:
        return run, step, metric, None, "null", None
    if isinstance(value, str):
        return run, step, metric, None, "text", value.encode("utf-8", "replace").decode()
    kind = "list" if isinstance(value, list) else value.get("_type", "map")
    return run, step, metric, None, kind, json.dumps(value, separators=(",", ":"))


numbers_of_runs = itertools.count(1)


@settings(
    max_examples=120,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sent=batches, rewind=st.one_of(st.none(), st.none(), st.integers(-3, 60)), data=st.data())
def test_history_equals_a_plain_reading_of_the_lines(
    world: World, sent: list[Sent], rewind: int | None, data: st.DataObject
) -> None:
    number = next(numbers_of_runs)
    run = world.run(f"admin/exact-{number}/r")
    reader = StoredHistory(world.under_test.database, world.compactions.files, cache_bytes=1_000_000)
    read = Plain()
    for batch in sent:
        world.log(run, *batch.lines, first=batch.first, writer=batch.writer)
        read.take(batch)
        for _ in range(batch.compactions):
            world.compactions.compact(run.key)
            world.compactions.merge(run.key)
    if rewind is not None:
        drop = reader.rewind(run.key, after_step=rewind)
        assert world.under_test.database.write(drop)
        # Which lines a rewind leaves is the reader's to say; its own tests are elsewhere.
        read.held = {(line.number, line.writer): line.text for line in reader.lines(run.key, Stream.HISTORY)}
    expected = sorted(
        [
            expected_row("r", step, name, value)
            for name in read.names()
            for step, value in read.points(name)
        ],
        key=lambda row: (row[2], row[1]),
    )  # fmt: skip

    assert same(world.rows(run, "SELECT * FROM history ORDER BY metric, step"), expected)
    metric = data.draw(st.sampled_from(["a", "a.x", "b", "none"]))
    low, high = data.draw(st.integers(-4, 12)), data.draw(st.integers(0, 100))
    condition = f"metric = '{metric}' AND run = 'r' AND step BETWEEN {low} AND {high}"
    chosen = [row[1:] for row in expected if row[2] == metric and low <= row[1] <= high]
    found = world.rows(run, f"SELECT step, metric, value, kind, text FROM history WHERE {condition} ORDER BY step")
    assert same(found, chosen)
    assert world.rows(run, f"SELECT count(*) FROM history WHERE {condition}") == [(len(chosen),)]


def test_numbers_keep_every_digit(world: World) -> None:
    run = world.run("admin/digits/r")
    world.log(run, '{"a": NaN}', '{"a": -Infinity}', {"a": -0.0}, {"a": 2**70}, {"a": 5e-324}, {"a": 2**53 + 1})

    rows = world.rows(run, "SELECT value, text, kind FROM history WHERE metric = 'a' ORDER BY step")

    assert math.isnan(rows[0][0])
    assert rows[1][0] == -math.inf
    assert math.copysign(1.0, rows[2][0]) == -1.0
    assert [row[1:] for row in rows[2:]] == [
        (None, "float"), (str(2**70), "float"), (None, "float"), (str(2**53 + 1), "integer"),
    ]  # fmt: skip
    assert world.rows(run, "SELECT sum(text::HUGEINT) FROM history WHERE text IS NOT NULL") == [(2**70 + 2**53 + 1,)]


def test_tables_of_runs_and_their_documents(world: World) -> None:
    change = RunChange(
        display_name="first",
        tags=("x", "y"),
        group="g",
        config_json='{"lr": {"value": 0.1}, "model": {"value": {"layers": 3, "name": "r50"}}, "_wandb": {"value": {}}}',
        summary_json='{"acc": NaN, "big": 9007199254740993, "best": {"loss": 0.5}, "tags": [1, 2], "ok": true}',
    )
    run = world.run("admin/tables/r", change)
    world.run("admin/tables/other")

    assert world.rows(run, "SELECT id, name, state, user, run_group, tags FROM runs ORDER BY id DESC") == [
        ("r", "first", "running", "admin", "g", ["x", "y"]),
        ("other", world.run("admin/tables/other").display_name, "running", "admin", None, []),
    ]
    assert world.rows(run, "SELECT * FROM config ORDER BY key") == [
        ("r", "lr", 0.1, "float", None),
        ("r", "model.layers", 3.0, "integer", None),
        ("r", "model.name", None, "text", "r50"),
    ]
    summary = world.rows(run, "SELECT key, value, text FROM summary WHERE run = 'r' ORDER BY key")
    assert same(summary, [
        ("acc", math.nan, None), ("best.loss", 0.5, None), ("big", 2.0**53, "9007199254740993"), ("ok", 1.0, None),
        ("tags", None, "[1,2]"),
    ])  # fmt: skip
    best = "SELECT r.name FROM runs r JOIN config c ON c.run = r.id WHERE c.key = 'lr' AND c.value < 0.5"
    assert world.rows(run, best) == [("first",)]


def test_states_follow_from_silence(world: World) -> None:
    run = world.run("admin/silent/r")
    world.under_test.clock.advance(minutes=10)

    assert world.rows(run, "SELECT state FROM runs") == [("crashed",)]


def test_other_projects_and_deleted_runs_are_not_seen(world: World) -> None:
    run, gone = world.run("admin/mine/r"), world.run("admin/mine/gone")
    other = world.run("admin/theirs/secret", RunChange(config_json='{"k": {"value": 1}}'))
    for each in (run, gone, other):
        world.log(each, {"a": 1})
    world.under_test.services.runs.delete(world.under_test.admin, gone.key)

    for table, column in (("runs", "id"), ("history", "run"), ("config", "run"), ("summary", "run")):
        found = world.rows(run, f"SELECT DISTINCT {column} FROM {table}")
        assert found in ([("r",)], [])
        assert world.rows(run, f"SELECT * FROM {table} WHERE {column} IN ('secret', 'gone')") == []


def test_a_fork_has_what_it_inherited(world: World) -> None:
    parent = world.run("admin/forks/parent")
    world.log(parent, *({"a": float(step)} for step in range(10)))
    world.compactions.compact(parent.key)
    fork_config = '{"_wandb": {"value": {"branch_point": {"run_id": "parent", "step": 4}}}}'
    fork = world.run("admin/forks/fork", RunChange(config_json=fork_config))
    world.log(fork, {"a": 50.0, "_step": 5}, {"a": 60.0, "_step": 6})

    rows = world.rows(fork, "SELECT step, value FROM history WHERE run = 'fork' AND metric = 'a' ORDER BY step")

    assert rows == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0), (5, 50.0), (6, 60.0)]
    assert world.rows(fork, "SELECT count(*) FROM history WHERE run = 'parent' AND metric = 'a'") == [(10,)]


def test_what_is_damaged_is_named_and_the_rest_is_there(world: World, tmp_path: Path) -> None:
    run = world.run("admin/damaged/r")
    world.log(run, *({"a": step / 2, "b": 1.0} for step in range(5000)))
    world.compactions.compact(run.key)
    world.log(run, {"a": 0.25, "b": 2.0}, first=5000)
    (segment,) = world.under_test.database.read(lambda tx: tx.segments.list_live([run.key], Stream.HISTORY))[run.key]
    metric = world.compactions.files.points(segment).find("a")[0]
    at = int(metric._entry["values_at"]) + 80
    path = world.compactions.objects.local_path(segment.points_key)
    assert path is not None
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])

    answer = world.ask(run, "SELECT metric, count(*) FROM history WHERE metric IN ('a', 'b') GROUP BY 1 ORDER BY 1")

    assert [column["values"] for column in answer["columns"]] == [["a", "b"], [1, 5001]]
    (damage,) = answer["damaged"]
    assert damage["object"] == segment.points_key
    assert (damage["first_step"], damage["last_step"]) == (0, 4999)
    path.unlink()
    answer = world.ask(run, "SELECT count(*) FROM history WHERE metric IN ('a', 'b')")
    assert answer["columns"][0]["values"] == [2]
    assert "missing" in answer["damaged"][0]["problem"]


def test_an_answer_says_that_it_is_not_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = world.run("admin/limits/r")

    assert world.ask(run, "FROM range(10)", limit=10)["truncated"] is False
    assert world.ask(run, "FROM range(11)", limit=10)["truncated"] is True
    assert world.ask(run, "FROM range(11)", limit=10)["row_count"] == 10
    monkeypatch.setattr(execute_module, "MAX_ANSWER_BYTES", 10_000)
    answer = world.ask(run, "FROM range(100000)", limit=100_000)
    assert answer["truncated"] is True
    assert 1000 < answer["row_count"] < 10_000


def test_all_types_have_a_form(world: World) -> None:
    run = world.run("admin/types/r")
    text = """SELECT 1.50 a, 12345678901234567.89 b, 1::HUGEINT << 100 c, [1.0, 'nan'::DOUBLE] d, {'x': NULL} e,
        'ab'::BLOB f, INTERVAL 1 DAY g, DATE '2026-01-02' h, TIMESTAMP '2026-01-02 03:04:05.6' i,
        TIMESTAMPTZ '2026-01-02 03:04:05+01' j, 'infinity'::TIMESTAMP k, true l, NULL m, MAP {'k': 1} n, 'x'::JSON o,
        ''::VARCHAR p, 255::UTINYINT q, TIME '01:02:03' r, 0.1::FLOAT s, uuid() IS NULL t"""

    (row,) = world.rows(run, text.replace("'x'::JSON", "'[1]'::JSON"))

    assert row == (
        1.5, "12345678901234567.89", 2**100, [1.0, {"$number": "NaN"}], {"x": None}, "YWI=", "1 day", "2026-01-02",
        "2026-01-02T03:04:05.6Z", "2026-01-02T02:04:05Z", "infinity", True, None, {"k": 1}, "[1]", "", 255, "01:02:03",
        pytest.approx(0.1), False,
    )  # fmt: skip


def test_csv_tells_nothing_from_an_empty_text(world: World) -> None:
    run = world.run("admin/csv/r")
    text = """SELECT 'a,"b"' x, '' y, NULL z, 'nan'::DOUBLE n, 1e300 m, [1, 2] l, true t"""

    assert world.body(run, text, format=SqlFormat.CSV).decode() == (
        'x,y,z,n,m,l,t\r\n"a,""b""","",,NaN,1e+300,"[1,2]",true\r\n'
    )


def test_a_statement_that_fails_says_why(world: World) -> None:
    run = world.run("admin/fails/r")

    for text, message in [
        ("SELECT nope FROM history", 'Referenced column "nope" not found'),
        ("SELECT 'x'::INTEGER", "Could not convert string 'x' to INT32"),
        ("SELECT error('my words')", "my words"),
        ("SELECT sum(state) FROM runs", "sum"),
        ("SELECT 1 LIMIT (SELECT 'x')", "Could not convert"),
    ]:
        with pytest.raises(InvalidQuery, match=message):
            world.body(run, text)


def test_time_and_memory_are_bounded(world: World) -> None:
    run = world.run("admin/bounds/r")
    world.log(run, *({"a": 1.0} for _ in range(2000)))

    with pytest.raises(QueryOverLimit, match=r"more than 0\.3 s of time"):
        world.body(run, "SELECT count(*) FROM history a, history b, history c, history d", limits=SqlLimits(0.3))
    with pytest.raises(QueryOverLimit, match="more than 64 MiB of memory"):
        world.body(run, "SELECT list(x) FROM range(100000000) r(x)", limits=SqlLimits(30.0, 64 * 2**20))


def test_times_are_utc(world: World) -> None:
    run = world.run("admin/times/r")
    now = world.under_test.clock()

    ((created_at,),) = world.rows(run, "SELECT created_at FROM runs")

    assert datetime.fromisoformat(created_at) == run.created_at.astimezone(UTC) == now
