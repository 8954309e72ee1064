"""Runs migrations on the connection that `migrations.upgrade` gives."""

from __future__ import annotations

from alembic import context

from kymograph.storage.schema import registry

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=registry,
    render_as_batch=True,  # SQLite cannot alter columns in place
)
context.run_migrations()
