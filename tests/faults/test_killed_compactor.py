"""``kill -9`` of servers and of the processes that build segments, under load; `long.py` has the long form."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.faults.killing import Victims, embedded, kill_compactors, kill_servers, replicated

KILLS = 3

Deploy = Callable[..., AbstractContextManager[Victims]]


@pytest.mark.parametrize("deploy", [embedded, replicated], ids=lambda deploy: deploy.__name__)
def test_acknowledged_rows_are_there_once_and_nothing_is_left_behind(tmp_path: Path, deploy: Deploy) -> None:
    with deploy(tmp_path, seed=1) as victims:
        load = victims.load(runs=2, writers=2, seed=1)
        load.start()
        kill_compactors(victims, load, KILLS)
        kill_servers(victims, load, KILLS)
        load.stop()

        victims.assert_tidy()
        with victims.rest() as rest:
            assert load.check(rest) > 0
        assert victims.segments_made() > 0
        assert sum(victims.kills.values()) == 2 * KILLS
