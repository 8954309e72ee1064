"""What a checked statement reads of each table, so that no more is fetched than may matter.

Law: a statement gives the same answer over all rows as over those that its `Reads` admit. Only what is certain narrows:
comparisons of a column with constants that stand beside everything else under AND.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kymograph.storage.sql.allowed import CONFIG, HISTORY, RUNS, SUMMARY, TABLES
from kymograph.storage.sql.guard import Checked, walk

_RUN_COLUMN = {RUNS: "id", CONFIG: "run", SUMMARY: "run", HISTORY: "run"}
_NAME_COLUMN = {CONFIG: "key", SUMMARY: "key", HISTORY: "metric"}
_ORDERLESS_JOINS = frozenset(["REGULAR", "CROSS", "NATURAL"])
"""Kinds of joins for which leaving rows out before is the same as after; not so for ASOF and POSITIONAL."""
_FLIPPED = {
    "COMPARE_EQUAL": "COMPARE_EQUAL",
    "COMPARE_LESSTHAN": "COMPARE_GREATERTHAN",
    "COMPARE_GREATERTHAN": "COMPARE_LESSTHAN",
    "COMPARE_LESSTHANOREQUALTO": "COMPARE_GREATERTHANOREQUALTO",
    "COMPARE_GREATERTHANOREQUALTO": "COMPARE_LESSTHANOREQUALTO",
}


@dataclass(frozen=True, slots=True)
class Reads:
    """Rows of one table that may matter; None is no bound."""

    runs: frozenset[str] | None = None
    names: frozenset[str] | None = None
    """Of metrics or keys."""
    first_step: int | None = None
    last_step: int | None = None
    """Both included."""

    def __or__(self, other: Reads) -> Reads:
        """Rows that either admits, or more."""
        return Reads(
            None if self.runs is None or other.runs is None else self.runs | other.runs,
            None if self.names is None or other.names is None else self.names | other.names,
            None if self.first_step is None or other.first_step is None else min(self.first_step, other.first_step),
            None if self.last_step is None or other.last_step is None else max(self.last_step, other.last_step),
        )

    def __and__(self, other: Reads) -> Reads:
        """Rows that both admit."""
        return Reads(
            _both(self.runs, other.runs),
            _both(self.names, other.names),
            max((step for step in (self.first_step, other.first_step) if step is not None), default=None),
            min((step for step in (self.last_step, other.last_step) if step is not None), default=None),
        )


EVERYTHING = Reads()


def _both(left: frozenset[str] | None, right: frozenset[str] | None) -> frozenset[str] | None:
    return right if left is None else left if right is None else left & right


def reads_of(checked: Checked) -> dict[str, Reads]:
    """What a statement reads, by table; tables that it does not name are left out."""
    table_by_node = {id(node): table for table, node in checked.tables}
    found: dict[int, Reads] = dict.fromkeys(table_by_node, EVERYTHING)
    for node in walk(checked.node):
        if node.get("type") == "SELECT_NODE":
            _narrow(node, table_by_node, found)
    total: dict[str, Reads] = {}
    for node_id, reads in found.items():
        table = table_by_node[node_id]
        total[table] = total[table] | reads if table in total else reads
    return total


def uses_column(checked: Checked, column: str) -> bool:
    """Whether a statement may look at a column; False is certain."""
    aliases = {(node.get("alias") or table).lower() for table, node in checked.tables}
    if any(node.get("column_name_alias") for node in walk(checked.node)):
        return True
    for node in walk(checked.node):
        kind = node.get("class") or node.get("type")
        if kind in ("STAR", "PIVOT", "SHOW_REF", "POSITIONAL_REFERENCE"):
            return True
        if kind == "JOIN" and (node.get("ref_type") == "NATURAL" or column in map(str.lower, node["using_columns"])):
            return True
        if kind == "COLUMN_REF":
            names = [name.lower() for name in node["column_names"]]
            # A table's own name is its rows as a whole.
            if column in names or names[-1] in aliases:
                return True
    return False


@dataclass(frozen=True, slots=True)
class _Source:
    """A table that stands in the FROM of a query node."""

    node_id: int
    table: str
    alias: str


def _narrow(select: dict[str, Any], table_by_node: dict[int, str], found: dict[int, Reads]) -> None:
    if "sample" in select:
        return
    refs = list(_refs(select.get("from_table")))
    sources = [
        _Source(id(ref), table_by_node[id(ref)], (ref.get("alias") or ref["table_name"]).lower())
        for ref in refs
        if id(ref) in table_by_node and not ref.get("column_name_alias") and "sample" not in ref
    ]
    joins = [ref for ref in refs if ref["type"] == "JOIN"]
    if any(join["ref_type"] not in _ORDERLESS_JOINS for join in joins):
        return
    conditions = list(_conjuncts(select.get("where_clause")))
    for join in joins:
        if join["join_type"] == "INNER":
            conditions += _conjuncts(join.get("condition"))
    # Without another source, a column without a table's name is one of the only table.
    is_alone = len(refs) == 1
    for source in sources:
        reads = found[source.node_id]
        for condition in conditions:
            reads &= _bound(condition, source, is_alone=is_alone)
        found[source.node_id] = reads


def _refs(ref: Any) -> Iterator[dict[str, Any]]:
    """What stands in a FROM, joins included, without looking into subqueries."""
    if not isinstance(ref, dict):
        return
    yield ref
    if ref["type"] == "JOIN":
        yield from _refs(ref.get("left"))
        yield from _refs(ref.get("right"))


def _conjuncts(condition: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(condition, dict):
        return
    if condition.get("type") == "CONJUNCTION_AND":
        for child in condition["children"]:
            yield from _conjuncts(child)
    else:
        yield condition


def _bound(condition: dict[str, Any], source: _Source, *, is_alone: bool) -> Reads:
    """What one condition says about a table."""
    kind = condition.get("type")
    if kind == "COMPARE_BETWEEN":
        column = _column(condition["input"], source, is_alone=is_alone)
        low, high = _integer(condition["lower"]), _integer(condition["upper"])
        return Reads(first_step=low, last_step=high) if _is_step(column, source) else EVERYTHING
    if kind == "COMPARE_IN":
        column = _column(condition["children"][0], source, is_alone=is_alone)
        return _one_of(column, condition["children"][1:], source)
    if kind == "CONJUNCTION_OR":
        return _alternatives(condition["children"], source, is_alone=is_alone)
    if kind not in _FLIPPED:
        return EVERYTHING
    left, right = condition["left"], condition["right"]
    column = _column(left, source, is_alone=is_alone)
    if column is None:
        column, right, kind = _column(right, source, is_alone=is_alone), left, _FLIPPED[kind]
    if _is_step(column, source):
        return _step_bound(kind, _integer(right))
    return _one_of(column, [right], source) if kind == "COMPARE_EQUAL" else EVERYTHING


def _alternatives(children: Sequence[dict[str, Any]], source: _Source, *, is_alone: bool) -> Reads:
    total: Reads | None = None
    for child in children:
        reads = EVERYTHING
        for condition in _conjuncts(child):
            reads &= _bound(condition, source, is_alone=is_alone)
        total = reads if total is None else total | reads
    return total or EVERYTHING


def _column(expression: Any, source: _Source, *, is_alone: bool) -> str | None:
    """The column of a table that an expression is, None if it is something else."""
    if not isinstance(expression, dict) or expression.get("class") != "COLUMN_REF":
        return None
    names = [name.lower() for name in expression["column_names"]]
    is_ours = len(names) == 2 and names[0] == source.alias and source.alias not in TABLES[source.table]
    if not is_ours and not (is_alone and len(names) == 1):
        return None
    return names[-1] if names[-1] in TABLES[source.table] else None


def _one_of(column: str | None, constants: Sequence[dict[str, Any]], source: _Source) -> Reads:
    texts = [_text(constant) for constant in constants]
    held = frozenset(text for text in texts if text is not None)
    if len(texts) == 0 or None in texts:
        return EVERYTHING
    if column == _RUN_COLUMN[source.table]:
        return Reads(runs=held)
    if column is not None and column == _NAME_COLUMN.get(source.table):
        return Reads(names=held)
    return EVERYTHING


def _step_bound(kind: str, step: int | None) -> Reads:
    if step is None:
        return EVERYTHING
    if kind == "COMPARE_EQUAL":
        return Reads(first_step=step, last_step=step)
    if kind == "COMPARE_LESSTHAN":
        return Reads(last_step=step - 1)
    if kind == "COMPARE_LESSTHANOREQUALTO":
        return Reads(last_step=step)
    return Reads(first_step=step + 1 if kind == "COMPARE_GREATERTHAN" else step)


def _is_step(column: str | None, source: _Source) -> bool:
    return column == "step" and source.table == HISTORY


def _text(expression: dict[str, Any]) -> str | None:
    literal = expression.get("literal")
    is_text = isinstance(literal, dict) and literal.get("kind") == "STRING"
    return str(literal["text"]) if is_text and isinstance(literal, dict) else None


def _integer(expression: dict[str, Any]) -> int | None:
    literal = expression.get("literal")
    if isinstance(literal, dict) and literal.get("kind") == "INTEGER":
        value = int(literal["text"].replace("_", ""), 0) if literal["text"].isascii() else None
        return value if value is not None and abs(value) < 2**62 else None
    if expression.get("class") == "FUNCTION" and expression.get("function_name") == "-":
        arguments = expression.get("arguments", ())
        inner = _integer(arguments[0]["expression"]) if len(arguments) == 1 else None
        return None if inner is None else -inner
    return None
