"""`kymograph sync` beside the protocol's own client: each sends what either wrote, and the server cannot tell by whom.

What differs in any case, and why, is in `INHERENT`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kymograph.core import exact_json
from tests.e2e.client import MIDDLE, NEWEST, OLDEST, Client
from tests.e2e.fixtures import ClientFactory
from tests.e2e.processes import run_to_end
from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY, KYMOGRAPH, ServerProcess

SCRIPT = """
import os, sys
import {module} as wandb
run = wandb.init(
    mode="offline", id="away1", name="far away", notes="over the sea",
    tags=["plane", "old"], group="g", job_type="train",
    config={{"lr": 0.5, "nested": {{"a": [1, 2]}}, "big": 2**53 + 1}},
)
print("said offline")
sys.stderr.write("and to stderr\\n")
for step in range(40):
    run.log({{"loss": step / 40, "inf": float("inf"), "media/sub": {{"x": step}}}})
run.log({{"late": 1}}, step=60)
run.config["later"] = "yes"
run.summary["best"] = 7
with open(os.path.join(run.dir, "kept.txt"), "w") as file:
    file.write("kept")
run.save(os.path.join(run.dir, "kept.txt"), base_path=run.dir)
run.finish(exit_code=int(os.environ.get("ENDS_WITH", "0")))
"""
KILLED = """
import os, signal
import {module} as wandb
run = wandb.init(mode="offline", id="killed1")
for step in range({rows}):
    run.log({{"loss": step}})
{wait}
os.kill(os.getpid(), signal.SIGKILL)
"""
INHERENT: dict[str, dict[str, str]] = {
    NEWEST: {},
    MIDDLE: {
        "config": "its sync leaves out what was added to the config after init",
        "console": "its sync takes stdout and stderr by themselves: lines of one may come before those of the other",
    },
    OLDEST: {"console": "as that of 0.18.7"},
}
"""What the client's own sync does otherwise than ours, by version, and why."""
ABOUT_THE_CLIENT = {"requirements.txt", "wandb-metadata.json", "conda-environment.yaml", "config.yaml", "output.log"}
"""Files whose bytes tell of the program that wrote or sent them: present on both sides, compared by name alone.

``config.yaml`` notes versions of the sender, ``wandb-metadata.json`` the machine; ``output.log`` is written by whoever
saw the end of the run.
"""


def ours(*arguments: str, url: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return run_ours([str(KYMOGRAPH), *arguments], url, home, variables)


def run_ours(command: list[str], url: str, home: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "KYMOGRAPH_"))}
    own = {"HOME": str(home), "NETRC": str(home / "netrc"), "WANDB_BASE_URL": url, "WANDB_API_KEY": ADMIN_KEY}
    return run_to_end(command, folder=home, environment={**kept, **own, **variables})


def write_ours(script: str, home: Path, **variables: str) -> Path:
    """Run a script with our SDK; returns the folder of its run."""
    done = run_ours(
        [sys.executable, "-c", script.format(module="kymograph", wait="", rows=10)],
        "http://localhost:9",
        home,
        variables,
    )
    assert done.returncode in (0, -9, int(variables.get("ENDS_WITH", "0"))), done.stderr
    (folder,) = (home / "kymograph").glob("offline-run-*")
    return folder


def sync_ours(folder: Path, project: str, server: ServerProcess, *more: str) -> dict[str, Any]:
    """Sync with our command, and prove by its own means that the server has everything."""
    done = ours("sync", str(folder), "-p", project, "--verify", "--json", *more, url=server.url, home=folder.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert [item["is_equal"] for item in report["verified"]] == [True]
    return dict(report)


def sync_theirs(client: Client, folder: Path, project: str) -> None:
    entity, name = project.split("/")
    client.command("sync", "--include-synced", "--entity", entity, "--project", name, str(folder))


def told(rest: Rest, project: str, run: str) -> dict[str, Any]:
    """Everything of a run that a person would compare."""
    detail = rest.run(project, run)
    kept = ("name", "state", "notes", "tags", "group", "job_type", "exit_code", "last_step", "history_lines")
    return {
        **{name: detail[name] for name in kept},
        "config": detail["config"],
        "summary": detail["summary"],
        "rows": rest.rows(project, run),
        "console": [line.rstrip() for line in rest.console(project, run)],
        "system": rest.get(f"/projects/{project}/runs/{run}/system")["total"],
        "files": {
            name: None if name in ABOUT_THE_CLIENT else file["md5"] for name, file in rest.files(project, run).items()
        }
        # Its keys have no order, and not every client notes its own part in it.
        | {"wandb-summary.json": unnoted(exact_json.loads(rest.file(project, run, "wandb-summary.json")))},
    }


def unnoted(summary: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in summary.items() if key != "_wandb"}


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What is not equal, with files one by one."""
    flat_one, flat_other = (
        {**item, **{f"file {name}": md5 for name, md5 in item["files"].items()}} for item in (one, other)
    )
    names = dict.fromkeys((*flat_one, *flat_other))
    return {
        name: (flat_one.get(name, "absent"), flat_other.get(name, "absent"))
        for name in names
        if name != "files" and flat_one.get(name, "absent") != flat_other.get(name, "absent")
    }


APPENDED = """
import kymograph as wandb
with wandb.init(mode="offline", id="away2") as run:
    print("said later")
    for step in range(100, 105):
        run.log({{"loss": step}}, step=step)
"""


def test_a_run_may_be_appended_to_another(server: ServerProcess, rest: Rest, project: str, tmp_path: Path) -> None:
    first, second = write_ours(SCRIPT, tmp_path / "first"), write_ours(APPENDED, tmp_path / "second")
    sync_ours(first, project, server)
    before = told(rest, project, "away1")

    for _ in range(2):
        sync_ours(second, project, server, "--append", "--id", "away1", "--include-synced")

    after = told(rest, project, "away1")
    assert after["rows"][: len(before["rows"])] == before["rows"]
    assert [row["_step"] for row in after["rows"][len(before["rows"]) :]] == list(range(100, 105))
    assert after["console"][: len(before["console"])] == before["console"]
    assert after["console"][len(before["console"]) :][-1:] == ["said later"]
    assert after["config"]["lr"] == before["config"]["lr"]
    assert (after["summary"]["best"], after["summary"]["loss"]) == (7, 104)


def sibling(project: str, name: str) -> str:
    return f"{project}-{name}"


@pytest.mark.parametrize("version", [NEWEST, MIDDLE, OLDEST])
def test_a_run_of_theirs_is_the_same_whoever_sends_it(
    version: str, make_client: ClientFactory, server: ServerProcess, rest: Rest, project: str
) -> None:
    client = make_client(version)
    client.run(SCRIPT.format(module="wandb"), environment={"ENDS_WITH": "0"})
    (folder,) = client.offline_runs()

    sync_ours(folder, sibling(project, "ours"), server, "--no-mark-synced")
    sync_theirs(client, folder, sibling(project, "theirs"))

    by_us, by_them = told(rest, sibling(project, "ours"), "away1"), told(rest, sibling(project, "theirs"), "away1")
    found = differences(by_us, by_them)
    assert {name: values for name, values in found.items() if name not in INHERENT[version]} == {}
    assert sorted(by_us["console"]) == sorted(by_them["console"])
    assert by_us["config"] == {"lr": 0.5, "nested": {"a": [1, 2]}, "big": 2**53 + 1, "later": "yes"}
    assert by_us["state"] == "finished"
    assert len(by_us["rows"]) == 41


def test_a_run_of_ours_is_the_same_whoever_sends_it(
    make_client: ClientFactory, server: ServerProcess, rest: Rest, project: str, tmp_path: Path
) -> None:
    # Of a run that ends at once, the surroundings are in a journal of their own, which is for our sender.
    script = SCRIPT.replace("run.finish(", "run._captures._has_looked.wait(30)\nrun.finish(")
    folder = write_ours(script, tmp_path / "ours", ENDS_WITH="3")

    sync_ours(folder, sibling(project, "ours"), server)
    sync_theirs(make_client(NEWEST), folder, sibling(project, "theirs"))

    by_us, by_them = told(rest, sibling(project, "ours"), "away1"), told(rest, sibling(project, "theirs"), "away1")
    assert differences(by_us, by_them) == {}
    assert (by_us["state"], by_us["exit_code"]) == ("failed", 3)


def test_a_second_sync_changes_nothing_and_a_marked_run_is_left_out(
    server: ServerProcess, rest: Rest, project: str, tmp_path: Path
) -> None:
    folder = write_ours(SCRIPT, tmp_path / "ours")
    sync_ours(folder, project, server)
    first, first_files = told(rest, project, "away1"), rest.files(project, "away1")

    unasked = ours("sync", url=server.url, home=tmp_path / "ours")
    sync_ours(folder, project, server, "--include-synced")

    assert "Nothing is left to send" in unasked.stdout
    assert told(rest, project, "away1") == first
    assert rest.files(project, "away1") == first_files


def test_a_run_whose_process_was_killed_is_failed_and_whole(
    server: ServerProcess, rest: Rest, project: str, tmp_path: Path
) -> None:
    folder = write_ours(KILLED, tmp_path / "ours")

    report = sync_ours(folder, project, server)

    assert report["results"][0]["is_abandoned"]
    run = rest.run(project, "killed1")
    assert (run["state"], run["exit_code"], run["history_lines"]) == ("failed", 1, 10)


def test_a_killed_run_of_theirs_fails_as_their_own_sync_has_it(
    make_client: ClientFactory, server: ServerProcess, rest: Rest, project: str
) -> None:
    client = make_client(NEWEST)
    client.run(KILLED.format(module="wandb", wait="import time; time.sleep(2)", rows=3000), is_checked=False)
    (folder,) = client.offline_runs()
    long_ago = time.time() - 600
    (journal,) = folder.glob("*.wandb")
    os.utime(journal, (long_ago, long_ago))

    sync_ours(folder, sibling(project, "ours"), server, "--no-mark-synced")
    sync_theirs(client, folder, sibling(project, "theirs"))

    by_us, by_them = rest.run(sibling(project, "ours"), "killed1"), rest.run(sibling(project, "theirs"), "killed1")
    assert (by_us["state"], by_us["exit_code"]) == (by_them["state"], by_them["exit_code"]) == ("failed", 1)
    assert rest.rows(sibling(project, "ours"), "killed1") == rest.rows(sibling(project, "theirs"), "killed1")


def test_one_bad_run_does_not_stop_the_rest_and_the_exit_status_tells(
    server: ServerProcess, rest: Rest, project: str, tmp_path: Path
) -> None:
    home = tmp_path / "ours"
    write_ours(SCRIPT, home)
    bad = home / "kymograph" / "offline-run-20260101_000000-bad1"
    bad.mkdir()
    (bad / "run-bad1.wandb").write_bytes(b"no journal at all")

    done = ours("sync", "-p", project, "--yes", url=server.url, home=home)

    assert done.returncode == 1
    assert "bad1" in done.stdout
    assert "✗" in done.stdout
    assert rest.run(project, "away1")["state"] == "finished"


def test_id_job_type_and_tags_can_be_changed_on_the_way(
    server: ServerProcess, rest: Rest, project: str, tmp_path: Path
) -> None:
    folder = write_ours(SCRIPT, tmp_path / "ours")

    sync_ours(folder, project, server, "--id", "new1", "--job-type", "eval", "--replace-tags", "plane=train,old=")

    run = rest.run(project, "new1")
    assert (run["job_type"], run["tags"]) == ("eval", ["train"])
    assert len(rest.rows(project, "new1")) == 41


def test_what_a_damaged_journal_lacks_is_told_with_its_place(
    server: ServerProcess, rest: Rest, project: str, tmp_path: Path
) -> None:
    folder = write_ours(SCRIPT, tmp_path / "ours")
    (journal,) = folder.glob("*.wandb")
    journal.write_bytes(journal.read_bytes()[:-20])

    done = ours("sync", str(folder), "-p", project, "--json", url=server.url, home=tmp_path)

    (result,) = json.loads(done.stdout)["results"]
    assert done.returncode == 0
    assert result["is_abandoned"]
    assert result["damages"][0]["problem"] == "the end is cut off"
    assert rest.run(project, "away1")["history_lines"] == 41


def test_verify_finds_what_differs(server: ServerProcess, rest: Rest, project: str, tmp_path: Path) -> None:
    folder = write_ours(SCRIPT, tmp_path / "ours")
    sync_ours(folder, project, server)
    (folder / "files" / "kept.txt").write_text("kepT")
    os.utime(folder / "files" / "kept.txt", ns=(0, (folder / "files" / "kept.txt").stat().st_mtime_ns))
    rest.stream(
        project, "away1", {"files": {"wandb-history.jsonl": {"offset": 3, "content": ['{"_step":3,"loss":9}']}}}
    )

    done = ours("sync", str(folder), "-p", project, "--verify", url=server.url, home=tmp_path)

    assert done.returncode == 1
    assert "step 3, loss: here 0.075, on the server 9" in done.stdout
    assert "kept.txt: here MD5" in done.stdout
