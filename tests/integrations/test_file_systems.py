"""The file systems with libraries that know nothing of them, and with the oldest fsspec, in their own environments.

Each script of `file_systems` gets a run to write to, and how the path of a collection begins. With PyTorch, which is
too large to install for every test: ``python tests/integrations/file_systems/torch_files.py RUN COLLECTION``.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.file_systems import make_run
from tests.e2e.server import ADMIN_KEY, ServerProcess

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).with_name("file_systems")
LIBRARIES = ROOT / ".cache/fs-libraries/bin/python"
OLDEST = ROOT / ".cache/fs-oldest/bin/python"
TIMEOUT_S = 280

pytestmark = pytest.mark.timeout(300)

_numbers = itertools.count(1)


def run(server: ServerProcess, tmp_path: Path, python: Path, *arguments: str) -> None:
    """Run a script in an environment that knows the server as a user's does."""
    assert python.exists(), f"{python.parent.parent} is not there; run `make file-systems`"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT / "src"),
        "WANDB_BASE_URL": server.url,
        "WANDB_API_KEY": ADMIN_KEY,
        "WANDB_CACHE_DIR": str(tmp_path / "cache"),
        "KYMOGRAPH_TEST_RUN": make_run(server, f"admin/libraries/run-{next(_numbers)}"),
        "KYMOGRAPH_TEST_COLLECTION": f"admin/libraries/dataset/c{next(_numbers)}",
    }
    finished = subprocess.run(
        [str(python), *(argument.format(**environment) for argument in arguments)],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"


@pytest.mark.parametrize(
    "name", ["pandas_frames", "arrow_datasets", "dask_frames", "zarr_arrays", "h5py_files", "chains"]
)
def test_a_library_reads_and_writes_by_address(server: ServerProcess, tmp_path: Path, name: str) -> None:
    script = str(SCRIPTS / f"{name}.py")

    run(server, tmp_path, LIBRARIES, script, "{KYMOGRAPH_TEST_RUN}", "{KYMOGRAPH_TEST_COLLECTION}")


PYTEST = ("-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", "-c", os.devnull)


def test_zarrs_own_tests_of_stores_pass(server: ServerProcess, tmp_path: Path) -> None:
    contract = str(SCRIPTS / "zarr_store_contract.py")

    run(server, tmp_path, LIBRARIES, *PYTEST, "-o", "asyncio_mode=auto", contract)


@pytest.mark.parametrize("kind", ["RunFiles", "Draft"])
def test_the_suite_of_the_oldest_fsspec_passes(server: ServerProcess, tmp_path: Path, kind: str) -> None:
    run(server, tmp_path, OLDEST, *PYTEST, "-k", kind, str(SCRIPTS / "fsspec_suite.py"))
