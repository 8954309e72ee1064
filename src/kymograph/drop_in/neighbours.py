"""Import paths of packages around the protocol's own client whose work ours does, too. Source: seeds.md A.1."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_FILE_SYSTEMS = {
    "WandbArtifactStore": "kymograph.fs:ArtifactFileSystem",
    "WandbFileSystem": "kymograph.fs:RunFileSystem",
}
NEIGHBOURS: dict[str, dict[str, str]] = {
    "wandbfsspec": {},
    "wandbfsspec.core": {
        "WandbBaseFileSystem": "kymograph.fs.base:ProtocolFileSystem",
        "WandbFile": "kymograph.fs:BlockFile",
    },
    "wandbfsspec.spec": _FILE_SYSTEMS,
}
"""Module → name there → ``module:name`` of ours."""


class NeighbourModule(ModuleType):
    """A module whose names are looked up in ours when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        if f"{self.__name__}.{name}" in NEIGHBOURS:
            return importlib.import_module(f"{self.__name__}.{name}")
        place = NEIGHBOURS[self.__name__].get(name)
        if place is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        module, _, found = place.partition(":")
        return getattr(importlib.import_module(module), found)

    def __dir__(self) -> list[str]:
        below = [name for name in NEIGHBOURS if name.rpartition(".")[0] == self.__name__]
        return sorted({*NEIGHBOURS[self.__name__], *(name.rpartition(".")[2] for name in below)})


class NeighbourFinder(Loader):
    """Finds these modules, where the packages themselves are not imported already."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is, if it is one of these."""
        return ModuleSpec(fullname, self, origin="kymograph", is_package=True) if fullname in NEIGHBOURS else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """An empty one; `NeighbourModule` fills it."""
        return NeighbourModule(spec.name, f"Names of kymograph, as {spec.name}.")

    def exec_module(self, module: ModuleType) -> None:
        """Give it what cannot wait until it is asked for."""
        module.__path__ = []
        module.__dict__["__all__"] = sorted(NEIGHBOURS[module.__name__])

    def invalidate_caches(self) -> None:
        """There are none."""
