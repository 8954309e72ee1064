"""Lists that are read page by page, as far as they are gone through."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, TypeVar, cast, overload

from kymograph.client.artifact_values import Page
from kymograph.client.operations import Operation
from kymograph.sdk.api.either import Async, Bound, M, Sync, either
from kymograph.sdk.api.session import ApiSession

T = TypeVar("T")

ReadPage = Callable[[str | None], Operation[Page[Any]]]
"""Gives the operation that reads the page after a cursor."""


class Listing(Bound[M], Generic[M, T]):
    """A list whose pages are read when they are needed; what was read is kept.

    Code that waits iterates, indexes, slices and asks for the length; code that awaits iterates with ``async for``, and
    awaits `read`, `count` and `get`.
    """

    def __init__(self, session: ApiSession[M], read: ReadPage, *, start: str | None = None) -> None:
        """Begin before the first page.

        Args:
            session: To read in.
            read: Gives the page after a cursor.
            start: A cursor to begin after.
        """
        super().__init__(session)
        self._read = read
        self._cursor, self._total = start, cast("int | None", None)
        self._is_whole = False
        self._index = 0
        self.objects: list[T] = []
        """What was read so far."""

    # --- pages -------------------------------------------------------------------------------------------------------

    def _load(self) -> Operation[bool]:
        """Read another page; whether there was one."""
        if self._is_whole:
            return False
        page = yield from self._read(self._cursor)
        self.objects += page.items
        if page.total is not None:
            self._total = page.total
        self._is_whole = page.cursor is None
        self._cursor = page.cursor or self._cursor
        return True

    def _reach(self, count: int | None) -> Operation[None]:
        """Read until so many items are there, or all; None for all."""
        while count is None or len(self.objects) < count:
            if not (yield from self._load()):
                return

    @either
    def read(self, count: int | None = None) -> Operation[list[T]]:
        """The first items, or all of them; None for all."""
        return (yield from self._first(count))

    def _first(self, count: int | None) -> Operation[list[T]]:
        yield from self._reach(count)
        return self.objects[:count]

    @either
    def count(self) -> Operation[int]:
        """How many items there are in all."""
        yield from self._counted()
        return self._total if self._total is not None else len(self.objects)

    def _counted(self) -> Operation[None]:
        if self._total is None:
            yield from self._load()
        if self._total is None:  # the server does not tell
            yield from self._reach(None)

    @either
    def get(self, index: int) -> Operation[T]:
        """One item; as much is read as it takes.

        Raises:
            IndexError: There are not so many.
        """
        yield from self._reach(index + 1 if index >= 0 else None)
        return self.objects[index]

    @property
    def cursor(self) -> str | None:
        """To go on after what was read, in another list."""
        return self._cursor

    @property
    def more(self) -> bool:
        """Whether there may be more to read."""
        return not self._is_whole

    # --- code that waits ---------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        self._session.now(self._counted(), instead="await count()")
        return self._total if self._total is not None else len(self.objects)

    def __iter__(self: Listing[Sync, T]) -> Iterator[T]:
        self._index = 0
        return cast("Iterator[T]", self)

    def __next__(self) -> T:
        while self._index >= len(self.objects):
            if not self._session.now(self._load(), instead="iterate with `async for`"):
                raise StopIteration
        self._index += 1
        return self.objects[self._index - 1]

    def next(self) -> T:
        """The next item of the iteration that is under way."""
        return self.__next__()

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        """One item or several; as much is read as it takes."""
        bounds = (index.start or 0, index.stop) if isinstance(index, slice) else (index, index + 1 or None)
        is_open = any(bound is None or bound < 0 for bound in bounds)
        is_backward = isinstance(index, slice) and (index.step or 1) < 0
        wanted = None if is_open or is_backward else max(cast("int", bound) for bound in bounds)
        self._session.now(self._reach(wanted), instead="await get() or read()")
        return self.objects[index]

    # --- code that awaits --------------------------------------------------------------------------------------------

    async def __aiter__(self: Listing[Async, T]) -> AsyncIterator[T]:
        at = 0
        while True:
            while at < len(self.objects):
                at += 1
                yield self.objects[at - 1]
            if not await self._session.perform(self._load()):
                return
