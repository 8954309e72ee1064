"""What a run does with artifacts, as its members; the work is done by `run_artifacts`."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact
    from kymograph.sdk.run_artifacts import RunArtifacts


class ArtifactMembers(ABC):
    """Members of `Run`; a class of their own for they are many, and know nothing else of it."""

    @abstractmethod
    def _artifacts(self, member: str) -> RunArtifacts:
        """The operations, for a member that needs the run to go on."""

    def log_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,
        aliases: Sequence[str] | str | None = None,
        tags: Sequence[str] | str | None = None,
    ) -> Artifact:
        """Log a version of an artifact as an output; sending goes on in the background.

        Args:
            artifact_or_path: An artifact; or a file, a folder, or an address such as ``s3://bucket/path``.
            name: Of what is no artifact; default: ``run-<id>-<last part of the path>``.
            type: Of what is no artifact; default: ``unspecified``.
            aliases: Besides ``latest``.
            tags: Of the version.

        Returns:
            The artifact; `Artifact.wait` waits until the server has it.

        Raises:
            UsageError: It cannot be logged so; the message says why.
        """
        return self._artifacts("log_artifact()").log(artifact_or_path, name, type, aliases, tags)

    def upsert_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,
        aliases: Sequence[str] | str | None = None,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Add to a version that several processes write together; `finish_artifact` ends it.

        Args:
            artifact_or_path: As for `log_artifact`.
            name: As for `log_artifact`.
            type: As for `log_artifact`.
            aliases: As for `log_artifact`.
            distributed_id: A text that all these processes share; default: the run's group.

        Raises:
            UsageError: There is neither a group nor a `distributed_id`, or it cannot be logged so.
        """
        operations = self._artifacts("upsert_artifact()")
        return operations.upsert(artifact_or_path, name, type, aliases, distributed_id, is_finalized=False)

    def finish_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,
        aliases: Sequence[str] | str | None = None,
        distributed_id: str | None = None,
    ) -> Artifact:
        """End a version that several processes write together; as `upsert_artifact`."""
        operations = self._artifacts("finish_artifact()")
        return operations.upsert(artifact_or_path, name, type, aliases, distributed_id, is_finalized=True)

    def use_artifact(
        self,
        artifact_or_name: Artifact | str,
        type: str | None = None,
        aliases: Sequence[str] | str | None = None,
        use_as: str | None = None,
    ) -> Artifact:
        """Mark a version of an artifact as an input.

        Args:
            artifact_or_name: ``[entity/][project/]collection[:alias]``; or an artifact, which is logged if it was not.
            type: That it must have.
            aliases: Of an artifact that is logged by this.
            use_as: Deprecated; does nothing.

        Raises:
            ArtifactNotFound: There is none of that name.
            UsageError: It has another type, or the run is offline.
        """
        return self._artifacts("use_artifact()").use(artifact_or_name, type, aliases, use_as)

    def link_artifact(
        self, artifact: Artifact, target_path: str, aliases: Sequence[str] | str | None = None
    ) -> Artifact:
        """Put a version of an artifact into another collection, which is made if need be.

        Args:
            artifact: Is logged if it was not.
            target_path: ``[entity/]project/collection`` or ``[organization/]wandb-registry-<name>/<collection>``.
            aliases: Of the link.

        Returns:
            The link; of an offline run, which is linked when it is sent, the artifact.

        Raises:
            UsageError: That is no such path.
            KymographError: The server refuses it.
        """
        return self._artifacts("link_artifact()").link(artifact, target_path, aliases)

    def log_model(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        aliases: Sequence[str] | str | None = None,
    ) -> None:
        """Log a file or folder as an artifact of type ``model``; as `log_artifact`."""
        self._artifacts("log_model()").log(path, name, "model", aliases)

    def use_model(self, name: str) -> str:
        """Mark a model as an input and bring its files here.

        Returns:
            The path of its file; of its folder, if it has several.

        Raises:
            UsageError: It is no model, or the run is offline.
            ArtifactNotFound: There is none of that name.
        """
        return self._artifacts("use_model()").use_model(name)

    def link_model(
        self,
        path: str | os.PathLike[str],
        registered_model_name: str,
        name: str | None = None,
        aliases: Sequence[str] | str | None = None,
    ) -> Artifact | None:
        """Log a file or folder as a model, and link it to a registered one.

        Args:
            path: The file or folder.
            registered_model_name: Of a collection in the project ``model-registry``.
            name: Of the artifact that is logged; default as for `log_artifact`.
            aliases: Of the link.

        Raises:
            UsageError: The name is a path, or what is there under `name` is no model.
        """
        return self._artifacts("link_model()").link_model(path, registered_model_name, name, aliases)
