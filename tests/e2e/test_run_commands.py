"""Commands that read runs back: list, show, tail, pull, restore, verify."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.server import ServerProcess
from tests.e2e.test_sync import SCRIPT, ours, sync_ours, write_ours

GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")


@pytest.fixture
def synced(server: ServerProcess, project: str, tmp_path: Path) -> Path:
    """A home from which a run was sent."""
    sync_ours(write_ours(SCRIPT, tmp_path / "home"), project, server)
    return tmp_path / "home"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run([*GIT, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_runs_are_listed_shown_and_followed(server: ServerProcess, project: str, synced: Path) -> None:
    def tell(*arguments: str) -> str:
        done = ours(*arguments, url=server.url, home=synced)
        assert done.returncode == 0, done.stderr
        return done.stdout

    (listed,) = json.loads(tell("run", "list", "-p", project, "--json", "--filter", "config.lr=0.5"))
    shown = json.loads(tell("run", "show", f"{project}/away1", "--json"))
    page = tell("run", "show", f"{server.url}/{project}/runs/away1")

    assert (listed["id"], listed["state"], listed["history_lines"]) == ("away1", "finished", 41)
    assert json.loads(tell("run", "list", "-p", project, "--json", "--filter", "state=running")) == []
    assert "away1" in tell("run", "list", "-p", project)
    assert shown["config"]["later"] == "yes"
    assert shown["summary"]["best"] == 7
    assert all(words in page for words in ("far away", "finished", "late"))
    assert "said offline" in tell("tail", f"{project}:away1")
    assert "step 60" in tell("run", "tail", "away1", "-p", project, "--no-follow")


def test_files_are_pulled_once_and_checked(server: ServerProcess, project: str, synced: Path) -> None:
    first = ours("pull", f"{project}/away1", "-o", "there", url=server.url, home=synced)
    (synced / "there" / "kept.txt").write_text("changed")
    second = ours("pull", f"{project}/away1", "-o", "there", "--name", "*.txt", "--json", url=server.url, home=synced)

    assert first.returncode == 0, first.stderr
    came = {Path(item["path"]).name: item["was_there"] for item in json.loads(second.stdout)}
    assert came == {"kept.txt": False, "requirements.txt": True}
    assert (synced / "there" / "kept.txt").read_text() == "kept"


def test_code_and_config_come_back_on_a_branch(server: ServerProcess, project: str, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    git(code, "init", "--quiet")
    (code / "train.py").write_text("print('committed')\n")
    (code / ".gitignore").write_text("kymograph\n.*\nreport.json\n")
    git(code, "add", ".")
    git(code, "commit", "--quiet", "-m", "first")
    commit = git(code, "rev-parse", "HEAD")
    (code / "train.py").write_text("print('being worked on')\n")
    sync_ours(write_ours(SCRIPT, code), project, server)

    busy = ours("restore", f"{project}/away1", url=server.url, home=code)
    (code / "train.py").write_text("print('later')\n")
    git(code, "commit", "--quiet", "-am", "second")
    done = ours("restore", f"{project}/away1", url=server.url, home=code)

    assert busy.returncode == 1
    assert "commit or stash them first" in busy.stderr
    assert done.returncode == 0, done.stderr
    assert git(code, "rev-parse", "HEAD") == commit
    assert git(code, "symbolic-ref", "--short", "HEAD") == "kymograph/away1"
    assert (code / "train.py").read_text() == "print('being worked on')\n"
    assert "lr:" in (code / "kymograph" / "restored-away1" / "config.yaml").read_text()


def test_verify_passes_step_by_step_and_leaves_nothing(server: ServerProcess, tmp_path: Path) -> None:
    # The vendor's command of that name, which other tests run, leaves its runs in a project of the same name.
    def run_ids() -> set[str]:
        listed = ours("run", "list", "-p", "verify", "--json", url=server.url, home=tmp_path)
        return {run["id"] for run in json.loads(listed.stdout or "[]")}

    before = run_ids()

    done = ours("verify", "--json", url=server.url, home=tmp_path)

    steps = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert [step["result"] for step in steps] == ["good"] * 10
    assert run_ids() == before


def test_verify_says_what_is_wrong(server: ServerProcess, tmp_path: Path) -> None:
    done = ours("verify", url=server.url, home=tmp_path, WANDB_API_KEY="f" * 40)

    assert done.returncode == 1
    assert "✗ login: this API key is not known" in done.stdout
