"""The long form of the fault tests: hours, not seconds. Writes what it found into a page.

    .venv/bin/python -m tests.faults.long [--kills 200] [--only PART] [--page docs/reliability.md]

Parts: kills, writes, disk, races, artifacts, trainings, uploads, buckets. Each ends with the first thing that is not as
it should be, and the whole with exit status 1 then.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from kymograph.storage.database import SqlDatabase, open_database
from kymograph.storage.history.query import StoredHistory
from kymograph.testing.clock import ManualClock
from kymograph.testing.databases import postgres_server, sqlite_database
from kymograph.testing.deployments import DeploymentUnderTest
from kymograph.types import RunKey
from tests.e2e.server import ServerProcess
from tests.faults.artifact_killing import ArtifactVictim, artifact_killings
from tests.faults.broken_disk import Fault
from tests.faults.bucket_killing import Command, bucket_killings
from tests.faults.killing import Victims, embedded, kill_compactors, kill_servers, replicated
from tests.faults.load import Load, settings_of
from tests.faults.preloaded import PreloadedDisk, build, preloaded_disk
from tests.faults.scripted import LONG
from tests.faults.sdk_killing import Killings, Victim
from tests.faults.test_write_errors import folder_in_memory, run_all
from tests.unit.services.artifact_machine import ArtifactMachine, check_machine, deployment_in
from tests.unit.storage.history.compacting import Compactions
from tests.unit.storage.history.test_compaction import run_operations

BEGIN, END = "<!-- long form: begin -->", "<!-- long form: end -->"
INSIDE_VARIABLE = "FAULTS_INSIDE"
"""Set in a process that has `preload.c` loaded."""


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table."""

    what: str
    faults: str
    work: str
    seconds: float


Part = Callable[[argparse.Namespace], Iterator[Result]]


def kills(options: argparse.Namespace) -> Iterator[Result]:
    """Processes die under load."""
    deployments: list[tuple[str, Callable[..., AbstractContextManager[Victims]]]] = [
        ("SQLite, folder", embedded),
        ("PostgreSQL, bucket, two servers", replicated),
    ]
    for where, deploy in deployments:
        for who, kill in (("server", kill_servers), ("compactor", kill_compactors)):
            started = time.monotonic()
            with (
                tempfile.TemporaryDirectory() as folder,
                deploy(Path(folder), seed=options.seed) as victims,
                loaded(victims, options.seed) as load,
            ):
                compared = kill(victims, load, options.kills)
                segments, merged = victims.segments_made(), victims.merges_made()
                load.stop()
                victims.assert_tidy()
                with victims.rest() as rest:
                    compared += load.check(rest)
                counts = load.counts
                died = ", ".join(f"{number} {what}" for what, number in sorted(victims.kills.items()))
            work = (
                f"{counts.lines:,} lines acknowledged in {counts.requests:,} requests ({counts.failures:,} without an "
                f"answer), {counts.rewinds} rewinds, {counts.deletions} deletions, {segments:,} segments "
                f"({merged:,} merged ones at the end), {compared:,} rows compared"
            )
            yield Result(f"kill -9 of the {who}; {where}", died, work, time.monotonic() - started)


@contextmanager
def loaded(victims: Victims, seed: int) -> Iterator[Load]:
    """A load; if something is wrong, what the servers have said is printed."""
    load = victims.load(runs=3, writers=3, seed=seed)
    load.start()
    try:
        yield load
    except BaseException:
        for server in victims.servers:
            print(server.read_log()[-5000:], file=sys.stderr)
        raise


def writes(options: argparse.Namespace) -> Iterator[Result]:
    """Each single change of a file fails, in one process that has `preload.c` loaded."""
    if INSIDE_VARIABLE in os.environ:
        yield from _writes_inside()
        return
    with tempfile.TemporaryDirectory() as folder:
        library = build(Path(folder))
        disk = PreloadedDisk(Path(folder) / "state")
        command = [sys.executable, "-m", "tests.faults.long", "--only", "writes", "--seed", str(options.seed)]
        environment = {**os.environ, **disk.environment(library), INSIDE_VARIABLE: "1"}
        completed = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if completed.returncode:
        raise SystemExit(completed.returncode)
    for line in completed.stdout.splitlines():
        what, faults, work, seconds = line.split("\t")
        yield Result(what, faults, work, float(seconds))


def _writes_inside() -> Iterator[Result]:
    for is_sticky in (False, True):
        started = time.monotonic()
        with folder_in_memory() as memory:
            reached = run_all(memory, LONG, preloaded_disk(), [list(Fault)], is_sticky=is_sticky, look=True)
        calls = ", ".join(f"{number} {call}" for call, number in reached.most_common())
        what = "the n-th change of a file fails" + (", and all after it" if is_sticky else "")
        work = f"{len(LONG)} steps each time, then a kill, reopening, the rest of the steps, collection"
        yield Result(what, f"{reached.total():,}: {calls}", work, time.monotonic() - started)


def disk(options: argparse.Namespace) -> Iterator[Result]:
    """A server with its compactor, under load, on a disk that fails for moments; half of the times it is killed."""
    chance, reached, started = random.Random(options.seed), Counter[str](), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        faulty = PreloadedDisk(folder / "state")
        environment = {**settings_of(), **faulty.environment(build(folder))}
        server = ServerProcess(folder / "data", environment=environment)
        server.start()
        objects = (server.data / "objects").as_uri()
        victims = Victims(
            [server], f"sqlite:///{server.data / 'kymograph.db'}", objects, settings_of(), random.Random(options.seed)
        )
        try:
            with loaded(victims, options.seed) as load:
                faulty.watch(server.data)
                compared = 0
                for number in range(1, options.kills + 1):
                    faulty.arm(chance.randint(1, 600), chance.choice(list(Fault)), is_sticky=chance.random() < 0.5)
                    time.sleep(chance.uniform(0.5, 2.0))
                    reached[faulty.hit or "not reached"] += 1
                    if chance.random() < 0.5:
                        victims.kill_server()
                        load.pause()
                        faulty.repair()
                        server.start()
                    else:
                        faulty.repair()
                        load.pause()
                    with victims.rest() as rest:
                        compared += load.check(rest, all_runs=number % 10 == 0)
                    load.go_on()
                load.stop()
                faulty.watch(None)
                victims.assert_tidy()
                with victims.rest() as rest:
                    compared += load.check(rest)
        finally:
            server.kill()
    calls = ", ".join(f"{number} {call}" for call, number in reached.most_common())
    refused = ", ".join(f"{number:,} × {status}" for status, number in sorted(load.counts.refusals.items()))
    work = (
        f"{load.counts.lines:,} lines acknowledged, {refused} answered meanwhile, "
        f"{sum(victims.kills.values())} kills while it failed, {compared:,} rows compared"
    )
    what = "the disk of a server under load fails for a moment"
    yield Result(what, f"{options.kills}: {calls}", work, time.monotonic() - started)


def races(options: argparse.Namespace) -> Iterator[Result]:
    """Random operations on one history against a plain model."""
    examples = options.kills * 10
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with sqlite_database(folder) as database:
            yield _race("SQLite", database, folder, options.seed, examples)
        with postgres_server() as server:
            postgres = open_database(server.create_empty())
            yield _race("PostgreSQL", postgres, folder / "postgres", options.seed, examples)
            postgres.close()


def _race(where: str, database: SqlDatabase, folder: Path, seed: int, examples: int) -> Result:
    started, runs = time.monotonic(), map(RunKey, count(1))
    compactions = Compactions(database, folder)
    reader = StoredHistory(database, compactions.files, cache_bytes=1_000_000)
    for example in range(examples):
        run_operations(compactions, reader, next(runs), random.Random(seed * 1_000_000 + example))
    work = "25 appends, compactions, merges, rewinds and late replacements each, compared after every one"
    return Result(f"random operations; {where}", f"{examples:,} sequences", work, time.monotonic() - started)


def artifacts(options: argparse.Namespace) -> Iterator[Result]:
    """Artifacts live and die in random orders; what is needed stays, and all is counted."""
    with tempfile.TemporaryDirectory() as name, postgres_server() as server:
        folder = Path(name)
        for where, flags in (
            ("SQLite", dict),
            ("PostgreSQL", lambda: {"database": server.create_empty()}),
        ):
            started, examples = time.monotonic(), options.kills * 2

            class Machine(ArtifactMachine):
                def open(
                    self, clock: ManualClock, flags: Callable[[], dict[str, str]] = flags
                ) -> AbstractContextManager[DeploymentUnderTest]:
                    return deployment_in(folder, clock, **flags())

            check_machine(Machine, examples=examples, steps=40)
            work = "40 steps each, all counters recounted and all content read after every one"
            yield Result(
                f"artifacts in random orders; {where}", f"{examples:,} sequences", work, time.monotonic() - started
            )


def trainings(options: argparse.Namespace) -> Iterator[Result]:
    """Trainings with our SDK, their senders, and both die; a sync brings the rest."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        server = ServerProcess(Path(name) / "data")
        server.start()
        try:
            killings = Killings(server, Path(name), random.Random(options.seed))
            with server.rest() as rest:
                for number in range(options.kills):
                    killings.kill_one(rest, [*Victim][number % len(Victim)], number)
        finally:
            server.stop()
    died = ", ".join(f"{number} {what}" for what, number in sorted(killings.kills.items()))
    work = f"{killings.rows:,} rows logged before, each there once after a sync, and after another"
    yield Result("kill -9 of trainer, sender, both; our SDK", died, work, time.monotonic() - started)


def uploads(options: argparse.Namespace) -> Iterator[Result]:
    """Trainings, senders and the server die while artifacts are sent; a sync, or another try, brings the rest."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name, artifact_killings(Path(name), seed=options.seed) as killings:
        killings.measure()
        for number in range(options.kills):
            killings.kill_one([*ArtifactVictim][number % len(ArtifactVictim)])
        versions = killings.check_all()
        killings.assert_tidy()
        sent = killings.sent_bytes / (killings.needed_bytes * options.kills)
        died = ", ".join(f"{number} {what}" for what, number in sorted(killings.kills.items()))
    work = (
        f"{versions} versions, of 40 small files or of one of 3, 12 or 20 MB, each whole whenever it was seen, and "
        f"there once after a sync or, {killings.retries} times, another try; {sent:.2f} times the bytes of undisturbed "
        "uploads were sent; the collector left no draft, and no object that no version needs"
    )
    what = "kill -9 of trainer, sender, both, server while artifacts are sent"
    yield Result(what, died, work, time.monotonic() - started)


def buckets(options: argparse.Namespace) -> Iterator[Result]:
    """Uploads to buckets and downloads from them are killed; nothing claims to be complete that is not."""
    for where, on_s3 in (("a folder", False), ("S3", True)):
        started = time.monotonic()
        with (
            tempfile.TemporaryDirectory() as folder,
            bucket_killings(Path(folder), on_s3=on_s3, seed=str(options.seed)) as killings,
        ):
            killings.measure()
            for round_number in range(options.kills):
                killings.kill_one(list(Command)[round_number % 2])
            killings.assert_tidy()
            died = ", ".join(f"{number} {what}s" for what, number in sorted(killings.kills.items()))
            work = (
                f"{killings.rounds} versions uploaded and downloaded, all content read; nothing left by the collector"
            )
        yield Result(f"kill -9 of wabucket; {where}", died, work, time.monotonic() - started)


PARTS: dict[str, Part] = {
    "kills": kills,
    "writes": writes,
    "disk": disk,
    "races": races,
    "artifacts": artifacts,
    "trainings": trainings,
    "uploads": uploads,
    "buckets": buckets,
}


def main() -> None:
    """Run all parts, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="of each kind")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; may be given several times")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of everything that is left to chance")
    parser.add_argument("--page", type=Path, help="write the table there, between the marks")
    options = parser.parse_args()
    results = []
    for name in options.only or PARTS:
        for result in PARTS[name](options):
            results.append(result)
            if INSIDE_VARIABLE in os.environ:
                print(result.what, result.faults, result.work, result.seconds, sep="\t", flush=True)
            else:
                print(row_of(result), flush=True)
    if options.page is not None:
        write_table(options.page, results, seed=options.seed)


def row_of(result: Result) -> str:
    """A row of a table."""
    return f"| {result.what} | {result.faults} | {result.work} | {result.seconds / 60:.0f} min |"


def write_table(page: Path, results: list[Result], *, seed: int) -> None:
    """Put results into the table of a page; rows of parts that did not run stay."""
    run = f"{datetime.now(UTC).date().isoformat()}, seed {seed}"
    text = page.read_text(encoding="utf-8")
    table = text.partition(BEGIN)[2].partition(END)[0]
    rows = {row.split(" | ")[0]: row for row in re.findall(r"^\|.*\|$", table, re.MULTILINE)[2:]}
    for result in results:
        row = row_of(result)
        rows[row.split(" | ")[0]] = f"{row} {run} |"
    lines = [
        f"Nothing was missing, nothing was there twice, nothing was left behind, on {os.cpu_count()} cores.",
        "",
        "| what | faults | meanwhile | took | run |",
        "| --- | --- | --- | --- | --- |",
        *rows.values(),
    ]
    table = "\n".join([BEGIN, *lines, END])
    changed = re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: table, text, flags=re.DOTALL)
    assert changed != text, f"{page} has no place for the table"
    page.write_text(changed, encoding="utf-8")


if __name__ == "__main__":
    main()
