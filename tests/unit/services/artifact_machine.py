"""Artifacts of two projects under random orders, against a model that only knows what was said.

They are logged, shared, referred to, linked, used, deleted, restored, purged, waited for and collected. Laws: what a
version or a draft still needs is never removed; whatever can come back comes back whole; all counters equal a recount
from the entries; once nothing is needed, nothing is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from kymograph.core.artifact import ArtifactState, ArtifactVersion, Maker, ManifestKind
from kymograph.core.space import VersionFilter
from kymograph.errors import AliasesPresent, ArtifactNotFound
from kymograph.services.artifacts import ArtifactChange
from kymograph.storage.database import SqlDatabase
from kymograph.testing.clock import ManualClock
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from kymograph.types import ArtifactId
from kymograph.wire.ids import encode_id
from tests.unit.services.artifact_client import ArtifactClient, Entries, document_of, entries_of
from tests.unit.storage.space.content import counted, recounted

CONTENTS = {f"c{number}": bytes([number]) * (10**number) for number in range(1, 6)}
PROJECTS = ("first", "second")
Files = dict[str, bytes]

files = st.sets(st.sampled_from(sorted(CONTENTS)), max_size=4).map(
    lambda names: {name: CONTENTS[name] for name in names}
)
projects = st.sampled_from(PROJECTS)
collections = st.sampled_from(["digits", "letters"])


@dataclass(slots=True)
class Logged:
    """A version as it was logged."""

    id: ArtifactId
    project: str
    files: Files
    refers_to: list[Logged] = field(default_factory=list)


class ArtifactMachine(RuleBasedStateMachine):
    """See the module. Subclasses say where the deployment comes from."""

    versions = Bundle("versions")
    drafts = Bundle("drafts")

    def open(self, clock: ManualClock) -> AbstractContextManager[DeploymentUnderTest]:
        """A fresh deployment."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        # Object stores stamp objects with real time.
        self.clock = ManualClock(datetime.now(UTC))
        self.deployment = self._stack.enter_context(self.open(self.clock))
        self.client = ArtifactClient(self.deployment)
        self.services = self.deployment.services
        self.logged: list[Logged] = []
        self.open_drafts: dict[ArtifactId, Logged] = {}
        for project in PROJECTS:
            self.deployment.run(f"admin/{project}/run")

    def teardown(self) -> None:
        try:
            self._clear()
        finally:
            self._stack.close()

    # --- making ------------------------------------------------------------------------------------------------------

    @rule(target=versions, files=files, project=projects, collection=collections, is_best=st.booleans())
    def log(self, files: Files, project: str, collection: str, is_best: bool) -> Logged:
        """Log content, or come to the same content again."""
        aliases = ((collection, "best"),) if is_best else ()
        version = self.client.log(files, project=project, collection=collection, aliases=aliases)
        return self._note(version, project, files)

    @rule(target=versions, origin=versions, project=projects)
    def share(self, origin: Logged, project: str) -> Logged | object:
        """A version that shares the content of one of any project, without uploading it."""
        if not self._is(origin, ArtifactState.COMMITTED):
            return multiple()
        entries = entries_of(origin.files)
        for entry in entries.values():
            entry["birthArtifactID"] = encode_id("Artifact", origin.id)
        return self._note(self._commit(entries, project, "shared"), project, origin.files)

    @rule(target=versions, origin=versions, project=projects)
    def refer(self, origin: Logged, project: str) -> Logged | object:
        """A version that leads to another one."""
        if not self._is(origin, ArtifactState.COMMITTED):
            return multiple()
        ref = f"wandb-artifact://{f'Artifact:{origin.id}'.encode().hex()}/c1"
        version = self._commit({"there": {"digest": f"of {origin.id}", "size": 0, "ref": ref}}, project, "references")
        logged = self._note(version, project, {})
        if origin not in logged.refers_to:
            logged.refers_to.append(origin)
        return logged

    @rule(target=drafts, files=files, project=projects)
    def begin(self, files: Files, project: str) -> Logged:
        """A draft whose content is announced and uploaded, and that is not committed for now."""
        draft = self.client.create({}, project=project, collection="drafts", distributed_id=f"d{len(self.open_drafts)}")
        self.client.upload(draft.id, files)
        found = Logged(draft.id, project, files)
        self.open_drafts[draft.id] = found
        return found

    @rule(draft=drafts)
    def commit(self, draft: Logged) -> None:
        """Commit a draft, however long it waited, if the collector did not take it for abandoned."""
        version = self.services.artifacts.find(self.client.caller, draft.id)
        if version is None or version.state is not ArtifactState.PENDING:
            return
        self.client.announce(draft.id, document_of(entries_of(draft.files)), kind=ManifestKind.PATCH)
        committed = self.client.commit(draft.id)
        self.open_drafts.pop(draft.id, None)
        self._note(committed, draft.project, draft.files)

    # --- needing -----------------------------------------------------------------------------------------------------

    @rule(version=versions, project=projects)
    def use(self, version: Logged, project: str) -> None:
        """A run of any project uses a version."""
        run = self.deployment.run(f"admin/{project}/run")
        if self._is(version, ArtifactState.COMMITTED):
            self.deployment.database.write(
                lambda tx: tx.lineage.use(run.key, version.id, used_as=None, now=self.clock())
            )

    @rule(version=versions, place=versions)
    def link(self, version: Logged, place: Logged) -> None:
        """A place in the collection of another version."""
        if self._is(version, ArtifactState.COMMITTED) and self._is(place, ArtifactState.COMMITTED):
            found = self.services.artifacts.find(self.client.caller, place.id)
            assert found is not None
            collection = found.collection.id
            self.deployment.database.write(lambda tx: tx.memberships.add(collection, version.id, Maker(), self.clock()))

    @rule(version=versions, days=st.sampled_from([1, 30]))
    def set_ttl(self, version: Logged, days: int) -> None:
        """A time to live."""
        if self._is(version, ArtifactState.COMMITTED):
            change = ArtifactChange(ttl_duration_s=days * 86_400)
            self.services.artifacts.update(self.client.caller, version.id, change)

    # --- deleting and restoring --------------------------------------------------------------------------------------

    @rule(version=versions, with_aliases=st.booleans())
    def delete(self, version: Logged, with_aliases: bool) -> None:
        """Delete one version."""
        try:
            self.services.artifacts.delete(self.client.caller, version.id, with_aliases=with_aliases)
        except (AliasesPresent, ArtifactNotFound):
            return

    @rule(project=projects, keep_last=st.integers(0, 2), without_alias=st.booleans())
    def delete_many(self, project: str, keep_last: int, without_alias: bool) -> None:
        """A clean-up does what its dry run says."""
        space, caller = self.services.artifact_space, self.client.caller
        wanted = VersionFilter(keep_last=keep_last, without_alias=without_alias)
        foreseen = space.delete(caller, "admin", project, wanted, dry_run=True)

        assert space.delete(caller, "admin", project, wanted) == foreseen

    @rule(version=versions)
    def undelete(self, version: Logged) -> None:
        """What can come back comes back whole."""
        if self._is(version, ArtifactState.DELETED):
            wanted = VersionFilter(versions=(version.id,))
            restored = self.services.artifact_space.undelete(self.client.caller, "admin", version.project, wanted)
            assert restored.versions == 1
            assert self._is(version, ArtifactState.COMMITTED)

    @rule(project=projects)
    def purge(self, project: str) -> None:
        """Give up what was deleted."""
        self.services.artifact_space.purge(self.client.caller, "admin", project)

    @rule(days=st.sampled_from([0.1, 1, 5, 8]))
    def wait(self, days: float) -> None:
        """Time passes."""
        self.clock.advance(seconds=timedelta(days=days).total_seconds())

    @rule()
    def collect(self) -> None:
        """A pass of the collector, and one over all objects."""
        collector = self.services.artifact_space.collector
        collector.collect()
        collector.collect_strays()

    # --- laws --------------------------------------------------------------------------------------------------------

    @invariant()
    def counters_equal_a_recount(self) -> None:
        """Whatever happened."""
        database: SqlDatabase = self.deployment.database  # type: ignore[assignment]
        assert counted(database) == recounted(database)

    @invariant()
    def what_is_needed_is_there(self) -> None:
        """Content of every version that is there, and of what it leads to; of those that can come back, too."""
        for logged in self.logged:
            version = self.services.artifacts.find(self.client.caller, logged.id)
            if version is None:
                continue
            assert self._content(version) == logged.files, version.path
            for target in logged.refers_to:
                assert self.services.artifacts.find(self.client.caller, target.id) is not None, version.path
        orphans = self.services.artifact_space.collector.find_orphans()
        assert orphans.missing == []

    def _clear(self) -> None:
        """Once all is deleted and waited for, no object is left."""
        for project in PROJECTS:
            self.services.projects.delete(self.client.caller, "admin", project)
        for _ in range(len(self.logged) + 2):  # one referrer frees the next
            self.clock.advance(days=8)
            self.services.garbage.collect()
        left = [info.key for prefix in ("blobs/", "manifests/") for info in self.deployment.objects.list_keys(prefix)]
        assert left == []

    # --- helpers -----------------------------------------------------------------------------------------------------

    def _note(self, version: ArtifactVersion, project: str, files: Files) -> Logged:
        known = next((logged for logged in self.logged if logged.id == version.id), None)
        if known is None:
            known = Logged(version.id, project, files)
            self.logged.append(known)
        return known

    def _commit(self, entries: Entries, project: str, collection: str) -> ArtifactVersion:
        draft = self.client.create(entries, project=project, collection=collection)
        if draft.state is ArtifactState.COMMITTED:
            return draft
        self.client.announce(draft.id, json.dumps(json.loads(document_of(entries))).encode())
        return self.client.commit(draft.id)

    def _is(self, logged: Logged, state: ArtifactState) -> bool:
        version = self.services.artifacts.find(self.client.caller, logged.id)
        return version is not None and version.state is state

    def _content(self, version: ArtifactVersion) -> Files:
        content = self.client.content(version)
        return {path: body for path, body in content.items() if body is not None}


@contextmanager
def deployment_in(folder: Path, clock: ManualClock, **flags: str) -> Iterator[DeploymentUnderTest]:
    """A deployment in a new folder below one."""
    name = folder / f"d{sum(1 for _ in folder.iterdir())}"
    name.mkdir()
    with open_test_deployment(name, clock=clock, **flags) as opened:
        yield opened


def check_machine(machine: type[ArtifactMachine], *, examples: int, steps: int) -> None:
    """Try random orders; one that breaks a law is printed as it was found."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            # Every step asks a database; making a failing order shorter would take longer than a test may.
            phases=[Phase.explicit, Phase.generate],
        ),
    )
