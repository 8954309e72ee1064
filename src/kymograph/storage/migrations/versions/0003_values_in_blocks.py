"""Config and summary values lie in blocks of columns instead of a row per value; runs know their changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """To this revision. Values are derived from the documents, so there is nothing to carry over."""
    op.drop_table("run_values")
    op.drop_table("run_tags")
    op.add_column("runs", sa.Column("change", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("revision", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("value_block", sa.BigInteger(), nullable=True))
    op.create_index("ix_runs_project_id_change", "runs", ["project_id", "change"], unique=False)
    op.create_index("ix_runs_project_id_value_block", "runs", ["project_id", "value_block"], unique=False)
    op.drop_table("value_columns")
    op.create_table(
        "value_columns",
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("column_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("kinds", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_value_columns_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "column_id", name=op.f("pk_value_columns")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "value_blocks",
        sa.Column("id", _ID, nullable=False),
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("runs", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_value_blocks_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_value_blocks")),
    )
    op.create_index(op.f("ix_value_blocks_project_id"), "value_blocks", ["project_id"], unique=False)
    op.create_table(
        "value_block_columns",
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("column_id", sa.BigInteger(), nullable=False),
        sa.Column("block_id", _ID, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["block_id"], ["value_blocks.id"], name=op.f("fk_value_block_columns_block_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "column_id", "block_id", name=op.f("pk_value_block_columns")),
    )
    op.create_index(op.f("ix_value_block_columns_block_id"), "value_block_columns", ["block_id"], unique=False)
