"""Leaves of a run's documents by dotted name, as tables, filters and groups address them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from kymograph.core import exact_json
from kymograph.core.config import unwrap_config
from kymograph.core.filters import Scope
from kymograph.core.flatten import iter_leaves
from kymograph.types import JsonObject, JsonValue

MAX_SEARCHED_LEAVES = 5_000
"""Filters, orders and groups know the first leaves of a document; whoever shows a value knows all."""
_MIN_LEAF_LENGTH = len('"":1,')
_FEW = 20
"""Looking this many names up is quicker than walking a usual document."""


def parse_document(scope: Scope, document: str) -> JsonObject:
    """A config or summary document as nested mappings; empty for one that is no JSON object.

    Config values are taken out of their ``{"value": …}``, and the client's own `_wandb` entry is left out.
    """
    try:
        parsed: Any = exact_json.loads_document(document)
    except ValueError:
        return {}
    if not isinstance(parsed, dict):
        return {}
    return unwrap_config(parsed) if scope is Scope.CONFIG else parsed


def document_leaves(scope: Scope, document: str) -> Iterator[tuple[str, JsonValue]]:
    """Dotted names and leaves in document order; see `parse_document`."""
    return iter_leaves(parse_document(scope, document))


def searched_leaves(scope: Scope, document: str) -> Iterator[tuple[str, JsonValue]]:
    """The first `MAX_SEARCHED_LEAVES` of them."""
    return islice(document_leaves(scope, document), MAX_SEARCHED_LEAVES)


def pick_leaves(scope: Scope, document: str, names: Collection[str]) -> dict[str, JsonValue]:
    """Those of the named leaves that a document has. Of equal names the last one counts."""
    return _pick(parse_document(scope, document), names)


def pick_searched_leaves(scope: Scope, document: str, names: Collection[str]) -> dict[str, JsonValue]:
    """The same of the first `MAX_SEARCHED_LEAVES` only."""
    if len(document) < MAX_SEARCHED_LEAVES * _MIN_LEAF_LENGTH:
        return pick_leaves(scope, document, names)
    return {name: leaf for name, leaf in searched_leaves(scope, document) if name in names}


def _pick(document: JsonObject, names: Collection[str]) -> dict[str, JsonValue]:
    if len(names) <= _FEW:
        found = {}
        for name in names:
            places = list(_places(document, name))
            if len(places) > 1:
                break  # only a walk tells which of them is the last
            if places:
                found[name] = places[0]
        else:
            return found
    return {name: leaf for name, leaf in iter_leaves(document) if name in names}


def _places(mapping: Mapping[str, JsonValue], name: str) -> Iterator[JsonValue]:
    """Leaves of that name: keys may hold dots themselves, so there may be several."""
    if name in mapping:
        leaf = mapping[name]
        if not _is_inner(leaf):
            yield leaf
    end = name.find(".")
    while end >= 0:
        inner = mapping.get(name[:end])
        if isinstance(inner, dict) and _is_inner(inner):
            yield from _places(inner, name[end + 1 :])
        end = name.find(".", end + 1)


def _is_inner(value: JsonValue) -> bool:
    """Whether `iter_leaves` goes into it."""
    return isinstance(value, dict) and bool(value) and "_type" not in value
