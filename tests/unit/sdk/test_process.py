"""What scripts do around their runs: setup, require, messages, code, files, other names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import kymograph
from kymograph.errors import UnknownSetting, UsageError
from kymograph.testing.recorded_run import RecordedRun
from kymograph.testing.recording_server import ENTITY, RecordingServer

Begin = Callable[..., RecordedRun]


def test_setup_holds_for_later_runs_below_the_arguments_of_init(kymograph_begin: Begin) -> None:
    held = kymograph.setup({"run_group": "together", "run_job_type": "train"})

    run = kymograph_begin(job_type="evaluate").run

    assert held.settings.run_group == "together"
    assert (run.group, run.job_type) == ("together", "evaluate")


def test_setup_names_what_it_does_not_know(kymograph_home: Path) -> None:
    with pytest.raises(UnknownSetting, match="no setting 'grup'"):
        kymograph.setup({"grup": "x"})

    assert kymograph.setup().settings.run_group is None


def test_parts_of_the_other_client_may_be_asked_for() -> None:
    kymograph.require("service")
    kymograph.require(experiment="core")
    kymograph.require(["core", "service"])
    with pytest.raises(UsageError, match="there is no such part"):
        kymograph.require("magic")


def test_messages_are_written_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    kymograph.termlog("one\ntwo")
    kymograph.termwarn("careful", repeat=False)
    kymograph.termwarn("careful", repeat=False)
    kymograph.termerror("wrong")
    kymograph.termlog("bare", prefix=False, newline=False)

    assert capsys.readouterr() == (
        "",
        "kymograph: one\nkymograph: two\nkymograph: WARNING careful\nkymograph: ERROR wrong\nbare",
    )


@pytest.mark.kymograph_run(settings={"silent": True})
def test_a_silent_run_has_no_messages(kymograph_run: RecordedRun, capsys: pytest.CaptureFixture[str]) -> None:
    kymograph.termlog("nothing")

    assert "nothing" not in capsys.readouterr().err


def test_code_is_logged_as_an_artifact_of_its_own(kymograph_run: RecordedRun, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "package").mkdir(parents=True)
    for name in ("train.py", "package/model.py", "notes.txt", "Dockerfile"):
        (source / name).write_text(name)

    code = kymograph_run.run.log_code(source, exclude_fn=lambda path: path.endswith("model.py"))

    assert code is not None
    assert (code.type, list(code.manifest.entries)) == ("code", ["Dockerfile", "train.py"])
    assert code.name.startswith("source-")
    assert kymograph_run.run.log_code(source, include_fn=lambda path: False) is None


def test_a_level_may_be_a_member_or_its_name(kymograph_run: RecordedRun) -> None:
    kymograph.alert("first", "text", kymograph.AlertLevel.WARN)
    kymograph.alert("second", "text", level="error")

    assert kymograph_run.alerts == [("first", "text", "WARN"), ("second", "text", "ERROR")]


def test_runs_have_their_old_names_too(kymograph_run: RecordedRun) -> None:
    run = kymograph_run.run

    assert run.project_name() == run.project == "test"
    assert (run.get_url(), run.get_project_url(), run.get_sweep_url()) == (None, None, None)
    run.join()
    assert kymograph_run.exit_code == 0


def test_a_label_says_on_whose_behalf_a_package_logs(kymograph_run: RecordedRun) -> None:
    kymograph_run.run._label(code="trainer")
    kymograph_run.run._label()

    labels = [record.telemetry.label for record in kymograph_run.records() if record.telemetry.label]
    assert labels == [b"\x0a\x07trainer"]


def test_files_of_a_run_are_brought_back(
    kymograph_server: RecordingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kymograph_server.run("old").files["models/best.txt"] = b"weights"

    file = kymograph.restore("models/best.txt", run_path=f"{ENTITY}/p/old")
    assert file is not None
    with file:
        assert file.read() == "weights"

    kymograph_server.run("old").files["models/best.txt"] = b"newer"
    for replace, content in ((False, "weights"), (True, "newer")):
        again = kymograph.restore("models/best.txt", run_path=f"{ENTITY}/p/old", replace=replace)
        assert again is not None
        with again:
            assert again.read() == content
    assert kymograph.restore("other.txt", run_path=f"{ENTITY}/p/old") is None
    assert os.listdir(tmp_path / "models") == ["best.txt"]


def test_what_cannot_be_brought_back_is_said(kymograph_server: RecordingServer) -> None:
    with pytest.raises(UsageError, match="needs run_path"):
        kymograph.restore("a.txt")
    with pytest.raises(UsageError, match="names no run"):
        kymograph.restore("a.txt", run_path="a/b/c/d")
    with pytest.raises(LookupError, match="run 'absent' does not exist"):
        kymograph.restore("a.txt", run_path=f"{ENTITY}/p/absent")
    with pytest.raises(UsageError, match="not allowed"):
        kymograph.restore("../a.txt", run_path=f"{ENTITY}/p/old")


def test_what_is_not_there_yet_is_no_attribute() -> None:
    assert not hasattr(kymograph, "sweep")
    with pytest.raises(AttributeError, match="no sweep yet"):
        kymograph.sweep  # noqa: B018 - looking is what is tested


def test_ids_and_names_are_made_as_scripts_expect() -> None:
    assert len(kymograph.util.generate_id()) == 8
    assert len(kymograph.util.generate_id(16)) == 16
    assert kymograph.util.make_artifact_name_safe("a b/c") == "a_b_c"
    assert kymograph.util.get_module("no_such_module") is None
    with pytest.raises(ImportError, match="needs the package no_such_module"):
        kymograph.util.get_module("no_such_module.part", required="a test")
    assert kymograph.util.to_human_size(1_500_000) == "1.5MB"
    assert kymograph.util.json_dumps_safer({"a": float("nan")}) == '{"a": NaN}'


def test_errors_have_the_names_that_scripts_catch() -> None:
    errors = kymograph.errors

    assert kymograph.Error is errors.Error is errors.KymographError
    assert issubclass(errors.Unreachable, kymograph.CommError)
    assert issubclass(errors.Unauthenticated, errors.AuthenticationError)
    assert issubclass(errors.AuthenticationError, kymograph.CommError)
