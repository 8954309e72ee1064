"""Versions have places in collections: in their own, and in those that they are linked to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """To this revision; what was committed has its place in the collection that it was made in."""
    op.create_table(
        "artifact_memberships",
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("version_index", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by_run", _ID, nullable=True),
        sa.Column("created_by_user", _ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["artifact_id"],
            ["artifact_versions.id"],
            name=op.f("fk_artifact_memberships_artifact_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["artifact_collections.id"],
            name=op.f("fk_artifact_memberships_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_run"], ["runs.key"], name=op.f("fk_artifact_memberships_created_by_run"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["created_by_user"], ["users.id"], name=op.f("fk_artifact_memberships_created_by_user"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("collection_id", "artifact_id", name=op.f("pk_artifact_memberships")),
    )
    op.create_table(
        "artifact_outputs",
        sa.Column("run_key", _ID, nullable=False),
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("logged_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifact_versions.id"], name=op.f("fk_artifact_outputs_artifact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_key"], ["runs.key"], name=op.f("fk_artifact_outputs_run_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_key", "artifact_id", name=op.f("pk_artifact_outputs")),
    )
    op.execute(
        "INSERT INTO artifact_memberships (collection_id, artifact_id, version_index, created_at, created_by_run) "
        "SELECT collection_id, id, version_index, created_at, created_by_run FROM artifact_versions "
        "WHERE version_index IS NOT NULL"
    )
    op.execute(
        "INSERT INTO artifact_outputs (run_key, artifact_id, logged_at) "
        "SELECT created_by_run, id, created_at FROM artifact_versions WHERE created_by_run IS NOT NULL"
    )
    for name, table, columns, unique in (
        ("ix_artifact_memberships_artifact_id", "artifact_memberships", ["artifact_id"], False),
        (
            "uq_artifact_memberships_collection_id_version_index",
            "artifact_memberships",
            ["collection_id", "version_index"],
            True,
        ),
        ("ix_artifact_outputs_artifact_id", "artifact_outputs", ["artifact_id"], False),
    ):
        op.create_index(name, table, columns, unique=unique)
    op.drop_index("uq_artifact_versions_collection_id_version_index", table_name="artifact_versions")
    op.drop_column("artifact_versions", "version_index")
    for table in ("artifact_collections", "artifact_versions", "artifact_files"):
        op.add_column(table, sa.Column("digest_algorithm", _TEXT, nullable=False, server_default="MANIFEST_MD5"))
    for name in ("updated_at", "deleted_at"):
        op.add_column("artifact_collections", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("artifact_collections", sa.Column("tags", sa.Text(), nullable=False, server_default="[]"))
    op.drop_index("uq_artifact_collections_project_id_name", table_name="artifact_collections")
    op.create_index(
        "uq_artifact_collections_project_id_name",
        "artifact_collections",
        ["project_id", "name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
