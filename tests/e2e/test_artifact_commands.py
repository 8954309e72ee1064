"""``kymograph artifact`` as somebody uses it who has no script."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import run_to_end
from tests.e2e.server import ADMIN_KEY, KYMOGRAPH, ServerProcess
from tests.e2e.training import Training


class Shell:
    """Commands in one folder, with a home of its own."""

    def __init__(self, folder: Path, server: ServerProcess, project: str) -> None:
        self.folder = folder
        self.environment = {
            **Training(folder, url=server.url).environment,
            "WANDB_ENTITY": project.split("/")[0],
            "WANDB_PROJECT": project.split("/")[1],
            "WANDB_CACHE_DIR": str(folder / "cache"),
            "WANDB_DATA_DIR": str(folder / "data"),
        }

    def __call__(self, *arguments: str, status: int = 0, **variables: str) -> str:
        """What a command prints; everything that it says if it fails."""
        command = [str(KYMOGRAPH), "artifact", *arguments]
        done = run_to_end(command, folder=self.folder, environment={**self.environment, **variables})
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout if status == 0 else done.stdout + done.stderr

    def json(self, *arguments: str, status: int = 0) -> Any:
        """What a command prints for programs."""
        return json.loads(self(*arguments, "--json", status=status))

    def write(self, **files: str) -> None:
        """Files in the folder ``files``."""
        for name, text in files.items():
            (self.folder / "files").mkdir(exist_ok=True)
            (self.folder / "files" / f"{name}.txt").write_text(text)


@pytest.fixture
def shell(tmp_path: Path, server: ServerProcess, project: str) -> Shell:
    return Shell(tmp_path / "shell", server, project)


def test_a_folder_goes_there_and_comes_back(shell: Shell, project: str) -> None:
    shell.write(one="1", two="2")

    said = shell("put", "files", "-n", "data", "-d", "some files", "-a", "best", "-a", "mine")
    assert said.splitlines()[0] == f"{project}/data:v0  (best, latest, mine)"
    assert f"kymograph artifact get {project}/data:v0" in said
    assert "nothing has changed" in shell("put", "files", "-n", "data")

    assert shell("get", "data").startswith("artifacts/data:v0: data:v0 (dataset), 2 files")
    assert (shell.folder / "artifacts/data:v0/two.txt").read_text() == "2"
    assert "2 files checked; it is exactly data:v0" in shell("verify", "data")
    (shell.folder / "artifacts/data:v0/two.txt").unlink()
    (shell.folder / "artifacts/data:v0/three.txt").touch()
    differs = shell.json("verify", "data:best", status=1)
    assert (differs["missing"], differs["extra"], differs["changed"]) == (["two.txt"], ["three.txt"], [])
    assert shell.json("get", "data:mine", "--root", "some", "--only", "one*")["name"] == f"{project}/data:v0"
    assert [path.name for path in (shell.folder / "some").iterdir()] == ["one.txt"]
    assert "is of type dataset, not model" in shell("get", "data", "--type", "model", status=1)


def test_what_there_is_is_listed_shown_and_compared(shell: Shell, project: str, server: ServerProcess) -> None:
    shell.write(same="s", changes="1", goes="g")
    shell("put", "files", "-n", "data")
    (shell.folder / "files/goes.txt").unlink()
    shell.write(changes="22", comes="c")
    second = shell.json("put", "files", "-n", "data", "-d", "the second")
    shell("put", "files/same.txt", "-n", f"{project}/net", "-t", "model", "--policy", "immutable", "--skip_cache")

    listed = shell.json("ls")
    assert {(one["type"], one["name"], one["newest"], one["versions"], one["file_count"]) for one in listed} == {
        ("dataset", "data", "v1", 2, 3),
        ("model", "net", "v0", 1, 1),
    }
    assert [one["name"] for one in shell.json("ls", project, "-t", "model")] == ["net"]
    assert [(one["version"], one["aliases"]) for one in shell.json("ls", f"{project}/data")] == [
        ("v1", ["latest"]),
        ("v0", []),
    ]
    assert [(one["path"], one["size_bytes"]) for one in shell.json("ls", "data:v1")] == [
        ("changes.txt", 2),
        ("comes.txt", 1),
        ("same.txt", 1),
    ]
    assert (second["is_new"], second["version"], second["size_bytes"]) == (True, "v1", 4)
    shown = shell.json("show", second["url"])
    assert (shown["name"], shown["description"], shown["used_by"]) == (f"{project}/data:v1", "the second", [])
    assert shown["made_by"].startswith(f"{project}/")
    for text in (f"{project}/data:v1", "the second", "latest", shown["digest"]):
        assert text in shell("show", "data")

    compared = shell("diff", "data:v0", "data:v1", status=1).splitlines()
    assert compared == [
        "+ comes.txt  1 byte",
        "- goes.txt  1 byte",
        "~ changes.txt  1 byte → 2 bytes",
        "1 added, 1 removed, 1 changed (3 bytes of new content), 1 unchanged",
    ]
    assert shell.json("diff", "data:v0", "data:v1", status=1)["unchanged"] == 1
    assert shell("diff", "data:v1", "data:latest") == "no difference: 3 files\n"


def test_versions_go_unless_they_have_an_alias(shell: Shell, project: str) -> None:
    for number in range(3):
        shell.write(one=str(number))
        shell("put", "files", "-n", "data", *(["-a", "first"] if number == 0 else []))

    assert "names no version" in shell("rm", "data", status=2)
    assert "nobody is there to ask" in shell("rm", "data:v1", status=2)
    assert "data:v2 stays" in shell("rm", "data:latest", "--yes", status=1)
    foreseen = shell.json("rm", "data", "--all-versions", "--dry-run")
    assert foreseen["deleted"] == [f"{project}/data:v1"]
    assert len(shell.json("ls", f"{project}/data")) == 3

    assert shell("rm", "data", "--all-versions", "--yes").endswith("1 version deleted\n")
    assert [one["version"] for one in shell.json("ls", f"{project}/data")] == ["v2", "v0"]
    shell("rm", "data:first", "data:v2", "--delete-aliases", "--yes")
    assert "not found" in shell("show", "data", status=1)


def test_nothing_is_put_where_logging_is_switched_off(shell: Shell) -> None:
    shell.write(one="1")

    assert "kymograph enabled" in shell("put", "files", status=2, WANDB_MODE="disabled")


def test_the_cache_is_shown_and_emptied(shell: Shell) -> None:
    shell.write(one="content")
    shell("put", "files", "-n", "data")
    shell("get", "data")

    found = shell.json("cache", "ls")
    assert (found["folder"], found["size_bytes"] >= 7) == (str(shell.folder / "cache/artifacts"), True)
    shell("cache", "cleanup", "0", "--remove-temp")
    assert shell.json("cache", "ls")["size_bytes"] == 0


def test_a_version_that_is_put_offline_waits_for_a_sync(shell: Shell, server: ServerProcess) -> None:
    shell.write(one="content")

    said = shell("put", "files", "-n", "data", WANDB_MODE="offline")

    folder = said.strip().rpartition("kymograph sync ")[2]
    done = subprocess.run(
        [str(KYMOGRAPH), "sync", folder], cwd=shell.folder, env=shell.environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert shell.json("show", "data")["version"] == "v0"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("put", "absent", "-n", "data"), 2, "no file or folder 'absent'"),
        (("put", ".", "-n", "data:v1"), 2, "--alias"),
        (("put", ".", "-n", "bad name"), 1, "Invalid name: 'bad name'"),
        (("get", "never"), 1, "not found"),
        (("ls", "nobody/nothing"), 1, "nobody/nothing"),
        (("verify", "a/b/c/d"), 2, "names no artifact"),
    ],
)
def test_what_is_wrong_is_said(shell: Shell, arguments: tuple[str, ...], status: int, words: str) -> None:
    assert words in shell(*arguments, status=status)


def test_names_are_completed(shell: Shell) -> None:
    shell.write(one="content")
    shell("put", "files", "-n", "digits")

    done = subprocess.run(
        [str(KYMOGRAPH)],
        env={
            **shell.environment,
            "_KYMOGRAPH_COMPLETE": "zsh_complete",
            "COMP_WORDS": "kymograph artifact get di",
            "COMP_CWORD": "3",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert "digits" in done.stdout.split()
    assert ADMIN_KEY not in done.stdout
    assert os.environ.get("_KYMOGRAPH_COMPLETE") is None
