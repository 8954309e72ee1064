"""Statements in processes of their own: they come back, break, take too long, and leave nothing behind."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from kymograph.core.history import LineBatch, Stream
from kymograph.core.run import Run
from kymograph.core.sql import SqlAnswer, SqlFormat, SqlQuery
from kymograph.errors import InvalidQuery, KymographError, QueryOverLimit, ServerBusy
from kymograph.storage.sql.process import SqlProcesses
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from tests.e2e.server import wait_until

ENDLESS = "SELECT sum(range) FROM range(1000000000000)"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentUnderTest]:
    folder = tmp_path_factory.mktemp("processes")
    with open_test_deployment(folder / "data", objects=(folder / "objects").as_uri()) as opened:
        run = opened.run("admin/p/r")
        lines = [f'{{"a":{number}}}' for number in range(100)]
        opened.database.write(lambda tx: tx.tail.append(run.key, [LineBatch(Stream.HISTORY, 0, lines)]))
        yield opened


@contextmanager
def engine(
    deployment: DeploymentUnderTest, folder: Path, *, timeout_s: float = 20.0, at_once: int = 2, idle_s: float = 60.0
) -> Iterator[SqlProcesses]:
    opened = SqlProcesses(
        database=deployment.deployment.settings.database,
        objects=deployment.deployment.settings.objects,
        folder=folder,
        folder_bytes=10_000_000,
        timeout_s=timeout_s,
        memory_bytes=128 * 2**20,
        at_once=at_once,
        idle_s=idle_s,
    )
    try:
        yield opened
    finally:
        opened.close()


def ask(opened: SqlProcesses, deployment: DeploymentUnderTest, text: str) -> SqlAnswer:
    run: Run = deployment.run("admin/p/r")
    return opened.query(run.project_id, SqlQuery(text, deployment.clock(), 100, SqlFormat.JSON))


def value_of(answer: SqlAnswer) -> object:
    return json.loads(answer.body)["columns"][0]["values"][0]


@contextmanager
def endless(
    opened: SqlProcesses, deployment: DeploymentUnderTest, expected: type[KymographError]
) -> Iterator[list[KymographError]]:
    """A statement that goes on until it is refused, in a thread; gives how, once the block is left."""
    refused: list[KymographError] = []

    def run() -> None:
        try:
            ask(opened, deployment, ENDLESS)
        except expected as exc:
            refused.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.5)
    yield refused
    thread.join(10)


def test_statements_run_in_a_process_that_stays_a_while(deployment: DeploymentUnderTest, tmp_path: Path) -> None:
    with engine(deployment, tmp_path, idle_s=1.0) as opened:
        assert opened.pids == []
        assert value_of(ask(opened, deployment, "SELECT sum(value) FROM history WHERE metric = 'a'")) == 4950
        (first,) = opened.pids
        assert value_of(ask(opened, deployment, "SELECT count(*) FROM runs")) == 1
        assert opened.pids == [first]

        wait_until(lambda: not psutil.pid_exists(first), what="the process")
        assert opened.pids == []


def test_a_refused_statement_costs_the_process_nothing(deployment: DeploymentUnderTest, tmp_path: Path) -> None:
    with engine(deployment, tmp_path) as opened:
        ask(opened, deployment, "SELECT 1")
        (first,) = opened.pids
        for text, error in [
            ("SELECT getenv('HOME')", InvalidQuery),
            ("SELECT repeat('x', 2000000000)", QueryOverLimit),
            ("SELECT list(x) FROM range(100000000) r(x)", QueryOverLimit),
            ("SELECT '\ud800'", InvalidQuery),
        ]:
            with pytest.raises(error):
                ask(opened, deployment, text)

        assert value_of(ask(opened, deployment, "SELECT 7")) == 7
        assert opened.pids == [first]


def test_a_statement_that_does_not_end_is_ended(deployment: DeploymentUnderTest, tmp_path: Path) -> None:
    with engine(deployment, tmp_path, timeout_s=1.0) as opened:
        ask(opened, deployment, "SELECT 1")
        began = time.monotonic()
        with pytest.raises(QueryOverLimit, match="more than 1 s of time"):
            ask(opened, deployment, ENDLESS)

        assert time.monotonic() - began < 10
        assert value_of(ask(opened, deployment, "SELECT 7")) == 7


def test_a_process_that_dies_is_replaced(deployment: DeploymentUnderTest, tmp_path: Path) -> None:
    with engine(deployment, tmp_path) as opened:
        ask(opened, deployment, "SELECT 1")
        (first,) = opened.pids
        psutil.Process(first).kill()
        with pytest.raises(QueryOverLimit, match="memory"):
            ask(opened, deployment, "SELECT 1")

        assert value_of(ask(opened, deployment, "SELECT 7")) == 7
        assert opened.pids != [first]


def test_more_than_may_run_at_once_are_turned_away(deployment: DeploymentUnderTest, tmp_path: Path) -> None:
    with engine(deployment, tmp_path, at_once=1, timeout_s=4.0) as opened:
        ask(opened, deployment, "SELECT 1")
        with (
            endless(opened, deployment, QueryOverLimit) as refused,
            pytest.raises(ServerBusy, match="try again in 2 s"),
        ):
            ask(opened, deployment, "SELECT 1")

        assert len(refused) == 1
        assert value_of(ask(opened, deployment, "SELECT 7")) == 7


def test_closing_ends_what_runs(deployment: DeploymentUnderTest, tmp_path: Path) -> None:
    with engine(deployment, tmp_path) as opened:
        ask(opened, deployment, "SELECT 1")
        with endless(opened, deployment, ServerBusy) as refused:
            opened.close()

        assert "closing" in str(refused[0])
        with pytest.raises(ServerBusy, match="closing"):
            ask(opened, deployment, "SELECT 1")
