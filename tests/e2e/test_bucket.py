"""Bucket artifacts, up and down, with our server and a folder or a real S3 server as the bucket.

Scripts of the original package run unchanged: they import ``wabucketref``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # it has no types
import pytest

from kymograph.testing.buckets import moto_server
from tests.e2e.rest import Rest
from tests.e2e.server import ServerProcess
from tests.e2e.training import Training

FILES = {"a.txt": "one", "deep/b.txt": "two", "deep/er/empty": ""}


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """The environment of a client of an S3 server."""
    with moto_server() as server:
        yield {**server.environment, "AWS_S3_ENDPOINT_URL": server.endpoint, "AWS_REGION": "us-east-1"}


ON_BOTH = pytest.mark.parametrize("work", ["file", "s3"], indirect=True)
"""For what depends on the store; everything else is tried with a folder, for a client of S3 takes long to load."""


@pytest.fixture
def work(request: pytest.FixtureRequest, server: ServerProcess, project: str, tmp_path: Path) -> Work:
    training = Training(tmp_path / "work", url=server.url)
    training.environment |= {
        "WANDB_ENTITY": "admin",
        "WANDB_PROJECT": project.partition("/")[2],
        "WANDB_SILENT": "true",
    }
    for name, content in FILES.items():
        (training.folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (training.folder / "data" / name).write_text(content)
    if getattr(request, "param", "file") == "file":
        return Work(training, f"file://{tmp_path}/bucket")
    environment = request.getfixturevalue("s3")
    training.environment |= environment
    name = f"b{uuid.uuid4().hex[:10]}"
    boto3.session.Session().client(
        "s3",
        endpoint_url=environment["AWS_S3_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    ).create_bucket(Bucket=name)
    return Work(training, f"s3://{name}/artifacts")


class Work:
    """A folder with files to upload, a project, and a bucket."""

    def __init__(self, training: Training, bucket: str) -> None:
        self.training, self.bucket = training, bucket

    def run(self, *arguments: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """``wabucket --bucket … ARGUMENTS``."""
        command = (sys.executable, "-m", "kymograph.bucket", "--bucket", self.bucket, *arguments)
        return self.training.call(*command, status=status, environment=environment)

    def json(self, *arguments: str, status: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", status=status).stdout)

    def script(self, text: str) -> str:
        """What a script prints that imports the original package's names."""
        path = self.training.folder / "old.py"
        path.write_text(text)
        return self.training.call(sys.executable, "-m", "kymograph.as_wandb", str(path), self.bucket).stdout

    def contents(self, folder: str | Path) -> dict[str, str]:
        root = self.training.folder / folder
        return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


OLD_SCRIPT = """
import hashlib, os, sys
from pathlib import Path
import wandb
from wabucketref import WaBucketRefAPI, __version__, parse_meta

def digest(root):
    found = hashlib.sha256()
    for path in sorted(Path(root).rglob("*")):
        if path.is_file():
            found.update(str(path.relative_to(root)).encode())
            found.update(path.read_bytes())
    return found.hexdigest()

api = WaBucketRefAPI(bucket=sys.argv[1], project_name=os.environ["WANDB_PROJECT"])
api.wandb_start_run("upload", "ingest", {"lr": 0.1})
try:
    api.wandb_start_run()
except RuntimeError:
    print("refused a second run")
alias = api.upload_artifact(Path("data"), "words", "dataset", art_alias="first", art_metadata=parse_meta(["k=v=w"]))
print("alias", alias)
try:
    api.upload_artifact(Path("data"), "words", "dataset", art_alias="first")
except RuntimeError as exc:
    print(str(exc).partition(" at ")[0], "is not enabled" in str(exc))
hashed = api.upload_artifact(Path("data"), "hashed", "dataset", art_alias="!run-config-hash", suffix="h")
print("hash", hashed == hashlib.sha256(b"lr=0.1").hexdigest())
wandb.finish()

api.wandb_start_run("download", "train")
folder = api.download_artifact("words", "dataset", "first")
print("equal", digest("data") == digest(folder), type(folder).__name__)
print("again", digest(api.download_artifact("words", "dataset", "first", Path("here"), retries=2)) == digest("data"))
linked = api.link(sys.argv[1] + "/dataset/words/first", "linked", "dataset")
print("linked", digest(api.download_artifact("linked", "dataset", linked)) == digest("data"))
api.link(sys.argv[1] + "/dataset/words/first", "linked", "dataset")
try:
    api.link(sys.argv[1] + "/nowhere", "linked", "dataset")
except ValueError as exc:
    print("does not exist or not a directory" in str(exc))
plain = api.upload_artifact(Path("data"), "plain", "dataset", as_refference=False)
print("plain", digest(api.download_artifact("plain", "dataset", plain)) == digest("data"))
wandb.finish()
api.close()
"""


@ON_BOTH
def test_old_scripts_run_unchanged(work: Work) -> None:
    printed = work.script(OLD_SCRIPT).splitlines()

    said = [line for line in printed if line and not line.startswith("::")]
    assert said == [
        "refused a second run",
        "alias first",
        "Blob True",
        "hash True",
        "equal True PosixPath",
        "again True",
        "linked True",
        "True",
        "plain True",
    ]
    assert printed[printed.index("::set-output name=artifact_name::words") :][:3] == [
        "::set-output name=artifact_name::words",
        "::set-output name=artifact_type::dataset",
        "::set-output name=artifact_alias::first",
    ]
    assert "::set-output name=artifact_name_h::hashed" in printed


JOB_SCRIPT = """
import sys
from pathlib import Path
from wabucketref import WaBucketRefAPI

api = WaBucketRefAPI(sys.argv[1])
run = api.wandb_start_run()
print(sorted(run.tags))
api.upload_artifact(Path("data"), "words", "dataset", "first")
run.finish()
api.close()
"""


def test_runs_within_a_job_say_which(work: Work) -> None:
    work.training.environment |= {"NEURO_JOB_ID": "job-1", "NEURO_JOB_NAME": "train", "NEURO_JOB_OWNER": "me"}

    printed = work.script(JOB_SCRIPT)

    assert printed.splitlines()[0] == "['job_id:job-1', 'job_name:train', 'owner:me']"


def test_commands_of_the_original_work(work: Work, rest: Rest, project: str) -> None:
    options = ("--run_name", "ingest", "--job-type", "up")
    said = work.run(*options, "upload", "data", "-n", "words", "-t", "dataset", "-a", "first", "-m", "source=web=1")
    work.run("--run-name", "train", "download", "dataset", "words", "first", "-a", '{"lr": 0.1}')
    work.run("--run-name", "linking", "link", "dataset/words/first", "-n", "linked", "-t", "dataset", "-a", "x")
    work.run("download", "dataset", "linked", "x", "-d", "linked")

    assert "::set-output name=artifact_alias::first" in said.stdout.splitlines()
    assert work.contents("dataset/words/first") == FILES
    assert work.contents("linked") == FILES
    runs = {run["name"]: run for run in rest.runs(project)}
    assert {"ingest", "train", "linking"} <= set(runs)
    assert runs["ingest"]["job_type"] == "up"
    assert all(run["state"] == "finished" for run in runs.values())


@ON_BOTH
def test_entries_have_checksums(work: Work) -> None:
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first", "-m", "epochs:=3")

    files = {one["path"]: one for one in work.json("ls", "words:first")["files"]}

    assert set(files) == set(FILES)
    assert files["a.txt"]["size_bytes"] == 3
    assert files["a.txt"]["ref"] == f"{work.bucket}/dataset/words/first/a.txt"
    assert all(one["digest"] != one["ref"] for one in files.values())
    assert work.json("verify", "words:first")["checked"] == len(FILES)
    assert work.json("verify", "words:first", "--content")["checked"] == len(FILES)


def test_the_older_form_has_one_entry_for_all_files(work: Work) -> None:
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first", "--no-checksum")
    work.run("download", "dataset", "words", "first", "-d", "here")

    assert work.contents("here") == FILES
    assert {one["path"] for one in work.json("ls", "words:first")["files"]} == set(FILES)


@ON_BOTH
def test_equal_content_is_kept_once(work: Work) -> None:
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first")
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "second")
    work.run("download", "dataset", "words", "second", "-d", "here")

    [kept] = work.json("ls")["uploads"]
    assert (kept["alias"], kept["state"], kept["file_count"]) == ("first", "committed", 3)
    assert work.contents("here") == FILES


def test_an_alias_moves_only_when_that_is_said(work: Work) -> None:
    upload = ("upload", "data", "-n", "words", "-t", "dataset", "-a", "best")
    work.run(*upload)
    (work.training.folder / "data/a.txt").write_text("changed")
    refused = work.run(*upload, status=1)
    work.run(*upload, "--overwrite")
    work.run("download", "dataset", "words", "best", "-d", "new")
    work.run("download", "dataset", "words", "v0", "-d", "old")

    assert "already exists, overwrite is not enabled" in refused.stderr
    assert work.contents("new") == {**FILES, "a.txt": "changed"}
    assert work.contents("old") == FILES


@ON_BOTH
def test_what_changed_in_the_bucket_is_noticed(work: Work, tmp_path: Path) -> None:
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first")
    (work.training.folder / "data/a.txt").write_text("xyz")
    change = (
        "import sys\nfrom pathlib import Path\nfrom kymograph.bucket.stores.registry import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "store.put_bytes('dataset/words/first/a.txt', b'xyz')\n"
        "store.delete(['dataset/words/first/deep/b.txt'])\n"
    )
    work.script(change)

    found = work.json("verify", "words:first", status=1)
    failed = work.run("download", "dataset", "words", "first", "-d", "here", status=1)

    assert (found["changed"], found["missing"], found["checked"]) == (["a.txt"], ["deep/b.txt"], 1)
    assert failed.stderr.count("Error:") == 1
    assert not (work.training.folder / "here").exists()


def test_a_version_that_is_used_is_not_deleted_and_one_that_is_not_goes_with_its_files(work: Work) -> None:
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first")
    work.run("upload", "data", "-n", "others", "-t", "dataset", "-a", "first")
    work.run("download", "dataset", "words", "first", "-d", "here")

    refused = work.run("rm", "words:first", "--yes", status=1)
    planned = work.json("rm", "others:first", "--dry-run")
    before = work.json("ls")["uploads"]
    gone = work.json("rm", "others:first", "--yes")
    forced = work.json("rm", "words:first", "--yes", "--force")

    assert "used it" in refused.stderr
    assert "--force" in refused.stderr
    assert (planned["dry_run"], len(planned["objects"]), len(before)) == (True, 3, 2)
    assert gone["objects"] == planned["objects"]
    assert len(forced["objects"]) == 3
    assert work.json("ls")["uploads"] == []


def test_files_that_another_version_needs_stay(work: Work) -> None:
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first")
    work.run("link", "dataset/words/first", "-n", "linked", "-t", "dataset", "-a", "x")

    gone = work.json("rm", "words:first", "--yes")
    collected = work.json("gc", "--yes", "--older-than", "0s")
    work.run("download", "dataset", "linked", "x", "-d", "here")

    assert gone["objects"] == []
    assert "needed by" in str(gone["kept"])
    assert collected["objects"] == []
    assert work.contents("here") == FILES


@ON_BOTH
def test_leavings_are_collected_and_nothing_else(work: Work) -> None:
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first")
    leave = (
        "import sys\nfrom pathlib import Path\nfrom kymograph.bucket import WaBucketRefAPI\n"
        "from kymograph.bucket.uploading import Upload, local_files\nfrom kymograph.bucket.places import Place\n"
        "api = WaBucketRefAPI(sys.argv[1])\n"
        "Upload(api.bucket, api.client.owner).send(Place('dataset', 'words', 'dead'), "
        "local_files(Path('data'), api._memo()), replaces=False)\n"
        "api.bucket.put_bytes('mine/file', b'not of wabucket')\n"
    )
    work.script(leave)

    fresh = work.json("gc", "--yes")
    old = work.json("gc", "--yes", "--older-than", "0s")
    work.run("download", "dataset", "words", "first", "-d", "here")

    assert fresh["objects"] == []
    assert "may go on yet" in str(fresh["kept"])
    assert sorted(ref.removeprefix(work.bucket) for ref in old["objects"]) == [
        f"/dataset/words/dead/{name}" for name in sorted(FILES)
    ]
    assert [one["alias"] for one in work.json("ls")["uploads"]] == ["first"]


@ON_BOTH
def test_versions_are_copied_to_another_bucket(work: Work, tmp_path: Path) -> None:
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first")
    target = Work(work.training, f"file://{tmp_path}/elsewhere")
    same = work.json("cp", "words:first", "-n", "again")
    refused = work.run("cp", "words:first", "-n", "words", status=1)
    target.json("cp", "words:first", "-n", "local")
    target.run("download", "dataset", "local", "first", "-d", "here")

    assert same["name"].endswith("/again:v0")
    assert "give another name" in refused.stderr
    assert target.contents("here") == FILES
    assert all(one["ref"].startswith(target.bucket) for one in target.json("ls", "local:first")["files"])


def test_downloads_leave_other_files_unless_told(work: Work) -> None:
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first")
    here = work.training.folder / "here"
    here.mkdir()
    (here / "mine.txt").write_text("mine")
    (here / "a.txt").write_text("of before")
    work.run("download", "dataset", "words", "first", "-d", "here")
    kept = work.contents("here")
    work.run("download", "dataset", "words", "first", "-d", "here", "--sync")

    assert kept == {**FILES, "mine.txt": "mine"}
    assert work.contents("here") == FILES
    work.run("verify", "words:first", "-d", "here")
    (here / "a.txt").write_text("xxx")
    assert work.json("verify", "words:first", "-d", "here", status=1)["changed"] == ["a.txt"]


def test_outputs_of_a_workflow_are_written_to_its_file(work: Work, tmp_path: Path) -> None:
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first", GITHUB_OUTPUT=str(tmp_path / "outputs"))

    assert (tmp_path / "outputs").read_text() == ("artifact_name=words\nartifact_type=dataset\nartifact_alias=first\n")


def test_an_offline_upload_waits_for_a_sync_and_is_not_collected(work: Work) -> None:
    said = work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first", WANDB_MODE="offline")
    collected = work.json("gc", "--yes", "--older-than", "0s")

    assert said.returncode == 0
    assert collected["objects"] == []
    assert "kymograph sync" in str(collected["kept"])


def test_a_folder_that_is_a_file_is_refused(work: Work) -> None:
    work.run("upload", "data", "-n", "words", "-t", "dataset", "-a", "first")
    refused = work.run("download", "dataset", "words", "first", "-d", "data/a.txt", status=1)

    assert "Destination 'data/a.txt' exists, but not a directory" in refused.stderr
