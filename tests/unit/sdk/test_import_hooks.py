from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from kymograph.sdk.import_hooks import when_imported

NAME = "package_for_hooks.module"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "package_for_hooks"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "module.py").write_text("value = 5\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("package_for_hooks")]:
        del sys.modules[name]


def test_an_act_is_done_once_the_module_is_whole(package: None) -> None:
    before, seen = list(sys.meta_path), list[int]()

    when_imported(NAME, lambda module: seen.append(module.value))
    assert (seen, NAME in sys.modules) == ([], False)
    importlib.import_module(NAME)

    assert seen == [5]
    assert sys.meta_path == before


def test_an_act_is_done_at_once_if_the_module_is_there(package: None) -> None:
    module, seen = importlib.import_module(NAME), list[ModuleType]()

    when_imported(NAME, seen.append)

    assert seen == [module]


def test_an_act_that_was_called_off_is_not_done(package: None) -> None:
    before, seen = list(sys.meta_path), list[ModuleType]()

    kept = when_imported(NAME, seen.append)
    dropped = when_imported(NAME, lambda _module: pytest.fail("called off"))
    dropped()
    dropped()
    importlib.import_module(NAME)
    kept()

    assert len(seen) == 1
    assert sys.meta_path == before


def test_the_module_is_as_it_would_be_without(package: None) -> None:
    when_imported(NAME, lambda _module: None)
    module = importlib.import_module(NAME)

    assert inspect.getsource(module) == "value = 5\n"
    assert type(module.__loader__).__name__ == "SourceFileLoader"
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__
    assert importlib.reload(module) is module


def test_a_module_that_is_not_there_stays_missing(package: None) -> None:
    cancel = when_imported("package_for_hooks.none", lambda _module: None)

    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("package_for_hooks.none")
    cancel()
