"""Metadata and run configs as people write them on a command line."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from typing import Any

from kymograph.errors import UsageError
from kymograph.types import JsonObject


def parse_meta(metadata: Sequence[str]) -> dict[str, str]:
    """Read ``KEY=VALUE`` texts; a value may have further ``=`` in it.

    Raises:
        UsageError: One of them has none.
    """
    found = {}
    for text in metadata:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise UsageError(f"{text!r} is no metadata: write KEY=VALUE")
        found[key] = value
    return found


def parse_typed_meta(metadata: Sequence[str], document: str | None = None) -> JsonObject:
    """Read ``KEY=VALUE`` (a text) and ``KEY:=VALUE`` (JSON), and a document that they are added to.

    Args:
        metadata: The texts.
        document: JSON of an object, or ``@`` and the path of a file with it.

    Raises:
        UsageError: Something of it cannot be read.
    """
    found: JsonObject = {} if document is None else _read_document(document, what="--metadata-json")
    for text in metadata:
        key, sign, value = text.partition("=")
        if sign and key.endswith(":") and len(key) > 1:
            found[key[:-1]] = _loads(value, what=f"the value of {key[:-1]!r}")
        else:
            found |= parse_meta([text])
    return found


def parse_run_config(text: str | None) -> Any:
    """Read the config of a run: JSON, the path of a YAML file, or ``KEY=VALUE`` texts with spaces between them.

    Returns:
        A mapping, the path, or None.

    Raises:
        UsageError: None of these.
    """
    if not text:
        return None
    if text.lstrip().startswith("{"):
        return _read_document(text, what="--run_args")
    if os.path.isfile(text):
        return text
    if "=" in text:
        return parse_typed_meta(shlex.split(text))
    raise UsageError(f"--run_args {text!r} is no JSON object, no file, and no KEY=VALUE")


def _read_document(text: str, *, what: str) -> JsonObject:
    if text.startswith("@"):
        try:
            with open(text[1:], encoding="utf-8") as file:
                text = file.read()
        except OSError as exc:
            raise UsageError(f"{what}: {text[1:]} cannot be read: {exc}") from exc
    found = _loads(text, what=what)
    if not isinstance(found, dict):
        raise UsageError(f"{what} must be a JSON object, and is {text[:60]!r}")
    return found


def _loads(text: str, *, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as exc:
        raise UsageError(f"{what} is no JSON: {text[:60]!r} ({exc}); texts need quotes there") from exc
