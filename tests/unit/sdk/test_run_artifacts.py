"""Artifacts of a run that is kept offline: what is in its journal and its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kymograph
from kymograph.errors import ArtifactNotLoggedError, RunFinished
from kymograph.sdk.artifacts import record
from kymograph.testing.recorded_run import RecordedRun
from kymograph.wire.records_pb2 import ArtifactRecord, LinkArtifactRequest


def logged(run: RecordedRun) -> list[ArtifactRecord]:
    return [found.artifact for found in run.records() if found.HasField("artifact")]


def linked(run: RecordedRun) -> list[LinkArtifactRequest]:
    return [found.request.link_artifact for found in run.records() if found.HasField("request")]


def an_artifact(name: str = "data", **files: str) -> kymograph.Artifact:
    artifact = kymograph.Artifact(name, "dataset", metadata={"a": float("nan")})
    for path, text in (files or {"a.txt": "text"}).items():
        with artifact.new_file(path) as file:
            file.write(text)
    return artifact


def test_a_version_is_in_the_journal_and_its_files_in_the_runs_folder(kymograph_run: RecordedRun) -> None:
    run = kymograph_run.run

    artifact = run.log_artifact(an_artifact(), aliases=["best", "best"], tags=["t"])

    (found,) = logged(kymograph_run)
    assert (found.name, found.type, found.run_id, found.finalize) == ("data", "dataset", run.id, True)
    assert (list(found.aliases), list(found.tags)) == (["best", "latest"], ["t"])
    assert (found.metadata, found.digest, found.client_id) == ('{"a":null}', artifact.digest, artifact.client_id)
    (entry,) = found.manifest.contents
    assert Path(entry.local_path).read_text() == "text"
    assert Path(entry.local_path).is_relative_to(run.sync_dir)


def test_what_was_built_before_the_run_moves_into_its_folder(kymograph_run: RecordedRun, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    artifact = kymograph.Artifact("data", "dataset")
    artifact.add_file(tmp_path / "kept.txt", policy="immutable")

    kymograph_run.run.log_artifact(artifact)
    (tmp_path / "kept.txt").unlink()

    (entry,) = logged(kymograph_run)[0].manifest.contents
    assert Path(entry.local_path).read_text() == "kept"


def test_a_path_is_named_by_the_run(kymograph_run: RecordedRun, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a.txt").write_text("a")
    run = kymograph_run.run

    run.log_artifact(tmp_path / "folder/a.txt")
    run.log_artifact(tmp_path / "folder", name="own", type="model")

    assert [(found.name, found.type) for found in logged(kymograph_run)] == [
        (f"run-{run.id}-a.txt", "unspecified"),
        ("own", "model"),
    ]


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        (("absent/path",), ValueError, "path must be a file, directory or external reference"),
        ((3,), TypeError, "You must pass an instance of Artifact or a valid file path to log_artifact"),
        ((None,), TypeError, "You must pass an instance of Artifact"),
    ],
)
def test_what_cannot_be_logged_is_refused(
    kymograph_run: RecordedRun, arguments: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        kymograph_run.run.log_artifact(*arguments)

    assert logged(kymograph_run) == []


@pytest.mark.parametrize("aliases", [["a/b"], ["a:b"], "a/b"])
def test_aliases_are_checked_before_anything_happens(kymograph_run: RecordedRun, aliases: Any) -> None:
    artifact = an_artifact()

    with pytest.raises(ValueError, match="Aliases must not contain"):
        kymograph_run.run.log_artifact(artifact, aliases=aliases)

    artifact.add_reference("https://example.invalid/x", name="still open", checksum=False)


def test_an_artifact_cannot_be_changed_once_it_is_logged(kymograph_run: RecordedRun) -> None:
    artifact = kymograph_run.run.log_artifact(an_artifact())

    with pytest.raises(ValueError, match="Can't modify finalized artifact"), artifact.new_file("more"):
        pass
    with pytest.raises(ArtifactNotLoggedError):
        artifact.wait()


def test_parts_of_a_version_share_a_text_or_the_runs_group(kymograph_run: RecordedRun) -> None:
    run = kymograph_run.run
    with pytest.raises(TypeError, match="Cannot finish artifact unless run is in a group or distributed_id"):
        run.finish_artifact(an_artifact())

    run.upsert_artifact(an_artifact(), distributed_id="d")
    run.finish_artifact(an_artifact(), distributed_id="d")

    assert [(found.distributed_id, found.finalize) for found in logged(kymograph_run)] == [("d", False), ("d", True)]


def test_links_wait_in_the_journal(kymograph_run: RecordedRun) -> None:
    run = kymograph_run.run
    artifact = an_artifact()

    assert run.link_artifact(artifact, "models/best", aliases=["good"]) is artifact
    run.link_artifact(artifact, "org/wandb-registry-models/best")

    near, registry = linked(kymograph_run)
    assert (near.client_id, near.portfolio_name, near.portfolio_project) == (artifact.client_id, "best", "models")
    assert list(near.portfolio_aliases) == ["good"]
    assert (registry.portfolio_project, registry.portfolio_organization) == ("wandb-registry-models", "org")
    assert len(logged(kymograph_run)) == 1


@pytest.mark.parametrize("path", ["a/b/c/d", "project/name:alias", "/", "a//b"])
def test_a_target_of_a_link_is_a_collection(kymograph_run: RecordedRun, path: str) -> None:
    with pytest.raises(ValueError, match="names no collection"):
        kymograph_run.run.link_artifact(an_artifact(), path)

    assert logged(kymograph_run) == []


def test_offline_nothing_can_be_used(kymograph_run: RecordedRun) -> None:
    with pytest.raises(TypeError, match="Cannot use artifact when in offline mode"):
        kymograph.use_artifact("data:latest")
    with pytest.raises(RuntimeError, match="`use_model` not supported in offline mode"):
        kymograph.use_model("data:latest")
    with pytest.raises(AssertionError, match="only the name of the registered model"):
        kymograph.link_model("a", "with/slash")


def test_models_are_artifacts_of_a_type_of_their_own(kymograph_run: RecordedRun, tmp_path: Path) -> None:
    (tmp_path / "net.bin").write_text("weights")

    kymograph.log_model(tmp_path / "net.bin", "net")
    kymograph.link_model(tmp_path / "net.bin", "registered")

    assert [(found.name, found.type) for found in logged(kymograph_run)] == [
        ("net", "model"),
        (f"run-{kymograph_run.run.id}-net.bin", "model"),
    ]
    (link,) = linked(kymograph_run)
    assert (link.portfolio_project, link.portfolio_name) == ("model-registry", "registered")


def test_many_entries_are_in_a_file_beside_the_journal(
    kymograph_run: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "MAX_ENTRIES", 2)

    kymograph_run.run.log_artifact(an_artifact(a="1", b="2", c="3"))

    (found,) = logged(kymograph_run)
    assert not found.manifest.contents
    assert Path(found.manifest.manifest_file_path).is_relative_to(kymograph_run.run.sync_dir)


def test_a_table_that_is_logged_is_an_artifact_before_its_row(kymograph_run: RecordedRun) -> None:
    run = kymograph_run.run
    table = kymograph.Table(columns=["a"], data=[[1]], log_mode="MUTABLE")

    run.log({"nested": {"table": table}})
    run.log({"nested": {"table": table}})
    table.add_data(2)
    run.log({"nested": {"table": table}})

    first, second = logged(kymograph_run)
    assert (first.name, first.type) == (f"run-{run.id}-nested.table", "run_table")
    assert first.digest != second.digest
    rows = kymograph_run.values
    addresses = [row["nested"]["table"]["artifact_path"] for row in rows]
    assert addresses == [
        f"wandb-client-artifact://{client_id}/nested.table.table.json"
        for client_id in (first.client_id, first.client_id, second.client_id)
    ]


def test_increments_of_a_table_know_those_before(kymograph_run: RecordedRun) -> None:
    table = kymograph.Table(columns=["a"], data=[[1]], log_mode="INCREMENTAL")

    for number in (2, 3):
        kymograph_run.run.log({"t": table})
        table.add_data(number)
    kymograph_run.run.log({"t": table})

    found = logged(kymograph_run)
    assert {(item.type, item.incremental_beta1) for item in found} == {("wandb-run-incremental-table", True)}
    assert len(found) == 3
    rows = [row["t"] for row in kymograph_run.values]
    assert [row["increment_num"] for row in rows] == [0, 1, 2]
    assert rows[2]["previous_increments_paths"] == [row["artifact_path"] for row in rows[:2]]


def test_a_row_that_is_refused_logs_no_table(kymograph_run: RecordedRun) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the message
        kymograph_run.run.log({"t": kymograph.Table(columns=["a"], data=[[1]]), "bad": object()})

    assert logged(kymograph_run) == []


def test_after_the_end_nothing_is_logged(kymograph_run: RecordedRun) -> None:
    kymograph_run.run.finish()

    with pytest.raises(RunFinished, match="log_artifact"):
        kymograph_run.run.log_artifact(an_artifact())


def test_a_disabled_run_takes_everything_and_keeps_nothing(tmp_path: Path) -> None:
    with kymograph.init(mode="disabled") as run:
        artifact = run.log_artifact(an_artifact())
        run.link_artifact(artifact, "models/best")

    assert artifact.is_final
    assert artifact.id is None
