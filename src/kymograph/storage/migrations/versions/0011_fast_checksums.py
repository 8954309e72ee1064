"""A fast checksum of large content, beside the digest that names it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision; content that is there already has none."""
    op.add_column(
        "artifact_blobs",
        sa.Column("xxh128", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True),
    )
