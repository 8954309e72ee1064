from __future__ import annotations

import importlib
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import kymograph
from kymograph.errors import UsageError
from kymograph.sdk.tensorboard import patch, unpatch
from kymograph.sdk.tensorboard.writers import TENSORFLOW_MODULE
from kymograph.testing.recorded_run import RecordedRun
from tests.unit.event_files import encode, event, number, write_fake_tensorboard

MODULE = "tensorboard.summary.writer.event_file_writer"
Begin = Callable[..., RecordedRun]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of the name of TensorBoard can be imported, and is not yet."""
    write_fake_tensorboard(tmp_path / "packages")
    (tmp_path / "events").mkdir()
    for folder in ("train", "validation", "made_up"):
        (tmp_path / "events" / folder).write_bytes(encode([event(3, number("loss", 1))]))
    monkeypatch.setenv("EVENTS", str(tmp_path / "events"))
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.chdir(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tensorboard", "tensorflow")]:
        del sys.modules[name]


def writer_class() -> Any:
    return importlib.import_module(MODULE).EventFileWriter


@pytest.mark.parametrize("is_imported_before", [True, False])
@pytest.mark.parametrize("argument", ["sync_tensorboard", "tensorboard"])
def test_what_writers_write_is_logged_whether_they_were_imported_before_or_are_later(
    packages: None, kymograph_begin: Begin, argument: str, *, is_imported_before: bool
) -> None:
    kind = writer_class() if is_imported_before else None
    recorded = kymograph_begin(**{argument: True})
    kind = kind or writer_class()

    kind("logs/train")
    kind(logdir="logs/validation")
    recorded.run.finish()

    assert sorted(map(sorted, recorded.values)) == [["global_step", "train/loss"], ["global_step", "validation/loss"]]
    assert len([name for name in recorded.files if "tfevents" in name]) == 2


def test_a_variable_asks_for_it_too(packages: None, kymograph_begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SYNC_TENSORBOARD", "true")
    recorded = kymograph_begin()
    writer_class()("logs/train")
    recorded.run.finish()

    assert recorded.values == [{"train/loss": 1.0, "global_step": 3}]


def test_without_the_wish_nothing_is_logged(packages: None, kymograph_begin: Begin) -> None:
    recorded = kymograph_begin()
    writer_class()("logs/train")
    recorded.run.finish()

    assert recorded.values == []


def test_nothing_is_imported_for_it(packages: None, kymograph_begin: Begin) -> None:
    kymograph_begin(sync_tensorboard=True)

    assert not {"tensorboard", "tensorboardX", "tensorflow", "torch"} & sys.modules.keys()


def test_a_root_that_is_named_before_init_counts(
    packages: None, kymograph_begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    patch(root_logdir="logs", save=False)
    recorded = kymograph_begin(sync_tensorboard=True)
    writer_class()("logs/deep/train")
    writer_class()("elsewhere/validation")
    recorded.run.finish()

    keys = {key for row in recorded.values for key in row}
    assert keys == {"deep/train/loss", "elsewhere/validation/loss", "global_step"}
    assert recorded.files == []
    assert "not below root_logdir='logs'" in capsys.readouterr().err


def test_a_folder_that_a_writer_made_up_is_its_own_root(
    packages: None, kymograph_begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = kymograph_begin(sync_tensorboard=True)
    writer_class()(f"runs/Nov27_01-02-03_{socket.gethostname()}/made_up")
    recorded.run.finish()

    assert recorded.values == [{"made_up/loss": 1.0, "global_step": 3}]


def test_following_twice_is_an_error_and_unpatch_gives_the_writers_back(packages: None) -> None:
    before = writer_class().__init__
    patch()
    with pytest.raises(UsageError, match=r"unpatch\(\) first"):
        patch()

    unpatch()

    assert writer_class().__init__ is before
    patch()


def test_unpatch_before_the_import_leaves_nothing_behind(packages: None, kymograph_begin: Begin) -> None:
    recorded = kymograph_begin(sync_tensorboard=True)
    unpatch()
    before = list(sys.meta_path)
    writer_class()("logs/train")
    recorded.run.finish()

    assert recorded.values == []
    assert sys.meta_path == before


def test_writers_made_without_a_run_or_in_the_cloud_are_left_alone(
    packages: None, kymograph_begin: Begin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    patch()
    kind = writer_class()
    kind("logs/train")
    recorded = kymograph_begin(sync_tensorboard=True)
    monkeypatch.setattr("shutil.copyfile", lambda *_paths: None)
    kind("s3://bucket/train")
    recorded.run.finish()

    assert recorded.values == []
    assert "give a folder of this machine" in capsys.readouterr().err


def test_a_disabled_run_follows_nothing(packages: None) -> None:
    run = kymograph.init(mode="disabled", sync_tensorboard=True)
    writer_class()("logs/train")

    assert run._follower is None
    run.finish()


@pytest.mark.parametrize("is_tensorboard_x", [True, False])
def test_writers_of_tensorflow_are_followed_unless_another_package_was_named(
    packages: None, kymograph_begin: Begin, monkeypatch: pytest.MonkeyPatch, *, is_tensorboard_x: bool
) -> None:
    module: Any = ModuleType(TENSORFLOW_MODULE)
    module.create_summary_file_writer = lambda **arguments: arguments["logdir"]
    monkeypatch.setitem(sys.modules, TENSORFLOW_MODULE, module)
    patch(tensorboard_x=is_tensorboard_x)
    recorded = kymograph_begin(sync_tensorboard=True)
    folder = SimpleNamespace(numpy=lambda: b"logs/train")

    assert module.create_summary_file_writer(logdir=folder) is folder
    assert (recorded.run._follower is None) is is_tensorboard_x
    recorded.run.finish()
