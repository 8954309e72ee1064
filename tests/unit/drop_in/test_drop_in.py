"""Our package under the name ``wandb``: in processes of their own, for what is imported stays imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kymograph.drop_in.finder import CHILD_PATH
from kymograph.drop_in.names import MODULES, NAMES, VERSION, all_paths

SOURCE = Path(__file__).parents[3] / "src"
FOREIGN = {"keras", "lightgbm", "sb3", "sklearn", "xgboost"}
"""Paths of integrations, which need their packages."""


def run(script: str, *arguments: str, folder: Path, command: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder; without a command, by Python itself."""
    path = folder / "script.py"
    path.write_text(script)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, *(command or (str(path),)), *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(SOURCE), "WANDB_MODE": "offline", "WANDB_SILENT": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def printed(script: str, folder: Path) -> list[str]:
    """Lines that a script prints; it has to end well."""
    answer = run(script, folder=folder)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


def test_packages_around_the_client_are_there_under_their_names(tmp_path: Path) -> None:
    lines = printed(
        """
import kymograph
from kymograph.fs import ArtifactFileSystem, RunFileSystem
kymograph.install_as_wandb()
import wandbfsspec
from wandbfsspec.core import WandbBaseFileSystem, WandbFile
from wandbfsspec.spec import WandbArtifactStore, WandbFileSystem
print(WandbFileSystem is RunFileSystem, WandbArtifactStore is ArtifactFileSystem)
print(issubclass(WandbFileSystem, WandbBaseFileSystem), WandbFile.__name__, dir(wandbfsspec))
""",
        tmp_path,
    )

    assert lines == ["True True", "True BlockFile ['core', 'spec']"]


def test_packages_get_ours_by_every_path_they_import(tmp_path: Path) -> None:
    lines = printed(
        """
import kymograph
kymograph.install_as_wandb()
import wandb
import wandb.util
from wandb.errors import CommError
from wandb.sdk.data_types.base_types.wb_value import WBValue
from wandb.sdk.lib import RunDisabled, telemetry
from wandb.sdk.lib.config_util import ConfigError
from wandb.wandb_run import Run
with telemetry.context() as flags:
    flags.feature.something = True
print(Run is kymograph.Run is wandb.sdk.wandb_run.Run, CommError is kymograph.CommError)
print(issubclass(wandb.Image, WBValue), wandb.run, ConfigError is kymograph.errors.ConfigError)
run = wandb.init(mode="disabled")
print(wandb.run is run is kymograph.run, isinstance(run, RunDisabled), wandb.config is run.config)
run.finish()
print(wandb.run, wandb._attach is kymograph.attach, hasattr(wandb, "Artifact"))
""",
        tmp_path,
    )

    assert lines == ["True True", "True None True", "True True True", "None True True"]


def test_those_who_look_for_the_package_find_it(tmp_path: Path) -> None:
    lines = printed(
        """
import importlib.metadata, importlib.util
print(importlib.util.find_spec("wandb"))
import kymograph
kymograph.install_as_wandb()
import wandb
print(importlib.util.find_spec("wandb").name, importlib.util.find_spec("wandb.nothing"))
print(wandb.__version__, importlib.metadata.version("wandb"), importlib.metadata.metadata("wandb")["Name"])
print("wandb" in {it.name for it in importlib.metadata.distributions()})
print("kymograph" in {it.name for it in importlib.metadata.distributions()})
""",
        tmp_path,
    )

    assert lines == ["None", "wandb None", f"{VERSION} {VERSION} wandb", "True", "True"]


@pytest.mark.parametrize("path", sorted(path for path in all_paths() if not FOREIGN & set(path.split("."))))
def test_every_path_leads_to_names_that_there_are(path: str) -> None:
    import importlib

    if path in MODULES:
        importlib.import_module(MODULES[path])
    for place in NAMES.get(path, {}).values():
        module, _, name = place.partition(":")
        assert hasattr(importlib.import_module(module), name)


def test_nothing_is_loaded_before_it_is_used(tmp_path: Path) -> None:
    lines = printed(
        """
import sys
import kymograph
kymograph.install_as_wandb()
import wandb
print(*[name for name in ("numpy", "google.protobuf", "kymograph.sdk.media") if name in sys.modules])
""",
        tmp_path,
    )

    assert lines == [""]


def test_another_package_of_that_name_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "wandb.py").write_text("mark = 'the other'")
    lines = printed(
        """
import wandb
import kymograph
try:
    kymograph.install_as_wandb()
except kymograph.UsageError as exc:
    print(exc)
import wandb
print(wandb.mark)
""",
        tmp_path,
    )

    assert lines[0].startswith("another package 'wandb' is imported already (from ")
    assert lines[1] == "the other"


def test_ours_wins_over_one_that_is_installed_and_gives_way_again(tmp_path: Path) -> None:
    (tmp_path / "wandb.py").write_text("mark = 'the other'")
    lines = printed(
        """
import kymograph
from kymograph.drop_in.install import uninstall_as_wandb
assert kymograph.install_as_wandb() is kymograph.install_as_wandb()
import wandb
print(wandb.Run is kymograph.Run)
uninstall_as_wandb()
import wandb
print(wandb.mark)
""",
        tmp_path,
    )

    assert lines == ["True", "the other"]


LOGGING = """
import sys, wandb
with wandb.init(project="p", config={"arguments": sys.argv[1:]}) as run:
    wandb.log({"loss": 1.0})
    print(__name__, run.settings.program or "", run.id in run.sync_dir)
"""


def test_a_program_runs_unchanged(tmp_path: Path) -> None:
    answer = run(LOGGING, "--rate", "0.1", folder=tmp_path, command=("-m", "kymograph.as_wandb", "script.py"))

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("__main__ ")
    assert len(list(tmp_path.glob("kymograph/offline-run-*/run-*.wandb"))) == 1


def test_a_module_runs_unchanged(tmp_path: Path) -> None:
    answer = run(LOGGING, folder=tmp_path, command=("-m", "kymograph.as_wandb", "-m", "script"))

    assert answer.returncode == 0, answer.stderr
    assert len(list(tmp_path.glob("kymograph/offline-run-*"))) == 1


def test_the_program_decides_how_it_ends(tmp_path: Path) -> None:
    script = "import sys, wandb\nwandb.init()\nsys.exit(7)"

    answer = run(script, folder=tmp_path, command=("-m", "kymograph.as_wandb", "script.py"))

    assert answer.returncode == 7


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [((), 2, "usage: "), (("--help",), 0, ""), (("absent.py",), 2, "no program 'absent.py'"), (("-m",), 2, "-m wants")],
)
def test_what_cannot_be_run_is_said(tmp_path: Path, arguments: tuple[str, ...], status: int, words: str) -> None:
    answer = run("", *arguments, folder=tmp_path, command=("-m", "kymograph.as_wandb"))

    assert answer.returncode == status
    assert words in answer.stderr


def test_processes_that_a_program_starts_get_ours_as_well(tmp_path: Path) -> None:
    script = """
import multiprocessing, subprocess, sys
import wandb

def work(queue):
    queue.put((wandb.Run.__module__, __import__("importlib.metadata").metadata.version("wandb")))

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    worker = context.Process(target=work, args=(queue,))
    worker.start()
    print(*queue.get(timeout=30))
    worker.join()
    command = "import wandb, wandb.util; print(wandb.Run.__module__)"
    print(subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout)
"""

    answer = run(script, folder=tmp_path, command=("-m", "kymograph.as_wandb", "script.py"))

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == ["kymograph.sdk.run", VERSION, "kymograph.sdk.run"]


def test_the_path_for_other_processes_holds_nothing_else() -> None:
    assert {it.name for it in CHILD_PATH.iterdir()} - {"__pycache__"} == {
        "wandb.py",
        "wabucketref.py",
        f"wandb-{VERSION}.dist-info",
    }
