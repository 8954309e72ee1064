"""Artifacts that the client makes by itself: code, tables, jobs. Source: the vendor's `_internal_artifact.py`."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from typing import Any
from zlib import crc32

from kymograph.core.artifact_rules import clean_metadata
from kymograph.sdk.artifacts.artifact import Artifact

_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_.-]+")


def clean_name(name: str) -> str:
    """A name that artifacts may have; other names stay apart by a checksum at the end."""
    cleaned = _NOT_ALLOWED.sub("", name)
    if cleaned == name:
        return name
    checksum = urlsafe_b64encode(crc32(name.encode()).to_bytes(4, "big")).rstrip(b"=").decode()
    return f"{cleaned}-{checksum}"


class InternalArtifact(Artifact):
    """An artifact of a type, or with a name, that scripts cannot use."""

    def __init__(
        self,
        name: str,
        type: str,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        incremental: bool = False,
    ) -> None:
        """Begin an empty artifact; its name is cleaned."""
        self._begin(
            clean_name(name),
            type,
            description=description,
            metadata=clean_metadata(metadata),
            incremental=incremental,
        )
