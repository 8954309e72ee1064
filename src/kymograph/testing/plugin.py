"""A pytest plugin for projects that log with kymograph; it is there once the package is installed.

Fixtures begin with ``kymograph_``. Nothing happens before a test asks for one, unless the project's settings say
``kymograph_isolated = true``: then no test reads the keys and settings of this machine, or writes to them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kymograph.testing.command_line import CommandLine
    from kymograph.testing.notebooks import Notebook
    from kymograph.testing.recorded_run import RecordedRun
    from kymograph.testing.recording_server import RecordingServer
    from kymograph.testing.repositories import GitRepository

# Everything of the SDK is imported within: the plugin is loaded by every pytest of an environment.

_PREFIXES = ("WANDB_", "KYMOGRAPH_")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Make the plugin's setting known."""
    parser.addini(
        "kymograph_isolated", "keep every test apart from the keys and settings of this machine", "bool", False
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the plugin's marker known."""
    config.addinivalue_line(
        "markers", "kymograph_run(environment=None, **arguments): how kymograph_run begins the run of a test"
    )


@pytest.fixture(autouse=True)
def _kymograph_isolation(request: pytest.FixtureRequest) -> None:
    if request.config.getini("kymograph_isolated"):
        request.getfixturevalue("kymograph_home")


@pytest.fixture
def kymograph_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of the test: keys, settings and runs are there alone, and no variable of a client is set."""
    from kymograph.sdk import notices
    from kymograph.sdk.active import unfinished_runs
    from kymograph.sdk.login import forget_session
    from kymograph.sdk.process import forget_setup

    home = tmp_path_factory.mktemp("kymograph-home")
    for name in list(os.environ):
        if name.startswith(_PREFIXES):
            monkeypatch.delenv(name)
    for name, path in {
        "NETRC": "netrc",
        "WANDB_CONFIG_DIR": "config",
        "WANDB_CACHE_DIR": "cache",
        "WANDB_DATA_DIR": "data",
        "WANDB_DIR": "runs",
    }.items():
        monkeypatch.setenv(name, str(home / path))
    (home / "runs").mkdir()

    def forget() -> None:
        notices.forget()
        forget_session()
        forget_setup()

    forget()
    yield home
    for run in unfinished_runs():
        run.finish(quiet=True)
    forget()


@pytest.fixture
def kymograph_begin(kymograph_home: Path) -> Callable[..., RecordedRun]:
    """Begins runs that stay on this machine and can be read: ``begin(project="p", config={…})``."""
    import kymograph
    from kymograph.testing.recorded_run import QUIET_SETTINGS, RecordedRun

    def begin(**arguments: Any) -> RecordedRun:
        settings = {**QUIET_SETTINGS, **arguments.pop("settings", {})}
        given = {"mode": "offline", "project": "test", **arguments}
        return RecordedRun(kymograph.init(settings=settings, **given))

    return begin


@pytest.fixture
def kymograph_run(
    request: pytest.FixtureRequest, kymograph_begin: Callable[..., RecordedRun], monkeypatch: pytest.MonkeyPatch
) -> RecordedRun:
    """A run of the test, the active one; the marker ``kymograph_run`` says how it begins."""
    marker = request.node.get_closest_marker("kymograph_run")
    arguments = dict(marker.kwargs) if marker is not None else {}
    environment: Mapping[str, str] = arguments.pop("environment", None) or {}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return kymograph_begin(**arguments)


@pytest.fixture
def kymograph_server(kymograph_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingServer]:
    """A server that keeps what it is sent and fails as it is told to; clients of this test talk to it."""
    from kymograph.testing.recording_server import API_KEY, RecordingServer

    with RecordingServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", API_KEY)
        yield server


@pytest.fixture
def kymograph_cli(kymograph_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line, within this process: ``kymograph_cli("status", "--json")``."""
    from kymograph.testing.command_line import CommandLine

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROWSER", "true")  # a program that opens nothing
    return CommandLine()


@pytest.fixture
def kymograph_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    """A git repository with one commit; the test works in it."""
    from kymograph.testing.repositories import GitRepository

    repository = GitRepository(tmp_path / "repository")
    monkeypatch.chdir(repository.folder)
    return repository


@pytest.fixture
def kymograph_notebook(kymograph_home: Path, tmp_path: Path) -> Notebook:
    """Runs cells as a notebook does: ``kymograph_notebook.run(["import kymograph", …])``."""
    from kymograph.testing.notebooks import Notebook

    return Notebook(tmp_path)
