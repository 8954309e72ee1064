"""The summary of a run: what stands for it in tables, as a mapping that is also an object.

Rows that were logged are folded in when somebody looks, not when they are logged.

Source: seeds.md E.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kymograph.core.config import INTERNAL_KEY
from kymograph.core.plain_values import to_plain
from kymograph.core.summary import SummaryBuilder, is_mapping
from kymograph.types import JsonObject, JsonValue

OnChange = Callable[[tuple[str, ...], JsonValue], object]
OnRemove = Callable[[tuple[str, ...]], object]


class SummaryMapping:
    """A mapping within a summary, or all of it; reads and writes go to the run."""

    __slots__ = ("_path", "_root")

    def __init__(self, root: Summary, path: tuple[str, ...]) -> None:
        """What lies below a path of keys."""
        object.__setattr__(self, "_root", root)
        object.__setattr__(self, "_path", path)

    def _as_dict(self) -> JsonObject:
        value: Any = self._root._document()
        for key in self._path:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else {}

    def __getitem__(self, key: str) -> Any:
        value = self._as_dict()[key]
        return SummaryMapping(self._root, (*self._path, key)) if is_mapping(value) else value

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)  # what copy and pickle look for is no metric
        try:
            return self[key]
        except KeyError:
            where = ".".join(("summary", *self._path))
            raise AttributeError(f"{where} has no {key!r}; it has {', '.join(self.keys()) or 'nothing yet'}") from None

    def __contains__(self, key: object) -> bool:
        return key in self._as_dict()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SummaryMapping):
            return self._as_dict() == other._as_dict()
        return self._as_dict() == other if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._as_dict())

    def keys(self) -> list[str]:
        """The names of all values."""
        return [key for key in self._as_dict() if key != INTERNAL_KEY]

    def values(self) -> list[Any]:
        """All values."""
        return [value for _, value in self.items()]

    def items(self) -> list[tuple[str, Any]]:
        """Names and values."""
        return [(key, self[key]) for key in self.keys()]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a name, or the default."""
        try:
            return self[key]
        except KeyError:
            return default

    def __setitem__(self, key: str, value: Any) -> None:
        self._root._set((*self._path, key), value)

    def __setattr__(self, key: str, value: Any) -> None:
        self[key] = value

    def update(self, d: Any = (), **values: Any) -> None:
        """Set several values: all of them, or none if one cannot be."""
        self._root._set_all(self._path, dict(d, **values))

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._root._remove((*self._path, key))

    def __delattr__(self, key: str) -> None:
        if key not in self:
            raise AttributeError(key)
        del self[key]


class Summary(SummaryMapping):
    """One value per metric. Not safe to change from several threads at once."""

    __slots__ = ("__weakref__", "_builder", "_cached", "_on_change", "_on_remove", "_prepare", "_pull")

    def __init__(
        self,
        builder: SummaryBuilder | None = None,
        *,
        pull: Callable[[], Iterable[Mapping[str, JsonValue]]] = tuple,
        on_change: OnChange = lambda _path, _value: None,
        on_remove: OnRemove = lambda _path: None,
        prepare: Callable[[str, Any], Any] = lambda _key, value: value,
    ) -> None:
        """Begin with what a builder has.

        Args:
            builder: Folds the rows; the run's metric definitions are made known to it.
            pull: Gives the rows that were logged since it was called last.
            on_change: Told the path of keys and the value, plain JSON, after each value that is set.
            on_remove: Told the path of each value that is removed.
            prepare: Makes something else of a value before it becomes plain JSON, by its dotted name: media, arrays.
        """
        super().__init__(self, ())
        put = object.__setattr__
        put(self, "_builder", SummaryBuilder() if builder is None else builder)
        put(self, "_pull", pull)
        put(self, "_on_change", on_change)
        put(self, "_on_remove", on_remove)
        put(self, "_prepare", prepare)
        put(self, "_cached", None)

    def _document(self) -> JsonObject:
        """Everything, rows included that came since; not to be changed."""
        rows = 0
        for row in self._pull():
            self._builder.add_row(row)
            rows += 1
        if rows or self._cached is None:
            object.__setattr__(self, "_cached", self._builder.document())
        cached: JsonObject = self._cached
        return cached

    def invalidate(self) -> None:
        """What the builder holds has changed otherwise: by a definition, say."""
        object.__setattr__(self, "_cached", None)

    def _set(self, path: tuple[str, ...], value: Any) -> None:
        self._set_all(path[:-1], {path[-1]: value})

    def _set_all(self, path: tuple[str, ...], values: Mapping[str, Any]) -> None:
        plain: dict[tuple[str, ...], JsonValue] = {}
        for key, value in values.items():
            below = (*path, str(key))
            name = ".".join(below)
            plain[below] = to_plain(self._prepare(name, value), where=f"summary[{name!r}]")
        self._document()  # rows of before come before
        for below, item in plain.items():
            self._builder.set(below, item)
            self.invalidate()
            self._on_change(below, item)

    def _remove(self, path: tuple[str, ...]) -> None:
        self._builder.remove(path)
        self.invalidate()
        self._on_remove(path)
