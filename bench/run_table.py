"""The run table of a project of 100,000 runs × 200 columns: filters, orders, pages, groups; beside MLflow's search.

    .venv/bin/python bench/run_table.py [--runs 100000] [--database sqlite|postgresql|both] [--repeats 40]

Fills a project through the tables (on a sample, rows are compared with those that the store writes), lets the server's
own chore index it, then asks a server process over HTTP:

* right after its start, a mix of queries, most of them for columns that nobody has asked for before;
* every kind of query many times, with other columns and values each time;
* the mix again, while 100 runs send a new summary of 100 values every 15 s each.

For MLflow (`make .cache/bench-mlflow/.made`, SQLite), the same runs are put into its own tables, and its server is
asked the same as far as its language goes: parameters are texts there, so a range of a config number cannot be.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
from init_sequence import KEY, ROOT, Server, free_port, machine, quantile
from sqlalchemy import insert, select
from table_data import METRICS, NUMBERS, OPTIMIZERS, TAGS, TEXTS, RunData, make_run

from kymograph.core import exact_json
from kymograph.core.project import Project
from kymograph.core.run import Run, RunChange, RunState
from kymograph.server.deps import Deployment, open_deployment
from kymograph.server.settings import load_settings
from kymograph.services.access import Caller
from kymograph.storage.metadata.tables import run_documents, runs
from kymograph.testing.databases import postgres_server
from kymograph.types import RunId

PROJECT = "table"
BOUND_MS = 300.0
BATCH = 2_000
SAMPLE = 20
LIVE_RUNS, LIVE_INTERVAL_S = 100, 15.0
MLFLOW = ROOT / ".cache" / "bench-mlflow"
STARTED_AT = datetime.now(UTC) - timedelta(days=31)


# --- filling ----------------------------------------------------------------------------------------------------------


def change_of(data: RunData) -> RunChange:
    """What a client would send of a run, in one piece."""
    created_at = STARTED_AT + timedelta(seconds=data.created_s)
    return RunChange(
        state=RunState(data.state),
        config_json=exact_json.dumps({key: {"value": value} for key, value in data.config.items()}),
        summary_json=exact_json.dumps(data.summary),
        tags=data.tags,
        group=data.group,
        started_at=created_at,
        heartbeat_at=created_at + timedelta(hours=1),
        finished_at=created_at + timedelta(hours=1),
    )


def fill(deployment: Deployment, run_count: int) -> None:
    """Put runs into the tables; the first of them through the store, to learn how it writes one."""
    deployment.services.accounts.bootstrap_admin(username="admin", api_key=KEY)
    database = deployment.database
    admin = database.read(lambda tx: tx.accounts.find_user("admin"))
    assert admin is not None
    project, _ = deployment.services.projects.put(Caller(admin), None, PROJECT)

    def create(number: int) -> Run:
        data = make_run(number, run_count)
        return database.write(
            lambda tx: tx.runs.create(
                project,
                RunId(data.id),
                display_name=data.name,
                user=admin.id,
                now=STARTED_AT + timedelta(seconds=data.created_s),
                change=change_of(data),
            )
        )

    template = create(0)
    for first in range(1, run_count, BATCH):
        numbers = range(first, min(first + BATCH, run_count))
        database.write(lambda tx, numbers=numbers: put(tx.connection, template, numbers, run_count))
    check_sample(deployment, project, create, run_count)


def put(connection: Any, template: Run, numbers: Sequence[int], run_count: int) -> None:
    """Write runs as the store does, but many at once."""
    like = dict(connection.execute(select(runs).where(runs.c.key == template.key)).mappings().one())
    rows, documents = [], []
    for number in numbers:
        data = make_run(number, run_count)
        change = change_of(data)
        created_at = STARTED_AT + timedelta(seconds=data.created_s)
        given = {name: value for name, value in asdict(change).items() if value is not None and name in like}
        key = template.key + number
        own = {"key": key, "id": data.id, "display_name": data.name, "color": number % 24}
        rows.append(
            {**like, **given, **own, "created_at": created_at, "updated_at": created_at, "change": like["change"]}
        )
        documents.append({"run_key": key, "config_json": change.config_json, "summary_json": change.summary_json})
    connection.execute(insert(runs), rows)
    connection.execute(insert(run_documents), documents)
    if connection.dialect.name == "postgresql":  # the store's own inserts draw their keys from it
        connection.exec_driver_sql("SELECT setval('runs_key_seq', (SELECT max(key) FROM runs))")


def check_sample(deployment: Deployment, project: Project, create: Callable[[int], Run], run_count: int) -> None:
    """Compare rows with what the store writes for the same data; what differs by design is left out."""
    numbers = random.Random(0).sample(range(1, run_count), min(SAMPLE, run_count - 1))
    for number in numbers:
        data = make_run(number, run_count)

        def rows_of(tx: Any, run_id: str = data.id) -> tuple[dict[str, Any], dict[str, Any]]:
            row = dict(tx.connection.execute(select(runs).where(runs.c.id == run_id)).mappings().one())
            key = row.pop("key")
            of_run = select(run_documents).where(run_documents.c.run_key == key)
            documents = dict(tx.connection.execute(of_run).mappings().one())
            for name in ("color", "change"):
                row.pop(name)
            documents.pop("run_key")
            return row, documents

        filled = deployment.database.read(rows_of)

        def swap(tx: Any, run_id: str = data.id) -> None:
            tx.connection.execute(runs.update().where(runs.c.id == run_id).values(id=f"{run_id}-filled"))

        deployment.database.write(swap)
        create(number)
        if deployment.database.read(rows_of) != filled:
            raise SystemExit(f"run {number} was not filled as the store writes it")
        gone = deployment.database.read(lambda tx, run_id=data.id: tx.runs.find(project.id, f"{run_id}-filled"))
        deployment.database.write(lambda tx, key=gone.key: tx.runs.delete(key, STARTED_AT))


# --- queries ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Query:
    """A kind of query: a request with values of its own each time, and what it must bring."""

    what: str
    make: Callable[[random.Random], tuple[str, str, dict[str, Any]]]
    """Gives method, path, and the arguments of the request."""


BASE = f"/api/v1/projects/admin/{PROJECT}"
NEWEST = "newest first, page of 50 × 50 columns"
RANGES = "config range ∧ metric ∧ state ∧ tag, by metric, 50 × 20"
EQUAL = "config text ∧ number ∧ metric, by text and metric, 100 × 20"
PATTERN = "pattern on names ∧ state, by metric, 50 × 20"
WORDS = "free words, newest first, 50 × 20"
DEEP = "no filter, by metric, deep page of 100 × 20"


def metric(draw: random.Random) -> str:
    return f"val/metric_{draw.randrange(METRICS):02}"


def columns(draw: random.Random, count: int) -> list[str]:
    """Columns of the page, half config and half summary."""
    names = [f"config.number_{index:02}" for index in range(NUMBERS)]
    names += [f"config.text_{index:02}" for index in range(TEXTS)] + ["config.optimizer.lr", "config.optimizer.name"]
    metrics = [f"summary.val/metric_{index:02}" for index in range(METRICS)]
    return draw.sample(names, count // 2) + draw.sample(metrics, count - count // 2)


def combined_filter(draw: random.Random) -> dict[str, Any]:
    """A range of a config number and a summary value and a state and a tag."""
    return {
        "config.optimizer.lr": {"$gt": 10 ** draw.uniform(-5, -3), "$lt": 10 ** draw.uniform(-3, -1)},
        f"summary_metrics.{metric(draw)}": {"$gt": draw.random() / 2},
        "state": "finished",
        "tags": {"$in": draw.sample(TAGS, 2)},
    }


def page(**parameters: Any) -> tuple[str, str, dict[str, Any]]:
    return "GET", f"{BASE}/runs", {"params": parameters}


def cursor(offset: int) -> str:
    return base64.b64encode(f"Cursor:{offset}".encode()).decode()


def rest_queries(run_count: int) -> list[Query]:
    """What people and scripts ask of the run table."""

    def config_range(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        return page(
            q=json.dumps(combined_filter(draw)), sort=f"-summary.{metric(draw)}", columns=columns(draw, 20), limit=50
        )

    def equal_text(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        wanted = {
            f"config.text_{draw.randrange(TEXTS):02}": {"$in": ["choice-1", "choice-2"]},
            f"config.number_{draw.randrange(NUMBERS):02}": {"$gte": 0.25},
            f"summary_metrics.{metric(draw)}": {"$exists": True},
        }
        sort = f"+config.text_{draw.randrange(TEXTS):02},-summary.{metric(draw)}"
        return page(q=json.dumps(wanted), sort=sort, columns=columns(draw, 20), limit=100)

    def by_pattern(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        pattern = f"(?i)^{draw.choice(TAGS)}-run-{draw.randrange(10)}.*[{draw.randrange(10)}-9]$"
        wanted = {"display_name": {"$regex": pattern}, "state": {"$ne": "killed"}}
        return page(q=json.dumps(wanted), sort=f"+summary.{metric(draw)}", columns=columns(draw, 20), limit=50)

    def by_words(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        return page(q=f"{draw.choice(TAGS)} {draw.randrange(100)}", columns=columns(draw, 20), limit=50)

    def deep(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        after = cursor(draw.randrange(run_count // 2))
        return page(sort=f"-summary.{metric(draw)}", columns=columns(draw, 20), limit=100, after=after)

    def newest(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        return page(columns=columns(draw, 50), limit=50)

    def wide(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        return page(sort=f"-summary.{metric(draw)}", columns=columns(draw, 150), limit=100)

    def graphql(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        variables = {
            "project": PROJECT,
            "entity": "admin",
            "perPage": 50,
            "order": f"-summary_metrics.{metric(draw)}",
            "filters": json.dumps(combined_filter(draw)),
        }
        body = {"query": RUNS_DOCUMENT, "operationName": "Runs", "variables": variables}
        return "POST", "/graphql", {"json": body}

    def groups(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        by = ["config.optimizer.name", f"config.text_{draw.randrange(10):02}"]
        parameters = {"by": by, "metric": [f"summary.{metric(draw)}" for _ in range(3)], "q": '{"state": "finished"}'}
        return "GET", f"{BASE}/groups", {"params": parameters}

    def names(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        return "GET", f"{BASE}/columns", {"params": {"q": f"metric_{draw.randrange(10)}"}}

    return [
        Query(NEWEST, newest),
        Query(RANGES, config_range),
        Query(EQUAL, equal_text),
        Query(PATTERN, by_pattern),
        Query(WORDS, by_words),
        Query(DEEP, deep),
        Query("no filter, by metric, page of 100 × 150 columns", wide),
        Query("GraphQL `Runs`: the second query, page of 50", graphql),
        Query("groups by two config values, spread of 3 metrics", groups),
        Query("columns by part of the name", names),
    ]


def mlflow_queries(run_count: int, experiment: str) -> list[Query]:
    """The same as far as its language goes; it always gives whole runs."""

    def search(condition: str, order: Sequence[str], limit: int, offset: int = 0) -> tuple[str, str, dict[str, Any]]:
        body = {
            "experiment_ids": [experiment],
            "filter": condition,
            "order_by": list(order),
            "max_results": limit,
        }
        if offset:
            body["page_token"] = base64.b64encode(json.dumps({"offset": offset}).encode()).decode()
        return "POST", "/api/2.0/mlflow/runs/search", {"json": body}

    def newest(_draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        return search("", ["attributes.start_time DESC"], 50)

    def ranges(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        condition = (
            f"params.`optimizer.name` = '{draw.choice(OPTIMIZERS)}' "
            f"AND metrics.`{metric(draw)}` > {draw.random() / 2} "
            f"AND attributes.status = 'FINISHED' AND tags.{draw.choice(TAGS)} = '1'"
        )
        return search(condition, [f"metrics.`{metric(draw)}` DESC"], 50)

    def equal(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        condition = f"params.text_{draw.randrange(TEXTS):02} = 'choice-1' AND metrics.`{metric(draw)}` > -1"
        order = [f"params.text_{draw.randrange(TEXTS):02} ASC", f"metrics.`{metric(draw)}` DESC"]
        return search(condition, order, 100)

    def pattern(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        name = f"{draw.choice(TAGS)}-run-{draw.randrange(10)}%"
        condition = f"attributes.run_name LIKE '{name}' AND attributes.status != 'KILLED'"
        return search(condition, [f"metrics.`{metric(draw)}` ASC"], 50)

    def words(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        condition = f"attributes.run_name ILIKE '%{draw.choice(TAGS)}%{draw.randrange(100)}%'"
        return search(condition, ["attributes.start_time DESC"], 50)

    def deep(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
        return search("", [f"metrics.`{metric(draw)}` DESC"], 100, draw.randrange(1, run_count // 2))

    kinds = {NEWEST: newest, RANGES: ranges, EQUAL: equal, PATTERN: pattern, WORDS: words, DEEP: deep}
    return [Query(what, make) for what, make in kinds.items()]


def runs_document() -> str:
    """The client's own document with the fragment it uses."""
    text = (ROOT / "tests/protocol/documents/runs.graphql").read_text()
    query = text[text.index("query Runs(") : text.index("query Run(")]
    fragment = text[text.index("fragment RunFragment") :]
    return query + fragment[: fragment.index("\n}") + 2]


RUNS_DOCUMENT = runs_document()
CREATE = "mutation ($p: String, $r: String) { upsertBucket(input: {modelName: $p, name: $r}) { inserted } }"


# --- measuring --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """Times of one kind of query."""

    what: str
    times_ms: list[float]
    cpus_ms: list[float]
    """Processor time of all of the server's processes (a database's own apart), in steps of 10 ms."""


class Asker:
    """Sends queries to one server and takes the time from the first byte sent to the last one received."""

    def __init__(self, url: str, cpu_ms: Callable[[], float]) -> None:
        self._cpu_ms = cpu_ms
        self._http = httpx.Client(base_url=url, auth=("api", KEY), timeout=300)

    def take(self, what: str, queries: Sequence[Query], draw: random.Random, repeats: int) -> Measured:
        """Ask each of the queries so many times, in turn."""
        times, cpus = [], []
        for query in list(queries) * repeats:
            before = self._cpu_ms()
            times.append(self.ask(query, draw))
            cpus.append(self._cpu_ms() - before)
        return Measured(what, times, cpus)

    def ask(self, query: Query, draw: random.Random) -> float:
        """Milliseconds of one query."""
        method, path, arguments = query.make(draw)
        started_at = time.perf_counter()
        answer = self._http.request(method, path, **arguments)
        elapsed_ms = (time.perf_counter() - started_at) * 1000
        answer.raise_for_status()
        if method == "POST" and path == "/graphql" and answer.json().get("errors"):
            raise SystemExit(answer.json()["errors"][0]["message"])
        return elapsed_ms


@contextmanager
def live_runs(url: str) -> Iterator[list[float]]:
    """Runs that go on while the block runs, each sending a new summary now and then; gives the times of that."""
    times: list[float] = []
    stopping = threading.Event()

    def work() -> None:
        draw = random.Random(1)
        with httpx.Client(base_url=url, auth=("api", KEY), timeout=60) as http:
            number = 0
            while not stopping.is_set():
                began = time.perf_counter()
                run = f"live{number % LIVE_RUNS:03}"
                if number < LIVE_RUNS:
                    body = {"query": CREATE, "variables": {"p": PROJECT, "r": run}}
                    http.post("/graphql", json=body).raise_for_status()
                summary = json.dumps({f"val/metric_{index:02}": draw.random() for index in range(100)})
                body = {"files": {"wandb-summary.json": {"offset": 0, "content": [summary]}}}
                sent_at = time.perf_counter()
                http.post(f"/files/admin/{PROJECT}/{run}/file_stream", json=body).raise_for_status()
                times.append((time.perf_counter() - sent_at) * 1000)
                number += 1
                if number > LIVE_RUNS:
                    stopping.wait(max(0.0, LIVE_INTERVAL_S / LIVE_RUNS - (time.perf_counter() - began)))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        while len(times) < LIVE_RUNS and thread.is_alive():
            time.sleep(0.1)
        yield times
    finally:
        stopping.set()
        thread.join()


def measure(
    folder: Path, database: str, run_count: int, repeats: int, turn: AbstractContextManager[None]
) -> Iterator[Measured]:
    """All figures on one database."""
    data = folder / "data"
    settings = load_settings({}, data=str(data), database=database, public_url="http://127.0.0.1")
    deployment = open_deployment(settings)
    try:
        began = time.perf_counter()
        fill(deployment, run_count)
        filled = time.perf_counter()
        indexed = deployment.services.runs.index_values()
        note(f"filled in {filled - began:.0f} s, {indexed:,} runs indexed in {time.perf_counter() - filled:.0f} s")
    finally:
        deployment.close()
    with turn:
        yield from ask_ours(data, settings.database, run_count, repeats)


def ask_ours(data: Path, database: str, run_count: int, repeats: int) -> Iterator[Measured]:
    """The figures of a server on a filled database."""
    server = Server(data, KYMOGRAPH_DATABASE=database)
    try:
        queries = rest_queries(run_count)
        asker = Asker(server.url, server.cpu_ms)
        before_mb = server.resident_mb()
        yield asker.take("the first query after the start", queries[1:2], random.Random(1), 1)
        yield asker.take("the mix, from a fresh start", queries, random.Random(2), max(repeats // 2, 1))
        for query in queries:
            yield asker.take(query.what, [query], random.Random(3), repeats)
        with live_runs(server.url) as times:
            yield asker.take(f"the mix, {LIVE_RUNS} runs going on", queries, random.Random(4), max(repeats // 2, 1))
        yield Measured("an update of one of those runs", times[LIVE_RUNS:], [])
        note(f"server memory {before_mb:.0f} MB at the start, {server.resident_mb():.0f} MB at the end")
    finally:
        server.stop()


@contextmanager
def mlflow_server(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """MLflow's own server on the store in a folder, with one worker, as ours has."""
    port = free_port()
    with (folder / "server.log").open("ab") as log:
        command = [MLFLOW / "bin/mlflow", "server", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
        command += ["--default-artifact-root", folder / "artifacts", "--port", str(port), "--workers", "1"]
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        while process.poll() is None:
            try:
                httpx.get(f"{url}/health", timeout=5).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.2)
            else:
                break
        else:
            raise SystemExit(f"MLflow's server ended: {(folder / 'server.log').read_text()}")
        yield url, psutil.Process(process.pid)
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.terminate()
        process.terminate()
        process.wait(30)


def measure_mlflow(
    folder: Path, run_count: int, repeats: int, turn: AbstractContextManager[None]
) -> Iterator[Measured]:
    """Its figures, for the queries that it can answer."""
    fill_script = [MLFLOW / "bin/python", ROOT / "bench/mlflow_fill.py", folder, str(run_count)]
    done = subprocess.run([str(part) for part in fill_script], check=True, capture_output=True, text=True)
    experiment, seconds = done.stdout.split()[-2:]
    note(f"MLflow filled in {seconds} s, {(folder / 'mlflow.db').stat().st_size / 2**20:,.0f} MB")
    with turn, mlflow_server(folder) as (url, process):

        def cpu_ms() -> float:
            used = [each.cpu_times() for each in (process, *process.children(recursive=True))]
            return sum(each.user + each.system for each in used) * 1000

        asker = Asker(url, cpu_ms)
        queries = mlflow_queries(run_count, experiment)
        asker.ask(queries[0], random.Random(1))  # its worker loads most of itself with the first request
        for query in queries:
            yield asker.take(query.what, [query], random.Random(3), repeats)


# --- printing ---------------------------------------------------------------------------------------------------------


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def cells(found: Measured | None) -> str:
    """Median and 95th percentile by the clock; mean and 95th percentile of processor time."""
    if found is None:
        return "| | | | "
    p50, p95 = (quantile(found.times_ms * 2, percent) for percent in (50, 95))
    cpu = "| | "
    if found.cpus_ms:
        cpu = f"| {sum(found.cpus_ms) / len(found.cpus_ms):,.0f} | {quantile(found.cpus_ms * 2, 95):,.0f} "
    return f"| {p50:,.0f} | {p95:,.0f} {cpu}"


def report(results: dict[str, dict[str, Measured]]) -> bool:
    """Print one table; gives whether the bound holds for every query of ours."""
    ours = [name for name in results if name != "MLflow"]
    is_kept = True
    print(f"| milliseconds | {' | '.join(f'{name} p50 | p95 | CPU | p95' for name in results)} | MLflow ÷ {ours[0]} |")
    print(f"| --- |{' ---: | ---: | ---: | ---: |' * len(results)} ---: |")
    for what in dict.fromkeys(what for found in results.values() for what in found):
        row = [results[name].get(what) for name in results]
        mine, peer = results[ours[0]].get(what), results.get("MLflow", {}).get(what)
        ratio = ""
        if mine is not None and peer is not None:
            ratio = f"{quantile(peer.times_ms * 2, 50) / quantile(mine.times_ms * 2, 50):,.0f} ×"
        print(f"| {what} {''.join(cells(found) for found in row)}| {ratio} |")
        slowest = max(quantile(found.times_ms * 2, 95) for name in ours if (found := results[name].get(what)))
        is_kept = is_kept and slowest <= BOUND_MS
    return is_kept


def main() -> int:
    """Measure and print; exit status 1 if the bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--repeats", type=int, default=40, help="of every kind of query")
    parser.add_argument("--mlflow-repeats", type=int, default=5, help="0 to leave it out")
    parser.add_argument("--lock", type=Path, help="a file to lock while measuring, so that benches take turns")
    options = parser.parse_args()
    results: dict[str, dict[str, Measured]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kymograph-bench-")))
        for database in ("sqlite", "postgresql") if options.database == "both" else (options.database,):
            (folder / database).mkdir()
            url = (
                f"sqlite:///{folder / database / 'bench.db'}"
                if database == "sqlite"
                else stack.enter_context(postgres_server()).create_empty()
            )
            found = measure(folder / database, url, options.runs, options.repeats, turns(options.lock))
            results[{"sqlite": "SQLite", "postgresql": "PostgreSQL"}[database]] = collected(found)
        if options.mlflow_repeats:
            (folder / "mlflow").mkdir()
            results["MLflow"] = collected(
                measure_mlflow(folder / "mlflow", options.runs, options.mlflow_repeats, turns(options.lock))
            )
    print(f"\n{options.runs:,} runs × 200 columns, {machine()}\n")
    return 0 if report(results) else 1


@contextmanager
def turns(path: Path | None) -> Iterator[None]:
    """Hold the lock of a file, if one is given."""
    with ExitStack() as stack:
        if path is not None:
            fcntl.flock(stack.enter_context(path.open("a")), fcntl.LOCK_EX)
        yield


def collected(measured: Iterator[Measured]) -> dict[str, Measured]:
    """By what was asked, telling each as it comes."""
    found = {}
    for item in measured:
        note(f"{item.what} {cells(item)}| ({machine()})")
        found[item.what] = item
    return found


if __name__ == "__main__":
    sys.exit(main())
