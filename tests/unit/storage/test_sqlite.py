"""What only the embedded database promises: group commit, a full disk, kill -9."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from kymograph.errors import NameTaken, ServerBusy, StorageFull
from kymograph.storage.database import open_database
from kymograph.storage.migrations import prepare
from kymograph.storage.sqlite import SqliteDatabase
from kymograph.storage.transaction import SqlTransaction
from tests.e2e.server import wait_until
from tests.unit.storage.metadata.builders import NOW, make_user


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteDatabase]:
    # Groups stay open for long: what is queued behind a running job is then in its group, however slow the machine.
    database = SqliteDatabase(tmp_path / "kymograph.db", max_group_s=60)
    database.write(lambda tx: prepare(tx.connection))
    yield database
    database.close()


def pragma(database: SqliteDatabase, statement: str) -> object:
    """Run a PRAGMA on the writing connection."""
    return database.write(lambda tx: tx.connection.exec_driver_sql(f"PRAGMA {statement}").scalar())


def test_deleting_a_chunk_does_not_write_its_pages_again(sqlite: SqliteDatabase) -> None:
    assert pragma(sqlite, "secure_delete") == 2


def write_together(database: SqliteDatabase, *jobs: Callable[[SqlTransaction], object]) -> list[BaseException | None]:
    """Queue jobs in this order behind one that is slow, so that all are one group; their errors, in order."""
    started, go_on = threading.Event(), threading.Event()
    errors: list[BaseException | None] = [None] * len(jobs)

    def slow(tx: SqlTransaction) -> None:
        started.set()
        go_on.wait()

    def write_slow() -> None:
        with contextlib.suppress(StorageFull):  # shared by the group
            database.write(slow)

    def write(number: int) -> None:
        try:
            database.write(jobs[number])
        except Exception as exc:
            errors[number] = exc

    threads = [threading.Thread(target=write_slow)]
    threads[0].start()
    started.wait()
    for number in range(len(jobs)):
        threads.append(threading.Thread(target=write, args=(number,)))
        threads[-1].start()
        while database.waiting_writes <= number:
            time.sleep(0.001)
    go_on.set()
    for thread in threads:
        thread.join()
    return errors


def trace(database: SqliteDatabase, statements: list[str]) -> None:
    """Collect what the writing connection executes from now on."""

    def job(tx: SqlTransaction) -> None:
        raw = tx.connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.set_trace_callback(statements.append)

    database.write(job)


def fill_disk(database: SqliteDatabase) -> None:
    """Let the file grow no further."""
    pragma(database, f"max_page_count = {pragma(database, 'page_count')}")


def add_user(name: str) -> Callable[[SqlTransaction], object]:
    return lambda tx: tx.accounts.create_user(name, name="", email="", is_admin=False, now=NOW)


def store_much(tx: SqlTransaction) -> None:
    tx.connection.execute(text("UPDATE users SET name = :name"), {"name": "x" * 200_000})


def fail(tx: SqlTransaction) -> None:
    add_user("half-done")(tx)
    raise ZeroDivisionError


def test_writes_survive_power_loss_and_keep_references(sqlite: SqliteDatabase) -> None:
    assert pragma(sqlite, "journal_mode") == "wal"
    assert pragma(sqlite, "synchronous") == 2
    assert pragma(sqlite, "foreign_keys") == 1


def test_jobs_that_wait_share_one_commit(sqlite: SqliteDatabase) -> None:
    statements: list[str] = []
    trace(sqlite, statements)

    errors = write_together(sqlite, *(add_user(f"u{number}") for number in range(10)))

    assert errors == [None] * 10
    assert sqlite.read(lambda tx: tx.accounts.count_users()) == 10
    assert statements.count("COMMIT") == 2  # of `trace`, and of all others


def test_a_job_that_fails_does_not_fail_those_it_shares_a_commit_with(sqlite: SqliteDatabase) -> None:
    errors = write_together(sqlite, add_user("before"), fail, add_user("after"), add_user("before"))

    assert [type(error) for error in errors] == [type(None), ZeroDivisionError, type(None), NameTaken]
    users = sqlite.read(lambda tx: tx.accounts.list_users())
    assert [user.username for user in users] == ["after", "before"]


def test_a_full_disk_refuses_writes_serves_reads_and_heals_by_itself(sqlite: SqliteDatabase) -> None:
    make_user(sqlite, "ada")
    fill_disk(sqlite)

    with pytest.raises(StorageFull):
        sqlite.write(store_much)

    user = sqlite.read(lambda tx: tx.accounts.find_user("ada"))
    assert user is not None
    assert user.name == "Ada"
    pragma(sqlite, "max_page_count = 1000000")
    sqlite.write(store_much)
    grown = sqlite.read(lambda tx: tx.accounts.find_user("ada"))
    assert grown is not None
    assert len(grown.name) == 200_000


def test_jobs_that_share_a_commit_with_one_that_fills_the_disk_fail_whole(sqlite: SqliteDatabase) -> None:
    """SQLite may undo the whole transaction when the disk is full: none of the group may be told that it was kept."""
    make_user(sqlite, "ada")
    fill_disk(sqlite)

    errors = write_together(
        sqlite, lambda tx: tx.connection.execute(text("UPDATE users SET email = 'changed'")), store_much
    )

    assert [type(error) for error in errors] == [StorageFull, StorageFull]
    assert errors[0] is not errors[1]
    user = sqlite.read(lambda tx: tx.accounts.find_user("ada"))
    assert user is not None
    assert user.email == "ada@example.org"


def test_a_job_cannot_start_another_write(sqlite: SqliteDatabase) -> None:
    with pytest.raises(RuntimeError, match="wait for itself"):
        sqlite.write(lambda tx: sqlite.write(lambda inner: None))


def test_a_write_that_is_not_begun_in_time_is_withdrawn(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "kymograph.db", write_timeout_s=0.05)
    started, go_on = threading.Event(), threading.Event()
    ran: list[str] = []

    def slow(tx: SqlTransaction) -> None:
        started.set()
        go_on.wait()
        ran.append("slow")

    thread = threading.Thread(target=database.write, args=(slow,))
    thread.start()
    started.wait()

    with pytest.raises(ServerBusy, match="did not get to a write"):
        database.write(lambda tx: ran.append("late"))

    go_on.set()
    thread.join()  # begun in time, so its outcome was waited for
    database.write(lambda tx: ran.append("next"))
    database.close()
    assert ran == ["slow", "next"]


def test_the_log_is_copied_into_the_file_while_the_database_is_in_use(sqlite: SqliteDatabase) -> None:
    sqlite.write(add_user("ada"))

    def is_in_the_file() -> bool:
        raw = sqlite3.connect(f"file:{sqlite.path}?immutable=1", uri=True)  # as if there were no log
        try:
            return raw.execute("SELECT username FROM users").fetchall() == [("ada",)]
        except sqlite3.OperationalError:  # not even the table
            return False
        finally:
            raw.close()

    wait_until(is_in_the_file, what="a checkpoint")


def test_a_closed_database_refuses_writes(sqlite: SqliteDatabase) -> None:
    sqlite.close()

    with pytest.raises(ServerBusy):
        sqlite.write(lambda tx: None)


WRITER = """
import sys
from datetime import UTC, datetime
from kymograph.storage.database import open_database

database = open_database(sys.argv[1])
for number in range(100_000):
    database.write(
        lambda tx: tx.accounts.create_user(f"u{number}", name="", email="", is_admin=False, now=datetime.now(UTC))
    )
    print(number, flush=True)
"""


def test_every_acknowledged_write_survives_kill_9(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kymograph.db'}"
    process = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 50:
            break
    os.kill(process.pid, signal.SIGKILL)
    acknowledged = [int(line), *(int(rest) for rest in process.stdout.read().split())][-1]
    process.wait()
    process.stdout.close()

    database = open_database(url)
    kept = database.read(lambda tx: tx.accounts.count_users())
    last = database.read(lambda tx: tx.accounts.find_user(f"u{acknowledged}"))
    check = database.read(lambda tx: tx.connection.exec_driver_sql("PRAGMA integrity_check").scalar())
    database.close()

    assert last is not None
    assert kept in (acknowledged + 1, acknowledged + 2)  # the one that was being acknowledged may be there
    assert check == "ok"
