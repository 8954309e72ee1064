"""Ids of artifact versions are never given twice: manifests and addresses go on naming a version that was purged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this revision; the next id is beyond all that are there."""
    op.create_table(
        "artifact_ids",
        sa.Column("id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_ids")),
        sqlite_autoincrement=True,
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("INSERT INTO artifact_ids (id) SELECT max(id) FROM artifact_versions HAVING count(*) > 0")
        op.execute("DELETE FROM artifact_ids")
    else:
        op.execute(
            "SELECT setval(pg_get_serial_sequence('artifact_ids', 'id'), max(id)) FROM artifact_versions "
            "HAVING count(*) > 0"
        )
