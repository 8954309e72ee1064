"""The tail, on SQLite and PostgreSQL."""

from __future__ import annotations

from tests.unit.storage.history.tail_contract import TailContract


class TestSqlTail(TailContract):
    pass
