"""Registries: projects of organizations with types and members of their own. Descriptions may be absent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """To this revision; an empty description becomes an absent one."""
    # SQLite cannot lift NOT NULL, and copying the table would take along what refers to it.
    op.add_column("projects", sa.Column("about", _TEXT, nullable=True))
    op.execute("UPDATE projects SET about = description WHERE description <> ''")
    op.drop_column("projects", "description")
    op.execute("ALTER TABLE projects RENAME COLUMN about TO description")
    op.add_column("projects", sa.Column("allows_all_types", sa.Boolean(), nullable=True))
    op.add_column("projects", sa.Column("protected_aliases", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "registry_types",
        sa.Column("project_id", _ID, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_registry_types_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "name", name=op.f("pk_registry_types")),
    )
    for table, column, target in (
        ("registry_members", "user_id", "users.id"),
        ("registry_teams", "team_id", "entities.id"),
    ):
        op.create_table(
            table,
            sa.Column("project_id", _ID, nullable=False),
            sa.Column(column, _ID, nullable=False),
            sa.Column("role", _TEXT, nullable=False),
            sa.ForeignKeyConstraint(
                ["project_id"], ["projects.id"], name=op.f(f"fk_{table}_project_id"), ondelete="CASCADE"
            ),
            sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE"),
            sa.PrimaryKeyConstraint("project_id", column, name=op.f(f"pk_{table}")),
        )
        op.create_index(f"ix_{table}_{column}", table, [column])
