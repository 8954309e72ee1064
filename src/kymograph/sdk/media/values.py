"""What a script logs, as it stands in a history row: the one door from `Run.log` to all of media.

Numbers, texts and ``None`` are their own form, and `Run` need not ask here for them (`PLAIN`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from kymograph.errors import InvalidValue
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import MediaPlace, Value
from kymograph.sdk.media.charts import Chart, take_charts
from kymograph.sdk.media.convert import PLAIN, Converter
from kymograph.sdk.media.promote import promote_figure
from kymograph.sdk.media.table import Table
from kymograph.types import JsonObject, JsonValue

__all__ = ["PLAIN", "loggable", "loggable_row"]


def loggable(key: str, value: object, step: int, place: MediaPlace) -> JsonValue:
    """The JSON form of one value, logged under `key`; files of media are written below `place`.

    Nothing is told to `place` unless the whole value has a form. A chart has none of its own, since it is logged under
    another key: see `loggable_row`.

    Raises:
        InvalidValue: Something in it has no JSON form; the message names its key and type.
        UsageError: Something in it cannot be what its media object says.
        OSError: A file cannot be read or written.
    """
    if type(value) in PLAIN:
        return value  # type: ignore[return-value] # plain values are their own form
    draft = _Draft(place)
    form = Converter(draft.place, step, _promote).convert(key, value)
    draft.commit()
    return form


def loggable_row(row: Mapping[str, object], step: int, place: MediaPlace) -> JsonObject:
    """The JSON form of what one call logs: charts become their tables, under keys of their own.

    Nothing is told to `place` unless the whole row has a form.

    Raises:
        InvalidValue: A key is no text, or something has no JSON form.
        UsageError: Something cannot be what its media object says.
        OSError: A file cannot be read or written.
    """
    for key in row:
        if not isinstance(key, str):
            raise InvalidValue(f"the key {key!r}", key, rule="keys of what is logged must be texts")
    draft = _Draft(place)
    converter = Converter(draft.place, step, _promote)
    form = {
        key: value if type(value) in PLAIN else converter.convert(key, value)
        for key, value in take_charts(row, draft.place).items()
    }
    draft.commit()
    return form  # type: ignore[return-value] # plain values are their own form


def _promote(value: object) -> Value | None:
    if foreign.is_dataframe(value):
        return Table(dataframe=value)
    if isinstance(value, Chart):
        raise InvalidValue("a chart", value, rule="it stands under a key of its own, and in no list")
    return promote_figure(value)


class _Draft:
    """What a place is told once all has gone well."""

    def __init__(self, place: MediaPlace) -> None:
        self._real = place
        self._kept: dict[str, None] = {}
        self._configured: list[tuple[tuple[str, ...], JsonValue]] = []
        self._tables: list[Callable[[], object]] = []
        self.place = replace(place, keep=self._keep, configure=self._configure, put_table=self._put_table)

    def _keep(self, path: str) -> None:
        self._kept[path] = None

    def _configure(self, path: tuple[str, ...], value: JsonValue) -> None:
        self._configured.append((path, value))

    def _put_table(self, table: Value, key: str) -> None:
        log = self._real.put_table(table, key)
        if log is not None:
            self._tables.append(log)

    def commit(self) -> None:
        """Tell."""
        for log in self._tables:
            log()
        for path in self._kept:
            self._real.keep(path)
        for keys, value in self._configured:
            self._real.configure(keys, value)
