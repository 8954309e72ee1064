"""A writer of a shared run numbers its lines from where it begins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision; streams that are there already count from 0, as they did."""
    op.add_column("tail_streams", sa.Column("numbered_from", sa.BigInteger(), nullable=False, server_default="0"))
