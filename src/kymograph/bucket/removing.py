"""Deleting: a version with its objects, and objects that no version needs.

A version goes before its objects: one that is there has its files. Objects go only if wabucket put them there (there is
a claim on their folder) and no version in any project of the entity refers to them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kymograph.bucket.claims import Claim, Claims, ClaimState
from kymograph.bucket.server import Needed, Tracker, consumers_of
from kymograph.bucket.stores.base import Store, StoredObject
from kymograph.errors import VersionNeeded
from kymograph.sdk.artifacts.version_names import full_name

if TYPE_CHECKING:
    from kymograph.sdk.artifacts.artifact import Artifact

DAY_S = 86_400.0


@dataclass(slots=True)
class Plan:
    """What is to be deleted, and what stays."""

    versions: list[Artifact] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    """Forgotten, because nothing of them is left."""
    objects: list[StoredObject] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    """Address of a folder → why something in it stays."""

    @property
    def size_bytes(self) -> int:
        """Of the objects."""
        return sum(found.size_bytes for found in self.objects)


class Remover:
    """Deletes in one bucket."""

    def __init__(self, store: Store, tracker: Tracker, *, clock: Callable[[], float] = time.time) -> None:
        """Prepare.

        Args:
            store: The bucket.
            tracker: Knows versions.
            clock: Gives s since the epoch.
        """
        self._store, self._tracker, self._clock = store, tracker, clock
        self._claims = Claims(store, clock=clock)

    # --- versions ----------------------------------------------------------------------------------------------------

    def plan_removal(self, versions: Sequence[Artifact], *, force: bool = False) -> Plan:
        """What goes if some versions go.

        Raises:
            VersionNeeded: A run used one, or a link leads to it, and nobody says that it goes all the same.
        """
        if not force:
            for version in versions:
                needed_by = consumers_of(version)
                if needed_by:
                    raise VersionNeeded(full_name(version), needed_by=needed_by)
        names = {full_name(version) for version in versions}
        refs = {entry.ref for version in versions for entry in version.manifest.entries.values() if entry.ref}
        plan = Plan(versions=list(versions))
        claims = [claim for claim in self._own_claims() if claim.version in names or self._holds(claim, refs)]
        self._plan_claims(plan, claims, self._tracker.needed(without=versions))
        elsewhere = [ref for ref in refs if not any(self._holds(claim, [ref]) for claim in claims)]
        if elsewhere:
            plan.kept[min(elsewhere).rpartition("/")[0]] = (
                f"{len(elsewhere):,} of its objects were not put there by wabucket"
            )
        return plan

    def _holds(self, claim: Claim, refs: Iterable[str | None]) -> bool:
        """Whether some addresses are in the folder of a claim."""
        if claim.folder is None:
            return False
        url = self._store.ref(claim.folder)
        return any(ref is not None and (ref == url or ref.startswith(f"{url}/")) for ref in refs)

    # --- what nobody needs -------------------------------------------------------------------------------------------

    def plan_collection(self, *, older_than_s: float = DAY_S, with_unsynced: bool = False) -> Plan:
        """What no version needs: leavings of uploads that were given up, and of versions that were deleted.

        Args:
            older_than_s: Uploads for which something was done since then may go on yet.
            with_unsynced: Whether versions that wait for a sync are given up, too.
        """
        plan = Plan()
        now = self._clock()
        chosen = []
        all_claims = self._claims.all()
        own = [claim for claim in all_claims if claim.owner == self._owner_of(claim)]
        for claim in own:
            where = self._store.ref(claim.folder or claim.place.folder)
            if claim.state is ClaimState.UNSYNCED and not with_unsynced:
                plan.kept[where] = "its version may wait for `kymograph sync`; --with-unsynced gives it up"
            elif claim.state is not ClaimState.COMMITTED and now - claim.touched_at_s < older_than_s:
                plan.kept[where] = "its upload may go on yet; --older-than says when it may not"
            else:
                chosen.append(claim)
        foreign = {f"{claim.entity} at {claim.server}" for claim in all_claims if claim not in own}
        for who in sorted(foreign):
            plan.kept[self._store.url] = f"some of it is of {who}; sign in there to collect that"
        # After the claims were read: a version that is committed meanwhile is seen here.
        if chosen:
            self._plan_claims(plan, chosen, self._tracker.needed())
        return plan

    def _owner_of(self, claim: Claim) -> object:
        """The owner that a claim has to have for its versions to be found by this tracker."""
        owner = self._tracker.owner
        return type(owner)(owner.server, owner.entity, claim.project)

    def _own_claims(self) -> list[Claim]:
        return [claim for claim in self._claims.all() if claim.owner == self._owner_of(claim)]

    def _plan_claims(self, plan: Plan, claims: Sequence[Claim], needed: Needed) -> None:
        for claim in claims:
            if claim.folder is None:
                plan.claims.append(claim)
                continue
            url = self._store.ref(claim.folder)
            holders: dict[str, int] = {}
            for found in self._store.iter_objects(claim.folder, checksums=False):
                holder = needed.by(found.ref)
                if holder is None:
                    plan.objects.append(found)
                else:
                    holders[holder] = holders.get(holder, 0) + 1
            if holders:
                who = ", ".join(sorted(holders))
                if claim.version not in holders:  # of the version itself nothing has to be said
                    plan.kept[url] = f"{sum(holders.values()):,} objects are needed by {who}"
            else:
                plan.claims.append(claim)

    # --- doing it ----------------------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan) -> None:
        """Delete what a plan says; what has changed since is left.

        Raises:
            CommError: The bucket or the tracker says no; what is left is found by the next `wabucket gc`.
        """
        for version in plan.versions:
            version.delete(delete_aliases=True)
        changed = {
            claim.path
            for claim in plan.claims
            if (now := self._claims.find(claim)) is not None and now.touched_at_s != claim.touched_at_s
        }
        aside = [claim.folder for claim in plan.claims if claim.path in changed]
        paths = [
            found.path for found in plan.objects if not any(found.path.startswith(f"{folder}/") for folder in aside)
        ]
        self._store.delete(paths)
        for claim in plan.claims:
            if claim.path in changed:
                continue
            if claim.folder is not None:
                self._store.clear_unfinished(claim.folder)
            self._claims.remove(claim)
