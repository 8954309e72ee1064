"""What artifacts may be called and hold: names, types, aliases, tags, metadata, and the paths of their files.

The texts of errors begin as those of the protocol's own client, which scripts and its tests look for.

Source: seeds.md C.1 and appendix 3; the vendor's `wandb/sdk/artifacts/_validators.py`.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import PurePath, PurePosixPath
from typing import Any

from kymograph.core import exact_json
from kymograph.core.names import MAX_FILE_PATH_LENGTH, MAX_NAME_LENGTH, parse_file_path
from kymograph.core.plain_values import to_plain
from kymograph.errors import InvalidArtifact, InvalidName, InvalidValue
from kymograph.types import JsonObject, JsonValue

MAX_METADATA_KEYS = 100
RESERVED_TYPE_PREFIX = "wandb-"
RESERVED_NAME_PREFIXES = {"job": "", "run_table": "run-", "code": "source-"}
"""Type → how names begin that clients alone give; all names, of jobs."""
UNTIMED_TYPE = "wandb-history"
"""Artifacts of this type have no time to live."""

_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_TAG = re.compile(r"[-\w]+( +[-\w]+)*")
_SEPARATORS = frozenset("/:")
_DRIVE = re.compile(r"[A-Za-z]:")
_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9_ .-]*"
_PLAIN_PATH = re.compile(f"{_SEGMENT}(/{_SEGMENT})*")
"""Paths that break no rule but that of length: nearly all, and folders have many."""


def check_artifact_name(name: str) -> str:
    """Check what a script calls an artifact: letters, digits, ``_``, ``-`` and ``.``, at most 128.

    Raises:
        InvalidArtifact: The rule that is broken.
    """
    if not _NAME.fullmatch(name):
        raise InvalidArtifact(
            "Artifact name may only contain alphanumeric characters, dashes, underscores, and dots. "
            f"Invalid name: {name!r}"
        )
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidArtifact(
            f"Artifact name is longer than {MAX_NAME_LENGTH} characters: {f'{name[:MAX_NAME_LENGTH]} ...'!r}"
        )
    return name


def check_artifact_type(type_name: str, name: str) -> str:
    """Check the type that a script gives to the artifact `name`.

    Raises:
        InvalidArtifact: It is reserved, too long, or has ``/`` or ``:`` in it.
    """
    if not type_name:
        raise InvalidArtifact("Artifact type must not be empty")
    reserved = RESERVED_NAME_PREFIXES.get(type_name)
    if type_name.startswith(RESERVED_TYPE_PREFIX) or (reserved is not None and name.startswith(reserved)):
        raise InvalidArtifact(f"Artifact type {type_name!r} is reserved for internal use. Please use a different type.")
    if _SEPARATORS.intersection(type_name):
        raise InvalidArtifact(
            f"Artifact types must not contain any of the following characters: '/', ':'. Got: {type_name!r}"
        )
    if len(type_name) > MAX_NAME_LENGTH:
        raise InvalidArtifact(f"Artifact types must be less than or equal to {MAX_NAME_LENGTH} characters")
    return type_name


def check_aliases(aliases: Iterable[str] | str) -> list[str]:
    """Check aliases, one or several: no ``/``, no ``:``.

    Raises:
        InvalidArtifact: The rule that is broken.
    """
    found = [aliases] if isinstance(aliases, str) else list(aliases)
    if any(_SEPARATORS.intersection(alias) for alias in found):
        raise InvalidArtifact(f"Aliases must not contain any of the following characters: '/', ':'. Got: {found}")
    return found


def check_tags(tags: Iterable[str] | str) -> list[str]:
    """Check tags, one or several: words of letters, digits, ``_`` and ``-``, separated by spaces.

    Returns:
        In order, without those that came before.

    Raises:
        InvalidArtifact: The rule that is broken.
    """
    found = list(dict.fromkeys([tags] if isinstance(tags, str) else tags))
    wrong = [tag for tag in found if not _TAG.fullmatch(tag)]
    if wrong:
        raise InvalidArtifact(
            f"Invalid tag(s): {wrong}. "
            "Tags must only contain alphanumeric characters separated by hyphens, underscores, and/or spaces."
        )
    return found


def clean_metadata(metadata: Mapping[str, Any] | str | None) -> JsonObject:
    """Metadata as plain JSON values, NaN as null.

    Args:
        metadata: A mapping, or the JSON of one.

    Raises:
        InvalidArtifact: Over 100 keys, an infinity, or text that is no JSON.
        InvalidValue: Neither a mapping nor a text.
    """
    if metadata is None or metadata == "":
        return {}
    given: Any = metadata
    if isinstance(given, str):
        try:
            given = exact_json.loads(given)
        except ValueError as exc:
            raise InvalidArtifact(f"artifact metadata is a text that is not JSON: {exc}") from exc
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidValue("artifact metadata", given, rule="give a dict, or the JSON of one")
    plain = _without_nan(to_plain(given, where="artifact metadata"), ())
    assert isinstance(plain, dict)
    if len(plain) > MAX_METADATA_KEYS:
        raise InvalidArtifact(f"Artifact must not have more than {MAX_METADATA_KEYS} metadata keys.")
    return plain


def _without_nan(value: JsonValue, path: tuple[str, ...]) -> JsonValue:
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None
        raise InvalidArtifact(f"artifact metadata {'.'.join(path)} is {value}: infinities cannot be stored")
    if isinstance(value, dict):
        return {key: _without_nan(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item, path) for item in value]
    return value


def check_entry_path(path: str | PurePath | os.PathLike[str]) -> str:
    """Check the name of a file in an artifact; ``a//b`` and ``./a/b`` are ``a/b``.

    Raises:
        InvalidArtifact: It is empty, absolute, has a drive or ``..``, or cannot be stored.
    """
    if isinstance(path, str) and _PLAIN_PATH.fullmatch(path) and len(path) <= MAX_FILE_PATH_LENGTH:
        return path
    if isinstance(path, PurePath):
        text = path.as_posix()
    else:
        text = os.fspath(path)
        if os.name == "nt":
            text = text.replace("\\", "/")
    if text.startswith("/") or _DRIVE.match(text):
        raise InvalidArtifact(f"Invalid artifact path: {path!r}: it must be relative")
    canonical = str(PurePosixPath(text))
    if canonical == ".":
        raise InvalidArtifact(f"Invalid artifact path: {path!r}: it must name a file")
    try:
        return str(parse_file_path(canonical))
    except InvalidName as exc:
        raise InvalidArtifact(f"Invalid artifact path: {path!r}: {exc.rule}") from exc


def check_ttl(ttl: timedelta) -> int:
    """Check a time to live; gives whole seconds.

    Raises:
        InvalidArtifact: It is not positive.
    """
    if ttl.total_seconds() <= 0:
        raise InvalidArtifact(f"Artifact TTL Duration has to be positive. ttl: {ttl.total_seconds()}")
    return max(1, int(ttl.total_seconds()))
