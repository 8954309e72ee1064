"""Segments of history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "compaction_claims",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.String(length=8), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "stream", name=op.f("pk_compaction_claims")),
    )
    op.create_table(
        "segments",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(length=8), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("extents", sa.Text(), nullable=False),
        sa.Column("first_step", sa.BigInteger(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("last_kept_step", sa.BigInteger(), nullable=True),
        sa.Column("is_partial", sa.Boolean(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("point_count", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
        sa.UniqueConstraint("object", name=op.f("uq_segments_object")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_segments_retired_at"), "segments", ["retired_at"], unique=False)
    op.create_index(op.f("ix_segments_run_id_stream"), "segments", ["run_id", "stream"], unique=False)
    op.add_column("tail_streams", sa.Column("tail_bytes", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("tail_streams", sa.Column("tail_first_line", sa.BigInteger(), nullable=True))
    _count_tail()


def _count_tail() -> None:
    """All that was received so far is in the tail."""
    in_stream = (
        "FROM tail_chunks WHERE tail_chunks.run_id = tail_streams.run_id AND tail_chunks.stream = tail_streams.stream "
        "AND tail_chunks.writer = tail_streams.writer AND tail_chunks.part = tail_streams.part"
    )
    op.execute(
        f"UPDATE tail_streams SET tail_bytes = (SELECT coalesce(sum(raw_bytes), 0) {in_stream}), "
        f"tail_first_line = (SELECT min(first_line) {in_stream})"
    )
