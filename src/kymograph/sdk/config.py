"""The config of a run: what goes into an experiment, as a mapping that is also an object.

A value that is there does not change unless that is asked for, since a config that changes half-way describes no run.
Keys that a sweep has chosen are locked. Every change is told at once.

Source: seeds.md E.9, Appendix 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kymograph.core.config_tree import copy_mapping, copy_tree, merged, same_value
from kymograph.core.plain_values import to_plain
from kymograph.errors import ConfigError
from kymograph.sdk.config_sources import read_config
from kymograph.sdk.nested_config import NestedConfig
from kymograph.types import JsonObject, JsonValue

OnChange = Callable[[tuple[str, ...], JsonValue], object]


def _no_change(_path: tuple[str, ...], _value: JsonValue) -> None:
    """Nobody is told."""


class Config:
    """Inputs of a run.

    Not safe to change from several threads at once. Keys that begin with ``_`` are kept and not shown.
    """

    __slots__ = ("__weakref__", "_allow_val_change", "_items", "_locked", "_on_change", "_prepare", "_warn")

    def __init__(
        self,
        items: Mapping[str, Any] | None = None,
        *,
        on_change: OnChange = _no_change,
        warn: Callable[[str], object] = lambda _text: None,
        prepare: Callable[[str, Any], Any] = lambda _key, value: value,
        allow_val_change: bool = False,
    ) -> None:
        """Begin with `items`, of which nobody is told.

        Args:
            items: The first values.
            on_change: Told the path of keys and the value, plain JSON, after each change.
            warn: Told what was ignored.
            prepare: Makes something else of a top-level value before it becomes plain JSON (an artifact, say), or
                raises for one that does not belong here.
            allow_val_change: Whether values may change unasked, as in notebooks.
        """
        put = object.__setattr__
        put(self, "_items", {})
        put(self, "_locked", {})
        put(self, "_on_change", _no_change)
        put(self, "_warn", warn)
        put(self, "_prepare", prepare)
        put(self, "_allow_val_change", allow_val_change)
        if items:
            self._apply(self._checked(items, allow_val_change=True))
        put(self, "_on_change", on_change)

    # --- reading ---

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __getattr__(self, key: str) -> Any:
        try:
            return self._items[key]
        except KeyError:
            raise AttributeError(f"{type(self)!r} object has no attribute {key!r}") from None

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Config):
            return bool(self._items == other._items)
        return self.as_dict() == other if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.as_dict())

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(key for key in self.keys() if key.isidentifier())]

    def keys(self) -> list[str]:
        """The names of all values."""
        return [key for key in self._items if not key.startswith("_")]

    def values(self) -> list[Any]:
        """All values."""
        return [value for _, value in self.items()]

    def items(self) -> list[tuple[str, Any]]:
        """Names and values."""
        return [(key, value) for key, value in self._items.items() if not key.startswith("_")]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a name, or the default."""
        return self._items.get(key, default)

    def as_dict(self) -> JsonObject:
        """Everything that is shown, as plain mappings of the caller's own."""
        return copy_mapping(dict(self.items()))

    def _as_dict(self) -> JsonObject:
        """Everything, names with ``_`` included."""
        return copy_mapping(self._items)

    def as_wire(self) -> JsonObject:
        """As it is sent: ``{key: {"value": …}}``, without the client's notes about itself."""
        return {key: {"value": value} for key, value in self._as_dict().items()}

    # --- changing ---

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __setattr__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def update(self, d: Any, allow_val_change: bool | None = None) -> None:
        """Take values in: all of them, or none if one cannot be.

        Args:
            d: A mapping, an ``argparse`` or ``absl`` namespace, a dataclass, or the path of a YAML file.
            allow_val_change: Whether those that are there may change.

        Raises:
            ConfigError: A value would change, or a file cannot be read.
            TypeError: `d` is none of these.
        """
        self._apply(self._checked(self._without_locked(read_config(d)), allow_val_change=allow_val_change))

    def setdefaults(self, d: Any) -> None:
        """Take in those values whose names are not there yet. As `update` otherwise."""
        given = read_config(d)
        self._apply(self._checked({key: value for key, value in given.items() if _name(key) not in self._items}))

    def update_locked(
        self, d: Mapping[str, Any], user: str | None = None, _allow_val_change: bool | None = None
    ) -> None:
        """Take values in that nobody may change from here on.

        Args:
            d: The values.
            user: Who locks them; said when somebody tries.
        """
        checked = self._checked(d, allow_val_change=True if _allow_val_change is None else _allow_val_change)
        self._locked.update(dict.fromkeys(checked, user or "sweep"))
        self._apply(checked)

    def merge_locked(
        self, d: Mapping[str, Any], user: str | None = None, _allow_val_change: bool | None = None
    ) -> None:
        """As `update_locked`; mappings are merged with those that are there."""
        merged_values = {key: merged(self._items.get(_name(key)), to_plain(value)) for key, value in d.items()}
        self.update_locked(merged_values, user, _allow_val_change)

    def persist(self) -> None:
        """Tell every value again."""
        for key, value in self._as_dict().items():
            self._on_change((key,), value)

    def _without_locked(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        locked = [key for key in given if _name(key) in self._locked]
        for key in locked:
            self._warn_locked(_name(key))
        return {key: value for key, value in given.items() if key not in locked}

    def _warn_locked(self, key: str) -> None:
        self._warn(f"Config item '{key}' was locked by '{self._locked[key]}' (ignored update).")

    def _checked(self, given: Mapping[str, Any], *, allow_val_change: bool | None = None) -> JsonObject:
        allowed = self._allow_val_change if allow_val_change is None else allow_val_change
        checked: JsonObject = {}
        for name, value in given.items():
            key = _name(name)
            plain = to_plain(self._prepare(key, value), where=f"config[{key!r}]")
            if not allowed and key in self._items and not same_value(self._items[key], plain):
                raise ConfigError(
                    f'Attempted to change value of key "{key}" from {self._items[key]} to {plain}\n'
                    "If you really want to do this, pass allow_val_change=True to config.update()"
                )
            checked[key] = plain
        return checked

    def _apply(self, checked: JsonObject) -> None:
        for key, value in checked.items():
            self._items[key] = (
                NestedConfig((key,), value, self._tell_nested) if isinstance(value, dict) else copy_tree(value)
            )
        for key, value in checked.items():
            self._on_change((key,), value)

    def _tell_nested(self, path: tuple[str, ...], value: JsonValue) -> bool:
        """Tell of a change below the top, unless that is locked: then say so."""
        if path[0] in self._locked:
            self._warn_locked(path[0])
            return False
        self._on_change(path, value)
        return True


class StaticConfig:
    """A config as it was at some moment; it does not change."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any] | Config) -> None:
        """Keep a copy of `items`."""
        object.__setattr__(self, "_items", copy_mapping(dict(items)))

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __getattr__(self, key: str) -> Any:
        try:
            return self._items[key]
        except KeyError:
            raise AttributeError(f"the config has no {key!r}") from None

    def __setattr__(self, key: str, _value: object) -> None:
        raise AttributeError(f"config_static is read-only; set run.config[{key!r}]")

    def __setitem__(self, key: str, _value: object) -> None:
        raise AttributeError(f"config_static is read-only; set run.config[{key!r}]")

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)

    def keys(self) -> list[str]:
        """The names of all values."""
        return list(self._items)


def _name(key: object) -> str:
    # Dashes around a name come from command-line options.
    return str(key).strip("-")
