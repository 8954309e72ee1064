"""Tables of the metadata store.

Entities, projects and runs are only marked as deleted: their files, history and objects are collected later, and a
deleted run's id stays refused. All else goes with its row.

The documents of a run (config, summary, metadata) lie in a table of their own, since SQLite rewrites a whole row on
every change and heartbeats change runs all the time. Search reads them into arrays in memory (`metadata.run_table`); so
that it need not parse them all after each start, `value_blocks` hold the leaves of most runs in columns.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Table, text

from kymograph.storage.metadata.columns import AnyText, TextTuple
from kymograph.storage.schema import BigId, UtcDateTime, registry

users = Table(
    "users",
    registry,
    Column("id", BigId, primary_key=True),
    Column("username", AnyText, nullable=False, unique=True),
    Column("name", AnyText, nullable=False),
    Column("email", AnyText, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("default_entity", AnyText, nullable=False),
    Column("password_hash", AnyText),
    Column("created_at", UtcDateTime, nullable=False),
)

entities = Table(
    "entities",
    registry,
    Column("id", BigId, primary_key=True),
    Column("name", AnyText, nullable=False),
    Column("kind", AnyText, nullable=False),
    Column("organization_id", BigId, ForeignKey("entities.id"), index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    # Of artifact versions for which neither they nor their project say another one; null is for ever.
    Column("artifact_ttl_s", BigInteger),
)
Index(
    "uq_entities_name",
    entities.c.name,
    unique=True,
    sqlite_where=entities.c.deleted_at.is_(None),
    postgresql_where=entities.c.deleted_at.is_(None),
)

members = Table(
    "members",
    registry,
    Column("entity_id", BigId, ForeignKey("entities.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", BigId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("role", AnyText, nullable=False),
)

api_keys = Table(
    "api_keys",
    registry,
    Column("id", BigId, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("user_id", BigId, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("description", AnyText, nullable=False),
    Column("prefix", AnyText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
)

sessions = Table(
    "sessions",
    registry,
    Column("digest", LargeBinary, primary_key=True),
    Column("user_id", BigId, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("csrf_token", AnyText, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

login_links = Table(
    "login_links",
    registry,
    Column("digest", LargeBinary, primary_key=True),
    Column("user_id", BigId, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_at", UtcDateTime, nullable=False),
)

shares = Table(
    "shares",
    registry,
    Column("id", BigId, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("project_id", BigId, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("user_id", BigId, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("run_ids", TextTuple, nullable=False),
    Column("metrics", TextTuple, nullable=False),
    Column("axis", AnyText, nullable=False),
    Column("view_json", AnyText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
    # Ids are told to people and used to revoke: a link made later must not be meant by them.
    sqlite_autoincrement=True,
)
"""Links that show a comparison to whoever has their secret."""

projects = Table(
    "projects",
    registry,
    Column("id", BigId, primary_key=True),
    Column("entity_id", BigId, ForeignKey("entities.id"), nullable=False),
    Column("name", AnyText, nullable=False),
    Column("description", AnyText),
    Column("visibility", AnyText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_activity_at", UtcDateTime, nullable=False),
    Column("run_counter", Integer, nullable=False, default=0),
    Column("deleted_at", UtcDateTime),
    # Of artifact versions that have none of their own; null is that of the entity, 0 is for ever.
    Column("artifact_ttl_s", BigInteger),
    # Null for projects that are no registries.
    Column("allows_all_types", Boolean),
    Column("protected_aliases", TextTuple, nullable=False, server_default="[]"),
)
Index(
    "uq_projects_entity_id_name",
    projects.c.entity_id,
    projects.c.name,
    unique=True,
    sqlite_where=projects.c.deleted_at.is_(None),
    postgresql_where=projects.c.deleted_at.is_(None),
)

registry_types = Table(
    "registry_types",
    registry,
    Column("project_id", BigId, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("name", AnyText, primary_key=True),
)
"""Types that a registry lists, whether or not it has versions of them."""

registry_members = Table(
    "registry_members",
    registry,
    Column("project_id", BigId, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", BigId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("role", AnyText, nullable=False),
)

registry_teams = Table(
    "registry_teams",
    registry,
    Column("project_id", BigId, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("team_id", BigId, ForeignKey("entities.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("role", AnyText, nullable=False),
)

runs = Table(
    "runs",
    registry,
    Column("key", BigId, primary_key=True),
    Column("project_id", BigId, ForeignKey("projects.id"), nullable=False),
    Column("id", AnyText, nullable=False),
    Column("display_name", AnyText, nullable=False),
    Column("state", AnyText, nullable=False),
    Column("color", Integer, nullable=False),
    Column("user_id", BigId, ForeignKey("users.id", ondelete="SET NULL"), index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("heartbeat_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("deleted_at", UtcDateTime),
    Column("exit_code", BigInteger),
    Column("stop_requested", Boolean, nullable=False, default=False),
    Column("last_step", BigInteger),
    Column("storage_bytes", BigInteger, nullable=False, default=0),
    Column("group", AnyText),
    Column("job_type", AnyText),
    Column("host", AnyText),
    Column("program", AnyText),
    Column("repo", AnyText),
    Column("commit", AnyText),
    Column("sweep", AnyText),
    Column("tags", TextTuple, nullable=False),
    Column("notes", AnyText, nullable=False),
    # Number of the last change, or of its transaction: search asks for what it has not seen (`metadata.moments`).
    Column("change", BigInteger, nullable=False, server_default="0"),
    # Counts the changes of config and summary.
    Column("revision", BigInteger, nullable=False, server_default="0"),
    # The block that was made of the present revision; null if none was.
    Column("value_block", BigInteger),
)
Index("uq_runs_project_id_id", runs.c.project_id, runs.c.id, unique=True)
Index("ix_runs_project_id_created_at", runs.c.project_id, runs.c.created_at)
Index("ix_runs_state_heartbeat_at", runs.c.state, runs.c.heartbeat_at)
Index("ix_runs_project_id_change", runs.c.project_id, runs.c.change)
Index("ix_runs_project_id_value_block", runs.c.project_id, runs.c.value_block)

run_documents = Table(
    "run_documents",
    registry,
    Column("run_key", BigId, ForeignKey("runs.key", ondelete="CASCADE"), primary_key=True),
    Column("config_json", AnyText, nullable=False),
    Column("summary_json", AnyText, nullable=False),
    Column("metadata_json", AnyText),
)

value_columns = Table(
    "value_columns",
    registry,
    Column("project_id", BigId, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("column_id", BigInteger, primary_key=True),
    Column("scope", AnyText, nullable=False),
    Column("name", AnyText, nullable=False),
    Column("kinds", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Names of the columns that the blocks of a project hold, with a bit per kind of value."""

value_blocks = Table(
    "value_blocks",
    registry,
    Column("id", BigId, primary_key=True),
    Column("project_id", BigId, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("runs", LargeBinary),
)
"""Blocks of config and summary values (`metadata.blocks`). Without `runs` while its columns are being written."""

block_columns = Table(
    "value_block_columns",
    registry,
    Column("project_id", BigId, primary_key=True),
    Column("column_id", BigInteger, primary_key=True),
    Column("block_id", BigId, ForeignKey("value_blocks.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("data", LargeBinary, nullable=False),
)
"""One column of one block; those of a column lie together."""

files = Table(
    "files",
    registry,
    Column("id", BigId, primary_key=True),
    Column("run_key", BigId, ForeignKey("runs.key", ondelete="CASCADE"), nullable=False),
    Column("path", AnyText(), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("md5", AnyText),
    Column("mimetype", AnyText, nullable=False),
    Column("object_key", AnyText, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
Index("uq_files_run_key_path", files.c.run_key, files.c.path, unique=True)

collections = Table(
    "artifact_collections",
    registry,
    Column("id", BigId, primary_key=True),
    Column("project_id", BigId, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    Column("kind", AnyText, nullable=False),
    Column("type_name", AnyText, nullable=False),
    Column("name", AnyText, nullable=False),
    Column("description", AnyText),
    Column("client_id", AnyText),
    Column("created_at", UtcDateTime, nullable=False),
    # Null as long as nobody has changed it.
    Column("updated_at", UtcDateTime),
    Column("deleted_at", UtcDateTime),
    Column("tags", TextTuple, nullable=False, server_default="[]"),
    Column("digest_algorithm", AnyText, nullable=False, server_default="MANIFEST_MD5"),
    Column("next_version_index", Integer, nullable=False, default=0),
    # What the versions that were made here take (`core.ledger`).
    Column("own_bytes", BigInteger, nullable=False, server_default="0"),
    Column("content_bytes", BigInteger, nullable=False, server_default="0"),
)
Index(
    "uq_artifact_collections_project_id_name",
    collections.c.project_id,
    collections.c.name,
    unique=True,
    sqlite_where=collections.c.deleted_at.is_(None),
    postgresql_where=collections.c.deleted_at.is_(None),
)

artifact_ids = Table(
    "artifact_ids",
    registry,
    Column("id", BigId, primary_key=True),
    sqlite_autoincrement=True,
)
"""Gives out the ids of versions, and is empty otherwise.

SQLite gives the id of the newest row again once that is gone, and manifests go on naming versions that were purged.
"""

versions = Table(
    "artifact_versions",
    registry,
    Column("id", BigId, primary_key=True),
    Column("collection_id", BigId, ForeignKey("artifact_collections.id", ondelete="CASCADE"), nullable=False),
    Column("state", AnyText, nullable=False),
    Column("digest", AnyText, nullable=False),
    Column("digest_algorithm", AnyText, nullable=False, server_default="MANIFEST_MD5"),
    Column("description", AnyText),
    Column("metadata_json", AnyText),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by_run", BigId, ForeignKey("runs.key", ondelete="SET NULL"), index=True),
    Column("client_id", AnyText),
    Column("distributed_id", AnyText),
    Column("size_bytes", BigInteger, nullable=False, default=0),
    Column("file_count", Integer, nullable=False, default=0),
    Column("history_step", BigInteger),
    Column("ttl_duration_s", BigInteger),
    # Those of a draft at its commit, and those that a deleted version had.
    Column("wished_aliases", TextTuple, nullable=False),
    Column("tags", TextTuple, nullable=False),
    # What a committed version takes (`core.ledger`).
    Column("own_bytes", BigInteger, nullable=False, server_default="0"),
    Column("content_bytes", BigInteger, nullable=False, server_default="0"),
    Column("deleted_at", UtcDateTime),
    # Who writes the entries of a draft that has too many for one transaction.
    Column("commit_worker", AnyText),
    Column("commit_until", UtcDateTime),
)
Index("ix_artifact_versions_collection_id_digest", versions.c.collection_id, versions.c.digest)
Index("ix_artifact_versions_collection_id_state", versions.c.collection_id, versions.c.state)
_IS_DELETED = versions.c.state == text("'DELETED'")
_IS_DRAFT = versions.c.state == text("'PENDING'")
Index(
    "ix_artifact_versions_deleted_at",
    versions.c.deleted_at,
    sqlite_where=_IS_DELETED,
    postgresql_where=_IS_DELETED,
)
Index("ix_artifact_versions_drafts", versions.c.updated_at, sqlite_where=_IS_DRAFT, postgresql_where=_IS_DRAFT)

memberships = Table(
    "artifact_memberships",
    registry,
    Column("collection_id", BigId, ForeignKey("artifact_collections.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "artifact_id",
        BigId,
        ForeignKey("artifact_versions.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    Column("version_index", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by_run", BigId, ForeignKey("runs.key", ondelete="SET NULL")),
    Column("created_by_user", BigId, ForeignKey("users.id", ondelete="SET NULL")),
)
Index(
    "uq_artifact_memberships_collection_id_version_index",
    memberships.c.collection_id,
    memberships.c.version_index,
    unique=True,
)
"""Places of versions in collections: in the sequence where they were made, from commit on, and in portfolios.

A deleted version keeps the place in its sequence, so that its number stays known; links to it are gone. Who committed a
version is the user of that place.
"""

aliases = Table(
    "artifact_aliases",
    registry,
    Column("collection_id", BigId, ForeignKey("artifact_collections.id", ondelete="CASCADE"), primary_key=True),
    Column("alias", AnyText, primary_key=True),
    Column("artifact_id", BigId, ForeignKey("artifact_versions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("set_at", UtcDateTime, nullable=False),
)

manifests = Table(
    "artifact_manifests",
    registry,
    Column("id", BigId, primary_key=True),
    Column("artifact_id", BigId, ForeignKey("artifact_versions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", AnyText, nullable=False),
    Column("name", AnyText, nullable=False),
    Column("digest", AnyText),
    Column("object_key", AnyText, nullable=False, index=True),
    Column("base_artifact_id", BigId, ForeignKey("artifact_versions.id", ondelete="SET NULL"), index=True),
    # Null until the document has arrived.
    Column("size_bytes", BigInteger),
)

client_ids = Table(
    "artifact_client_ids",
    registry,
    Column("client_id", AnyText, primary_key=True),
    Column("artifact_id", BigId, ForeignKey("artifact_versions.id", ondelete="CASCADE"), index=True),
    Column("collection_id", BigId, ForeignKey("artifact_collections.id", ondelete="CASCADE"), index=True),
)
"""What ids that clients made up mean: a version or a collection. A version that was logged twice has several."""

uses = Table(
    "artifact_uses",
    registry,
    Column("run_key", BigId, ForeignKey("runs.key", ondelete="CASCADE"), primary_key=True),
    Column(
        "artifact_id",
        BigId,
        ForeignKey("artifact_versions.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    Column("used_as", AnyText),
    Column("used_at", UtcDateTime, nullable=False),
)

outputs = Table(
    "artifact_outputs",
    registry,
    Column("run_key", BigId, ForeignKey("runs.key", ondelete="CASCADE"), primary_key=True),
    Column(
        "artifact_id",
        BigId,
        ForeignKey("artifact_versions.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    Column("logged_at", UtcDateTime, nullable=False),
)
"""Runs that logged a version: the one that made it, and those that came to the same content."""
