"""All tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "entities",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("organization_id", _ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["entities.id"], name=op.f("fk_entities_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entities")),
    )
    op.create_index(op.f("ix_entities_organization_id"), "entities", ["organization_id"], unique=False)
    op.create_index(
        "uq_entities_name",
        "entities",
        ["name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "tail_archive",
        sa.Column("seq", _ID, autoincrement=False, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(length=8), nullable=False),
        sa.Column("writer", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("first_line", sa.BigInteger(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_tail_archive")),
    )
    op.create_index(op.f("ix_tail_archive_run_id"), "tail_archive", ["run_id"], unique=False)
    op.create_table(
        "tail_chunks",
        sa.Column("seq", _ID, autoincrement=True, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(length=8), nullable=False),
        sa.Column("writer", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("first_line", sa.BigInteger(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("origin_seq", sa.BigInteger(), nullable=True),
        sa.Column("raw_bytes", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_tail_chunks")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_tail_chunks_run_id_stream_writer_part_seq"),
        "tail_chunks",
        ["run_id", "stream", "writer", "part", "seq"],
        unique=False,
    )
    op.create_table(
        "tail_streams",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.String(length=8), nullable=False),
        sa.Column("writer", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("line_count", sa.BigInteger(), nullable=False),
        sa.Column("byte_count", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("open_seq", sa.BigInteger(), nullable=True),
        sa.Column("open_bytes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "stream", "writer", "part", name=op.f("pk_tail_streams")),
    )
    op.create_table(
        "users",
        sa.Column("id", _ID, nullable=False),
        sa.Column("username", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("email", _TEXT, nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("default_entity", _TEXT, nullable=False),
        sa.Column("password_hash", _TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", _ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("description", _TEXT, nullable=False),
        sa.Column("prefix", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_index(op.f("ix_api_keys_user_id"), "api_keys", ["user_id"], unique=False)
    op.create_table(
        "login_links",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_login_links_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_login_links")),
    )
    op.create_index(op.f("ix_login_links_user_id"), "login_links", ["user_id"], unique=False)
    op.create_table(
        "members",
        sa.Column("entity_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("role", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entities.id"], name=op.f("fk_members_entity_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_members_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("entity_id", "user_id", name=op.f("pk_members")),
    )
    op.create_index(op.f("ix_members_user_id"), "members", ["user_id"], unique=False)
    op.create_table(
        "projects",
        sa.Column("id", _ID, nullable=False),
        sa.Column("entity_id", _ID, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("description", _TEXT, nullable=False),
        sa.Column("visibility", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_activity_at", sa.BigInteger(), nullable=False),
        sa.Column("run_counter", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["entity_id"], ["entities.id"], name=op.f("fk_projects_entity_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
    )
    op.create_index(
        "uq_projects_entity_id_name",
        "projects",
        ["entity_id", "name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("csrf_token", _TEXT, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
    op.create_table(
        "artifact_collections",
        sa.Column("id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("type_name", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("description", _TEXT, nullable=True),
        sa.Column("client_id", _TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_version_index", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_artifact_collections_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_collections")),
    )
    op.create_index(
        "uq_artifact_collections_project_id_name", "artifact_collections", ["project_id", "name"], unique=True
    )
    op.create_table(
        "runs",
        sa.Column("key", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("display_name", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("color", sa.Integer(), nullable=False),
        sa.Column("user_id", _ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("exit_code", sa.BigInteger(), nullable=True),
        sa.Column("stop_requested", sa.Boolean(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("storage_bytes", sa.BigInteger(), nullable=False),
        sa.Column("group", _TEXT, nullable=True),
        sa.Column("job_type", _TEXT, nullable=True),
        sa.Column("host", _TEXT, nullable=True),
        sa.Column("program", _TEXT, nullable=True),
        sa.Column("repo", _TEXT, nullable=True),
        sa.Column("commit", _TEXT, nullable=True),
        sa.Column("sweep", _TEXT, nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("notes", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_runs_project_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_runs_user_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_runs")),
    )
    op.create_index("ix_runs_project_id_created_at", "runs", ["project_id", "created_at"], unique=False)
    op.create_index("ix_runs_state_heartbeat_at", "runs", ["state", "heartbeat_at"], unique=False)
    op.create_index(op.f("ix_runs_user_id"), "runs", ["user_id"], unique=False)
    op.create_index("uq_runs_project_id_id", "runs", ["project_id", "id"], unique=True)
    op.create_table(
        "value_columns",
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("column_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_value_columns_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "column_id", name=op.f("pk_value_columns")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifact_versions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("version_index", sa.Integer(), nullable=True),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("description", _TEXT, nullable=True),
        sa.Column("metadata_json", _TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by_run", _ID, nullable=True),
        sa.Column("client_id", _TEXT, nullable=True),
        sa.Column("distributed_id", _TEXT, nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("history_step", sa.BigInteger(), nullable=True),
        sa.Column("ttl_duration_s", sa.BigInteger(), nullable=True),
        sa.Column("wished_aliases", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["artifact_collections.id"],
            name=op.f("fk_artifact_versions_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_run"], ["runs.key"], name=op.f("fk_artifact_versions_created_by_run"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_versions")),
    )
    op.create_index(
        "ix_artifact_versions_collection_id_digest", "artifact_versions", ["collection_id", "digest"], unique=False
    )
    op.create_index(op.f("ix_artifact_versions_created_by_run"), "artifact_versions", ["created_by_run"], unique=False)
    op.create_index(
        "uq_artifact_versions_collection_id_version_index",
        "artifact_versions",
        ["collection_id", "version_index"],
        unique=True,
    )
    op.create_table(
        "files",
        sa.Column("id", _ID, nullable=False),
        sa.Column("run_key", _ID, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("md5", _TEXT, nullable=True),
        sa.Column("mimetype", _TEXT, nullable=False),
        sa.Column("object_key", _TEXT, nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_key"], ["runs.key"], name=op.f("fk_files_run_key"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    op.create_index("uq_files_run_key_path", "files", ["run_key", "path"], unique=True)
    op.create_table(
        "run_documents",
        sa.Column("run_key", _ID, nullable=False),
        sa.Column("config_json", _TEXT, nullable=False),
        sa.Column("summary_json", _TEXT, nullable=False),
        sa.Column("metadata_json", _TEXT, nullable=True),
        sa.ForeignKeyConstraint(["run_key"], ["runs.key"], name=op.f("fk_run_documents_run_key"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_key", name=op.f("pk_run_documents")),
    )
    op.create_table(
        "run_tags",
        sa.Column("run_key", _ID, nullable=False),
        sa.Column("tag", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(["run_key"], ["runs.key"], name=op.f("fk_run_tags_run_key"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_key", "tag", name=op.f("pk_run_tags")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_values",
        sa.Column("run_key", _ID, nullable=False),
        sa.Column("column_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.Double(), nullable=True),
        sa.Column("text", _TEXT, nullable=True),
        sa.ForeignKeyConstraint(["run_key"], ["runs.key"], name=op.f("fk_run_values_run_key"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_key", "column_id", name=op.f("pk_run_values")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifact_aliases",
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("alias", _TEXT, nullable=False),
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifact_versions.id"], name=op.f("fk_artifact_aliases_artifact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["artifact_collections.id"],
            name=op.f("fk_artifact_aliases_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection_id", "alias", name=op.f("pk_artifact_aliases")),
    )
    op.create_index(op.f("ix_artifact_aliases_artifact_id"), "artifact_aliases", ["artifact_id"], unique=False)
    op.create_table(
        "artifact_client_ids",
        sa.Column("client_id", _TEXT, nullable=False),
        sa.Column("artifact_id", _ID, nullable=True),
        sa.Column("collection_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["artifact_id"],
            ["artifact_versions.id"],
            name=op.f("fk_artifact_client_ids_artifact_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["artifact_collections.id"],
            name=op.f("fk_artifact_client_ids_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_artifact_client_ids")),
    )
    op.create_index(op.f("ix_artifact_client_ids_artifact_id"), "artifact_client_ids", ["artifact_id"], unique=False)
    op.create_index(
        op.f("ix_artifact_client_ids_collection_id"), "artifact_client_ids", ["collection_id"], unique=False
    )
    op.create_table(
        "artifact_entries",
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("object_key", _TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifact_versions.id"], name=op.f("fk_artifact_entries_artifact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("artifact_id", "path", name=op.f("pk_artifact_entries")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_artifact_entries_object_key"), "artifact_entries", ["object_key"], unique=False)
    op.create_table(
        "artifact_files",
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("object_key", _TEXT, nullable=False),
        sa.Column("mimetype", _TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifact_versions.id"], name=op.f("fk_artifact_files_artifact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("artifact_id", "path", name=op.f("pk_artifact_files")),
    )
    op.create_index(op.f("ix_artifact_files_object_key"), "artifact_files", ["object_key"], unique=False)
    op.create_index("ix_artifact_files_project_id_digest", "artifact_files", ["project_id", "digest"], unique=False)
    op.create_table(
        "artifact_manifests",
        sa.Column("id", _ID, nullable=False),
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=True),
        sa.Column("object_key", _TEXT, nullable=False),
        sa.Column("base_artifact_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["artifact_id"],
            ["artifact_versions.id"],
            name=op.f("fk_artifact_manifests_artifact_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["base_artifact_id"],
            ["artifact_versions.id"],
            name=op.f("fk_artifact_manifests_base_artifact_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_manifests")),
    )
    op.create_index(op.f("ix_artifact_manifests_artifact_id"), "artifact_manifests", ["artifact_id"], unique=False)
    op.create_table(
        "artifact_uses",
        sa.Column("run_key", _ID, nullable=False),
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("used_as", _TEXT, nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifact_versions.id"], name=op.f("fk_artifact_uses_artifact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_key"], ["runs.key"], name=op.f("fk_artifact_uses_run_key"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_key", "artifact_id", name=op.f("pk_artifact_uses")),
    )
    op.create_index(op.f("ix_artifact_uses_artifact_id"), "artifact_uses", ["artifact_id"], unique=False)
