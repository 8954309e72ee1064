"""The short form: the long one is a part of `tests.faults.long`."""

from __future__ import annotations

from pathlib import Path

from tests.faults.artifact_killing import ArtifactVictim, artifact_killings


def test_versions_are_whole_and_there_once_whoever_dies_while_they_are_sent(tmp_path: Path) -> None:
    with artifact_killings(tmp_path, seed="short") as killings:
        killings.measure()
        for victim in ArtifactVictim:
            killings.kill_one(victim)

        assert killings.check_all() >= len(ArtifactVictim)
        killings.assert_tidy()
    # Each kill costs what was under way, and nothing that had arrived.
    assert killings.sent_bytes < 2.2 * killings.needed_bytes * sum(killings.kills.values())
