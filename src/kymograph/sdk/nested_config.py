"""Mappings within a config: dictionaries to everybody, whose changes are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from kymograph.core.config_tree import copy_tree
from kymograph.core.plain_values import to_plain
from kymograph.types import JsonValue

Tell = Callable[[tuple[str, ...], JsonValue], bool]
"""Told a path and its new value before the change; false forbids it."""


class NestedConfig(dict[str, Any]):
    """A mapping at a path of keys within a config."""

    __slots__ = ("_path", "_tell")

    def __init__(self, path: tuple[str, ...], value: dict[str, JsonValue], tell: Tell) -> None:
        """Take over `value`, whose mappings become such as well."""
        super().__init__(
            (key, NestedConfig((*path, key), item, tell) if isinstance(item, dict) else item)
            for key, item in value.items()
        )
        self._path = path
        self._tell = tell

    def __setitem__(self, key: str, value: Any) -> None:
        path = (*self._path, str(key))
        plain = to_plain(value, where=f"config[{'.'.join(path)!r}]")
        if self._tell(path, plain):
            super().__setitem__(str(key), NestedConfig(path, plain, self._tell) if isinstance(plain, dict) else plain)

    def __delitem__(self, key: str) -> None:
        rest = {name: copy_tree(value) for name, value in self.items() if name != key}
        if len(rest) == len(self):
            raise KeyError(key)
        if self._tell(self._path, rest):
            super().__delitem__(key)

    def update(self, *others: Any, **values: Any) -> None:
        """As of any mapping."""
        for key, value in dict(*others, **values).items():
            self[key] = value

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]
        self.update(other)
        return self

    def setdefault(self, key: str, default: Any = None) -> Any:
        """As of any mapping."""
        if key not in self:
            self[key] = default
        return self.get(key)

    def pop(self, key: str, *default: Any) -> Any:
        """As of any mapping."""
        if key not in self and default:
            return default[0]
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """As of any mapping."""
        key = next(reversed(self))
        return key, self.pop(key)

    def clear(self) -> None:
        """As of any mapping."""
        if self._tell(self._path, {}):
            super().clear()

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        # A copy belongs to no run: what is changed in it is nobody's business.
        return dict, (copy_tree(self),)
