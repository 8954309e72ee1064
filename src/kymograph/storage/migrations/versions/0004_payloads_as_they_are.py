"""Payloads of the tail are stored as they are."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision; what is there already stays as it is, and is read either way."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE tail_chunks ALTER COLUMN payload SET STORAGE EXTERNAL")
