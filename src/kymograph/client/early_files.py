"""Large files that are sent before they are logged: while the training hashes one, the server does, too.

It is a head start and no more. What does not work out is sent as any other file, once it is logged; what is not logged
is collected by the server.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from kymograph.client.artifact_bulk import ArtifactBulkClient
from kymograph.client.runs import RunAddress
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import KymographError

AT_ONCE = 2
MAX_WAITING = 100

_logger = logging.getLogger(__name__)


class EarlyFiles:
    """Files on their way. Safe to share between threads."""

    def __init__(self, client: ArtifactBulkClient) -> None:
        """Begin with none."""
        self._client = client
        self._ended: dict[Path, threading.Event] = {}
        self._turns = threading.Semaphore(AT_ONCE)

    def begin(self, path: Path, algorithm: DigestAlgorithm, at: RunAddress) -> None:
        """Send a file, unless it is on its way.

        Args:
            path: Of the file; nobody changes it.
            algorithm: How it is hashed.
            at: A run of the project that it is logged to.
        """
        if path in self._ended or len(self._ended) >= MAX_WAITING:
            return
        ended = self._ended[path] = threading.Event()
        # Not one of the executor's: a sender that has nothing else left must not wait for what nobody logs.
        threading.Thread(target=self._send, args=(path, algorithm, at, ended), name="early", daemon=True).start()

    def wait(self, path: Path) -> None:
        """Until a file is there, or has to be sent anew."""
        ended = self._ended.pop(path, None)
        if ended is not None:
            ended.wait()

    def _send(self, path: Path, algorithm: DigestAlgorithm, at: RunAddress, ended: threading.Event) -> None:
        try:
            with self._turns:
                if self._client.is_offered:
                    self._client.send_content(at, path, algorithm)
        except (KymographError, OSError) as exc:
            _logger.info("%s was not sent early: %s", path, exc)
        finally:
            ended.set()
