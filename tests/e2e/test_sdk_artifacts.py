"""Artifacts of our own SDK against a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kymograph.client.connection import Connection
from kymograph.client.runs import RunClient
from kymograph.errors import FolderBusy
from kymograph.sdk.run_folder import RunFolder
from kymograph.sdk.sender.loop import alone_on, send
from kymograph.sdk.sender.sender import Sender, SenderOptions
from tests.e2e.client import NEWEST
from tests.e2e.fixtures import ClientFactory
from tests.e2e.rest import Rest
from tests.e2e.server import ADMIN_KEY, ServerProcess, wait_until
from tests.e2e.training import Training

HEAD = """
import json, os, pathlib
import kymograph as wandb
def report(value):
    pathlib.Path("report.json").write_text(json.dumps(value))
def write(name, text):
    path = pathlib.Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name
def contents(folder):
    files = [path for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}
"""


@pytest.fixture
def training(server: ServerProcess, tmp_path: Path) -> Training:
    return Training(tmp_path / "training", url=server.url)


def run(training: Training, project: str, script: str, **environment: str) -> Any:
    """What a script reports."""
    given = {
        "WANDB_PROJECT": project.split("/")[1],
        "WANDB_ENTITY": project.split("/")[0],
        "WANDB_CACHE_DIR": str(training.folder / "cache"),
        "WANDB_DATA_DIR": str(training.folder / "data"),
        **environment,
    }
    training.run(HEAD + script, environment=given)
    report = training.folder / "report.json"
    return json.loads(report.read_text()) if report.exists() else None


def test_a_version_is_logged_waited_for_and_read_back(training: Training, project: str) -> None:
    script = """
run = wandb.init(id="maker")
artifact = wandb.Artifact("data", "dataset", description="text", metadata={"a": 1})
artifact.add_file(write("a.txt", "first"))
with artifact.new_file("sub/b.txt") as file:
    file.write("second")
before = artifact.digest
logged = run.log_artifact(artifact, aliases=["best"], tags=["good"])
logged.wait(60)
facts = dict(same=logged is artifact, digest=logged.digest == before, name=logged.name, version=logged.version,
    aliases=sorted(logged.aliases), tags=logged.tags, state=logged.state, size=logged.size, count=logged.file_count,
    entity=logged.entity, project=logged.project, by=logged.logged_by().id, description=logged.description)
folder = logged.download("there")
facts["files"] = contents(folder)
logged.verify("there")
facts["listed"] = sorted(file.name for file in logged.files())
facts["n"] = len(logged.files())
run.finish()
run = wandb.init(id="user")
used = run.use_artifact("data:best", type="dataset")
facts["used"] = [used.id == logged.id, used.metadata, [r.id for r in used.used_by()]]
run.finish()
report(facts)
"""
    facts = run(training, project, script)

    entity, name = project.split("/")
    assert facts == {
        "same": True,
        "digest": True,
        "name": "data:v0",
        "version": "v0",
        "aliases": ["best", "latest"],
        "tags": ["good"],
        "state": "COMMITTED",
        "size": 11,
        "count": 2,
        "entity": entity,
        "project": name,
        "by": "maker",
        "description": "text",
        "files": {"a.txt": "first", "sub/b.txt": "second"},
        "listed": ["a.txt", "sub/b.txt"],
        "n": 2,
        "used": [True, {"a": 1}, ["user"]],
    }


CROSSWISE = """
run = wandb.init(id="maker-" + os.environ["WHO"])
artifact = wandb.Artifact(os.environ["WHO"], "dataset", metadata={"n": 1, "nested": {"x": [1, 2]}})
artifact.add_dir(os.environ["SOURCE"])
run.log_artifact(artifact, aliases=["one"])
artifact.wait()
again = wandb.Artifact(os.environ["WHO"], "dataset")
again.add_dir(os.environ["SOURCE"])
again.add_reference("https://example.invalid/data.bin", name="elsewhere", checksum=False)
run.log_artifact(again, aliases=["two"])
again.wait()
run.finish()
"""
READ = """
run = wandb.init(id="reader-" + os.environ["WHO"])
facts = {}
for alias in ("one", "two", "v0", "latest"):
    found = run.use_artifact(os.environ["OTHER"] + ":" + alias)
    facts[alias] = [found.version, found.digest, sorted(found.aliases), found.metadata, found.size,
                    {path: [entry.digest, entry.ref] for path, entry in sorted(found.manifest.entries.items())}]
folder = run.use_artifact(os.environ["OTHER"] + ":one").download()
run.use_artifact(os.environ["OTHER"] + ":one").verify(folder)
facts["files"] = contents(folder)
run.finish()
report(facts)
"""


@pytest.mark.parametrize(("maker", "reader"), [("ours", "theirs"), ("theirs", "ours"), ("ours", "ours")])
def test_what_one_client_writes_the_other_reads(
    training: Training, make_client: ClientFactory, project: str, tmp_path: Path, maker: str, reader: str
) -> None:
    source = tmp_path / "source"
    for name, text in {"a.txt": "first", "sub/ü b.txt": "second", "sub/deep/c": "", "same": "first"}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    client = make_client(NEWEST)
    given = {"WHO": maker, "OTHER": maker, "SOURCE": str(source), "WANDB_PROJECT": project.split("/")[1]}

    def script_of(who: str, script: str) -> Any:
        if who == "ours":
            return run(training, project, script, **given)
        theirs = (HEAD + script).replace("import kymograph as wandb", "import wandb")
        theirs = theirs.replace("def report", "def _report")
        return client.run(theirs, environment=given).reported

    script_of(maker, CROSSWISE)
    facts = script_of(reader, READ)

    assert [facts[alias][0] for alias in ("one", "two", "v0", "latest")] == ["v0", "v1", "v0", "v1"]
    assert (facts["one"][2], facts["two"][2]) == (["one"], ["latest", "two"])
    assert facts["one"][3] == {"n": 1, "nested": {"x": [1, 2]}}
    assert facts["files"] == {"a.txt": "first", "same": "first", "sub/deep/c": "", "sub/ü b.txt": "second"}
    assert facts["two"][5]["elsewhere"][1] == "https://example.invalid/data.bin"


OFFLINE = """
run = wandb.init(id="offline", mode="offline")
run.log({"loss": 1})
for number in range(3):
    artifact = wandb.Artifact("data", "dataset")
    artifact.add_file(write("changing.txt", "content %d" % number), name="file.txt")
    run.log_artifact(artifact, aliases=["number%d" % number])
run.log_artifact(write("plain.txt", "plain"), name="plain")
run.log({"table": wandb.Table(columns=["a"], data=[[1], [2]])})
run.finish()
"""


@pytest.mark.parametrize("who", ["ours", "theirs"])
def test_artifacts_of_an_offline_run_arrive_once_by_a_sync(
    training: Training, make_client: ClientFactory, server: ServerProcess, project: str, tmp_path: Path, who: str
) -> None:
    client = make_client(NEWEST)
    if who == "ours":
        run(training, project, OFFLINE)
        (folder,) = training.run_folders()
        folder = folder.rename(tmp_path / "copied elsewhere")
    else:
        given = {"WANDB_PROJECT": project.split("/")[1], "WANDB_ENTITY": "admin"}
        client.run((HEAD + OFFLINE).replace("import kymograph as wandb", "import wandb"), environment=given)
        (folder,) = client.offline_runs()

    first, second = sync(folder, server.url), sync(folder, server.url)

    for sender in (first, second):
        assert sender.receipt is not None
        assert (sender.receipt.is_whole, sender.receipt.artifacts) == (True, 5), sender.receipt
    facts = run(
        training,
        project,
        """
run = wandb.init(id="reader")
facts = {}
for number in range(3):
    found = run.use_artifact("data:number%d" % number)
    facts[found.version] = pathlib.Path(found.file("there%d" % number)).read_text()
facts["latest"] = run.use_artifact("data").version
facts["plain"] = run.use_artifact("plain").type
facts["by"] = run.use_artifact("data").logged_by().id
table = run.use_artifact("run-offline-table:latest")
facts["table"] = [table.type, table.get("table").data]
run.finish()
report(facts)
""",
    )
    assert facts == {
        "v0": "content 0",
        "v1": "content 1",
        "v2": "content 2",
        "latest": "v2",
        "plain": "unspecified",
        "by": "offline",
        "table": ["run_table", [[1], [2]]],
    }


def test_a_large_file_is_checked_by_what_the_server_noted_when_it_came(training: Training, project: str) -> None:
    script = """
from kymograph.client import fetching
used, new_hasher = [], fetching.new_hasher
fetching.new_hasher = lambda algorithm: used.append(str(algorithm)) or new_hasher(algorithm)
run = wandb.init()
facts = []
for policy in ("mutable", "immutable"):
    artifact = wandb.Artifact(policy, "dataset")
    pathlib.Path(policy).write_bytes(os.urandom(70 << 20))
    artifact.add_file(policy, policy=policy)
    logged = run.log_artifact(artifact)
    logged.wait(60)
    for multipart in (True, False):
        folder = logged.download(f"{policy}-{multipart}", skip_cache=True, multipart=multipart)
        facts.append(pathlib.Path(folder, policy).read_bytes() == pathlib.Path(policy).read_bytes())
        logged.verify(folder)
report([facts, sorted(set(used))])
run.finish()
"""

    assert run(training, project, script) == [[True] * 4, ["MANIFEST_XXH128"]]


def test_a_table_and_code_become_artifacts(training: Training, rest: Rest, project: str) -> None:
    script = """
run = wandb.init(id="tables")
code = run.log_code(".", include_fn=lambda path: path.endswith("script.py"))
run.log({"results": wandb.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]])})
run.log({"odd key/../x": wandb.Table(columns=["a"], data=[[1]])})
run.finish()
run = wandb.init(id="reader")
table = run.use_artifact("run-tables-results:latest")
report([code.name, code.type, table.type, sorted(table.manifest.entries), table.get("results").data])
run.finish()
"""
    name, type_name, table_type, entries, rows = run(training, project, script)

    assert (name.startswith("source-"), type_name, table_type) == (True, "code", "run_table")
    assert (entries, rows) == (["results.table.json"], [[1, "x"], [2, "y"]])
    logged = rest.rows(project, "tables")[0]["results"]
    assert logged["artifact_path"].startswith("wandb-client-artifact://")
    assert logged["artifact_path"].endswith("/results.table.json")
    assert ":latest/" in logged["_latest_artifact_path"]


def test_versions_are_changed_deleted_and_drafted_anew(training: Training, project: str) -> None:
    script = """
import datetime
run = wandb.init(id="editor")
artifact = run.log_artifact(write("a.txt", "a"), name="data", type="dataset").wait()
artifact.description = "changed"
artifact.metadata["k"] = [1]
artifact.tags = ["t1", "t 2"]
artifact.ttl = datetime.timedelta(days=2)
artifact.save()
draft = artifact.new_draft()
with draft.new_file("b.txt") as file:
    file.write("b")
draft.remove("a.txt")
draft.add_file(write("c.txt", "c"))
second = run.log_artifact(draft).wait()
seen = run.use_artifact("data:v0")
facts = [seen.description, seen.metadata, sorted(seen.tags), seen.ttl.days, second.version]
facts.append(sorted(second.manifest.entries))
try:
    run.log_artifact(wandb.Artifact("data", "other"))
except ValueError as exc:
    facts.append(str(exc))
try:
    second.delete()
except Exception as exc:
    facts.append(type(exc).__name__)
second.delete(delete_aliases=True)
try:
    run.use_artifact("data:v1")
except ValueError as exc:
    facts.append("not found" in str(exc))
run.finish()
report(facts)
"""
    facts = run(training, project, script)

    assert facts[:6] == ["changed", {"k": [1]}, ["t 2", "t1"], 2, "v1", ["b.txt", "c.txt"]]
    assert facts[6:] == [
        "Artifact data already exists with type 'dataset'; cannot create another with type 'other'",
        "AliasesPresent",
        True,
    ]


def test_processes_write_one_version_together(training: Training, project: str) -> None:
    script = """
facts = []
for number in range(3):
    run = wandb.init(id="part%d" % number, group="g")
    part = wandb.Artifact("shared", "dataset")
    with part.new_file("part%d" % number) as file:
        file.write(str(number))
    logged = run.finish_artifact(part) if number == 2 else run.upsert_artifact(part)
    logged.wait()
    facts.append(logged.state)
    run.finish()
run = wandb.init(id="reader")
facts.append(contents(run.use_artifact("shared:v0").download("there")))
run.finish()
report(facts)
"""
    facts = run(training, project, script)

    assert facts == ["PENDING", "PENDING", "COMMITTED", {"part0": "0", "part1": "1", "part2": "2"}]


def test_a_model_is_logged_and_used_and_offline_rules_hold(training: Training, project: str) -> None:
    script = """
run = wandb.init(id="maker")
run.log_model(write("model.bin", "weights"), name="net")
run.log_artifact(write("a.txt", "a"), name="data", type="dataset").wait()
run.finish()
run = wandb.init(id="user")
facts = [pathlib.Path(run.use_model("net:latest")).read_text()]
def refused(call):
    try:
        call()
    except Exception as exc:
        return [[base.__name__ for base in type(exc).__mro__], str(exc)]
facts.append(refused(lambda: run.use_model("data:latest")))
facts.append(refused(lambda: run.upsert_artifact("a.txt")))
facts.append(refused(lambda: run.log_artifact("absent")))
facts.append(refused(lambda: wandb.Artifact("never", "dataset").wait()))
run.finish()
run = wandb.init(mode="offline")
facts.append(refused(lambda: run.use_artifact("net:latest")))
facts.append(refused(lambda: run.use_model("net:latest")))
facts.append(refused(lambda: run.log_artifact("a.txt").wait()))
run.finish()
report(facts)
"""
    facts = run(training, project, script)

    assert facts[0] == "weights"
    kinds = [
        "AssertionError",
        "TypeError",
        "ValueError",
        "AttributeError",
        "TypeError",
        "RuntimeError",
        "AttributeError",
    ]
    assert all(kind in bases for kind, (bases, _) in zip(kinds, facts[1:], strict=True))
    assert "Cannot upsert artifact unless run is in a group or distributed_id is provided" in facts[2][1]
    assert "Cannot use artifact when in offline mode." in facts[5][1]


def test_a_trainer_that_is_killed_right_after_logging_loses_no_version(
    training: Training, project: str, server: ServerProcess
) -> None:
    script = """
import signal
run = wandb.init(id="killed")
artifact = wandb.Artifact("data", "dataset")
for number in range(200):
    with artifact.new_file("file%d" % number) as file:
        file.write(str(number) * 1000)
run.log_artifact(artifact)
os.kill(os.getpid(), signal.SIGKILL)
"""
    process = training.start(
        HEAD + script, environment={"WANDB_PROJECT": project.split("/")[1], "WANDB_ENTITY": project.split("/")[0]}
    )
    process.communicate(timeout=60)

    (folder,) = training.run_folders()
    wait_until(lambda: not is_being_sent(folder), what="the sender's end")
    sync(folder, server.url)

    count = """
run = wandb.init(id="reader")
report([run.use_artifact("data").version, run.use_artifact("data").file_count])
run.finish()
"""
    assert run(training, project, count) == ["v0", 200]
    assert not [path for path in (folder / "artifacts").rglob("*") if path.is_file()]


def is_being_sent(folder: Path) -> bool:
    try:
        with alone_on(RunFolder.find(folder)):
            return False
    except FolderBusy:
        return True


def sync(folder: Path, url: str) -> Sender:
    with RunClient(Connection.of(url, ADMIN_KEY)) as client:
        return send(RunFolder.find(folder), client, options=SenderOptions(is_sync=True))
