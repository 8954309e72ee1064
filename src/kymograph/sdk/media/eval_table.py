"""Tables of what a model made of its inputs, with a role for each column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from logging import getLogger
from typing import Any, Literal, get_args

from kymograph.errors import InvalidMedia
from kymograph.sdk.media.base import MediaPlace
from kymograph.sdk.media.table import ColumnKey, LogMode, Table
from kymograph.types import JsonObject

Backend = Literal["weave", "ces"]
UnsupportedMediaMode = Literal["stub", "raise"]

_logger = getLogger(__name__)


class EvalTable(Table):
    """A table whose columns are inputs, outputs, or scores of an evaluation.

    It is logged as a table, whose form says the roles besides. The vendor's client sends the rows to the vendor's
    evaluation service instead, which neither this client nor an open server has; so here it can be logged offline,
    and any kind of media may stand in it.

    Source: `EvalTable` of the vendor's client 0.31.0.
    """

    def __init__(
        self,
        columns: Sequence[ColumnKey] | None = None,
        data: Any = None,
        rows: Iterable[Iterable[Any]] | None = None,
        dataframe: Any = None,
        dtype: Any = None,
        optional: bool | list[bool] = True,
        allow_mixed_types: bool = False,
        log_mode: LogMode = "IMMUTABLE",
        *,
        input_columns: Sequence[str] | None = None,
        output_columns: Sequence[str] | None = None,
        score_columns: Sequence[str] | None = None,
        backend: Backend | None = None,
        unsupported_media_mode: UnsupportedMediaMode = "stub",
    ) -> None:
        """Take rows.

        Args:
            columns: Names of the columns; by default those that have a role, inputs first, then outputs and scores.
            data: As of `Table`.
            rows: As of `Table`.
            dataframe: As of `Table`.
            dtype: As of `Table`.
            optional: As of `Table`.
            allow_mixed_types: As of `Table`.
            log_mode: ``IMMUTABLE`` alone: the table stays as it was first logged.
            input_columns: What the model was given: rows of several evaluations are compared where these agree, and
                by their position if there are none.
            output_columns: What it made of that; every column without a role is one of these.
            score_columns: How good that is.
            backend: Does nothing, since there is no service to choose; accepted for scripts.
            unsupported_media_mode: Does nothing, since all media can stand in it; accepted for scripts.

        Raises:
            InvalidMedia: As of `Table`; or another `log_mode`, or an unknown `backend` or `unsupported_media_mode`.
        """
        if log_mode != "IMMUTABLE":
            raise InvalidMedia("EvalTable", f"log_mode is {log_mode!r}, and can only be 'IMMUTABLE'")
        for name, given, known in (
            ("backend", backend, (None, *get_args(Backend))),
            ("unsupported_media_mode", unsupported_media_mode, get_args(UnsupportedMediaMode)),
        ):
            if given not in known:
                raise InvalidMedia("EvalTable", f"{name} is {given!r}, and may be {', '.join(map(str, known))}")
        self._roles = {
            "input_columns": [*(input_columns or ())],
            "output_columns": [*(output_columns or ())],
            "score_columns": [*(score_columns or ())],
        }
        if columns is None and dataframe is None and self._named():
            columns = list(dict.fromkeys(self._named()))
        super().__init__(
            columns,
            data,
            rows,
            dataframe,
            dtype,
            optional=optional,
            allow_mixed_types=allow_mixed_types,
            log_mode=log_mode,
        )

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:
        """As of `Table`, with the roles of the columns.

        Raises:
            InvalidMedia: A column that has a role is not in the table, or two have the same name as texts.
            InvalidValue: A cell holds something that has no JSON form.
            OSError: A file cannot be read or written.
        """
        roles = self._checked_roles()
        return super().bind(place, key, step) | {name: [*columns] for name, columns in roles.items()}

    def _named(self) -> list[str]:
        return [name for names in self._roles.values() for name in names]

    def _checked_roles(self) -> dict[str, list[str]]:
        present, named = [str(column) for column in self.columns], self._named()
        if len(set(present)) != len(present):
            raise InvalidMedia("EvalTable", f"two columns have the same name in {present}")
        unknown = sorted(set(named) - set(present))
        if unknown:
            raise InvalidMedia("EvalTable", f"there is no column {unknown[0]!r} to have a role; there are {present}")
        repeated = sorted({name for name in named if named.count(name) > 1})
        if repeated:
            _logger.warning("columns %s have more than one role in an EvalTable", repeated)
        others = [name for name in present if name not in named]
        return {**self._roles, "output_columns": [*self._roles["output_columns"], *others]}
