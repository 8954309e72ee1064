"""Operations whose questions a test answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kymograph.client.graphql import Question
from kymograph.client.operations import Operation
from kymograph.errors import KymographError

T = TypeVar("T")

Answer = Mapping[str, Any] | KymographError | Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Data, an error that the server answers with, or what makes the data of the variables."""


class Answers:
    """Data by the name of the document that asks for them; notes what was asked."""

    def __init__(self, **answers: Answer) -> None:
        self._answers = answers
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        """Names of documents, with their variables."""

    def to(self, operation: Operation[T]) -> T:
        """The result of an operation."""
        try:
            step: Any = next(operation)
            while True:
                assert isinstance(step, Question)
                found = self._answer(step)
                step = operation.throw(found) if isinstance(found, KymographError) else operation.send(found)
        except StopIteration as end:
            result: T = end.value
            return result

    def _answer(self, question: Question) -> Any:
        match = re.search(r"(?:query|mutation) (\w+)", question.document)
        assert match is not None
        variables = question.variables or {}
        self.asked.append((match[1], variables))
        answer = self._answers[match[1]]
        return answer(variables) if callable(answer) else answer


def connection(*nodes: Mapping[str, Any], cursor: str | None = None, **fields: Any) -> dict[str, Any]:
    """A page of nodes."""
    info = {"hasNextPage": cursor is not None, "endCursor": cursor}
    return {"edges": [{"node": node} for node in nodes], "pageInfo": info, **fields}
