"""What scripts write to name a run, a sweep, a project or an artifact."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from kymograph.client.runs import RunAddress
from kymograph.errors import UsageError

DEFAULT_PROJECT = "uncategorized"
"""Of runs that name none. Source: protocol.md §4.2."""
KINDS = ("runs", "sweeps", "reports")
"""What stands before an id in the address of a page."""
_PAGE_SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class PartialPath:
    """What a path names; None is to be filled in from settings."""

    entity: str | None
    project: str | None
    id: str


def parse_path(path: str) -> PartialPath:
    """Read ``entity/project/id``: also with ``runs`` or ``sweeps`` before the id, ``:`` for a slash, or as an address.

    Raises:
        UsageError: It names nothing.
    """
    parts = split(path)
    if len(parts) == 4 and parts[2] in KINDS:
        del parts[2]
    if parts and ":" in parts[-1]:
        parts[-1:] = parts[-1].split(":", 1)
    if not 1 <= len(parts) <= 3 or not all(parts):
        raise UsageError(f"Invalid path: {path!r}; write 'entity/project/id', 'project/id' or 'id'")
    names: list[str | None] = [*[None] * (3 - len(parts)), *parts]
    return PartialPath(names[0], names[1], str(names[2]))


def parse_project(path: str | None) -> tuple[str | None, str | None]:
    """Entity and project of ``entity/project`` or ``project``; None where they are not named.

    Raises:
        UsageError: It is neither.
    """
    parts = split(path or "")
    if len(parts) > 2:
        raise UsageError(f"Invalid path: {path!r}; write 'entity/project' or 'project'")
    if len(parts) == 2:
        return parts[0], parts[1]
    return None, parts[0] if parts else None


def parse_artifact(path: str) -> PartialPath:
    """Read ``[[entity/]project/]collection[:alias]``, or the address of a version's page.

    Returns:
        Its `id` is the collection with the alias; an alias that is read may have slashes.

    Raises:
        UsageError: It names nothing.
    """
    parts = split(path)
    if urlsplit(path).scheme in _PAGE_SCHEMES:
        if len(parts) not in (5, 6) or parts[2] != "artifacts":
            raise UsageError(f"Invalid artifact path: {path!r} is no address of an artifact's page")
        return PartialPath(parts[0], parts[1], ":".join(parts[4:]))
    place, colon, alias = path.strip().partition(":")
    names = place.lstrip("/").split("/")
    if len(names) > 3 or not all(names):
        raise UsageError(f"Invalid artifact path: {path!r}; write 'entity/project/collection:alias'")
    entity, project = (names[-count] if len(names) >= count else None for count in (3, 2))
    return PartialPath(entity, project, f"{names[-1]}{colon}{alias}")


def split(path: str) -> list[str]:
    """The names in a path, or in the address of a page."""
    parts = urlsplit(path)
    is_address = parts.scheme in _PAGE_SCHEMES
    names = (parts.path if is_address else path).strip("/ ").split("/")
    return [unquote(name) if is_address else name.strip() for name in names if name]


def complete(path: PartialPath, *, entity: str | None, project: str | None, shown: str) -> RunAddress:
    """An address, with what the path leaves out.

    Raises:
        UsageError: Something is missing there, too.
    """
    for name, value in (("entity", path.entity or entity), ("project", path.project or project)):
        if not value:
            raise UsageError(f"Invalid path: {shown!r} (missing {name}); write 'entity/project/id'")
    return RunAddress(str(path.entity or entity), str(path.project or project), path.id)
