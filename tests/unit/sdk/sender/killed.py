"""Senders that die in the middle of their work, one after another, until one comes to the end."""

from __future__ import annotations

import random

import httpx

from kymograph.sdk.sender.sender import SenderOptions
from tests.unit.sdk.sender.artifact_servers import ArtifactServer
from tests.unit.sdk.sender.journals import Sending, Training, VirtualTime


class Killed(BaseException):
    """The end of a process: nothing of it catches this."""


def send_though_killed(
    training: Training, server: ArtifactServer, chance: random.Random, *, most_requests: int, options: SenderOptions
) -> None:
    """Send a run by senders each of which dies at a random request, before the server has it or after.

    Args:
        training: Has ended.
        server: Where to.
        chance: Decides when.
        most_requests: None lives for more than these, unless it comes to the end.
        options: Of the senders.
    """
    left = 0

    def die(_request: httpx.Request) -> httpx.Response | None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        return None

    clock = VirtualTime()
    is_done = False
    while not is_done:
        left = chance.randint(1, most_requests)
        server.failure, server.failure_after = (die, None) if chance.random() < 0.5 else (None, die)
        it = Sending(training.folder, server, clock=clock, options=options)
        try:
            is_done = it.run_for(3_600)
        except Killed:
            pass
        finally:
            it.client.close()
            for strand in it.sender.strands:
                strand.close()
