from __future__ import annotations

from graphql import build_schema, parse

from kymograph.server.graphql.variables import without_unknown_nulls
from kymograph.types import JsonObject

SCHEMA = build_schema("""
    input Part { number: Int!, label: String }
    input Upload { name: String, parts: [Part!] }
    type Query { upload(input: Upload!, note: String): Int }
""")
DOCUMENT = parse("query Q($input: Upload!, $note: String) { upload(input: $input, note: $note) }")


def test_an_unknown_field_that_is_null_is_left_out_at_any_depth() -> None:
    sent: JsonObject = {"input": {"name": "a", "region": None, "parts": [{"number": 1, "hash": None}]}, "note": None}

    kept = without_unknown_nulls(SCHEMA, DOCUMENT, sent)

    assert kept == {"input": {"name": "a", "parts": [{"number": 1}]}, "note": None}


def test_a_known_field_that_is_null_stays() -> None:
    sent: JsonObject = {"input": {"name": None, "parts": [{"number": 1, "label": None}]}}

    assert without_unknown_nulls(SCHEMA, DOCUMENT, sent) == sent


def test_an_unknown_field_with_a_value_stays_to_be_refused() -> None:
    sent: JsonObject = {"input": {"region": "eu"}}

    assert without_unknown_nulls(SCHEMA, DOCUMENT, sent) == sent


def test_undeclared_variables_are_passed_through() -> None:
    sent: JsonObject = {"input": {}, "extra": {"x": None}}

    assert without_unknown_nulls(SCHEMA, DOCUMENT, sent) == sent
