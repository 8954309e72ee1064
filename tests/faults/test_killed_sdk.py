"""The short form: the long one is a part of `tests.faults.long`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.e2e.server import ServerProcess
from tests.faults.sdk_killing import Killings, Victim


@pytest.mark.parametrize("victim", Victim)
def test_every_row_whose_log_returned_is_there_once_after_a_sync(
    own_server: ServerProcess, tmp_path: Path, victim: Victim
) -> None:
    killings = Killings(own_server, tmp_path, random.Random(victim.value))

    with own_server.rest() as rest:
        for number in range(2):
            killings.kill_one(rest, victim, number)
