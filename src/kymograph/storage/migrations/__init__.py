"""Bringing a database to the tables of this release.

A fresh database is made from the tables and stamped. One with the current revision costs a single look. Only an older
one loads Alembic, which is slow to import.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select

from kymograph.errors import StoreCorrupt
from kymograph.storage.history import tables as _history_tables  # noqa: F401  (adds its tables to the registry)
from kymograph.storage.metadata import tables as _metadata_tables  # noqa: F401
from kymograph.storage.schema import registry
from kymograph.storage.space import tables as _space_tables  # noqa: F401

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0011"
"""The newest revision in `versions`; pinned by tests/unit/storage/test_migrations.py."""

_FOLDER = Path(__file__).parent
_UPGRADE_LOCK = 0x6B796D6F
"""PostgreSQL advisory lock: replicas that start together upgrade one after another."""

_alembic_version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Alembic's own table."""


def prepare(connection: Connection) -> None:
    """Create or upgrade the tables, inside the caller's transaction.

    Raises:
        StoreCorrupt: The database has a revision this release does not know: a newer release wrote it.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
    if not inspect(connection).has_table(_alembic_version.name):
        registry.create_all(connection)
        _alembic_version.create(connection)
        connection.execute(insert(_alembic_version).values(version_num=HEAD))
        return
    revision = connection.execute(select(_alembic_version.c.version_num)).scalar_one_or_none()
    if revision != HEAD:
        upgrade(connection, revision)


def upgrade(connection: Connection, revision: str | None, target: str = "head") -> None:
    """Run the migrations from `revision` on.

    Raises:
        StoreCorrupt: Nobody here knows `revision`.
    """
    from alembic import command  # takes 0.2 s, and only an old database needs it
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = config_for(connection)
    try:
        ScriptDirectory.from_config(config).get_revision(revision or "base")
    except CommandError as exc:
        raise StoreCorrupt(
            "the database", problem=f"its revision {revision!r} is of a newer Kymograph; upgrade this server"
        ) from exc
    command.upgrade(config, target)


def config_for(connection: Connection) -> Config:
    """What Alembic needs to work on a connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
