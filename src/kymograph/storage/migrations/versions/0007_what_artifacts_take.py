"""Stored content is a table of its own, and who names it is counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_NAMED = """
    SELECT DISTINCT e.blob_id, e.artifact_id, v.collection_id, v.state
    FROM artifact_entries e JOIN artifact_versions v ON v.id = e.artifact_id WHERE e.blob_id IS NOT NULL
"""


def upgrade() -> None:
    """To this revision; whatever versions hold is counted once."""
    _create_tables()
    _add_columns()
    _carry_content_over()
    _count()


def _counter(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _create_tables() -> None:
    op.create_table(
        "artifact_blobs",
        sa.Column("id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("algorithm", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("object_key", _TEXT, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("stored_at", sa.BigInteger(), nullable=True),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.Column("birth_artifact_id", sa.BigInteger(), nullable=True),
        sa.Column("refs", sa.Integer(), server_default="0", nullable=False),
        _counter("ref_sum"),
        sa.Column("trashed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("collections", sa.Integer(), server_default="0", nullable=False),
        _counter("collection_sum"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_artifact_blobs_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_blobs")),
        sa.UniqueConstraint("object_key", name=op.f("uq_artifact_blobs_object_key")),
    )
    op.create_index(
        "uq_artifact_blobs_project_id_digest", "artifact_blobs", ["project_id", "digest", "algorithm"], unique=True
    )
    is_unnamed = sa.text("refs = 0 AND trashed = 0")
    op.create_index(
        "ix_artifact_blobs_unnamed",
        "artifact_blobs",
        ["project_id", "wanted_at", "size_bytes"],
        sqlite_where=is_unnamed,
        postgresql_where=is_unnamed,
    )
    op.create_table(
        "artifact_draft_files",
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"],
            ["artifact_versions.id"],
            name=op.f("fk_artifact_draft_files_artifact_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("artifact_id", "path", name=op.f("pk_artifact_draft_files")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_artifact_draft_files_blob_id"), "artifact_draft_files", ["blob_id"])
    op.create_table(
        "artifact_collection_blobs",
        sa.Column("blob_id", _ID, autoincrement=False, nullable=False),
        sa.Column("collection_id", _ID, autoincrement=False, nullable=False),
        sa.Column("refs", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("blob_id", "collection_id", name=op.f("pk_artifact_collection_blobs")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifact_references",
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_id"],
            ["artifact_versions.id"],
            name=op.f("fk_artifact_references_artifact_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("artifact_id", "target_id", name=op.f("pk_artifact_references")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_artifact_references_target_id"), "artifact_references", ["target_id"])
    op.create_table(
        "artifact_space",
        sa.Column("project_id", _ID, nullable=False),
        _counter("live_bytes"),
        _counter("live_blobs"),
        _counter("trashed_bytes"),
        _counter("trashed_blobs"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_artifact_space_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_artifact_space")),
    )
    op.create_table(
        "artifact_doomed_objects",
        sa.Column("object_key", _TEXT, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("doomed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("object_key", name=op.f("pk_artifact_doomed_objects")),
        sqlite_with_rowid=False,
    )


def _add_columns() -> None:
    for table in ("projects", "entities"):
        op.add_column(table, sa.Column("artifact_ttl_s", sa.BigInteger(), nullable=True))
    for table in ("artifact_collections", "artifact_versions"):
        for name in ("own_bytes", "content_bytes"):
            op.add_column(table, _counter(name))
    op.add_column("artifact_versions", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.add_column("artifact_versions", sa.Column("commit_worker", _TEXT, nullable=True))
    op.add_column("artifact_versions", sa.Column("commit_until", sa.BigInteger(), nullable=True))
    op.create_index("ix_artifact_versions_collection_id_state", "artifact_versions", ["collection_id", "state"])
    for name, column, state in (
        ("ix_artifact_versions_deleted_at", "deleted_at", "DELETED"),
        ("ix_artifact_versions_drafts", "updated_at", "PENDING"),
    ):
        condition = sa.text(f"state = '{state}'")
        op.create_index(name, "artifact_versions", [column], sqlite_where=condition, postgresql_where=condition)
    op.add_column("artifact_manifests", sa.Column("size_bytes", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_artifact_manifests_base_artifact_id"), "artifact_manifests", ["base_artifact_id"])
    op.create_index(op.f("ix_artifact_manifests_object_key"), "artifact_manifests", ["object_key"])


def _carry_content_over() -> None:
    op.execute(
        "INSERT INTO artifact_blobs "
        "(project_id, algorithm, digest, object_key, size_bytes, stored_at, wanted_at, birth_artifact_id) "
        "SELECT f.project_id, f.digest_algorithm, f.digest, MIN(f.object_key), MAX(f.size_bytes), "
        "MIN(CASE WHEN f.size_bytes IS NOT NULL THEN v.created_at END), MAX(v.updated_at), MIN(f.artifact_id) "
        "FROM artifact_files f JOIN artifact_versions v ON v.id = f.artifact_id "
        "GROUP BY f.project_id, f.digest_algorithm, f.digest"
    )
    op.execute(
        "INSERT INTO artifact_draft_files (artifact_id, path, blob_id) "
        "SELECT f.artifact_id, f.path, b.id FROM artifact_files f "
        "JOIN artifact_versions v ON v.id = f.artifact_id AND v.state = 'PENDING' JOIN artifact_blobs b "
        "ON b.project_id = f.project_id AND b.digest = f.digest AND b.algorithm = f.digest_algorithm"
    )
    op.drop_table("artifact_files")
    # By way of a copy: SQLite can neither drop the foreign key nor rename a table without a trace.
    op.execute(
        "CREATE TEMPORARY TABLE entries_before AS "
        "SELECT e.artifact_id, e.path, e.digest, e.size_bytes, b.id AS blob_id "
        "FROM artifact_entries e LEFT JOIN artifact_blobs b ON b.object_key = e.object_key"
    )
    op.drop_table("artifact_entries")
    op.create_table(
        "artifact_entries",
        sa.Column("artifact_id", _ID, autoincrement=False, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("blob_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("artifact_id", "path", name=op.f("pk_artifact_entries")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO artifact_entries SELECT artifact_id, path, digest, size_bytes, blob_id FROM entries_before")
    op.execute("DROP TABLE entries_before")
    # Drafts that were deleted: they never were versions, and cannot come back as such.
    op.execute(
        "DELETE FROM artifact_versions WHERE state = 'DELETED' AND NOT EXISTS (SELECT 1 FROM artifact_memberships m "
        "WHERE m.artifact_id = artifact_versions.id AND m.collection_id = artifact_versions.collection_id)"
    )
    op.execute("UPDATE artifact_versions SET deleted_at = updated_at WHERE state = 'DELETED'")


def _count() -> None:
    op.execute(
        "INSERT INTO artifact_collection_blobs (blob_id, collection_id, refs) "
        f"SELECT blob_id, collection_id, COUNT(*) FROM ({_NAMED}) AS named WHERE state = 'COMMITTED' "
        "GROUP BY blob_id, collection_id"
    )
    op.execute(
        "UPDATE artifact_blobs SET refs = m.refs, ref_sum = m.ref_sum FROM "
        f"(SELECT blob_id, COUNT(*) AS refs, SUM(artifact_id) AS ref_sum FROM ({_NAMED}) AS named "
        "WHERE state = 'COMMITTED' GROUP BY blob_id) AS m WHERE m.blob_id = artifact_blobs.id"
    )
    op.execute(
        "UPDATE artifact_blobs SET trashed = m.trashed FROM "
        f"(SELECT blob_id, COUNT(*) AS trashed FROM ({_NAMED}) AS named WHERE state = 'DELETED' GROUP BY blob_id) AS m "
        "WHERE m.blob_id = artifact_blobs.id"
    )
    op.execute(
        "UPDATE artifact_blobs SET collections = m.collections, collection_sum = m.collection_sum FROM "
        "(SELECT blob_id, COUNT(*) AS collections, SUM(collection_id) AS collection_sum "
        "FROM artifact_collection_blobs GROUP BY blob_id) AS m WHERE m.blob_id = artifact_blobs.id"
    )
    op.execute(
        "UPDATE artifact_versions SET content_bytes = m.size_bytes FROM "
        f"(SELECT n.artifact_id, SUM(b.size_bytes) AS size_bytes FROM ({_NAMED}) AS n "
        "JOIN artifact_blobs b ON b.id = n.blob_id GROUP BY n.artifact_id) AS m "
        "WHERE m.artifact_id = artifact_versions.id"
    )
    for table, count, total in (
        ("artifact_versions", "refs", "ref_sum"),
        ("artifact_collections", "collections", "collection_sum"),
    ):
        op.execute(
            f"UPDATE {table} SET own_bytes = m.size_bytes FROM (SELECT {total} AS id, SUM(size_bytes) AS size_bytes "
            f"FROM artifact_blobs WHERE {count} = 1 GROUP BY {total}) AS m WHERE m.id = {table}.id"
        )
    op.execute(
        "UPDATE artifact_collections SET content_bytes = m.size_bytes FROM "
        "(SELECT c.collection_id, SUM(b.size_bytes) AS size_bytes FROM artifact_collection_blobs c "
        "JOIN artifact_blobs b ON b.id = c.blob_id GROUP BY c.collection_id) AS m "
        "WHERE m.collection_id = artifact_collections.id"
    )
    op.execute(
        "INSERT INTO artifact_space (project_id, live_bytes, live_blobs, trashed_bytes, trashed_blobs) "
        "SELECT project_id, SUM(CASE WHEN refs > 0 THEN size_bytes ELSE 0 END), "
        "SUM(CASE WHEN refs > 0 THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN refs = 0 AND trashed > 0 THEN size_bytes ELSE 0 END), "
        "SUM(CASE WHEN refs = 0 AND trashed > 0 THEN 1 ELSE 0 END) "
        "FROM artifact_blobs GROUP BY project_id"
    )
