"""What is added to an artifact before it is logged, as `Artifact` takes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from kymograph.core.artifact_rules import check_entry_path
from kymograph.errors import ArtifactFinalizedError
from kymograph.sdk.artifacts.draft import Draft, Policy, StrPath
from kymograph.sdk.artifacts.entry import ArtifactManifestEntry
from kymograph.sdk.artifacts.references.base import DEFAULT_MAX_OBJECTS, ReferenceContext, Tracking
from kymograph.sdk.artifacts.references.registry import References, kind_of

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.media.base import Value


class BuildingMembers:
    """Members of `Artifact` that change what is in it; after `finalize` they raise `ArtifactFinalizedError`."""

    _draft: Draft
    _is_final: bool
    _references: References | None
    _objects: dict[int, tuple[Value, ArtifactManifestEntry]]

    def finalize(self) -> None:
        """Let nothing be added or removed any more. Logging does so."""
        self._is_final = True

    @property
    def is_final(self) -> bool:
        """Whether nothing can be added any more."""
        return self._is_final

    def _building(self, member: str) -> Draft:
        if self._is_final:
            raise ArtifactFinalizedError(f"Artifact.{member}")
        return self._draft

    def _own(self, entry: ArtifactManifestEntry) -> ArtifactManifestEntry:
        entry.parent = self  # type: ignore[assignment] # an Artifact, whose base this is
        return entry

    def add_file(
        self,
        local_path: StrPath,
        name: StrPath | None = None,
        is_tmp: bool | None = False,
        skip_cache: bool | None = False,
        policy: Policy | None = "mutable",
        overwrite: bool = False,
    ) -> ArtifactManifestEntry:
        """Add a file.

        Args:
            local_path: The file.
            name: Its path in the artifact; by default its own name.
            is_tmp: Whether its name, up to the first dot, is replaced by one that its content gives.
            skip_cache: Whether to keep it out of the cache once it is uploaded.
            policy: ``mutable``: what happens to the file from now on does not matter. ``immutable``: it is relied on
                that nothing does, and it is not copied.
            overwrite: Whether it may take the place of other content.

        Raises:
            ArtifactFinalizedError: It is too late.
            InvalidArtifact: It is no file, or its path could not be stored.
            DuplicatePath: There is other content under its path.
        """
        draft = self._building("add_file")
        return self._own(
            draft.add_file(
                local_path,
                name,
                is_tmp=bool(is_tmp),
                skip_cache=bool(skip_cache),
                policy=policy or "mutable",
                overwrite=overwrite,
            )
        )

    def add_dir(
        self,
        local_path: StrPath,
        name: str | None = None,
        skip_cache: bool | None = False,
        policy: Policy | None = "mutable",
        merge: bool = False,
        *,
        follow_outside: bool = False,
    ) -> None:
        """Add all files in a folder and in those below it; links are followed within it.

        Args:
            local_path: The folder.
            name: What it is in the artifact; by default its files are at the top.
            skip_cache: As for `add_file`.
            policy: As for `add_file`.
            merge: Whether files may take the place of other content. Otherwise all or none are added.
            follow_outside: Whether links may lead out of the folder.

        Raises:
            ArtifactFinalizedError: It is too late.
            InvalidArtifact: It is no folder, or a link in it leads out.
            DuplicatePath: There is other content under the path of a file.
        """
        draft = self._building("add_dir")
        draft.add_folder(
            local_path,
            None if name is None else os.fspath(name),
            skip_cache=bool(skip_cache),
            policy=policy or "mutable",
            merge=merge,
            follow_outside=follow_outside,
        )

    @contextmanager
    def new_file(
        self, name: StrPath, mode: str = "x", encoding: str | None = None, policy: Policy = "mutable"
    ) -> Iterator[IO[Any]]:
        """A file to write, which is added when the ``with`` block ends well.

        Args:
            name: Its path in the artifact.
            mode: As of `open`; ``x`` refuses a second file of that path, ``w`` replaces it.
            encoding: Of text.
            policy: Makes no difference: nobody else has the file.

        Raises:
            ArtifactFinalizedError: It is too late.
            InvalidArtifact: There is such a file already, or its path could not be stored.
        """
        with self._building("new_file").new_file(name, mode, encoding, policy=policy) as file:
            yield file

    def add_reference(
        self,
        uri: ArtifactManifestEntry | str,
        name: StrPath | None = None,
        checksum: bool = True,
        max_objects: int | None = None,
    ) -> Sequence[ArtifactManifestEntry]:
        """Track what lies elsewhere, without its content.

        Args:
            uri: Where: ``s3://``, ``gs://``, ``http(s)://``, Azure, ``file://``, any scheme that fsspec knows; or the
                entry of another artifact. What is known of no other scheme is noted as it is.
            name: Its path in the artifact, or that of the folder for several.
            checksum: Whether to look at what is there. If not, only another address makes another version.
            max_objects: How many there may be below one address; 10,000,000 by default.

        Raises:
            ArtifactFinalizedError: It is too late.
            InvalidReference: It is no address, there are too many, or a name is needed.
            ReferenceNotFound: There is nothing.
            DuplicatePath: There is other content under its path.
        """
        draft = self._building("add_reference")
        address = uri.ref_url() if isinstance(uri, ArtifactManifestEntry) else str(uri)
        kind_of(address)
        tracking = Tracking(
            address,
            name=None if name is None else check_entry_path(name),
            checksum=checksum,
            max_objects=max_objects or DEFAULT_MAX_OBJECTS,
        )
        return [self._own(draft.add_entry(entry)) for entry in self.references.track(tracking)]

    def add(self, obj: Value, name: StrPath, overwrite: bool = False) -> ArtifactManifestEntry:
        """Add a table, an image or another media object, with its files.

        Args:
            obj: The object.
            name: Its path, which gets the suffix of its kind: ``t`` becomes ``t.table.json``.
            overwrite: Whether it may take the place of another.

        Returns:
            The entry of the object; that of the first time, for one that was added before.

        Raises:
            ArtifactFinalizedError: It is too late.
            InvalidValue: It is no object that can stand in an artifact.
        """
        from kymograph.sdk.artifacts.media_objects import add_object

        self._building("add")
        return add_object(self, obj, os.fspath(name), overwrite=overwrite)  # type: ignore[arg-type] # an Artifact

    def __setitem__(self, name: StrPath, item: Value) -> None:
        self.add(item, name)

    def remove(self, item: StrPath | ArtifactManifestEntry) -> None:
        """Take out a file, a folder or an entry.

        Raises:
            ArtifactFinalizedError: It is too late.
            FileNotFoundError: There is none.
        """
        self._building("remove").remove(item)

    def get_added_local_path_name(self, local_path: StrPath) -> str | None:
        """Under which path a file of this machine was added; None if it was not."""
        return self._draft.find_added(local_path)

    @property
    def references(self) -> References:
        """Tracks and fetches what the artifact refers to."""
        if self._references is None:
            self._references = References(reference_context())
        return self._references


def reference_context(find_logged: Callable[[str], Artifact | None] | None = None) -> ReferenceContext:
    """What handlers of references need, as it is in this process.

    Args:
        find_logged: Gives the version of an id; by default the server of this process's settings is asked.
    """
    from kymograph.sdk.artifacts.folders import current_settings
    from kymograph.sdk.artifacts.known import find_artifact

    return ReferenceContext(
        azure_keys=current_settings().azure_account_url_to_access_key or {},
        find_draft=find_artifact,
        find_logged=find_logged or _ask_server,
    )


def _ask_server(artifact_id: str) -> Artifact | None:
    from kymograph.sdk.artifacts.session import session_of

    return session_of().artifact_by_id(artifact_id)
