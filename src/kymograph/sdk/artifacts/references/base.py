"""What a place that artifacts refer to can do, and what its handlers have in common."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from kymograph.client.placing import written_whole
from kymograph.errors import InvalidReference, MissingPackage
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

DEFAULT_MAX_OBJECTS = 10_000_000
COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Tracking:
    """What is to be tracked."""

    uri: str
    name: str | None = None
    """Its path in the artifact, or that of the folder for several; None for the handler's choice."""
    checksum: bool = True
    """Whether to ask the place; if not there is one entry, known by its address alone."""
    max_objects: int = DEFAULT_MAX_OBJECTS
    """How many there may be below one address."""

    def unchecked(self, uri: str, default_name: str) -> ArtifactManifestEntry:
        """The entry of something that nobody looked at."""
        return ArtifactManifestEntry(self.name or default_name, uri, ref=uri)

    def check_count(self, count: int) -> None:
        """Refuse to track more than was said.

        Raises:
            InvalidReference: There are more.
        """
        if count > self.max_objects:
            raise InvalidReference(f"Exceeded {self.max_objects} objects tracked, pass max_objects to add_reference")

    def path_below(self, prefix: str, key: str) -> str:
        """The path in the artifact of the object `key`, found below the folder `prefix`."""
        relative = str(PurePosixPath(key).relative_to(prefix)) if prefix else key
        return f"{self.name.rstrip('/')}/{relative}" if self.name else relative


@dataclass(frozen=True, slots=True)
class ReferenceContext:
    """What handlers need that no place can tell."""

    azure_keys: Mapping[str, str] = field(default_factory=dict)
    """Address of an account → its key."""
    find_draft: Callable[[str], Artifact | None] = lambda _client_id: None
    """Gives the artifact of a client id that this process made."""
    find_logged: Callable[[str], Artifact | None] = lambda _artifact_id: None
    """Gives the artifact of an id."""


class ReferenceHandler(Protocol):
    """One kind of place. Safe to share between threads.

    The content that an entry names is what was tracked, or there is an error: never another version of it.
    """

    def track(self, tracking: Tracking) -> list[ArtifactManifestEntry]:
        """The entries of what is at an address.

        Raises:
            InvalidReference: There are too many, or it cannot be tracked.
            ReferenceNotFound: There is nothing.
            CommError: The place cannot be asked.
        """

    def fetch(self, entry: ArtifactManifestEntry, target: Path) -> None:
        """Write the content of an entry to a file, which appears whole.

        Raises:
            ReferenceNotFound: There is nothing any more.
            ReferenceChanged: There is something else.
            InvalidReference: It cannot be fetched at all.
            CommError: The place cannot be asked.
            OSError: The file cannot be written.
        """


def is_unchecked(entry: ArtifactManifestEntry) -> bool:
    """Whether nobody looked at the content: whatever is there is meant."""
    return entry.digest == entry.ref


def require(module: str, *, extra: str, purpose: str) -> Any:
    """Import a package that only one kind of place needs.

    Raises:
        MissingPackage: It is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as exc:
        raise MissingPackage(module, purpose=purpose, install=f"pip install 'kymograph[{extra}]'") from exc


def copy_stream(source: BinaryIO, target: Path) -> None:
    """All that can be read, written to a file that appears whole.

    Raises:
        OSError: One of them cannot.
    """
    with written_whole(target) as file:
        shutil.copyfileobj(source, file, COPY_BYTES)
