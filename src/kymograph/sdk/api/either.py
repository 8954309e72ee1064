"""Members that code that waits calls, and code that awaits awaits: each is written once, as an operation.

A class of things that are read back is generic in its mode: `Run[Sync]` is what `Api` gives, `Run[Async]` what
`AsyncApi` gives. A method is an operation (`client.operations`) in the hands of `either`: called on the former it
returns what came of it, called on the latter something to await. Type checkers see the same.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from kymograph.client.operations import Operation

if TYPE_CHECKING:
    from kymograph.sdk.api.session import ApiSession


class Mode:
    """How results come."""


class Sync(Mode):
    """When a call returns."""


class Async(Mode):
    """When they are awaited."""


M = TypeVar("M", bound=Mode)
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Bound(Generic[M]):
    """Something that was read, and the session it was read in."""

    def __init__(self, session: ApiSession[M]) -> None:
        self._session = session


class either(Generic[_P, _T]):  # noqa: N801 — a decorator, as `property` is one
    """A method that is an operation, carried out in the mode of its object.

    Other operations reach it as ``operation``: ``yield from Run.load.operation(run)``.
    """

    def __init__(self, operation: Callable[Concatenate[Any, _P], Operation[_T]]) -> None:
        self.operation: Callable[..., Operation[_T]] = operation
        self.__wrapped__, self.__doc__ = operation, operation.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Bound[Sync], owner: type) -> Callable[_P, _T]: ...
    @overload
    def __get__(self, instance: Bound[Async], owner: type) -> Callable[_P, Coroutine[Any, Any, _T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        """The method of an object."""
        return self if instance is None else _Member(self.operation, instance)


class _Member:
    """The method of one object."""

    __slots__ = ("__self__", "__wrapped__")

    def __init__(self, operation: Callable[..., Operation[Any]], instance: Any) -> None:
        self.__wrapped__, self.__self__ = operation, instance

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.__self__._session.perform(self.__wrapped__(self.__self__, *arguments, **named))

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self.__wrapped__.__doc__

    def __repr__(self) -> str:
        return f"<method {self.__wrapped__.__qualname__} of {self.__self__!r}>"
