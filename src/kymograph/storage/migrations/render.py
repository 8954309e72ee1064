"""How column types are written in migrations: as the database has them, since our own types may change later."""

from __future__ import annotations

from typing import Any, Literal

from kymograph.storage.metadata.columns import AnyText, TextTuple
from kymograph.storage.schema import UtcDateTime


def render_item(kind: str, item: Any, context: Any) -> str | Literal[False]:
    """Alembic's hook: the Python text of a type, False for those it writes well by itself."""
    if kind != "type":
        return False
    if isinstance(item, AnyText):
        return 'sa.Text().with_variant(sa.Text(collation="C"), "postgresql")'
    if isinstance(item, TextTuple):
        return "sa.Text()"
    if isinstance(item, UtcDateTime):
        return "sa.BigInteger()"
    return False
