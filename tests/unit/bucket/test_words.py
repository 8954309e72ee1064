"""What people write: names of buckets, aliases, metadata; and what workflows are told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from kymograph.bucket.aliases import chosen_alias
from kymograph.bucket.metadata import parse_meta, parse_run_config, parse_typed_meta
from kymograph.bucket.outputs import tell_workflow
from kymograph.bucket.places import bucket_url, checked_place
from kymograph.bucket.runs import job_tags
from kymograph.errors import InvalidArtifact, InvalidSetting, UsageError


def test_metadata_is_split_at_the_first_sign() -> None:
    assert parse_meta(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    for wrong in ("a", "=a", ""):
        with pytest.raises(ValueError, match="KEY=VALUE"):
            parse_meta([wrong])


def test_metadata_has_types_where_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text('{"a": 1, "b": [2]}')

    assert parse_typed_meta(["a:=2", "c=3", 'd:={"x": null}'], f"@{tmp_path}/meta.json") == {
        "a": 2,
        "b": [2],
        "c": "3",
        "d": {"x": None},
    }
    for texts, document in ((["a:=x"], None), ([], "[1]"), ([], "{"), ([], f"@{tmp_path}/none")):
        with pytest.raises(UsageError):
            parse_typed_meta(texts, document)


def test_configs_of_runs_have_three_forms(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("lr: {value: 1}")

    assert parse_run_config('{"lr": 0.1}') == {"lr": 0.1}
    assert parse_run_config("lr:=0.1 name='a b'") == {"lr": 0.1, "name": "a b"}
    assert parse_run_config(str(tmp_path / "config.yaml")) == str(tmp_path / "config.yaml")
    assert parse_run_config(None) is None
    with pytest.raises(UsageError, match="no JSON object, no file, and no KEY=VALUE"):
        parse_run_config("nothing")


def test_aliases_are_random_named_or_hashes_of_the_config() -> None:
    assert chosen_alias("best", dict) == "best"
    assert chosen_alias(None, dict) != chosen_alias(None, dict)
    expected = hashlib.sha256(b"a=1 b=x").hexdigest()
    assert chosen_alias("!run-config-hash", lambda: {"b": "x", "a": 1}) == expected
    with pytest.raises(ValueError, match="is a hash of the run's config, and that is empty"):
        chosen_alias("!run-config-hash", dict)
    wrong: Any
    for wrong in (3, "", ["a"]):
        with pytest.raises(ValueError, match="Wrong value for artifact alias: "):
            chosen_alias(wrong, dict)


def test_buckets_are_addresses_or_names_below_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WABUCKET_ROOT", raising=False)
    assert bucket_url("s3://data/x/", None) == "s3://data/x"
    with pytest.raises(InvalidSetting, match="WABUCKET_ROOT=s3://"):
        bucket_url("data", None)
    with pytest.raises(InvalidSetting, match="name a bucket"):
        bucket_url(None, None)
    for root, url in {"s3://": "s3://digits", "file:///data": "file:///data/digits"}.items():
        monkeypatch.setenv("WABUCKET_ROOT", root)
        assert bucket_url(None, "digits") == url


@pytest.mark.parametrize("names", [("a/b", "n", "x"), ("t", "n n", "x"), ("t", "n", ".."), (".wabucket", "n", "x")])
def test_names_that_are_no_folders_are_refused(names: tuple[str, str, str]) -> None:
    with pytest.raises(InvalidArtifact):
        checked_place(*names)


def test_workflows_are_told_in_lines_and_in_their_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    monkeypatch.setenv("NEURO_JOB_ID", "job-1")
    waits: list[float] = []

    tell_workflow("words", "dataset", "first", suffix="x", sleep=waits.append)

    assert capsys.readouterr().out == (
        "\n::set-output name=artifact_name_x::words\n::set-output name=artifact_type_x::dataset\n"
        "::set-output name=artifact_alias_x::first\n"
    )
    assert (tmp_path / "outputs").read_text().splitlines()[0] == "artifact_name_x=words"
    assert waits == [1.0]


def test_jobs_of_a_platform_are_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEURO_JOB_ID", raising=False)
    assert job_tags() is None
    for name, value in {"NEURO_JOB_ID": "j", "NEURO_JOB_OWNER": "me"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NEURO_JOB_NAME", raising=False)
    assert job_tags() == ["job_id:j", "owner:me"]


def test_the_package_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    script = (
        "import sys, json, kymograph.bucket.cli\n"
        "heavy = ('boto3', 'fsspec', 'numpy', 'google', 'azure', 'rich', 'psutil', 'google.protobuf', 'httpx')\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert json.loads(found.stdout) == []
