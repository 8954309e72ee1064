"""Charts of tables: a table in history, and in the run's config how to draw it.

A chart that is logged as ``k`` leaves the table under ``k_table`` (or in a section of its own), and its description in
the config under ``_wandb.visualize.k``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import MediaPlace
from kymograph.sdk.media.table import Table
from kymograph.types import JsonObject

SPLIT_SECTION = "Custom Chart Tables"
"""Where tables of charts stand that are to be shown apart. Source: the vendor's `CustomChartSpec.table_key`."""

_MAX_DEPTH = 8
"""How deep a chart may stand in mappings. A mapping that contains itself is found when it is converted."""


class Chart:
    """A table, and how to draw it."""

    table: Table

    @abstractmethod
    def table_key(self, key: str) -> str:
        """Under what key the table is logged when the chart is logged as `key`."""

    @abstractmethod
    def config_path(self, key: str) -> tuple[str, ...]:
        """Where in the config the description stands."""

    @abstractmethod
    def description(self, key: str) -> JsonObject:
        """How to draw it."""


@dataclass(slots=True)
class CustomChart(Chart):
    """A chart that is drawn by a specification that the server knows by name."""

    table: Table
    spec_name: str
    fields: Mapping[str, Any]
    """Names in the specification → columns of the table."""
    string_fields: Mapping[str, Any] = field(default_factory=dict)
    """Names in the specification → texts, such as a title."""
    split_table: bool = False
    """Whether the table is shown in a section of its own."""

    def table_key(self, key: str) -> str:  # noqa: D102 — docstring inherited
        return f"{SPLIT_SECTION}/{key}_table" if self.split_table else f"{key}_table"

    def config_path(self, key: str) -> tuple[str, ...]:  # noqa: D102 — docstring inherited
        return ("_wandb", "visualize", key)

    def description(self, key: str) -> JsonObject:  # noqa: D102 — docstring inherited
        summary_table: JsonObject = {
            "name": "summaryTable",
            "args": [{"name": "tableKey", "value": self.table_key(key)}],
            "fields": [],
        }
        names: list[JsonObject] = [{"name": name, "fields": []} for name in ("id", "name", "_defaultColorIndex")]
        run_sets: JsonObject = {
            "name": "runSets",
            "args": [{"name": "runSets", "value": "${runSets}"}],
            "fields": [*names, summary_table],
        }
        return {
            "panel_type": "Vega2",
            "panel_config": {
                "panelDefId": self.spec_name,
                "fieldSettings": foreign.plain(self.fields),
                "stringSettings": foreign.plain(self.string_fields),
                "transform": {"name": "tableWithLeafColNames"},
                "userQuery": {"queryFields": [run_sets]},
            },
        }


@dataclass(slots=True)
class Visualize(Chart):
    """A table that a panel draws which the server knows by its id."""

    table: Table
    id: str

    def table_key(self, key: str) -> str:  # noqa: D102 — docstring inherited
        return key

    def config_path(self, key: str) -> tuple[str, ...]:  # noqa: D102 — docstring inherited
        return ("_wandb", "viz", key)

    def description(self, key: str) -> JsonObject:  # noqa: D102 — docstring inherited
        return {"id": self.id, "historyFieldSettings": {"x-axis": "_step", "key": key}}


def plot_table(
    vega_spec_name: str,
    data_table: Table,
    fields: Mapping[str, Any],
    string_fields: Mapping[str, Any] | None = None,
    split_table: bool = False,
) -> CustomChart:
    """A chart of a table, drawn by a specification that the server knows by name.

    Args:
        vega_spec_name: Names the specification.
        data_table: What is drawn.
        fields: Names in the specification → columns of the table.
        string_fields: Names in the specification → texts.
        split_table: Whether the table is shown in a section of its own.

    Raises:
        InvalidMedia: `data_table` is no table.
    """
    if not isinstance(data_table, Table):
        raise InvalidMedia("plot_table", f"data_table must be a Table, and is a {type(data_table).__name__}")
    return CustomChart(data_table, vega_spec_name, dict(fields), dict(string_fields or {}), split_table)


def visualize(id: str, value: Table) -> Visualize:
    """A table that a panel draws which the server knows by its id.

    Raises:
        InvalidMedia: `value` is no table.
    """
    if not isinstance(value, Table):
        raise InvalidMedia("visualize", f"value must be a Table, and is a {type(value).__name__}")
    return Visualize(value, id)


def take_charts(row: Mapping[str, object], place: MediaPlace) -> dict[str, object]:
    """A row with the tables of charts instead of the charts, also of those in mappings within; tells `place` the rest.

    Tables stand at the top of the row: that of a chart ``b`` within ``a`` is ``a.b_table``.
    """
    charts: dict[str, Chart] = {}
    rest = _without_charts(row, "", charts)
    for key, chart in charts.items():
        place.configure(chart.config_path(key), chart.description(key))
        rest[chart.table_key(key)] = chart.table
    return rest


def _without_charts(row: Mapping[str, object], prefix: str, charts: dict[str, Chart]) -> dict[str, object]:
    rest: dict[str, object] = {}
    for key, value in row.items():
        if isinstance(value, Chart):
            charts[f"{prefix}{key}"] = value
        elif type(value) is dict:
            inner = _without_charts(value, f"{prefix}{key}.", charts) if prefix.count(".") < _MAX_DEPTH else value
            if inner or not value:  # a mapping of charts alone leaves nothing behind
                rest[key] = inner
        else:
            rest[key] = value
    return rest
