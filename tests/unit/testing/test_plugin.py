"""The test kit, by using it."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import kymograph
from kymograph.errors import MissingPackage
from kymograph.testing.command_line import CommandLine
from kymograph.testing.fault_proxy import FaultProxy
from kymograph.testing.faults import Fault
from kymograph.testing.live_server import Answer, LiveServer
from kymograph.testing.notebooks import Notebook
from kymograph.testing.recorded_run import RecordedRun
from kymograph.testing.recording_server import ENTITY, RecordingServer
from kymograph.testing.repositories import GitRepository

Begin = Callable[..., RecordedRun]


def test_a_test_has_a_home_of_its_own(kymograph_home: Path) -> None:
    kymograph.login(key="a" * 40, host="http://example.org")

    assert "example.org" in (kymograph_home / "netrc").read_text()
    assert not [name for name in os.environ if name.startswith("WANDB_") and not name.endswith("_DIR")]


@pytest.mark.kymograph_run(name="named", config={"a": 1}, environment={"WANDB_RUN_GROUP": "g"})
def test_a_run_can_be_read_while_it_goes_on(kymograph_run: RecordedRun) -> None:
    kymograph.log({"loss": 0.5})
    kymograph.log({"loss": 0.25, "nested": {"b": 2}})

    assert kymograph_run.run is kymograph.run
    assert (kymograph_run.run.name, kymograph_run.run.group) == ("named", "g")
    assert kymograph_run.values == [{"loss": 0.5}, {"loss": 0.25, "nested": {"b": 2}}]
    assert kymograph_run.config == {"a": 1}
    assert kymograph_run.summary["loss"] == 0.25
    assert kymograph_run.exit_code is None
    kymograph.finish(exit_code=3)
    assert kymograph_run.exit_code == 3


def test_the_server_keeps_what_it_is_sent(kymograph_server: RecordingServer, kymograph_begin: Begin) -> None:
    recorded = kymograph_begin(mode="online", id="r1", config={"a": 1}, settings={"finish_timeout": 20})
    for step in range(5):
        kymograph.log({"loss": step})
    kymograph.alert("title", "text")
    Path(recorded.run.dir, "note.txt").write_text("hello")
    kymograph.save(str(Path(recorded.run.dir, "note.txt")), base_path=recorded.run.dir, policy="now")
    kymograph.finish()

    received = kymograph_server.run("r1")
    assert recorded.run.entity == ENTITY
    assert [row["loss"] for row in received.rows] == [0, 1, 2, 3, 4]
    assert received.config == {"a": 1}
    assert received.summary["loss"] == 4
    assert received.files["note.txt"] == b"hello"
    assert received.exit_code == 0
    assert [alert["title"] for alert in kymograph_server.alerts] == ["title"]


def test_planned_faults_happen_and_are_survived(kymograph_server: RecordingServer, kymograph_begin: Begin) -> None:
    faults = kymograph_server.faults
    faults.retry_after_s = 0.05
    faults.fail_graphql_times(1)
    faults.plan("stream", Fault.BUSY)
    faults.plan("stream", Fault.LOST)
    faults.plan("storage", Fault.RESET)
    recorded = kymograph_begin(mode="online", id="r2", settings={"finish_timeout": 30})
    for step in range(5):
        kymograph.log({"loss": step})
    Path(recorded.run.dir, "note.txt").write_text("hello")
    kymograph.save(str(Path(recorded.run.dir, "note.txt")), base_path=recorded.run.dir, policy="now")
    kymograph.finish()

    assert faults.left() == 0
    assert [row["loss"] for row in kymograph_server.run("r2").rows] == [0, 1, 2, 3, 4]
    assert kymograph_server.run("r2").files["note.txt"] == b"hello"


def get(server: LiveServer, path: str = "/graphql", timeout_s: float = 5.0) -> httpx.Response:
    return httpx.get(server.url + path, timeout=timeout_s)


@pytest.fixture
def hello() -> Callable[[object], Answer]:
    return lambda _request: Answer(200, b'"hello, hello"')


def test_each_fault_looks_as_it_does_in_the_world(hello: Callable[[object], Answer]) -> None:
    with LiveServer(hello) as server:
        for fault in (Fault.FAIL, Fault.BUSY):
            server.faults.plan("graphql", fault)
        assert [get(server).status_code for _ in range(3)] == [500, 429, 200]
        for fault in (Fault.RESET, Fault.LOST, Fault.HALF):
            server.faults.plan("any", fault)
            with pytest.raises(httpx.TransportError):
                get(server)
        server.faults.plan("stream", Fault.SILENCE)
        with pytest.raises(httpx.ReadTimeout):
            get(server, "/files/e/p/r/file_stream", 0.1)
        server.faults.latency_s = 0.1
        started = time.monotonic()
        assert get(server, "/elsewhere").json() == "hello, hello"
        assert time.monotonic() - started >= 0.1


def test_a_proxy_passes_on_what_is_not_to_go_wrong(kymograph_server: RecordingServer) -> None:
    with FaultProxy(kymograph_server.url) as proxy:
        proxy.faults.fail_graphql_times(1)
        question = {"query": "query { viewer { entity } }"}
        answers = [httpx.post(f"{proxy.url}/graphql", json=question) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [500, 200]
    assert answers[1].json()["data"]["viewer"]["entity"] == ENTITY
    assert proxy.requests == [("POST", "/graphql")]


def test_commands_are_called_within_the_process(kymograph_cli: CommandLine) -> None:
    called = kymograph_cli("--version")

    assert (called.exit_status, called.stderr) == (0, "")
    assert kymograph.__version__ in called.stdout
    with pytest.raises(AssertionError, match="No such command"):
        kymograph_cli("absent")
    assert kymograph_cli("absent", is_checked=False).exit_status == 2


def test_a_repository_is_apart_from_the_settings_of_this_machine(kymograph_git: GitRepository) -> None:
    second = kymograph_git.commit("train.py", "print()")
    kymograph_git.write("train.py", "print(1)")

    assert Path.cwd() == kymograph_git.folder
    assert kymograph_git.git("log", "--format=%H %an").split("\n") == [
        f"{second} Tester",
        f"{kymograph_git.first_commit} Tester",
    ]
    assert "print(1)" in kymograph_git.git("diff")


def test_cells_run_until_one_fails(kymograph_notebook: Notebook) -> None:
    cells = ["x = 1\nprint(x)", "x / 0", "print('never')"]
    if importlib.util.find_spec("IPython") is None:
        with pytest.raises(MissingPackage, match="pip install ipython"):
            kymograph_notebook.run(cells)
        return
    first, second = kymograph_notebook.run(cells)
    assert (first.stdout, first.error) == ("1\n", None)
    assert second.error == "ZeroDivisionError: division by zero"


def test_projects_can_have_every_test_isolated(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "pytest.ini").write_text("[pytest]\nkymograph_isolated = true\n")
    (tmp_path / "test_it.py").write_text(
        "import os\ndef test_it():\n    assert 'WANDB_API_KEY' not in os.environ\n    assert os.environ['NETRC']\n"
    )
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "kymograph.testing.plugin",
            "-p",
            "no:cacheprovider",
            "test_it.py",
        ],
        cwd=tmp_path,
        env={**os.environ, "WANDB_API_KEY": "b" * 40},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stdout + answer.stderr
