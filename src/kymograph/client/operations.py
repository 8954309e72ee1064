"""Operations: what is asked of a server, and what its answers mean, whoever carries the requests.

An operation is a generator: it yields steps, is sent what came of each, and returns its result. It knows no network,
clock or event loop, so the same operation serves code that waits and code that awaits (`client.carriers`). What goes
wrong with a step is raised where it was yielded.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, TypeVar

from kymograph.client.graphql import Question
from kymograph.types import JsonObject

if TYPE_CHECKING:
    import httpx

AT_ONCE = 8
"""Operations that are carried out together."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the server; what came of it is the `httpx.Response`."""

    method: str
    path: str
    """Below the server's address."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Of the address; None is left out."""
    content: bytes | None = None
    """JSON."""
    timeout_s: float | None = None
    """How long the server may be silent; None for the usual time."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Bytes that an address holds, written to a file."""

    url: str
    sink: BinaryIO


@dataclass(frozen=True, slots=True)
class Receive:
    """An answer that is long, given piece by piece while it comes."""

    method: str
    path: str
    """Below the server's address."""
    take: Callable[[memoryview], object]
    """Given each piece, valid during the call only."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    """JSON."""


@dataclass(frozen=True, slots=True)
class Send:
    """A file, sent to an address that carries its own credential."""

    url: str
    path: Path
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """Some time."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Together:
    """Operations of which some are under way at the same time; what came of it is the list of their results."""

    operations: Sequence[Operation[Any]]
    at_once: int = AT_ONCE


Step: TypeAlias = Question | Call | Fetch | Receive | Send | Pause | Together
Operation: TypeAlias = Generator[Step, Any, _T]


def ask(document: str, variables: Mapping[str, Any] | None = None) -> Operation[JsonObject]:
    """The data that a document asks for.

    Raises:
        KymographError: What the server says is wrong, as the error that it raised.
        TransportError: There is no answer.
    """
    answer: JsonObject = yield Question(document, variables)
    return answer


def call(
    method: str,
    path: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    content: bytes | None = None,
) -> Operation[httpx.Response]:
    """The answer to a request. Raises as `ask` does."""
    answer: httpx.Response = yield Call(method, path, parameters or {}, content)
    return answer


def together(operations: Iterable[Operation[_T]], *, at_once: int = AT_ONCE) -> Operation[list[_T]]:
    """The results of operations, in their order.

    Raises:
        KymographError: The first one that failed; the others are not begun, or left alone.
    """
    results: list[_T] = yield Together(list(operations), at_once)
    return results


def given(value: _T) -> Operation[_T]:
    """An operation that has its result already."""
    return value
    yield  # what makes it an operation


def once(make: Callable[[], Operation[_T]]) -> Callable[[], Operation[_T]]:
    """Operations of one kind, of which the first that succeeds is carried out, and gives its result to the others."""
    found: list[_T] = []

    def operation() -> Operation[_T]:
        if not found:
            found.append((yield from make()))
        return found[0]

    return operation
