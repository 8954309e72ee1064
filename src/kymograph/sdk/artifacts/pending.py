"""A version that was logged and is on its way, as `Artifact.wait` waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from kymograph.errors import ArtifactNotLoggedError, ArtifactNotSaved, TransportError, WaitTimeoutError
from kymograph.sdk.artifacts.session import Session, session_of
from kymograph.sdk.artifacts.version import ServerVersion

if TYPE_CHECKING:
    from kymograph.sdk.link import SenderLink
    from kymograph.sdk.settings import Settings

POLL_S = 0.25
LONGEST_POLL_S = 5.0
TIMEOUT_TEXT = "Artifact upload wait timed out, failed to fetch Artifact response"
PENDING = "PENDING"


class SentVersion:
    """A version that this process's sender sends."""

    def __init__(self, settings: Settings, link: SenderLink, number: int, name: str) -> None:
        """Take what finds it.

        Args:
            settings: Of the run.
            link: To the sender.
            number: Of the operation in this process's journal.
            name: Of the artifact, for messages.
        """
        self._settings, self._link, self._number, self._name = settings, link, number, name

    def wait(self, timeout: float | None) -> ServerVersion:
        """Block until the server has it.

        Raises:
            WaitTimeoutError: It takes longer than `timeout` seconds.
            ArtifactNotSaved: It failed; with what the server says.
        """
        deadline = _deadline(timeout)
        self._link.hurry()
        result = self._link.wait_for_artifact(self._number, timeout)
        if result is None:
            if self._link.is_over:
                raise ArtifactNotSaved(
                    f"artifact {self._name} is not sent: the sender has ended; nothing is lost: sync the run's folder"
                )
            raise WaitTimeoutError(TIMEOUT_TEXT)
        if result.problem:
            raise ArtifactNotSaved(result.problem)
        session = session_of(self._settings)
        return look_until(
            lambda: ServerVersion.of_source(session, session.artifacts.get(result.artifact_id)), deadline=deadline
        )


class AwaitedVersion:
    """A version that the sender of another process sends: the server is asked for it."""

    def __init__(self, settings: Settings, client_id: str, *, is_finalized: bool) -> None:
        """Take what finds it.

        Args:
            settings: Of the run.
            client_id: Made up for the version.
            is_finalized: Whether it becomes a version, or remains a draft that others add to.
        """
        self._settings, self._client_id, self._is_finalized = settings, client_id, is_finalized

    def wait(self, timeout: float | None) -> ServerVersion:
        """As `SentVersion.wait`; of a failure nothing is heard but the time that passes."""
        session = session_of(self._settings)
        return look_until(lambda: self._find(session), deadline=_deadline(timeout))

    def _find(self, session: Session) -> ServerVersion | None:
        artifact_id = session.artifacts.id_of_client_id(self._client_id)
        found = session.artifacts.find(artifact_id) if artifact_id is not None else None
        if found is None or (self._is_finalized and found.state == PENDING):
            return None
        return ServerVersion.of_source(session, found)


class KeptVersion:
    """A version of a run that is kept offline: there is no server to wait for."""

    def wait(self, timeout: float | None) -> ServerVersion:
        """Not possible.

        Raises:
            ArtifactNotLoggedError: Always.
        """
        raise ArtifactNotLoggedError("Artifact.wait")


def look_until(
    look: Callable[[], ServerVersion | None],
    *,
    deadline: float | None,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> ServerVersion:
    """What `look` finds in the end; a server that is away meanwhile is asked again.

    Args:
        look: Asks the server.
        deadline: By the clock `now`; None for as long as it takes.
        now: A monotonic clock in s.
        sleep: Waits for some s.

    Raises:
        WaitTimeoutError: Nothing is there in time.
    """
    pause_s = POLL_S
    while True:
        try:
            found = look()
        except TransportError:
            found = None
        if found is not None:
            return found
        if deadline is not None and now() + pause_s > deadline:
            raise WaitTimeoutError(TIMEOUT_TEXT)
        sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_POLL_S)


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout
