"""The import hook: finds ``wandb`` and what is below it, and gives names of ours."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from kymograph.drop_in.names import MODULES, NAMES, PACKAGES, ROOT_NAMES, VERSION, all_paths

ROOT = "wandb"
CHILD_PATH = Path(__file__).with_name("path")
"""Put on the path of other interpreters, has them take ours as well."""


class StandIn(ModuleType):
    """A module whose names are looked up in ours when they are asked for, so that nothing is loaded before."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        path = self.__name__.removeprefix(ROOT).lstrip(".")
        if _join(path, name) in _PATHS:
            return importlib.import_module(f"{self.__name__}.{name}")
        place = (NAMES.get(path, {}) if path else ROOT_NAMES).get(name)
        if place is not None:
            return _found(place)
        home = MODULES.get(path) if path else "kymograph"
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(home), name)

    def __dir__(self) -> list[str]:
        path = self.__name__.removeprefix(ROOT).lstrip(".")
        home = MODULES.get(path) if path else "kymograph"
        there = dir(importlib.import_module(home)) if home is not None else []
        below = [name for name in _PATHS if name.rpartition(".")[0] == path and name]
        return sorted(
            {*there, *(NAMES.get(path, {}) if path else ROOT_NAMES), *(it.rpartition(".")[2] for it in below)}
        )


_PATHS = all_paths()


class WandbFinder(Loader):
    """Finds the modules, makes them, and tells of their package."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is, if it is one of these."""
        if fullname in PACKAGES:
            return spec_from_file_location(fullname, CHILD_PATH / f"{fullname}.py")
        if fullname != ROOT and not fullname.startswith(f"{ROOT}."):
            return None
        if fullname.removeprefix(ROOT).lstrip(".") not in _PATHS:
            return None
        return ModuleSpec(fullname, self, origin="kymograph", is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """An empty one; `StandIn` fills it."""
        return StandIn(spec.name, f"Names of kymograph, as {spec.name}.")

    def exec_module(self, module: ModuleType) -> None:
        """Give it what cannot wait until it is asked for."""
        path = module.__name__.removeprefix(ROOT).lstrip(".")
        module.__path__ = []
        if not path:
            module.__dict__["__version__"] = VERSION
        home = MODULES.get(path) if path else "kymograph"
        if home is not None and (listed := getattr(importlib.import_module(home), "__all__", None)):
            module.__dict__["__all__"] = list(listed)

    def find_distributions(
        self, context: importlib.metadata.DistributionFinder.Context | None = None
    ) -> Iterator[importlib.metadata.Distribution]:
        """The package's metadata, for those who look whether it is installed, and which version."""
        if context is None or context.name is None or context.name.lower() == ROOT:
            yield importlib.metadata.PathDistribution(CHILD_PATH / f"{ROOT}-{VERSION}.dist-info")

    def invalidate_caches(self) -> None:
        """There are none."""


def is_stand_in(module: ModuleType | None) -> bool:
    """Whether a module is one of these."""
    return isinstance(module, StandIn)


def drop_all() -> None:
    """Forget the modules, so that the next import finds others."""
    for name in [name for name, module in sys.modules.items() if isinstance(module, StandIn)]:
        del sys.modules[name]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _found(place: str) -> Any:
    module, _, name = place.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found
