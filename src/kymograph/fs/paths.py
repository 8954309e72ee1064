"""Paths of the file systems: which entity, project, run or version, and which file there.

Nothing is decoded: a ``%``, ``#`` or ``?`` in a path is that character. Source: seeds.md A.2, A.8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from kymograph.errors import InvalidName


def strip_protocol(path: str, protocols: Iterable[str]) -> str:
    """A path without its protocol, and without slashes at either end.

    ``protocol://entity/…``, ``protocol:///entity/…`` and ``protocol:entity/…`` mean the same.
    """
    for protocol in protocols:
        if path.startswith(f"{protocol}:"):
            path = path[len(protocol) + 1 :].removeprefix(":")
            break
    return path.strip("/")


def split_names(path: str) -> list[str]:
    """The components of a path that was stripped of its protocol; none for the root.

    Raises:
        InvalidName: One of them is empty, ``.`` or ``..``: such a path could mean another place.
    """
    if not path:
        return []
    names = path.split("/")
    if any(name in ("", ".", "..") for name in names):
        raise InvalidName("path", path, rule="no empty, '.' or '..' components")
    return names


def parent_of(path: str) -> str:
    """The folder of a path; empty for what has none."""
    return path.rpartition("/")[0]


def join(*parts: str | None) -> str:
    """One path of parts, without those that are empty."""
    return "/".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class RunFilePath:
    """``entity/project/run id/path inside the run``; what is missing is None."""

    entity: str | None = None
    project: str | None = None
    run_id: str | None = None
    file_path: str | None = None

    @classmethod
    def parse(cls, path: str) -> RunFilePath:
        """Read a path that was stripped of its protocol."""
        names = split_names(path)
        entity, project, run_id = _padded(names[:3], 3)
        return cls(entity, project, run_id, "/".join(names[3:]) or None)

    @property
    def run_path(self) -> str:
        """Its run."""
        return join(self.entity, self.project, self.run_id)

    def __str__(self) -> str:
        return join(self.run_path, self.file_path)


@dataclass(frozen=True, slots=True)
class ArtifactPath:
    """``entity/project/type/name/version/path inside the version``, or ``entity/project/name:version/path``.

    What is missing is None; in the short form the type is.
    """

    entity: str | None = None
    project: str | None = None
    type_name: str | None = None
    name: str | None = None
    version: str | None = None
    """``vN``, or an alias."""
    file_path: str | None = None

    @classmethod
    def parse(cls, path: str) -> ArtifactPath:
        """Read a path that was stripped of its protocol."""
        names = split_names(path)
        if len(names) > 2 and ":" in names[2]:
            name, _, version = names[2].partition(":")
            if not name or not version:
                raise InvalidName("path", path, rule="a version is named as name:v3, or as name:alias")
            return cls(names[0], names[1], None, name, version, "/".join(names[3:]) or None)
        entity, project, type_name, collection, alias = _padded(names[:5], 5)
        return cls(entity, project, type_name, collection, alias, "/".join(names[5:]) or None)

    @property
    def is_short(self) -> bool:
        """Whether it names no type."""
        return self.name is not None and self.type_name is None

    @property
    def version_path(self) -> str:
        """Its version, or what of it is named."""
        if self.is_short:
            return join(self.entity, self.project, f"{self.name}:{self.version}")
        return join(self.entity, self.project, self.type_name, self.name, self.version)

    def __str__(self) -> str:
        return join(self.version_path, self.file_path)


def parts_of(path: RunFilePath | ArtifactPath) -> tuple[Any, ...]:
    """The parts as a tuple."""
    return tuple(getattr(path, field.name) for field in fields(path))


def _padded(names: list[str], length: int) -> list[str | None]:
    """Names, with None for those that are missing."""
    return [*names, *[None] * (length - len(names))]
