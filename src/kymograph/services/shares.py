"""Links that show a comparison of runs to people without an account: read-only, for a time, and revocable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kymograph.core.accounts import Role
from kymograph.core.project import Project
from kymograph.core.shares import Share, SharedComparison
from kymograph.errors import Forbidden, InvalidSetting, ProjectNotFound, RunNotFound, ShareNotFound
from kymograph.services.access import Access, Caller, check_project, require_project, role_in_project
from kymograph.services.secrets import new_token, secret_digest
from kymograph.storage.base import Database, Transaction

DEFAULT_DAYS = 30
MAX_DAYS = 365


@dataclass(frozen=True, slots=True)
class SharePage:
    """Some links of a project."""

    shares: Sequence[Share]
    total: int


@dataclass(frozen=True, slots=True)
class OpenedShare:
    """What a link leads to."""

    share: Share
    project: Project
    maker: Caller
    """With whose eyes it is read: a link shows nothing that its maker may not see any more."""


class ShareService:
    """Makes, opens, lists and revokes links."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def create(
        self,
        caller: Caller,
        entity: str | None,
        project: str,
        comparison: SharedComparison,
        *,
        days: int = DEFAULT_DAYS,
    ) -> tuple[Share, str]:
        """Make a link, and its secret, which is not kept.

        Args:
            caller: Who makes it; needs to see the project, no more.
            entity: Who owns the project.
            project: Its name.
            comparison: What the link shows.
            days: How long it opens.

        Raises:
            ProjectNotFound: Absent or not readable.
            RunNotFound: A run is not there: links are to what was seen, not to what may come under that name.
            InvalidSetting: Too short or too long.
        """
        if not 1 <= days <= MAX_DAYS:
            raise InvalidSetting("days", str(days), rule=f"from 1 to {MAX_DAYS}")
        secret = new_token()

        def job(tx: Transaction) -> Share:
            found = require_project(tx, caller, entity, project, Access.READ)
            for run in comparison.run_ids:
                if tx.runs.find(found.id, run) is None:
                    raise RunNotFound(run, within=found.path)
            now = self._clock()
            tx.shares.delete_expired(now)
            expires_at = now + timedelta(days=days)
            return tx.shares.create(
                secret_digest(secret), found.id, caller.user.id, comparison, now=now, expires_at=expires_at
            )

        return self._database.write(job), secret

    def open(self, secret: str) -> OpenedShare:
        """What a link leads to.

        Raises:
            ShareNotFound: Never made, revoked or expired; or its maker may not see the project any more.
        """

        def job(tx: Transaction) -> OpenedShare:
            share = tx.shares.find(secret_digest(secret), self._clock())
            user = tx.accounts.find_user_by_id(share.user_id) if share is not None else None
            if share is None or user is None:
                raise ShareNotFound
            maker = Caller(user)
            try:
                project = check_project(
                    tx, maker, tx.projects.find_by_id(share.project_id), Access.READ, named="(shared)"
                )
            except ProjectNotFound:
                # Without its cause: nobody is to learn that there was a link.
                raise ShareNotFound from None
            return OpenedShare(share, project, maker)

        return self._database.read(job)

    def list(self, caller: Caller, entity: str | None, project: str, *, limit: int = 100, offset: int = 0) -> SharePage:
        """The caller's links to a project, the newest first; those of all for whoever administers it.

        Raises:
            ProjectNotFound: Absent or not readable.
        """

        def job(tx: Transaction) -> SharePage:
            found = require_project(tx, caller, entity, project, Access.READ)
            user = None if role_in_project(tx, caller, found) is Role.ADMIN else caller.user.id
            return SharePage(*tx.shares.list(found.id, self._clock(), user=user, limit=limit, offset=offset))

        return self._database.read(job)

    def revoke(self, caller: Caller, share: int) -> None:
        """End a link, at once.

        Raises:
            ShareNotFound: Absent, or of a project that the caller may not see.
            Forbidden: The caller neither made it nor administers its project.
        """

        def job(tx: Transaction) -> None:
            found = tx.shares.find_by_id(share)
            if found is None:
                raise ShareNotFound
            if found.user_id != caller.user.id:
                project = tx.projects.find_by_id(found.project_id)
                try:
                    check_project(tx, caller, project, Access.ADMINISTER, named="(shared)")
                except ProjectNotFound as exc:
                    raise ShareNotFound from exc
                except Forbidden as exc:
                    raise Forbidden("revoke links of others", where="a project that is not yours") from exc
            tx.shares.delete(share)

        self._database.write(job)
