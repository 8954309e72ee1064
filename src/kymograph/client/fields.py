"""Fields of answers, read with tolerance: servers of the protocol differ in what they leave out, and in its form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kymograph.core import exact_json
from kymograph.types import JsonObject


def object_of(value: Any) -> JsonObject:
    """An object, or the text of one; an empty one for anything else."""
    found = _decoded(value)
    return found if isinstance(found, dict) else {}


def list_of(value: Any) -> list[Any]:
    """A list, or the text of one; an empty one for anything else."""
    found = _decoded(value)
    return found if isinstance(found, list) else []


def text_of(node: JsonObject, name: str) -> str | None:
    """A field as a text; None if it is not there, or empty."""
    value = node.get(name)
    return str(value) if value else None


def count_of(node: JsonObject, name: str) -> int:
    """A field as an integer; 0 if it is none."""
    value = node.get(name)
    return int(value) if isinstance(value, (int, float)) else 0


def nodes_of(connection: Any) -> Sequence[JsonObject]:
    """What the edges of a connection lead to."""
    edges = list_of(connection.get("edges")) if isinstance(connection, dict) else []
    found = [edge.get("node") for edge in edges if isinstance(edge, dict)]
    return [node for node in found if isinstance(node, dict)]


def _decoded(value: Any) -> Any:
    return exact_json.loads_document(value) if isinstance(value, str) and value else value
