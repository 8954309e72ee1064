"""Bringing databases to the tables of this release."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from kymograph.errors import StoreCorrupt
from kymograph.storage.database import open_database
from kymograph.storage.migrations import HEAD, config_for, prepare, upgrade
from kymograph.storage.schema import registry
from kymograph.testing.databases import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_empty()


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def test_head_is_the_newest_migration(connection: Connection) -> None:
    assert ScriptDirectory.from_config(config_for(connection)).get_current_head() == HEAD


def test_migrations_lead_to_the_tables_of_the_code(connection: Connection) -> None:
    """If this fails, tables were changed without a migration: see `kymograph.storage.migrations.draft`."""
    upgrade(connection, None)

    context = MigrationContext.configure(connection, opts={"compare_type": False})
    assert compare_metadata(context, registry) == []


@pytest.mark.parametrize("bring", [prepare, lambda connection: upgrade(connection, None)], ids=["fresh", "migrated"])
def test_postgresql_stores_payloads_as_they_are(postgres: PostgresServer, bring: Callable[[Connection], None]) -> None:
    engine = create_engine(postgres.create_empty())
    with engine.begin() as connection:
        bring(connection)
        storage = connection.exec_driver_sql(
            "SELECT attstorage FROM pg_attribute WHERE attrelid = 'tail_chunks'::regclass AND attname = 'payload'"
        ).scalar_one()
    engine.dispose()

    assert storage == "e"


def test_a_migrated_sqlite_file_equals_a_fresh_one(tmp_path: Path) -> None:
    """Stricter than the comparison above: also WITHOUT ROWID, AUTOINCREMENT and every type."""

    def tables(name: str, *, migrated: bool) -> dict[str, list[str]]:
        engine = create_engine(f"sqlite:///{tmp_path / name}")
        with engine.begin() as connection:
            if migrated:
                upgrade(connection, None)
            else:
                prepare(connection)
            rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
        engine.dispose()
        # Alembic writes foreign keys in an order of its own.
        return {
            row.name: sorted(re.findall(r"[^\s,()]+|[()]", row.sql)) for row in rows if row.name != "alembic_version"
        }

    assert tables("migrated.db", migrated=True) == tables("fresh.db", migrated=False)


def test_a_database_without_a_revision_is_migrated_from_the_start(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    engine.dispose()

    database = open_database(url)

    assert database.read(lambda tx: tx.accounts.count_users()) == 0
    database.close()


def test_opening_twice_changes_nothing(url: str) -> None:
    open_database(url).close()
    open_database(url).close()


def test_a_database_of_a_newer_release_is_refused(url: str) -> None:
    open_database(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()

    with pytest.raises(StoreCorrupt, match="newer Kymograph"):
        open_database(url)


def test_a_current_database_opens_without_alembic(tmp_path: Path) -> None:
    """It takes 0.2 s to import, and every start would pay for it."""
    url = f"sqlite:///{tmp_path / 'kymograph.db'}"
    script = (
        "import sys; from kymograph.storage.database import open_database; "
        f"open_database({url!r}).close(); open_database({url!r}).close(); print('alembic' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_versions_keep_their_places_in_the_collections_that_they_were_made_in(connection: Connection) -> None:
    upgrade(connection, None, "0005")
    for statement in (
        "INSERT INTO entities (id, name, kind, created_at) VALUES (1, 'ada', 'user', 1)",
        "INSERT INTO projects (id, entity_id, name, description, visibility, created_at, last_activity_at, run_counter)"
        " VALUES (1, 1, 'mnist', '', 'private', 1, 1, 0)",
        "INSERT INTO runs (key, project_id, id, display_name, state, color, created_at, updated_at, heartbeat_at, "
        "stop_requested, storage_bytes, tags, notes) "
        "VALUES (5, 1, 'r', 'r', 'running', 0, 1, 1, 1, false, 0, '[]', '')",
        "INSERT INTO artifact_collections (id, project_id, kind, type_name, name, created_at, next_version_index)"
        " VALUES (1, 1, 'SEQUENCE', 'model', 'weights', 1, 2)",
    ):
        connection.exec_driver_sql(statement)
    for row in ((7, "DELETED", 0, 5), (8, "COMMITTED", 1, None), (9, "PENDING", None, 5)):
        connection.execute(
            text(
                "INSERT INTO artifact_versions (id, collection_id, state, version_index, digest, created_at, "
                "updated_at, created_by_run, size_bytes, file_count, wished_aliases, tags) "
                "VALUES (:id, 1, :state, :version_index, 'd', 30, 30, :run, 0, 0, '[]', '[]')"
            ),
            dict(zip(("id", "state", "version_index", "run"), row, strict=True)),
        )

    upgrade(connection, "0005")

    places = "SELECT collection_id, artifact_id, version_index, created_at, created_by_run FROM artifact_memberships"
    assert sorted(map(tuple, connection.exec_driver_sql(places))) == [(1, 7, 0, 30, 5), (1, 8, 1, 30, None)]
    outputs = "SELECT run_key, artifact_id, logged_at FROM artifact_outputs"
    assert sorted(map(tuple, connection.exec_driver_sql(outputs))) == [(5, 7, 30), (5, 9, 30)]
    assert connection.exec_driver_sql("SELECT tags, digest_algorithm FROM artifact_collections").all() == [
        ("[]", "MANIFEST_MD5")
    ]


_BEFORE_CONTENT = """
INSERT INTO entities (id, name, kind, created_at) VALUES (1, 'ada', 'user', 0);
INSERT INTO projects (id, entity_id, name, description, visibility, created_at, last_activity_at, run_counter)
    VALUES (1, 1, 'p', '', 'private', 0, 0, 0), (2, 1, 'q', '', 'private', 0, 0, 0);
INSERT INTO artifact_collections (id, project_id, kind, type_name, name, created_at, next_version_index)
    VALUES (1, 1, 'SEQUENCE', 'model', 'c', 0, 3), (2, 2, 'SEQUENCE', 'model', 'd', 0, 1);
INSERT INTO artifact_versions (id, collection_id, state, digest, created_at, updated_at, wished_aliases, tags,
    size_bytes, file_count)
    VALUES (1, 1, 'COMMITTED', 'x', 0, 5, '[]', '[]', 0, 0), (2, 1, 'DELETED', 'x', 0, 6, '[]', '[]', 0, 0),
    (3, 1, 'PENDING', 'x', 0, 7, '[]', '[]', 0, 0), (4, 2, 'COMMITTED', 'x', 0, 8, '[]', '[]', 0, 0),
    (5, 1, 'DELETED', 'x', 0, 9, '[]', '[]', 0, 0);
INSERT INTO artifact_memberships (collection_id, artifact_id, version_index, created_at)
    VALUES (1, 1, 0, 0), (1, 2, 1, 0), (2, 4, 0, 0);
INSERT INTO artifact_files (artifact_id, path, project_id, digest, size_bytes, object_key)
    VALUES (1, 'a', 1, 'A', 10, 'blobs/1/a'), (2, 'a', 1, 'A', 10, 'blobs/1/a'), (2, 'b', 1, 'B', 200, 'blobs/1/b'),
    (3, 'a', 1, 'A', 10, 'blobs/1/a'), (3, 'c', 1, 'C', NULL, 'blobs/1/c');
INSERT INTO artifact_entries (artifact_id, path, digest, size_bytes, object_key)
    VALUES (1, 'a', 'A', 10, 'blobs/1/a'), (1, 'again', 'A', 10, 'blobs/1/a'), (1, 'ref', 'etag', 1, NULL),
    (2, 'b', 'B', 200, 'blobs/1/b'), (2, 'a', 'A', 10, 'blobs/1/a'), (4, 'a', 'A', 10, 'blobs/1/a')
"""


def test_content_of_older_databases_is_counted_once(url: str) -> None:
    """Two projects share content A; B is only in a deleted version; C was announced and never came."""
    engine = create_engine(url)
    with engine.begin() as connection:
        upgrade(connection, None, "0006")
        for statement in _BEFORE_CONTENT.split(";\n"):
            connection.exec_driver_sql(statement)
        upgrade(connection, "0006")

        def rows(query: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

        assert rows(
            "SELECT digest, size_bytes, birth_artifact_id, refs, ref_sum, trashed, collections, collection_sum "
            "FROM artifact_blobs ORDER BY digest"
        ) == [("A", 10, 1, 2, 5, 1, 2, 3), ("B", 200, 2, 0, 0, 1, 0, 0), ("C", None, 3, 0, 0, 0, 0, 0)]
        assert rows("SELECT artifact_id, path FROM artifact_draft_files ORDER BY path") == [(3, "a"), (3, "c")]
        assert rows(
            "SELECT e.artifact_id, e.path, b.digest FROM artifact_entries e LEFT JOIN artifact_blobs b "
            "ON b.id = e.blob_id ORDER BY e.artifact_id, e.path"
        ) == [(1, "a", "A"), (1, "again", "A"), (1, "ref", None), (2, "a", "A"), (2, "b", "B"), (4, "a", "A")]
        assert rows("SELECT id, own_bytes, content_bytes, deleted_at FROM artifact_versions ORDER BY id") == [
            (1, 0, 10, None),
            (2, 0, 210, 6),
            (3, 0, 0, None),
            (4, 0, 10, None),
        ]
        assert rows("SELECT id, own_bytes, content_bytes FROM artifact_collections ORDER BY id") == [
            (1, 0, 10),
            (2, 0, 10),
        ]
        assert rows("SELECT * FROM artifact_space ORDER BY project_id") == [(1, 10, 1, 200, 1)]
    engine.dispose()
