"""A list of names of which those that were saved stay."""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence, Sequence
from typing import overload

from kymograph.errors import UsageError


class AddOnlyNames(MutableSequence[str]):
    """Names, each once: saved ones, which stay, and after them drafts, which may be changed."""

    def __init__(self, saved: Iterable[str] = ()) -> None:
        """Begin with what is saved."""
        self._saved = tuple(saved)
        self._drafts: list[str] = []

    @property
    def draft(self) -> tuple[str, ...]:
        """Names that are not saved yet."""
        return tuple(self._drafts)

    def __len__(self) -> int:
        return len(self._saved) + len(self._drafts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> MutableSequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | MutableSequence[str]:
        return [*self._saved, *self._drafts][index]

    @overload
    def __setitem__(self, index: int, value: str) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[str]) -> None: ...
    def __setitem__(self, index: int | slice, value: str | Iterable[str]) -> None:
        at = self._draft_index(index)
        if isinstance(value, str) and value not in self:
            self._drafts[at] = value

    def __delitem__(self, index: int | slice) -> None:
        del self._drafts[self._draft_index(index)]

    def insert(self, index: int, value: str) -> None:
        """Add a name before another; one that is there already stays where it is.

        Raises:
            UsageError: The other one is saved.
        """
        if value in self:
            return
        at = min(index, len(self)) if index >= 0 else max(0, len(self) + index)
        if at < len(self._saved):
            raise UsageError(f"{value!r} cannot come before names that are saved already; append it")
        self._drafts.insert(at - len(self._saved), value)

    def remove(self, value: str) -> None:
        """Take a name away.

        Raises:
            ValueError: It is saved already, or not there.
        """
        if value in self._saved:
            raise UsageError(f"Cannot remove artifact type: {value!r} that has been saved to the registry")
        self._drafts.remove(value)

    def _draft_index(self, index: int | slice) -> int:
        if isinstance(index, slice):
            raise UsageError("several names cannot be changed at once")
        at = range(len(self))[index]
        if at < len(self._saved):
            raise UsageError(f"{self._saved[at]!r} is saved already, and stays")
        return at - len(self._saved)

    def __eq__(self, other: object) -> bool:
        return (
            list(self) == list(other) if isinstance(other, Sequence) and not isinstance(other, str) else NotImplemented
        )

    __hash__ = None  # type: ignore[assignment] # it changes

    def __repr__(self) -> str:
        return f"{type(self).__name__}(saved={list(self._saved)!r}, draft={self._drafts!r})"
