"""`Artifact`: a versioned folder of files and of references to files elsewhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from kymograph.core.artifact_rules import (
    UNTIMED_TYPE,
    check_artifact_name,
    check_artifact_type,
    check_ttl,
    clean_metadata,
)
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import ArtifactNotLoggedError, EntryNotFound, InvalidArtifact
from kymograph.sdk.artifacts.building import BuildingMembers
from kymograph.sdk.artifacts.draft import Draft, StrPath
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.known import new_client_id, remember_artifact
from kymograph.sdk.artifacts.logged import LoggedMembers, LoggedVersion
from kymograph.sdk.artifacts.manifest import ArtifactManifest
from kymograph.sdk.artifacts.ttl import ArtifactTTL
from kymograph.sdk.artifacts.voice import current_voice
from kymograph.types import JsonObject

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.references.registry import References
    from kymograph.sdk.media.base import Value

PENDING = "PENDING"
TTL_INHERITED, TTL_DISABLED = -1, -2
"""On the wire. Source: protocol.md §7.3."""
_ALGORITHMS = {"MD5": DigestAlgorithm.MD5, "XXH128": DigestAlgorithm.XXH128}


class Artifact(BuildingMembers, LoggedMembers):
    """A versioned folder: built here, logged by a run, and then found under its name and version.

    Attributes:
        client_id: Names it before the server does.
        sequence_client_id: The same of its collection.
        base_id: The version that a draft is based on; None for the latest.
        distributed_id: Shared by processes that write one version together.
        home: Entity and project that a draft belongs to; None for those of the run that logs it.
    """

    def __init__(
        self,
        name: str,
        type: str,
        description: str | None = None,
        metadata: dict[str, Any] | str | None = None,
        incremental: bool = False,
        use_as: str | None = None,
        storage_region: str | None = None,
        digest_algorithm: Literal["MD5", "XXH128"] = "MD5",
    ) -> None:
        """Begin an empty artifact.

        Args:
            name: Of its collection: letters, digits, ``_``, ``-`` and ``.``, at most 128.
            type: What it is: ``dataset``, ``model``, ….
            description: Shown as Markdown.
            metadata: At most 100 keys; or the JSON of them.
            incremental: Whether the version is the latest one with what is added here. See `new_draft`.
            use_as: Deprecated; does nothing.
            storage_region: Where the server is to keep it, if it has several places.
            digest_algorithm: ``XXH128`` is faster for large files; clients before 0.29 cannot verify it.

        Raises:
            InvalidArtifact: One of them is not allowed.
        """
        check_artifact_name(name)
        check_artifact_type(type, name)
        self._begin(
            name,
            type,
            description=description,
            metadata=clean_metadata(metadata),
            incremental=incremental,
            storage_region=storage_region,
            algorithm=_algorithm(digest_algorithm),
        )
        if incremental:
            current_voice().warn("Using experimental arg `incremental`")
        if use_as is not None:
            current_voice().warn("use_as is deprecated: it does nothing")

    def _begin(
        self,
        name: str,
        type_name: str,
        *,
        description: str | None = None,
        metadata: JsonObject | None = None,
        incremental: bool = False,
        storage_region: str | None = None,
        algorithm: DigestAlgorithm = DigestAlgorithm.MD5,
    ) -> None:
        self._name, self._type = name, type_name
        self._description, self._metadata = description, metadata or {}
        self._incremental = incremental
        self._draft = Draft(ArtifactManifest(digest_algorithm=algorithm, storage_region=storage_region), name=name)
        self._is_final = False
        self._references: References | None = None
        self._objects: dict[int, tuple[Value, ArtifactManifestEntry]] = {}
        self._ttl: timedelta | ArtifactTTL | None = ArtifactTTL.INHERIT
        self._is_ttl_changed = False
        self.client_id = new_client_id()
        self.sequence_client_id = new_client_id()
        self.base_id: str | None = None
        self.distributed_id: str | None = None
        self.home: tuple[str, str] | None = None
        remember_artifact(self)

    @classmethod
    def from_logged(
        cls, logged: LoggedVersion, *, description: str | None = None, metadata: JsonObject | None = None
    ) -> Artifact:
        """The artifact of a version that a server knows; its name may be one that no new artifact could have."""
        artifact = cls.__new__(cls)
        artifact._begin(logged.name, logged.type, description=description, metadata=metadata)
        artifact.become(logged)
        return artifact

    def __repr__(self) -> str:
        return f"<Artifact {self.id or self.name}>"

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str | None:
        """The server's name for the version; None before it has one."""
        return None if self.logged is None else self.logged.id

    @property
    def name(self) -> str:
        """Of its collection; once it is logged with the version: ``name:v0``."""
        return self._name if self.logged is None else self.logged.name

    @property
    def source_name(self) -> str:
        """Of a link: the name of the source; otherwise its own."""
        return self._name if self.logged is None else self.logged.source_name

    @property
    def type(self) -> str:
        """What it is: ``dataset``, ``model``, …."""
        return self._type

    @property
    def state(self) -> str:
        """``PENDING`` until it is committed, then ``COMMITTED``."""
        return PENDING if self.logged is None else self.logged.state

    def is_draft(self) -> bool:
        """Whether it is not logged, or on its way."""
        return self.state == PENDING

    @property
    def description(self) -> str | None:
        """Shown as Markdown."""
        return self._description

    @description.setter
    def description(self, description: str | None) -> None:
        self._warn_of_link("description")
        self._description = description

    @property
    def metadata(self) -> JsonObject:
        """What is known of it: at most 100 keys. It may be changed, and is checked again when it is logged."""
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: dict[str, Any] | str | None) -> None:
        self._warn_of_link("metadata")
        self._metadata = clean_metadata(metadata)

    def _warn_of_link(self, what: str) -> None:
        if self.is_link:
            current_voice().warn(
                f"{self.name} is a link: changing its {what} changes that of its source, and of all its links"
            )

    @property
    def incremental(self) -> bool:
        """Whether the version is the latest one with what was added here."""
        return self._incremental

    @property
    def use_as(self) -> None:
        """Deprecated; None."""
        current_voice().warn("use_as is deprecated: it does nothing")

    @property
    def digest_algorithm(self) -> DigestAlgorithm:
        """How its contents are hashed."""
        return self.manifest.digest_algorithm

    # --- what is in it ----------------------------------------------------------------------------------------------

    @property
    def draft(self) -> Draft:
        """Where its contents are until they are uploaded."""
        return self._draft

    @property
    def manifest(self) -> ArtifactManifest:
        """Its files. Once it is logged, changing them has no effect."""
        if self.logged is not None and not self._draft.manifest.entries:
            return self.logged.manifest
        return self._draft.manifest

    @property
    def digest(self) -> str:
        """Names its content: that of equal files under equal paths is equal."""
        return self.manifest.digest() if self.logged is None else self.logged.digest

    @property
    def size(self) -> int:
        """Bytes of all files, references included."""
        return self.manifest.size() if self.logged is None else self.logged.size

    @property
    def file_count(self) -> int:
        """How many files there are, references included."""
        return len(self.manifest) if self.logged is None else self.logged.file_count

    def find_entry(self, name: StrPath) -> ArtifactManifestEntry:
        """The entry of a path, or of a media object by its name.

        Raises:
            KeyError: There is none.
        """
        from kymograph.sdk.artifacts.media_objects import find_object_entry

        path = str(PurePosixPath(name))
        entry = self.manifest.get_entry_by_path(path)
        if entry is None:
            found = find_object_entry(self.manifest, path)
            if found is None:
                raise EntryNotFound(f"Path not contained in artifact: {path}", path=path)
            entry = found[0]
        return self._own(entry)

    # --- how long it lives ------------------------------------------------------------------------------------------

    @property
    def ttl(self) -> timedelta | None:
        """How long it lives from its making; None for ever.

        Raises:
            ArtifactNotLoggedError: It is the team's to say, and was not asked yet.
        """
        if isinstance(self._ttl, ArtifactTTL):
            if self.logged is None or self._is_ttl_changed:
                raise ArtifactNotLoggedError("Artifact.ttl")
            return self.logged.ttl()
        return self._ttl

    @ttl.setter
    def ttl(self, ttl: timedelta | ArtifactTTL | None) -> None:
        if self._type == UNTIMED_TYPE:
            raise InvalidArtifact(f"Cannot set artifact TTL for type {UNTIMED_TYPE}")
        if self.is_link:
            raise InvalidArtifact(
                "Cannot set TTL for link artifact. Unlink the artifact first then set the TTL for the source artifact"
            )
        if isinstance(ttl, timedelta):
            ttl = timedelta(seconds=check_ttl(ttl))
        self._ttl, self._is_ttl_changed = ttl, True

    def ttl_on_the_wire(self) -> int | None:
        """Seconds, or `TTL_INHERITED` or `TTL_DISABLED`; None if nothing was said."""
        if not self._is_ttl_changed:
            return None
        if isinstance(self._ttl, ArtifactTTL):
            return TTL_INHERITED
        return TTL_DISABLED if self._ttl is None else int(self._ttl.total_seconds())


def _algorithm(name: str) -> DigestAlgorithm:
    if name not in _ALGORITHMS:
        raise InvalidArtifact(f"digest_algorithm is {name!r}, and may be {' or '.join(_ALGORITHMS)}")
    if name == "XXH128":
        current_voice().warn(
            "Creating an artifact with the XXH128 digest algorithm: clients of wandb before 0.29.0 cannot verify it"
        )
    return _ALGORITHMS[name]
