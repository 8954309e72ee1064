"""Where the SDK takes any error there is: only at an edge, with its reason beside it, and never without a word."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kymograph

SOURCE = Path(kymograph.__file__).parent
BROAD = {"Exception", "BaseException"}
SAYING = {"warning", "warn", "exception", "error", "debug", "append", "handleError", "_note"}
"""Calls that tell somebody, or note what is told later."""


def broad_handlers() -> Iterator[tuple[str, list[str], ast.ExceptHandler]]:
    for folder in ("sdk", "integrations", "drop_in"):
        for path in sorted((SOURCE / folder).rglob("*.py")):
            text = path.read_text()
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ExceptHandler) and is_broad(node):
                    yield f"{path.relative_to(SOURCE)}:{node.lineno}", text.splitlines(), node


def is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in BROAD) for kind in caught)


def raises_again(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise)


HANDLERS = list(broad_handlers())


@pytest.mark.parametrize(("lines", "handler"), [it[1:] for it in HANDLERS], ids=[it[0] for it in HANDLERS])
def test_a_broad_handler_raises_again_or_says_what_happened_and_why_it_is_broad(
    lines: list[str], handler: ast.ExceptHandler
) -> None:
    if raises_again(handler):
        return
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(handler)
        if isinstance(node, ast.Call)
    }
    around = lines[handler.lineno - 3 : handler.body[0].end_lineno]

    assert called & SAYING, "it swallows silently"
    assert any("#" in line for line in around), "it does not say why it is broad"
