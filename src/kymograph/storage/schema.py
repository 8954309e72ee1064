"""What all tables share: one SQLAlchemy registry, naming rules, and how times are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Dialect, Integer, MetaData
from sqlalchemy.types import TypeDecorator

registry = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of the database; metadata and history add theirs."""

BigId = BigInteger().with_variant(Integer, "sqlite")
"""Row numbers: SQLite only counts up by itself in columns of type INTEGER."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros_since_epoch(value: datetime) -> int:
    """How the database holds a time."""
    return (value - EPOCH) // timedelta(microseconds=1)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes as whole microseconds since the epoch: one order and one precision on every engine."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the database; naive datetimes are a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}; use an aware one")
        return micros_since_epoch(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else EPOCH + timedelta(microseconds=int(value))
