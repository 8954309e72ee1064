"""Lists that a server gives by pages, as scripts go through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, overload

from kymograph.client.artifact_values import Page

_Found = TypeVar("_Found")
_Item = TypeVar("_Item")


class Pages(Generic[_Item]):
    """A list that is read page by page as it is gone through; what was read is kept."""

    def __init__(
        self, read: Callable[[str | None], Page[_Found]], made: Callable[[_Found], _Item], *, start: str | None = None
    ) -> None:
        """Begin before the first page.

        Args:
            read: Gives the page after a cursor.
            made: Of each item, what scripts get.
            start: A cursor to begin after.
        """
        self._read: Callable[[str | None], Page[Any]] = read
        self._made: Callable[[Any], _Item] = made
        self._cursor, self._items = start, list[_Item]()
        self._total: int | None = None
        self._is_whole = False
        self._index = 0

    @property
    def cursor(self) -> str | None:
        """To go on after what was read, in another list."""
        return self._cursor

    @property
    def more(self) -> bool:
        """Whether there may be more to read."""
        return not self._is_whole

    def __len__(self) -> int:
        if self._total is None:
            self._load()
        if self._total is None:  # the server does not tell
            while self._load():
                pass
            return len(self._items)
        return self._total

    def __iter__(self) -> Iterator[_Item]:
        self._index = 0
        return self

    def __next__(self) -> _Item:
        while self._index >= len(self._items):
            if not self._load():
                raise StopIteration
        self._index += 1
        return self._items[self._index - 1]

    next = __next__

    @overload
    def __getitem__(self, index: int) -> _Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[_Item]: ...
    def __getitem__(self, index: int | slice) -> _Item | list[_Item]:
        """One item or several; as much is read as it takes."""
        last = index.stop if isinstance(index, slice) else index
        while last is None or last < 0 or last >= len(self._items):
            if not self._load():
                break
        return self._items[index]

    def _load(self) -> bool:
        """Read another page; whether there was one."""
        if self._is_whole:
            return False
        page = self._read(self._cursor)
        self._items += map(self._made, page.items)
        if page.total is not None:
            self._total = page.total
        self._is_whole = page.cursor is None
        self._cursor = page.cursor or self._cursor
        return True
