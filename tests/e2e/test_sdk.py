"""Our own SDK against a real server."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.loop import send
from kymograph.sdk.sender.sender import Sender, SenderOptions
from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY, ServerProcess, free_port, wait_until
from tests.e2e.training import Training

WHOLE = """
import kymograph as wandb
run = wandb.init(id="whole", name="by name", tags=["a", "b"], notes="text", group="g", job_type="train",
                 config={"lr": 0.1, "nested": {"depth": 3}})
run.define_metric("accuracy", summary="max")
for step in range(50):
    run.log({"loss": 1 / (step + 1), "accuracy": step % 7, "odd": float("nan") if step == 5 else step})
print("said by the run")
run.summary["best"] = 3
run.config.update({"later": 5})
open("note.txt", "w").close()
run.save("note.txt", policy="now")
run.finish()
"""
FINISH_TIMEOUT = {"WANDB_FINISH_TIMEOUT": "2"}


@pytest.fixture
def training(server: ServerProcess, tmp_path: Path) -> Training:
    return Training(tmp_path / "training", url=server.url)


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The address of something that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def sync(folder: Path, url: str) -> Sender:
    with RunClient(Connection.of(url, ADMIN_KEY)) as client:
        return send(RunFolder.find(folder), client, options=SenderOptions(is_sync=True))


def into(project: str) -> dict[str, str]:
    return {"WANDB_PROJECT": project.split("/")[1]}


def assert_whole(rest: Rest, project: str) -> None:
    run = rest.run(project, "whole")
    assert (run["state"], run["exit_code"], run["history_lines"]) == ("finished", 0, 50)
    assert (run["name"], run["tags"], run["group"], run["job_type"]) == ("by name", ["a", "b"], "g", "train")
    assert run["config"] == {"lr": 0.1, "nested": {"depth": 3}, "later": 5}
    assert run["summary"]["accuracy"] == {"max": 6}
    assert run["summary"]["best"] == 3
    rows = rest.rows(project, "whole")
    assert [row["_step"] for row in rows] == list(range(50))
    assert "said by the run" in rest.console(project, "whole")
    assert run["metadata"]["python"].startswith("CPython")
    names = {file["name"] for file in rest.items(f"/projects/{project}/runs/whole/files")}
    assert {"note.txt", "config.yaml", "wandb-summary.json", "output.log", "requirements.txt"} <= names


def test_a_run_arrives_whole(training: Training, rest: Rest, project: str) -> None:
    _, said = training.run(WHOLE, environment=into(project))

    assert_whole(rest, project)
    assert "sent 50 of 50 rows" in said
    assert f"/{project}/runs/whole" in said


def test_a_run_that_was_kept_offline_arrives_whole_by_a_sync(
    training: Training, server: ServerProcess, rest: Rest, project: str
) -> None:
    training.run(WHOLE, environment={**into(project), "WANDB_MODE": "offline"})
    (folder,) = training.run_folders()
    moved = folder.rename(training.folder / "copied elsewhere")

    sender = sync(moved, server.url)

    assert sender.receipt is not None
    assert sender.receipt.is_whole
    assert_whole(rest, project)


def test_the_key_is_in_no_file_of_a_run_and_in_no_argument(training: Training, project: str) -> None:
    script = """
import sys
from pathlib import Path
import kymograph as wandb
run = wandb.init(id="secret", settings={"api_key": sys.argv[2]})
run.log({"a": 1})
print(Path(f"/proc/{run._link.pid}/cmdline").read_bytes())
run.finish()
"""
    printed, said = training.run(script, f"--api-key={ADMIN_KEY}", ADMIN_KEY, environment=into(project))

    (folder,) = training.run_folders()
    holders = [path for path in folder.rglob("*") if path.is_file() and ADMIN_KEY.encode() in path.read_bytes()]
    assert holders == []
    assert ADMIN_KEY not in printed + said


def test_a_run_goes_on_where_it_stopped(training: Training, rest: Rest, project: str) -> None:
    script = """
import sys
import kymograph as wandb
with wandb.init(id="again", resume="allow", config={sys.argv[1]: 1}) as run:
    assert run.resumed == (sys.argv[1] == "second"), run.resumed
    for value in range(10):
        run.log({"loss": value})
"""
    training.run(script, "first", environment=into(project))

    training.run(script, "second", environment=into(project))

    run = rest.run(project, "again")
    assert (run["history_lines"], run["last_step"], run["config"]) == (20, 19, {"first": 1, "second": 1})
    assert [row["loss"] for row in rest.rows(project, "again")] == [*range(10), *range(10)]


def test_a_run_that_must_be_there_is_refused_with_words(training: Training, project: str) -> None:
    process = training.start(
        "import kymograph\nkymograph.init(id='absent', resume='must')\n", environment=into(project)
    )

    _, complained = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "resume='must' but run (absent) doesn't exist" in complained


def test_an_exception_makes_the_run_a_failed_one(training: Training, rest: Rest, project: str) -> None:
    process = training.start(
        "import kymograph\nkymograph.init(id='fails').log({'a': 1})\n1 / 0\n", environment=into(project)
    )

    _, complained = process.communicate(timeout=60)

    assert "ZeroDivisionError" in complained
    assert rest.run(project, "fails")["state"] == "failed"


def test_a_run_that_is_stopped_from_its_page_ends(training: Training, rest: Rest, project: str) -> None:
    script = """
import time
import kymograph as wandb
run = wandb.init(id="stopped")
try:
    while True:
        run.log({"a": 1})
        time.sleep(0.05)
except KeyboardInterrupt:
    print("interrupted")
    run.finish(exit_code=1)
"""
    process = training.start(script, environment=into(project))
    # Not before the script is in its loop: an interruption of `init` ends it otherwise.
    wait_until(lambda: (rest.find_run(project, "stopped") or {}).get("history_lines"), what="the first row")
    rest.post(f"/projects/{project}/runs/stopped/stop", {})

    printed, _ = process.communicate(timeout=60)

    assert "interrupted" in printed
    assert rest.run(project, "stopped")["state"] == "killed"


def test_the_end_of_a_run_does_not_wait_for_a_server_that_never_answers(training: Training, black_hole: str) -> None:
    script = """
import time
import kymograph as wandb
run = wandb.init(id="lonely", settings={"init_timeout": 1})
run.log({"a": 1})
started = time.monotonic()
run.finish()
print(time.monotonic() - started)
"""
    printed, said = training.run(script, environment={"WANDB_BASE_URL": black_hole, **FINISH_TIMEOUT})

    assert float(printed) < 3.0
    assert "kymograph sync" in said
    end_senders(training)


def test_a_run_that_is_to_go_on_does_not_begin_without_a_server(training: Training) -> None:
    """Its rows would meet those that are there."""
    script = "import kymograph\nkymograph.init(id='again', resume='allow', settings={'init_timeout': 2})\n"
    process = training.start(script, environment={"WANDB_BASE_URL": f"http://127.0.0.1:{free_port()}"})

    _, complained = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "begin without resume" in complained


def test_a_run_that_began_without_a_server_joins_it_later_by_itself(training: Training, tmp_path: Path) -> None:
    """The script has long ended by then: its sender goes on alone."""
    port = free_port()
    script = """
import kymograph as wandb
run = wandb.init(id="early", project="later")
run.log({"a": 1})
print("logged", flush=True)
run.log({"a": 2})
run.finish()
"""
    url = f"http://127.0.0.1:{port}"
    _, said = training.run(script, environment={"WANDB_BASE_URL": url, **FINISH_TIMEOUT})
    assert "in the background" in said
    server = ServerProcess(tmp_path / "late", port=port)
    server.start()
    try:
        with server.rest() as rest:
            wait_until(
                lambda: (run := rest.find_run("admin/later", "early")) and run["state"] == "finished",
                timeout_s=90,
                what="the run",
            )
            assert [row["a"] for row in rest.rows("admin/later", "early")] == [1, 2]
    finally:
        server.stop()
        end_senders(training)


def test_rows_of_forked_processes_arrive(training: Training, rest: Rest, project: str) -> None:
    script = """
import multiprocessing
import kymograph as wandb

def work(rank):
    for value in range(20):
        wandb.log({f"rank{rank}/value": value})

run = wandb.init(id="forked")
workers = [multiprocessing.get_context("fork").Process(target=work, args=(rank,)) for rank in range(3)]
for worker in workers:
    worker.start()
for value in range(20):
    run.log({"main/value": value})
for worker in workers:
    worker.join()
run.finish()
"""
    training.run(script, environment=into(project))

    rows = rest.rows(project, "forked")
    for name in ("main", "rank0", "rank1", "rank2"):
        assert [row[f"{name}/value"] for row in rows] == list(range(20))


def end_senders(training: Training) -> None:
    """Those that tests left behind on purpose."""
    for folder in training.run_folders():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if str(folder).encode() in command and b"kymograph.sdk.sender" in command:
                os.kill(int(path.parent.name), signal.SIGKILL)
