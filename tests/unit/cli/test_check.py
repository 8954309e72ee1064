"""`kymograph check` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from kymograph.cli.main import cli
from kymograph.core.history import LineBatch, Stream
from kymograph.storage.history.base import Segment
from kymograph.testing.deployments import open_test_deployment
from tests.unit.storage.history.compacting import Compactions


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    """The only segment of a deployment that is closed again."""
    with open_test_deployment(tmp_path, objects=(tmp_path / "objects").as_uri()) as opened:
        run = opened.run("admin/p/r")
        lines = [f'{{"loss":{step}}}' for step in range(5000)]
        opened.database.write(lambda tx: tx.tail.append(run.key, [LineBatch(Stream.HISTORY, 0, lines)]))
        opened.run("admin/empty/r")
        Compactions(opened.database, tmp_path).compact(run.key)
        (found,) = opened.database.read(lambda tx: tx.segments.list_live([run.key], Stream.HISTORY))[run.key]
    return found


def check(folder: Path, *arguments: str) -> Result:
    objects = (folder / "objects").as_uri()
    return CliRunner().invoke(cli, ["check", "--data", str(folder), "--objects", objects, *arguments])


def damage(folder: Path, segment: Segment) -> None:
    path = folder / "objects" / segment.points_key
    content = bytearray(path.read_bytes())
    content[20_000] ^= 1
    path.write_bytes(content)


def test_all_is_well(tmp_path: Path, segment: Segment) -> None:
    result = check(tmp_path)

    assert result.exit_code == 0, result.output
    assert "1 segments (2 objects, " in result.stdout
    assert result.stdout.splitlines()[-1] == "everything is as it was written"


def test_damage_is_told_and_mended(tmp_path: Path, segment: Segment) -> None:
    damage(tmp_path, segment)

    result = check(tmp_path)
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[0] == f"{segment.points_key}: bytes 16,384 to 32,768 are damaged"
    assert lines[1].startswith("  admin/p/r, history, steps 0 to 4,999, metrics loss")
    assert "kymograph check --repair" in lines[2]
    assert lines[-1] == "1 problems; see above what to do"

    dry = check(tmp_path, "--repair", "--dry-run")
    assert dry.exit_code == 1
    assert dry.stdout.splitlines()[-1] == "1 objects would be built again"

    mended = check(tmp_path, "--repair")
    assert mended.exit_code == 0, mended.output
    assert "built again from its lines; nothing was lost" in mended.stdout
    assert check(tmp_path).exit_code == 0


def test_as_json_and_of_one_project(tmp_path: Path, segment: Segment) -> None:
    damage(tmp_path, segment)

    document = orjson.loads(check(tmp_path, "--json", "--project", "admin/p").stdout)
    assert document["is_sound"] is False
    (finding,) = document["findings"]
    assert finding["object"] == segment.points_key
    assert finding["problem"]["ranges"] == [{"begin": 16_384, "end": 32_768}]
    assert finding["run"] == "admin/p/r"
    assert check(tmp_path, "--project", "admin/empty").exit_code == 0
    assert "nothing" in str(check(tmp_path, "--project", "admin/nothing").exception)
