"""Decides whether a statement may run: its syntax tree, as DuckDB parses it, against lists of what is allowed.

Nothing is decided by looking at the text. Each node of the tree must be of a kind that is known here, each name on its
list in `storage.sql.allowed`; an unknown kind, as a newer DuckDB may bring, is refused. Names of common table
expressions count only where they are visible: elsewhere the same name would mean something of the catalog, or a file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from kymograph.errors import InvalidQuery
from kymograph.storage.sql.allowed import FUNCTIONS, TABLE_FUNCTIONS, TABLES, TYPES

MAX_TEXT_BYTES = 64 * 1024
"""Of a statement; DuckDB's parser takes seconds for megabytes."""

_ALLOWED = f"queries read the tables {', '.join(TABLES)} and nothing else"

_SERIALIZE = "SELECT json_serialize_sql(?, skip_default := false, skip_null := true)"

_EXPRESSIONS = frozenset(
    [
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION",
        "LAMBDA", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW",
    ]
)  # fmt: skip
"""Values of ``class``."""
_NODES = frozenset(["SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"])
_TABLE_REFS = frozenset(
    ["BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SHOW_REF", "SUBQUERY", "TABLE_FUNCTION"]
)
_MODIFIERS = frozenset(["DISTINCT_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "ORDER_MODIFIER"])
_ORDERS = frozenset(["ORDER_DEFAULT", "ASCENDING", "DESCENDING"])
_KNOWN_TYPES = _NODES | _TABLE_REFS | _MODIFIERS | _ORDERS
"""Values of ``type`` in nodes without ``class``."""


_KIND_OF_ERROR = re.compile(r"^(?:Parser|Binder|Catalog|Invalid Input|Conversion|Out of Range) Error: ")


class Parser(Protocol):
    """DuckDB's, as much of it as is needed."""

    def extract_statements(self, query: str) -> Any:
        """Split a text into statements."""

    def execute(self, query: str, parameters: Any) -> Any:
        """Run a statement of ours."""


@dataclass(slots=True)
class Checked:
    """A statement that may run."""

    text: str
    """Without a semicolon at its end."""
    node: dict[str, Any]
    """Its query node, see `json_serialize_sql` of DuckDB."""
    tables: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Every use of a table, with its node in the tree."""


def check(parser: Parser, text: str) -> Checked:
    """Parse one statement and make sure that it may run.

    Raises:
        InvalidQuery: It may not; the message says why.
    """
    if len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
        raise InvalidQuery(f"the statement is longer than {MAX_TEXT_BYTES:,} bytes")
    if "\0" in text:
        raise InvalidQuery("the statement holds a NUL character")
    statement, node = _parse(parser, text)
    checked = Checked(statement, node)
    try:
        _check_node(node, frozenset(), checked)
    except RecursionError as exc:
        raise InvalidQuery("the statement is nested too deeply") from exc
    return checked


def _parse(parser: Parser, text: str) -> tuple[str, dict[str, Any]]:
    try:
        statements = parser.extract_statements(text)
    except Exception as exc:  # whatever the parser raises, the statement cannot run
        raise InvalidQuery(first_line(str(exc))) from exc
    if len(statements) != 1:
        raise InvalidQuery(f"one statement at a time, not {len(statements)}")
    serialized = parser.execute(_SERIALIZE, [text]).fetchall()[0][0]
    try:
        document = orjson.loads(serialized)
    except orjson.JSONDecodeError as exc:
        raise InvalidQuery("the statement is nested too deeply") from exc
    if document.get("error"):
        raise InvalidQuery(
            "a query begins with SELECT, WITH, FROM, VALUES, DESCRIBE or SUMMARIZE; other statements are not allowed"
        )
    if len(document["statements"]) != 1:
        raise InvalidQuery("one statement at a time")
    return str(statements[0].query).strip().removesuffix(";"), document["statements"][0]["node"]


def first_line(message: str) -> str:
    """What an error of DuckDB says, without the drawing beneath."""
    return _KIND_OF_ERROR.sub("", message.partition("\n")[0]).strip()


def _check_node(node: Any, visible: frozenset[str], checked: Checked) -> None:
    """Check a node and all below it.

    Args:
        node: A part of the tree.
        visible: Names of common table expressions that mean something here, in lower case.
        checked: Collects the tables.
    """
    if isinstance(node, list):
        for item in node:
            _check_node(item, visible, checked)
        return
    if not isinstance(node, dict):
        return
    if "class" in node:
        _check_expression(node)
    elif isinstance(kind := node.get("type"), str):
        if kind not in _KNOWN_TYPES:
            raise InvalidQuery(f"{_words(kind)} is not allowed: {_ALLOWED}")
        if kind in _NODES:
            _check_query(node, visible, checked)
            return
        _check_table_ref(node, visible, checked)
    if node.get("type") == "TABLE_FUNCTION" and "class" not in node:
        function = node["function"]
        if function.get("class") != "FUNCTION":
            raise InvalidQuery(f"this table function is not allowed: {_ALLOWED}")
        _check_name(function, TABLE_FUNCTIONS, "table function")
        _check_children(function, visible, checked)
        _check_children({key: item for key, item in node.items() if key != "function"}, visible, checked)
        return
    _check_children(node, visible, checked)


def _check_children(node: dict[str, Any], visible: frozenset[str], checked: Checked) -> None:
    for key, item in node.items():
        if isinstance(item, (dict, list)) and key != "cte_map":
            _check_node(item, visible, checked)


def _check_query(node: dict[str, Any], visible: frozenset[str], checked: Checked) -> None:
    """A query node: its common table expressions in order, each visible to those after it and to the body."""
    for entry in node.get("cte_map", {}).get("map", ()):
        name, expression = entry["key"].lower(), entry["value"]
        _check_children(expression, visible, checked)
        visible |= {name}
    if node["type"] == "RECURSIVE_CTE_NODE":
        visible |= {node["cte_name"].lower()}
    _check_children(node, visible, checked)


def _check_expression(node: dict[str, Any]) -> None:
    kind = node["class"]
    if kind not in _EXPRESSIONS:
        hint = "write the values into the statement" if kind == "PARAMETER" else _ALLOWED
        raise InvalidQuery(f"{_words(kind)} is not allowed: {hint}")
    if kind in ("FUNCTION", "WINDOW"):
        _check_name(node, FUNCTIONS, "function")
    elif kind == "TYPE":
        name = node["type_name"].lower()
        if name not in TYPES or node.get("schema") or node.get("catalog"):
            raise InvalidQuery(f"type {node['type_name']!r} is not allowed")


def _check_name(node: dict[str, Any], allowed: Collection[str], kind: str) -> None:
    name = node["function_name"]
    path = node.get("qualified_name", {}).get("path", [name])
    if name.lower() not in allowed or path != [name] or node.get("schema") or node.get("catalog"):
        raise InvalidQuery(f"{kind} {'.'.join(path)[:80]!r} is not allowed: {_ALLOWED}")


def _check_table_ref(node: dict[str, Any], visible: frozenset[str], checked: Checked) -> None:
    kind = node["type"]
    if kind == "BASE_TABLE":
        name, path = node["table_name"], node.get("qualified_name", {}).get("path", [node["table_name"]])
        is_qualified = path != [name] or node.get("schema_name") or node.get("catalog_name") or "at_clause" in node
        if not is_qualified and name.lower() in visible:
            return
        if is_qualified or name.lower() not in TABLES:
            raise InvalidQuery(f"table {'.'.join(path)[:80]!r} is not allowed: {_ALLOWED}")
        checked.tables.append((name.lower(), node))
    elif kind == "SHOW_REF":
        if node.get("table_name") or node.get("show_type") not in ("DESCRIBE", "SUMMARY") or "query" not in node:
            raise InvalidQuery(f"SHOW is not allowed: {_ALLOWED}; DESCRIBE tells their columns")
    elif kind == "PIVOT" and any(pivot.get("pivot_enum") for pivot in node.get("pivots", ())):
        raise InvalidQuery("PIVOT over an enum is not allowed: list the values, as in PIVOT … ON metric IN ('loss')")


def _words(kind: str) -> str:
    return kind.lower().replace("_", " ")


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping of a tree, outer ones first."""
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
