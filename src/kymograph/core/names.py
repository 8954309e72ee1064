"""Rules for every name and path that enters the system. Validation happens here and nowhere else."""

from __future__ import annotations

import re

from kymograph.errors import InvalidName, InvalidTag
from kymograph.types import EntityName, FilePath, ProjectName, RunId

RESERVED_ENTITY_NAMES = frozenset(
    [
        "api",
        "graphql",
        "files",
        "artifacts",
        "artifactsV2",
        "storage",
        "assets",
        "registry",
        "authorize",
        "login",
        "logout",
        "settings",
        "share",
        "search",
        "trash",
        "docs",
        "healthz",
        "readyz",
        "ready",
        "metrics",
        "oidc",
        "sdk",
    ]
)
"""First segments of our own addresses; an entity of such a name could not be reached. Source: ui.md §2."""

MAX_NAME_LENGTH = 128
MAX_RUN_ID_LENGTH = 64
MAX_FILE_PATH_LENGTH = 1024
_FORBIDDEN_IN_RUN_ID = set("/\\#?%:")
_FORBIDDEN_IN_PROJECT = set("/\\#?%:")
_ALIAS_FORBIDDEN = set("/:")
_TAG = re.compile(r"[-\w]+( +[-\w]+)*")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Unicode's categories Cc and Cs. A manifest has a million names to check, so that this is no loop."""
_CLIMBS = re.compile(r"(?:^|[/\\])\.{0,2}(?:[/\\]|\Z)")
_VERSION = re.compile(r"v(0|[1-9][0-9]*)")


def _check_text(kind: str, name: str, *, limit: int) -> None:
    if not name or name.isspace():
        raise InvalidName(kind, name, rule="it must not be empty")
    if len(name) > limit:
        raise InvalidName(kind, name, rule=f"at most {limit} characters")
    if _CONTROL.search(name):
        raise InvalidName(kind, name, rule="no control characters and no lone surrogates")


def _check_segment(kind: str, name: str, *, limit: int, forbidden: set[str]) -> None:
    _check_text(kind, name, limit=limit)
    if found := forbidden.intersection(name):
        raise InvalidName(kind, name, rule=f"no {' '.join(sorted(found))}")
    if name in (".", ".."):
        raise InvalidName(kind, name, rule="it must not be a relative folder")


def parse_entity_name(name: str) -> EntityName:
    """Check the name of a user, team or organization.

    Raises:
        InvalidName: Empty, over 128 characters, a reserved address, or with characters that break addresses.
    """
    _check_segment("entity name", name, limit=MAX_NAME_LENGTH, forbidden=_FORBIDDEN_IN_PROJECT)
    if name in RESERVED_ENTITY_NAMES:
        raise InvalidName("entity name", name, rule="this word is part of the server's own addresses")
    return EntityName(name)


def parse_project_name(name: str) -> ProjectName:
    r"""Check a project name: 1 to 128 characters, none of ``/ \ # ? % :``.

    Raises:
        InvalidName: The rule that is broken.
    """
    _check_segment("project name", name, limit=MAX_NAME_LENGTH, forbidden=_FORBIDDEN_IN_PROJECT)
    return ProjectName(name)


def parse_run_id(name: str) -> RunId:
    r"""Check a run id: 1 to 64 characters, none of ``/ \ # ? % :``. Source: protocol.md §4.2.

    Raises:
        InvalidName: The rule that is broken.
    """
    _check_segment("run id", name, limit=MAX_RUN_ID_LENGTH, forbidden=_FORBIDDEN_IN_RUN_ID)
    return RunId(name)


def parse_file_path(path: str) -> FilePath:
    r"""Check the name of a run file or manifest entry.

    Names are relative, with forward slashes; spaces, ``%`` and any Unicode are fine, since every use of a path
    escapes it. What is refused could leave its folder or not be stored: ``..``, absolute names, drive letters,
    backslashes as separators that climb, NUL and other control characters, empty segments.

    Raises:
        InvalidName: The rule that is broken.
    """
    _check_text("file name", path, limit=MAX_FILE_PATH_LENGTH)
    if path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[\\/]", path):
        raise InvalidName("file name", path, rule="it must be relative")
    if _CLIMBS.search(path):
        raise InvalidName("file name", path, rule="no empty, '.' or '..' segments")
    return FilePath(path)


def parse_collection_name(name: str) -> str:
    """Check the name of an artifact collection: no ``/``, no ``:``, at most 128 characters. Source: protocol.md §9.

    Raises:
        InvalidName: The rule that is broken.
    """
    _check_segment("artifact name", name, limit=MAX_NAME_LENGTH, forbidden=_ALIAS_FORBIDDEN)
    return name


def parse_type_name(name: str) -> str:
    """Check the name of an artifact type, by the same rules as a collection's.

    Raises:
        InvalidName: The rule that is broken.
    """
    _check_segment("artifact type", name, limit=MAX_NAME_LENGTH, forbidden=_ALIAS_FORBIDDEN)
    return name


def parse_alias(name: str) -> str:
    """Check an alias: no ``/`` and no ``:``. Source: protocol.md §9.

    Raises:
        InvalidName: The rule that is broken.
    """
    _check_segment("alias", name, limit=MAX_NAME_LENGTH, forbidden=_ALIAS_FORBIDDEN)
    return name


def parse_tag(name: str) -> str:
    """Check a tag of an artifact or collection: words of letters, digits, ``_`` and ``-``, with spaces between.

    Raises:
        InvalidTag: It is none.
    """
    if len(name) > MAX_NAME_LENGTH or not _TAG.fullmatch(name):
        raise InvalidTag(name)
    return name


def parse_new_alias(name: str) -> str:
    """Check an alias that somebody wants to set: one that is not a version's name.

    Raises:
        InvalidName: The rule that is broken.
    """
    if parse_version(parse_alias(name)) is not None:
        raise InvalidName("alias", name, rule="names like v0 are given by the server, one to each version")
    return name


def parse_version(alias: str) -> int | None:
    """Read ``v12`` as 12; anything else, also ``v01``, is an ordinary alias and gives None."""
    match = _VERSION.fullmatch(alias)
    return int(match[1]) if match else None
