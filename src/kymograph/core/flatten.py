"""Nested mappings to dotted names, as tables, filters and charts address them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kymograph.types import JsonValue


def iter_leaves(value: Mapping[str, JsonValue], *, prefix: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Yield (dotted name, leaf) pairs in document order.

    A mapping with a ``_type`` is a media record and stays whole, as do lists and empty mappings.
    """
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict) and item and "_type" not in item:
            yield from iter_leaves(item, prefix=f"{name}.")
        else:
            yield name, item
