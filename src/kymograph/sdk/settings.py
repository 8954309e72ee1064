"""The settings of a run: values, where each came from, and what it replaced.

Sources have ranks; a value of a higher rank replaces one of a lower. An *override* is for whoever is responsible for
many: it replaces every usual value, and of several overrides that of the lowest rank counts.

Source: seeds.md E.2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Self

from kymograph.errors import InvalidChoice, InvalidSetting, SettingsFrozen, UnknownSetting
from kymograph.sdk.notices import Voice
from kymograph.sdk.settings_computed import ComputedSettings
from kymograph.sdk.settings_fields import ALIASES, REMOVED, SECRETS, SettingsFields
from kymograph.sdk.settings_values import PARSERS, Parser, check_value


class Source(IntEnum):
    """Where a value comes from, by rank."""

    BASE = 1
    ORG = 2
    ENTITY = 3
    PROJECT = 4
    USER = 5
    SYSTEM = 6
    WORKSPACE = 7
    ENV = 8
    SETUP = 9
    INIT = 10
    SETTINGS = 11
    ARGS = 12
    CODE = 13
    """An assignment to an attribute."""
    RUN = 14
    """What the server made of it."""


SOURCE_NAMES = {
    Source.BASE: "default",
    Source.ORG: "organization",
    Source.ENTITY: "entity",
    Source.PROJECT: "project",
    Source.USER: "account",
    Source.SYSTEM: "settings of the user",
    Source.WORKSPACE: "settings of this folder",
    Source.ENV: "environment",
    Source.SETUP: "setup()",
    Source.INIT: "init()",
    Source.SETTINGS: "init(settings=…)",
    Source.ARGS: "command line",
    Source.CODE: "assignment",
    Source.RUN: "server",
}
"""As people are told."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A value that one source gave to one setting."""

    source: Source
    value: Any
    detail: str = ""
    """Which file or variable."""
    is_override: bool = False

    def __str__(self) -> str:
        words = f"{SOURCE_NAMES[self.source]}{f' ({self.detail})' if self.detail else ''}"
        return f"{words}, as an override" if self.is_override else words


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where the value of one setting came from."""

    name: str
    value: Any
    """Not shown for secrets."""
    origin: Origin
    replaced: tuple[Origin, ...]
    """Values of other sources that it won over, the strongest first; the default last."""


class Explanations(tuple[Explanation, ...]):
    """Where values came from: as data, and as a table for people."""

    __slots__ = ()

    def __str__(self) -> str:
        rows = [("setting", "value", "from", "instead of")]
        for item in self:
            replaced = "; ".join(f"{shown(item.name, old.value)} of {old}" for old in item.replaced)
            rows.append((item.name, shown(item.name, item.value), str(item.origin), replaced))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = ("  ".join([*map(str.ljust, row[:3], widths), row[3]]).rstrip() for row in rows)
        return "\n".join(lines)


def shown(name: str, value: Any) -> str:
    """A value for people: short, and none of a secret."""
    if name in SECRETS and value:
        return "(hidden)"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


@dataclass(frozen=True, slots=True)
class _Field:
    parse: Parser
    is_optional: bool


_FIELDS: dict[str, _Field] = {
    name: _Field(PARSERS[annotation.removesuffix(" | None")], annotation.endswith(" | None"))
    for name, annotation in SettingsFields.__annotations__.items()
}
FIELD_NAMES = tuple(_FIELDS)
"""Of all settings."""


class Settings(ComputedSettings):
    """The settings of a run.

    Attributes are the settings; reading one costs no more than reading any attribute. Not safe to change from several
    threads at once; once frozen, safe to share.
    """

    _origins: dict[str, tuple[Origin, ...]]
    _is_frozen: bool

    def __init__(self, **values: Any) -> None:
        """Begin with the defaults, and values given in code.

        Args:
            values: By name; None is as good as not given.

        Raises:
            UnknownSetting: There is no such setting, and never was.
            InvalidSetting: A value cannot be used.
        """
        state = self.__dict__
        state["_origins"], state["_is_frozen"] = {}, False
        state.update(
            root_dir=os.getcwd(),
            x_stats_pid=os.getpid(),
            symlink=sys.platform != "win32",
            credentials_file=str(Path.home() / ".config" / "wandb" / "credentials.json"),
        )
        if values:
            self.update(values, source=Source.SETTINGS)

    # --- reading ---

    def __getattr__(self, name: str) -> Any:
        alias = canonical_name(name)
        if alias != name and alias in _FIELDS:
            return getattr(self, alias)
        raise UnknownSetting(name)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and canonical_name(name) in _FIELDS

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.to_dict().items())

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Settings) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        changed = (f"{name}={shown(name, getattr(self, name))}" for name in self._origins)
        return f"Settings({', '.join(changed)})"

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a setting, the default if there is no such setting."""
        return getattr(self, name, default)

    def keys(self) -> list[str]:
        """The names of all settings."""
        return list(FIELD_NAMES)

    def to_dict(self) -> dict[str, Any]:
        """All settings, secrets included."""
        return {name: getattr(self, name) for name in FIELD_NAMES}

    def given(self) -> dict[str, Any]:
        """The settings that some source gave a value."""
        return {name: getattr(self, name) for name in self._origins}

    # --- changing ---

    def __setattr__(self, name: str, value: Any) -> None:
        if name in type(self).__annotations__:
            object.__setattr__(self, name, value)
            return
        if self._is_frozen:
            raise SettingsFrozen(name)
        known = canonical_name(name)
        if known not in _FIELDS and known not in REMOVED:
            raise UnknownSetting(name)
        if value is None and known in _FIELDS:
            if not _FIELDS[known].is_optional:
                raise InvalidChoice(known, value, rule="it cannot be left out")
            self._commit({known: Origin(Source.CODE, None)})
            return
        self.update({name: value}, source=Source.CODE)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"setting {name} cannot be deleted; set it to None, or to another value")

    def update(
        self,
        values: Mapping[str, Any] | Settings | None = None,
        /,
        *,
        source: Source = Source.CODE,
        override: bool = False,
        details: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        """Take values in: all of them, or none if one cannot be used.

        Args:
            values: By name. None never replaces a value. Of other settings, those that were given.
            source: Where they come from.
            override: Whether they force other values aside.
            details: Which file or variable each comes from.
            more: Further values.

        Raises:
            SettingsFrozen: The settings are settled.
            UnknownSetting: There is no such setting, and never was.
            InvalidSetting: A value cannot be used; `InvalidChoice` if it is of another type, or no choice.
        """
        if self._is_frozen:
            raise SettingsFrozen(next(iter({**dict(values or {}), **more}), "any"))
        given = {**(values.given() if isinstance(values, Settings) else dict(values or {})), **more}
        removed: list[str] = []
        found: dict[str, Origin] = {}
        for name, value in given.items():
            known = canonical_name(name)
            if known in REMOVED:
                removed.append(name)
            elif known not in _FIELDS:
                raise UnknownSetting(name)
            elif value is not None:
                detail = (details or {}).get(name, "")
                found[known] = Origin(source, parse_setting(known, value), detail, override)
        self._commit({name: origin for name, origin in found.items() if origin.value is not None})
        for name in removed:
            Voice.of(self).warn(
                f"setting {name!r} has been removed from the protocol's client and does nothing; leave it out"
            )

    def _commit(self, found: Mapping[str, Origin]) -> None:
        origins = {name: _inserted(self._origins.get(name, ()), origin) for name, origin in found.items()}
        values = {name: stack[0].value for name, stack in origins.items()}
        _check_together(self, values)
        self._origins.update(origins)
        self.__dict__.update(values)

    def set_defaults(self, **values: Any) -> None:
        """Replace defaults by what they are on this machine; what a source gave stays."""
        self.__dict__.update({name: value for name, value in values.items() if name not in self._origins})

    def freeze(self) -> None:
        """Settle the settings: whoever changes one from here on gets an error."""
        self.__dict__["_is_frozen"] = True

    @property
    def is_frozen(self) -> bool:
        """Whether they are settled."""
        return self._is_frozen

    def copy(self) -> Self:
        """Settings of their own, equal to these and not frozen."""
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__)
        copied.__dict__.update(_origins=dict(self._origins), _is_frozen=False)
        return copied

    __copy__ = copy

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self.copy()

    # --- explaining ---

    def explain(self, name: str | None = None, *, everything: bool = False) -> Explanations:
        """Where values came from, and what they replaced.

        Args:
            name: Of one setting; default: of those that some source gave a value.
            everything: Those that have their default as well.

        Raises:
            UnknownSetting: There is no such setting.
        """
        if name is not None:
            known = canonical_name(name)
            if known not in _FIELDS:
                raise UnknownSetting(name)
            names: Iterable[str] = (known,)
        else:
            names = FIELD_NAMES if everything else sorted(self._origins)
        return Explanations(self._explain(found) for found in names)

    def _explain(self, name: str) -> Explanation:
        given = self._origins.get(name, ())
        # Defaults that depend on the process are not kept once they are replaced; they replaced nothing themselves.
        base = Origin(Source.BASE, getattr(SettingsFields, name) if given else getattr(self, name))
        stack = (*given, base)
        return Explanation(name, stack[0].value, stack[0], stack[1:])


def canonical_name(name: str) -> str:
    """The name of a setting, for any that it has or had: ``_disable_stats`` is ``x_disable_stats``."""
    known = f"x{name}" if name.startswith("_") and not name.startswith("__") else name
    return ALIASES.get(known, known)


def parse_setting(name: str, value: Any) -> Any:
    """What a setting is, for what was given.

    Raises:
        InvalidSetting: It cannot be used.
    """
    if name == "resume" and value in (True, False, "true", "True", "false", "False", ""):
        # Older clients wrote truth; false is as good as not given.
        return "auto" if value in (True, "true", "True") else None
    if name == "run_tags" and isinstance(value, str) and not value:
        raise InvalidSetting(name, value, rule="Tags must be between 1 and 64 characters")
    try:
        return check_value(name, _FIELDS[name].parse(name, value))
    except InvalidSetting as exc:
        if name not in SECRETS:
            raise
        # Not chained either: a traceback would show the value.
        raise type(exc)(name, "…", rule=exc.rule) from None


def _inserted(stack: tuple[Origin, ...], origin: Origin) -> tuple[Origin, ...]:
    """Origins by strength, strongest first; a source has one value of each kind."""
    kept = [old for old in stack if (old.source, old.is_override) != (origin.source, origin.is_override)]
    return tuple(sorted([*kept, origin], key=lambda item: (not item.is_override, _strength(item))))


def _strength(origin: Origin) -> int:
    return origin.source if origin.is_override else -origin.source


def _check_together(settings: Settings, changed: Mapping[str, Any]) -> None:
    """Rules between settings, for what they are about to be."""

    def value(name: str) -> Any:
        return changed[name] if name in changed else getattr(settings, name)

    if changed.keys().isdisjoint(("resume", "resume_from", "fork_from", "run_id")):
        return
    set_ones = [name for name in ("resume", "resume_from", "fork_from") if value(name) is not None]
    if len(set_ones) > 1:
        raise InvalidSetting(
            set_ones[0], value(set_ones[0]), rule=f"{' and '.join(set_ones)} are mutually exclusive; give only one"
        )
    run_id, fork, rewind = value("run_id"), value("fork_from"), value("resume_from")
    if fork is not None and run_id == fork.run:
        raise InvalidSetting("fork_from", str(fork), rule="a fork needs another run_id; to rewind, use resume_from")
    if rewind is not None and run_id is not None and run_id != rewind.run:
        raise InvalidSetting("resume_from", str(rewind), rule=f"it names another run than run_id {run_id!r}")
