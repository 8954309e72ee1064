"""Column types that carry any text to any engine."""

from __future__ import annotations

import json

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from kymograph.core.exact_json import replace_surrogates

ESCAPE = "\x1a"
"""U+001A, "substitute": nobody types it."""


def escape_text(text: str) -> str:
    """Make any Python text storable and comparable; `unescape_text` gives it back.

    PostgreSQL cannot hold U+0000 and SQLite's functions stop at it, so it is written as two characters, and the
    escape character itself too. Lone surrogates, which UTF-8 cannot carry, become U+FFFD for good.
    """
    text = replace_surrogates(text)
    if ESCAPE in text or "\x00" in text:
        text = text.replace(ESCAPE, f"{ESCAPE}1").replace("\x00", f"{ESCAPE}0")
    return text


def unescape_text(text: str) -> str:
    """Undo `escape_text`."""
    if ESCAPE in text:
        text = text.replace(f"{ESCAPE}0", "\x00").replace(f"{ESCAPE}1", ESCAPE)
    return text


class AnyText(TypeDecorator[str]):
    """Text of any characters, see `escape_text`."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Compare by code point on every engine, whatever language the database was made for."""
        return dialect.type_descriptor(Text(collation="C" if dialect.name == "postgresql" else None))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else escape_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """From the database."""
        return None if value is None else unescape_text(value)


class TextTuple(TypeDecorator[tuple[str, ...]]):
    """A short sequence of texts, as a JSON array."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else json.dumps([replace_surrogates(item) for item in value])

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        """From the database."""
        return None if value is None else tuple(json.loads(value))
