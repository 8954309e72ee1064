"""Runs migrations on the connection that `migrations.upgrade` gives."""

from __future__ import annotations

from alembic import context

from kymograph.storage.migrations.render import render_item
from kymograph.storage.schema import registry

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=registry,
    render_as_batch=True,  # SQLite cannot alter columns in place
    render_item=render_item,
    user_module_prefix="",
)
context.run_migrations()
