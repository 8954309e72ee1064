"""History rows as plain mappings: their step, how they merge, and picking keys out of them.

Merging is per top-level key: the later line's value replaces the earlier one's whole, nested mappings included, as the
protocol's own clients do it. A name with dots addresses a nested value; where a row holds a name both literally and
nested, the nested value counts, of several the one under the longest key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kymograph.core import exact_json
from kymograph.core.flatten import iter_leaves
from kymograph.core.history import STEP
from kymograph.types import JsonValue

_HUGE = re.compile(r"[:\[,\s]-?[0-9]{19}")
"""Begins a number that may be an integer beyond 64 bits; none begins a row. Digits alone would be looked for inside of
every float: 43 µs for a row of ten metrics instead of 9."""
_MIN_STEP, _MAX_STEP = -(2**63), 2**63 - 1


def parse_row(line: str) -> dict[str, JsonValue] | None:
    """A line as the mapping it holds, every number exact; None if it is not a JSON object."""
    try:
        # orjson reads integers beyond 64 bits as floats.
        row = exact_json.loads_document(line) if _HUGE.search(line) else exact_json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def step_of(row: Mapping[str, Any], number: int) -> int:
    """The step of line `number`: its own if it is a 64-bit integer, else the number."""
    step = row.get(STEP)
    return step if type(step) is int and _MIN_STEP <= step <= _MAX_STEP else number


def step_of_line(line: str, number: int) -> int:
    """The step of line `number` as it came; the number, if it is no JSON object."""
    row = parse_row(line)
    return number if row is None else step_of(row, number)


def merge_rows(rows: Iterable[Mapping[str, JsonValue]]) -> dict[str, JsonValue]:
    """One row out of several of one step; later ones win per top-level key."""
    merged: dict[str, JsonValue] = {}
    for row in rows:
        merged.update(row)
    return merged


def nesting_prefixes(name: str) -> list[str]:
    """Every name under which a mapping may lie that holds `name`: ``a.b.c`` gives ``a`` and ``a.b``."""
    return [name[:index] for index, char in enumerate(name) if char == "."]


def is_nesting(value: JsonValue) -> bool:
    """Whether a value is a mapping that dotted names go into: not an empty one, nor a media record."""
    return isinstance(value, dict) and bool(value) and "_type" not in value


def leaves_of(row: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Every value of a row by its dotted name."""
    leaves = {top: value for top, value in row.items() if not is_nesting(value)}
    nested = [top for top in row if top not in leaves]
    # By length, as `nesting_prefixes` lists the keys that a name may lie under.
    for top in sorted(nested, key=len):
        leaves.update(iter_leaves({top: row[top]}))
    return leaves


def pick_keys(row: Mapping[str, JsonValue], names: Iterable[str]) -> dict[str, JsonValue]:
    """The parts of a row that `names` address, nested as in the row.

    A name addresses a top-level key whole, or a value inside a mapping.
    """
    picked: dict[str, JsonValue] = {}
    for name in names:
        if name in row:
            picked[name] = row[name]
        _pick_nested(row, name, picked)
    return picked


def _pick_nested(row: Mapping[str, JsonValue], name: str, into: dict[str, JsonValue]) -> None:
    for prefix in nesting_prefixes(name):
        inner = row.get(prefix)
        if not isinstance(inner, dict) or not is_nesting(inner) or into.get(prefix) is inner:
            continue
        rest = name[len(prefix) + 1 :]
        held = into.get(prefix)
        target: dict[str, JsonValue] = held if isinstance(held, dict) else {}
        if rest in inner and not is_nesting(inner[rest]):
            target[rest] = inner[rest]
        _pick_nested(inner, rest, target)
        if target:
            into[prefix] = target
