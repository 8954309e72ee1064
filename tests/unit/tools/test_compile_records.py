from __future__ import annotations

from tools.compile_records import FOLDER, compile_records


def test_the_compiled_modules_are_those_of_the_sources() -> None:
    """`make proto` makes them."""
    found = {path.name: path.read_text() for path in FOLDER.glob("*_pb2.py*")}

    assert found == compile_records()
