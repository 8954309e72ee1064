"""The tutorial on artifacts with both clients: equal digests, versions, aliases and contents, and crosswise."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import artifact_tutorial
from tests.e2e.client import NEWEST, Client
from tests.e2e.server import ADMIN_KEY, ServerProcess
from tests.e2e.training import Training
from tests.e2e.web_files import web_files

SCRIPT = f"""
import json, os, pathlib, sys
sys.path.insert(0, {str(Path(artifact_tutorial.__file__).parent)!r})
import artifact_tutorial
import IMPORT
seen = getattr(artifact_tutorial, sys.argv[1])(wandb, *sys.argv[2:])
pathlib.Path("seen.json").write_text(json.dumps(seen))
"""
Runner = Callable[..., Any]
CLIENTS = ("ours", "theirs")


@pytest.fixture(scope="module")
def run(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Runs a part of the tutorial with one of the clients in a project."""

    def run(who: str, project: str, *arguments: str) -> Any:
        home = tmp_path_factory.mktemp(who)
        given = {
            "WANDB_PROJECT": project,
            "WANDB_ENTITY": "admin",
            "WANDB_CONSOLE": "off",
            "WANDB_ARTIFACT_DIR": str(home / "artifacts"),
            "WANDB_CACHE_DIR": str(home / "cache"),
            "WANDB_DATA_DIR": str(home / "own-data"),
        }
        if who == "ours":
            script = SCRIPT.replace("IMPORT", "kymograph as wandb")
            Training(home, url=server.url).run(script, *arguments, environment=given)
        else:
            client = Client(NEWEST, home, url=server.url, key=ADMIN_KEY)
            client.run(SCRIPT.replace("IMPORT", "wandb"), *arguments, environment=given)
        return json.loads((home / "seen.json").read_text())

    return run


@pytest.fixture(scope="module")
def written(run: Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What each client saw while it wrote. What they refer to is there as long as it is read."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "deep").mkdir()
    (elsewhere / "one.bin").write_text("one")
    (elsewhere / "deep" / "two.bin").write_text("two")
    with web_files() as web:
        web.files["/page.txt"] = b"from the web"
        yield {who: run(who, f"tutorial-{who}", "write", str(elsewhere), f"{web.url}/page.txt") for who in CLIENTS}


def test_both_clients_write_the_same(written: dict[str, Any]) -> None:
    assert written["ours"] == written["theirs"]
    seen = written["ours"]
    assert seen["versions"] == ["v0", "v1", "v2"]
    assert seen["same content"] == ["v0", True]
    assert seen["digest known before"]
    assert (seen["edited"], seen["left"], seen["refused"]) == ("v3", ["v1"], True)
    assert (seen["made by"], seen["used by"]) == ("trainer", ["trainer"])


def test_what_either_writes_both_read_alike(run: Runner, written: dict[str, Any]) -> None:
    seen = {
        f"{reader} reads {writer}": run(reader, f"tutorial-{reader}-reads-{writer}", "read", f"admin/tutorial-{writer}")
        for writer in CLIENTS
        for reader in CLIENTS
    }
    expected = seen["theirs reads theirs"]

    for who, found in seen.items():
        assert found == expected, who
    assert expected["words:raw"]["metadata"] == {"language": "en", "nested": {"sizes": [1, 2.5, None]}}
    assert expected["raw"] == artifact_tutorial.WORDS == expected["checked out"]
    assert expected["through first a.txt"] == "alpha"
    assert expected["through from the web.txt"] == "from the web"
    assert (expected["spoilt"], expected["gone"], expected["edited lives"]) == (True, True, 30)
    assert sorted(expected["together"]["files"]) == ["left.txt", "right.txt"]
