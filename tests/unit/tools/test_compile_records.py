from __future__ import annotations

from pathlib import Path

from tools.compile_records import SOURCE, compile_records


def test_the_compiled_modules_are_those_of_the_source() -> None:
    """`make proto` makes them."""
    found = {path.name: path.read_text() for path in Path(SOURCE).parent.glob("records_pb2.py*")}

    assert found == compile_records()
