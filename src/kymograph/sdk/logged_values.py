"""Between `Run.log` and media: loaded when something else than numbers and texts is logged for the first time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kymograph.errors import InvalidValue
from kymograph.types import JsonObject, JsonValue

_TEXTS_AND_NUMBERS = frozenset({int, float, str, bool, type(None)})


class LoggedValues:
    """Makes what JSON has of what is logged to one run; media are written into its folder."""

    def __init__(
        self,
        folder: Path | None,
        *,
        keep: Callable[[str], None],
        configure: Callable[[tuple[str, ...], JsonValue], None],
        put_table: Callable[[Any, str], Callable[[], object] | None] = lambda _table, _key: None,
        raises_on_cut: bool = False,
    ) -> None:
        """Prepare; nothing is loaded.

        Args:
            folder: The run's ``files`` folder; None for a run that keeps nothing.
            keep: Told the name of each file that was written.
            configure: Told what media add to the config.
            put_table: Puts a table into an artifact; see `MediaPlace`.
            raises_on_cut: Whether a table with more rows than are kept is refused.
        """
        self._folder, self._keep, self._configure, self._put_table = folder, keep, configure, put_table
        self._raises_on_cut = raises_on_cut

    def convert(self, row: Mapping[str, object], step: int) -> JsonObject:
        """The JSON form of a row.

        Raises:
            InvalidValue: Something that cannot be logged, named.
        """
        if _TEXTS_AND_NUMBERS.issuperset(map(type, row.values())):
            for key in row:
                if not isinstance(key, str):
                    raise InvalidValue(f"the key {key!r}", key, rule="keys of what is logged must be texts")
            return dict(row)  # type: ignore[arg-type] # just checked
        import tempfile

        from kymograph.sdk.media.base import MediaPlace
        from kymograph.sdk.media.values import loggable_row

        if self._folder is not None:
            place = MediaPlace(self._folder, self._keep, self._configure, self._raises_on_cut, self._put_table)
            return loggable_row(row, step, place)
        with tempfile.TemporaryDirectory() as folder:
            return loggable_row(row, step, MediaPlace(Path(folder), self._keep, self._configure, self._raises_on_cut))
