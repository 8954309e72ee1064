"""Which runs used and logged which artifact versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kymograph.core.artifact import ArtifactState, ArtifactVersion
from kymograph.core.run import Run
from kymograph.errors import ArtifactNotFound
from kymograph.services.access import Access, Caller, require_run
from kymograph.services.artifact_access import is_readable, require_artifact
from kymograph.storage.base import Database, Transaction
from kymograph.types import ArtifactId, RunKey


@dataclass(frozen=True, slots=True)
class RunAddressOfUse:
    """The run that uses a version."""

    entity: str | None
    project: str
    run: str


class ArtifactLineage:
    """Records and lists uses and outputs. Safe to share between threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def use(
        self, caller: Caller, artifact: ArtifactId, user: RunAddressOfUse, *, used_as: str | None = None
    ) -> ArtifactVersion:
        """Record that a run uses a version. Doing it twice changes nothing.

        Raises:
            ArtifactNotFound: No such version, or not readable.
            RunNotFound: No such run, or not readable.
            Forbidden: The caller may only see the version, or only read the run.
        """

        def job(tx: Transaction) -> ArtifactVersion:
            version = require_artifact(tx, caller, artifact, Access.USE)
            if version.state is ArtifactState.DELETED:
                raise ArtifactNotFound(version.path)
            _, run = require_run(tx, caller, user.entity, user.project, user.run, Access.WRITE)
            tx.lineage.use(run.key, version.id, used_as=used_as, now=self._clock())
            return version

        return self._database.write(job)

    def used_by(self, version: ArtifactVersion) -> list[RunKey]:
        """Runs that used a version (got already); not all of them need be readable."""
        return self._database.read(lambda tx: tx.lineage.list_used_by(version.id))

    def inputs(self, caller: Caller, run: Run) -> list[tuple[ArtifactVersion, str | None]]:
        """Readable versions that a run (got already) used, in order, each with the name of the use."""

        def job(tx: Transaction) -> list[tuple[ArtifactVersion, str | None]]:
            return [
                (version, used_as)
                for version, used_as in tx.lineage.list_inputs(run.key)
                if version.state is not ArtifactState.DELETED and is_readable(tx, caller, version)
            ]

        return self._database.read(job)

    def outputs(self, run: Run) -> list[ArtifactVersion]:
        """Versions that a run (got already) logged, oldest first; all of them are of its project."""
        return self._database.read(lambda tx: tx.lineage.list_outputs(run.key))
