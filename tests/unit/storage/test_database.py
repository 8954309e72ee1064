"""What every database does with jobs."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from kymograph.core.accounts import EntityKind
from kymograph.errors import InvalidSetting, NameTaken, ServerBusy, StoreCorrupt, UsageError
from kymograph.storage.database import SqlDatabase, open_database
from kymograph.storage.transaction import SqlTransaction
from kymograph.testing.databases import PostgresServer
from kymograph.types import EntityName
from tests.unit.storage.metadata.builders import NOW, make_user


def create_team(tx: SqlTransaction, name: str) -> None:
    tx.accounts.create_entity(EntityName(name), kind=EntityKind.TEAM, now=NOW)


def has_team(database: SqlDatabase, name: str) -> bool:
    return database.read(lambda tx: tx.accounts.find_entity(name)) is not None


def test_a_failing_job_leaves_nothing_and_its_error_reaches_the_caller(database: SqlDatabase) -> None:
    def job(tx: SqlTransaction) -> None:
        create_team(tx, "left")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write(job)

    assert not has_team(database, "left")


def test_a_domain_error_in_a_job_is_raised_as_it_is(database: SqlDatabase) -> None:
    make_user(database, "ada")

    with pytest.raises(NameTaken):
        make_user(database, "ada")


def test_errors_of_the_driver_never_get_out(database: SqlDatabase) -> None:
    with pytest.raises(StoreCorrupt):
        database.write(lambda tx: tx.connection.execute(text("SELECT * FROM nowhere")))
    with pytest.raises(StoreCorrupt):
        database.read(lambda tx: tx.connection.execute(text("SELECT * FROM nowhere")))

    make_user(database, "ada")
    assert has_team(database, "ada")


def test_a_number_beyond_64_bits_is_the_callers_mistake(database: SqlDatabase) -> None:
    with pytest.raises(UsageError):
        database.read(lambda tx: tx.files.find_by_id(2**70))


def test_failing_jobs_do_not_fail_their_neighbours(database: SqlDatabase) -> None:
    """Whatever is written at the same time shares a commit on SQLite, and must share nothing else."""
    outcomes: dict[str, str] = {}

    def write(name: str, *, fails: bool) -> None:
        def job(tx: SqlTransaction) -> None:
            create_team(tx, name)
            if fails:
                raise ZeroDivisionError

        try:
            database.write(job)
            outcomes[name] = "kept"
        except ZeroDivisionError:
            outcomes[name] = "failed"

    threads = [
        threading.Thread(target=write, args=(f"team-{number}",), kwargs={"fails": number % 3 == 0})
        for number in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number in range(30):
        name = f"team-{number}"
        fails = number % 3 == 0
        assert outcomes[name] == ("failed" if fails else "kept")
        assert has_team(database, name) is not fails


def test_concurrent_writers_lose_no_update(database: SqlDatabase) -> None:
    make_user(database, "ada")

    def write() -> None:
        for _ in range(20):
            database.write(
                lambda tx: tx.connection.execute(
                    text("UPDATE users SET password_hash = coalesce(password_hash, '') || 'x'")
                )
            )

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    user = database.read(lambda tx: tx.accounts.find_user("ada"))
    assert user is not None
    assert user.password_hash == "x" * 80


def test_a_read_sees_one_state_however_long_it_takes(database: SqlDatabase) -> None:
    def job(tx: SqlTransaction) -> tuple[int, int]:
        before = tx.accounts.count_users()
        make_user(database, "grace")
        return before, tx.accounts.count_users()

    assert database.read(job) == (0, 0)
    assert database.read(lambda tx: tx.accounts.count_users()) == 1


def test_a_read_cannot_write(database: SqlDatabase) -> None:
    with pytest.raises(StoreCorrupt):
        database.read(lambda tx: create_team(tx, "sneaky"))

    assert not has_team(database, "sneaky")


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "sqlite:///:memory:", "no url", ""])
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(InvalidSetting, match=r"sqlite:///|postgresql://"):
        open_database(url)


def test_the_password_of_a_wrong_url_is_not_repeated() -> None:
    with pytest.raises(InvalidSetting) as caught:
        open_database("mysql://ada:secret@localhost/x")

    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_said_to_be_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "kymograph.db"
    path.write_bytes(b"this is a text file, not a database, and it goes on for a while" * 100)

    with pytest.raises(StoreCorrupt):
        open_database(f"sqlite:///{path}")


def test_writers_that_lock_each_other_out_both_succeed(postgres: PostgresServer) -> None:
    """PostgreSQL fails one of two such jobs; it is run again."""
    both_hold_one = threading.Barrier(2)
    failures: list[Exception] = []
    with postgres.database() as database:
        for name in ("ada", "grace"):
            make_user(database, name)

        def write(first: str, second: str) -> None:
            attempts = 0

            def job(tx: SqlTransaction) -> None:
                nonlocal attempts
                attempts += 1
                for name in (first, second):
                    tx.connection.execute(
                        text("UPDATE users SET email = email || :mark WHERE username = :name"),
                        {"mark": "+", "name": name},
                    )
                    if attempts == 1 and name == first:
                        both_hold_one.wait()

            try:
                database.write(job)
            except Exception as exc:
                failures.append(exc)

        threads = [threading.Thread(target=write, args=names) for names in (("ada", "grace"), ("grace", "ada"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        emails = [user.email for user in database.read(lambda tx: tx.accounts.list_users())]

    assert failures == []
    assert emails == ["ada@example.org++", "grace@example.org++"]


def test_a_server_that_does_not_answer_is_a_passing_condition() -> None:
    """A closed port: nothing listens on the port of the discard protocol."""
    with pytest.raises(ServerBusy):
        open_database("postgresql://ada:secret@127.0.0.1:9/kymograph?connect_timeout=2")


def test_connections_cut_by_a_restart_are_replaced(postgres: PostgresServer) -> None:
    with postgres.database() as database:
        make_user(database, "ada")
        cut = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        with contextlib.suppress(ServerBusy):
            database.write(lambda tx: tx.connection.execute(cut).all())

        assert has_team(database, "ada")
        make_user(database, "grace")
