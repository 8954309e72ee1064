"""Doing something once a module of another package is there, without importing it."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Act = Callable[[ModuleType], object]


def when_imported(name: str, act: Act) -> Callable[[], None]:
    """Call `act` with a module: now if it is imported, else as soon as it is.

    Args:
        name: Of the module, in full.
        act: Must not raise: it would, out of an import of somebody else's.

    Returns:
        Call it to have nothing done if the module is imported later.
    """
    module = sys.modules.get(name)
    if module is not None:
        act(module)
        return lambda: None
    return _finder.wait(name, act)


class _Finder(MetaPathFinder):
    """Lets the other finders find, and has the loader tell when the module is whole."""

    def __init__(self) -> None:
        self._acts: dict[str, list[Act]] = {}
        self._looking = _Names()

    def wait(self, name: str, act: Act) -> Callable[[], None]:
        self._acts.setdefault(name, []).append(act)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

        def cancel() -> None:
            acts = self._acts.get(name, [])
            if act in acts:
                acts.remove(act)
            if not acts:
                self._acts.pop(name, None)
            if not self._acts and self in sys.meta_path:
                sys.meta_path.remove(self)

        return cancel

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._acts or fullname in self._looking.names:
            return None
        self._looking.names.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._looking.names.discard(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _TellingLoader(spec.loader, lambda module: self._tell(fullname, module))
        return spec

    def _tell(self, name: str, module: ModuleType) -> None:
        for act in self._acts.pop(name, []):
            act(module)
        if not self._acts and self in sys.meta_path:
            sys.meta_path.remove(self)


class _Names(threading.local):
    """Of the modules that a thread is asking the other finders for."""

    def __init__(self) -> None:
        self.names: set[str] = set()


class _TellingLoader(Loader):
    """Another loader, and a word when it has done its work."""

    def __init__(self, loader: Any, tell: Act) -> None:
        self._loader, self._tell = loader, tell

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)  # type: ignore[no-any-return] # of any kind of loader

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._tell(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


_finder = _Finder()
