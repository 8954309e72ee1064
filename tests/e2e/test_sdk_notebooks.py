"""Our own SDK in notebooks with real kernels; needs ipykernel and nbclient."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY, ServerProcess, wait_until

pytest.importorskip("ipykernel")
pytest.importorskip("nbclient")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
QUIET = 'settings={"x_disable_stats": True, "x_save_requirements": False}'


class Kernel:
    """Runs cells, one after the other."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        from jupyter_client.manager import KernelManager

        self.manager = KernelManager()
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, cell: str) -> list[dict[str, Any]]:
        """What a cell put out, in the form of notebooks."""
        outputs: list[dict[str, Any]] = []

        def take(message: dict[str, Any]) -> None:
            if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
                outputs.append({"kind": message["msg_type"], **message["content"]})

        self.client.execute_interactive(cell, timeout=60, output_hook=take)
        return outputs

    def stop(self) -> None:
        """Shut it down, if it has not been."""
        self.client.stop_channels()
        if self.manager.is_alive():
            self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(server: ServerProcess, project: str, tmp_path: Path) -> Iterator[Kernel]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "KYMOGRAPH_"))}
    environment |= {
        "HOME": str(tmp_path),
        "WANDB_BASE_URL": server.url,
        "WANDB_API_KEY": ADMIN_KEY,
        "WANDB_PROJECT": project.split("/")[1],
        "WANDB_NOTEBOOK_NAME": "mine.ipynb",
    }
    (tmp_path / "mine.ipynb").write_text('{"cells": []}')
    kernel = Kernel(tmp_path, environment)
    yield kernel
    kernel.stop()


def html_of(outputs: list[dict[str, Any]]) -> str:
    return "".join(output["data"].get("text/html", "") for output in outputs if "data" in output)


def test_a_run_lives_from_cell_to_cell(kernel: Kernel, rest: Rest, project: str, tmp_path: Path) -> None:
    kernel.run("import kymograph as wandb")
    begun = kernel.run(f'run = wandb.init(id="one", config={{"lr": 1}}, save_code=True, {QUIET})')
    kernel.run('print("printed in a cell")\nrun.log({"loss": 1})')
    failed = kernel.run("wandb.config.lr = 2\n1 / 0")
    kernel.run('run.log({"loss": 2})')
    shown = kernel.run("%wandb -h 99")
    ended = kernel.run(f'run = wandb.init(id="two", {QUIET})')

    page = f"{project}/runs/one"
    assert page in html_of(begun)
    assert [output["ename"] for output in failed] == ["ZeroDivisionError"]
    assert "height:99px" in html_of(shown)
    assert "sent 2 of 2 rows" in html_of(ended)
    assert f"{project}/runs/two" in html_of(ended)
    run = rest.run(project, "one")
    assert (run["state"], run["exit_code"], run["config"]) == ("finished", 0, {"lr": 2})
    assert [row["loss"] for row in rest.rows(project, "one")] == [1, 2]
    assert "printed in a cell" in rest.console(project, "one")
    names = {file["name"] for file in rest.items(f"/projects/{project}/runs/one/files")}
    assert {"code/mine.ipynb", "code/_session_history.ipynb"} <= names
    (history,) = tmp_path.glob("kymograph/run-*-one/files/code/_session_history.ipynb")
    cells = json.loads(history.read_text())["cells"]
    assert [output["text"] for output in cells[2]["outputs"]] == ["printed in a cell\n"]


@pytest.mark.parametrize(("is_killed", "state"), [(False, "finished"), (True, "running")])
def test_what_a_kernel_leaves_behind_is_sent(
    is_killed: bool, state: str, kernel: Kernel, rest: Rest, project: str
) -> None:
    """A killed one says no more; the run counts as crashed once it has been silent for long."""
    kernel.run(f'import kymograph\nrun = kymograph.init(id="left", {QUIET})')
    kernel.run("for step in range(500): run.log({'step': step})")
    kernel.manager.shutdown_kernel(now=is_killed)

    wait_until(lambda: rest.run(project, "left")["history_lines"] == 500, timeout_s=60, what="all rows")
    if not is_killed:
        wait_until(lambda: rest.run(project, "left")["state"] == state, timeout_s=60, what="the end of the run")
    assert rest.run(project, "left")["state"] == state
