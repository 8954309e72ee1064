"""Artifacts through unmodified clients: what ordinary logging makes, and a whole life of one's own."""

from __future__ import annotations

from tests.e2e.client import NEWEST, Client
from tests.e2e.fixtures import ClientFactory

ORDINARY = """
import wandb
run = wandb.init(id="ordinary")
table = wandb.Table(columns=["a", "b"], data=[[1, "x"], [2, "ü"]])
run.log({"table": table})
other = wandb.Table(columns=["a", "c"], data=[[1, "y"], [2, "z"]])
run.log({"joined": wandb.JoinedTable(table, other, "a")})
run.log({"page": wandb.Html("<b>x</b>")})
run.log_code(".", include_fn=lambda path, *root: path.endswith("script.py"))
run.finish()
logged = {version.name.split(":")[0]: version for version in wandb.Api().run(run.path).logged_artifacts()}
report({
    "types": sorted(version.type for version in logged.values()),
    "table": logged["run-ordinary-table"].get("table").data,
    "joined": type(logged["run-ordinary-joined"].get("joined")).__name__,
})
"""

LIFE = """
import pathlib
import wandb

files = pathlib.Path("files")
(files / "sub").mkdir(parents=True)
(files / "a.txt").write_text("A")
(files / "sub" / "ü %20.bin").write_bytes(bytes(range(256)) * 5000)
elsewhere = pathlib.Path("elsewhere.bin").absolute()
elsewhere.write_bytes(b"elsewhere")
seen = {}

def log(run, aliases):
    artifact = wandb.Artifact("digits", "dataset", description="what it is", metadata={"k": [1, None]})
    artifact.add_dir(str(files))
    artifact.add_reference(f"file://{elsewhere}", name="reference.bin")
    logged = run.log_artifact(artifact, aliases=aliases)
    logged.wait()
    return logged

run = wandb.init(id="maker")
first = log(run, ["latest", "best"])
again = log(run, ["latest", "again"])
seen["equal content"] = first.id == again.id
(files / "a.txt").write_text("changed")
log(run, ["latest"])
link = wandb.Artifact("links", "dataset")
link.add_reference(wandb.Api().artifact(f"{run.entity}/{run.project}/digits:best").get_path("a.txt"), "link.txt")
run.log_artifact(link).wait()
run.finish()

run = wandb.init(id="user")
used = run.use_artifact("digits:best")
folder = pathlib.Path(used.download())
used.verify(str(folder))
seen["files"] = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
seen["content"] = (folder / "a.txt").read_text()
seen["bytes"] = (folder / "sub" / "ü %20.bin").read_bytes() == (files / "sub" / "ü %20.bin").read_bytes()
linked = run.use_artifact("links:latest").download()
seen["through a link"] = (pathlib.Path(linked) / "link.txt").read_text()
run.finish()

api = wandb.Api()
place = f"{run.entity}/{run.project}"
version = api.artifact(f"{place}/digits:best")
seen["version"] = [version.version, version.type, version.description, dict(version.metadata), version.size]
seen["listed"] = sorted(file.name for file in version.files())
seen["used by"] = [user.id for user in version.used_by()]
seen["logged by"] = version.logged_by().id
seen["used"] = [used.name for used in api.run(f"{place}/user").used_artifacts()]
version.aliases.append("prod")
version.description = "edited"
version.metadata["new"] = 1
version.save()
edited = wandb.Api().artifact(f"{place}/digits:prod")
seen["edited"] = [edited.description, edited.metadata, "prod" in edited.aliases]
try:
    edited.delete()
    seen["deleted with aliases"] = True
except Exception:
    seen["deleted with aliases"] = False
edited.delete(delete_aliases=True)
try:
    wandb.Api().artifact(f"{place}/digits:v0")
    seen["gone"] = False
except Exception:
    seen["gone"] = True
seen["types"] = sorted(kind.name for kind in api.artifact_types(place))
report(seen)
"""

GROWING = """
import wandb
run = wandb.init(id="growing")
table = wandb.Table(columns=["n"], log_mode="INCREMENTAL")
for n in range(3):
    table.add_data(n)
    run.log({"growing": table})
run.finish()
versions = [version for version in wandb.Api().run(run.path).logged_artifacts() if "incr" in version.name]
report([len(version.manifest.entries) for version in versions])
"""

TOGETHER = """
import wandb
names = ["one", "two"]
for n, name in enumerate(names):
    run = wandb.init(id=name, group="together")
    part = wandb.Artifact("together", "dataset")
    with part.new_file(name + ".txt") as file:
        file.write(name)
    if n + 1 < len(names):
        run.upsert_artifact(part, distributed_id="parts")
    else:
        run.finish_artifact(part, distributed_id="parts").wait()
    run.finish()
version = wandb.Api().artifact(f"{run.entity}/{run.project}/together:latest")
report([version.version, sorted(version.manifest.entries), version.digest == version.manifest.digest()])
"""

LINKS = """
import wandb

run = wandb.init(id="linker")
for text in ("one", "two"):
    model = wandb.Artifact("net", "model", metadata={"text": text})
    with model.new_file("weights.txt") as file:
        file.write(text)
    logged = run.log_artifact(model)
    logged.wait()
linked = run.link_artifact(logged, "shelf", aliases=["prod"])
draft = wandb.Artifact("late", "model")
run.link_artifact(draft, "elsewhere/other")
run.finish()

place = f"{run.entity}/{run.project}"
api = wandb.Api()
found = api.artifact(f"{place}/shelf:prod")
seen = {
    "link": [found.name, found.version, found.source_name, found.is_link, sorted(found.aliases), found.type],
    "content": open(found.file()).read(),
    "linked": [other.name for other in api.artifact(f"{place}/net:v1").linked_artifacts],
    "of a draft": api.artifact(f"{run.entity}/elsewhere/other:latest").source_name,
}
found.aliases = ["gold"]
found.description = "edited through the link"
found.save()
seen["moved"] = sorted(wandb.Api().artifact(f"{place}/shelf:v0").aliases)
seen["edited"] = wandb.Api().artifact(f"{place}/net:v1").description
found.unlink()
seen["after"] = [wandb.Api().artifact_exists(f"{place}/{name}") for name in ("shelf:v0", "net:v1")]
collection = api.artifact_collection("model", f"{place}/net")
collection.name, collection.description, collection.tags = "nets", "all of them", ["kept", "by us"]
collection.save()
collection.change_type("network")
again = wandb.Api().artifact_collection("network", f"{place}/nets")
seen["collection"] = [again.name, again.type, again.description, sorted(again.tags), sorted(again.aliases)]
listed = wandb.Api().artifacts("network", f"{place}/nets", order="version_index")
seen["versions"] = [version.version for version in listed]
again.delete()
seen["deleted"] = wandb.Api().artifact_collection_exists(f"{place}/nets", "network")
report(seen)
"""

OTHER_DIGEST = """
import os, pathlib
import wandb
run = wandb.init(id="hashing")
def log(text):
    artifact = wandb.Artifact("fast", "dataset", digest_algorithm="XXH128")
    with artifact.new_file("a.txt") as file:
        file.write(text)
    with artifact.new_file("b.bin", "wb") as file:
        file.write(bytes(range(256)) * 5000)
    logged = run.log_artifact(artifact)
    logged.wait()
    return logged
first, same, changed = log("A"), log("A"), log("B")
run.finish()
version = wandb.Api().artifact(f"{run.entity}/{run.project}/fast:v1")
folder = pathlib.Path(version.download(skip_cache=True))
version.verify(str(folder))
entry = version.manifest.entries["a.txt"]
report({
    "same": first.id == same.id,
    "versions": [first.version, changed.version],
    "algorithm": entry.extra.get("alg"),
    "digest": version.digest == version.manifest.digest(),
    "content": (folder / "a.txt").read_text(),
    "alone": pathlib.Path(version.get_entry("b.bin").download(str(folder / "x"))).stat().st_size,
})
"""


def environment_of(project: str) -> dict[str, str]:
    return {"WANDB_PROJECT": project.split("/")[1], "WANDB_CONSOLE": "off"}


def test_tables_and_code_arrive_as_artifacts(client: Client, project: str) -> None:
    finished = client.run(ORDINARY, environment=environment_of(project))

    assert finished.reported == {
        "types": ["code", "run_table", "run_table"],
        "table": [[1, "x"], [2, "ü"]],
        "joined": "JoinedTable",
    }, finished.stdout


def test_a_whole_life_of_an_artifact(client: Client, project: str) -> None:
    finished = client.run(LIFE, environment=environment_of(project))

    assert finished.reported == {
        # The oldest asks for equal versions only when it also uses them; then the newest version answers.
        "equal content": True,
        "files": ["a.txt", "reference.bin", "sub/ü %20.bin"],
        "content": "A",
        "bytes": True,
        "through a link": "A",
        "version": ["v0", "dataset", "what it is", {"k": [1, None]}, 1 + 256 * 5000 + len("elsewhere")],
        "listed": ["a.txt", "reference.bin", "sub/ü %20.bin"],
        "used by": ["user"],
        "logged by": "maker",
        "used": ["digits:v0", "links:v0"],
        "edited": ["edited", {"k": [1, None], "new": 1}, True],
        "deleted with aliases": False,
        "gone": True,
        "types": ["dataset"],
    }, finished.stdout


def test_an_incremental_table_grows_from_version_to_version(make_client: ClientFactory, project: str) -> None:
    finished = make_client(NEWEST).run(GROWING, environment=environment_of(project))

    assert finished.reported == [1, 2, 3], finished.stdout


def test_processes_make_one_version_together(client: Client, project: str) -> None:
    finished = client.run(TOGETHER, environment=environment_of(project))

    assert finished.reported == ["v0", ["one.txt", "two.txt"], True], finished.stdout


def test_links_and_collections_are_what_the_newest_client_makes_of_them(
    make_client: ClientFactory, project: str
) -> None:
    finished = make_client(NEWEST).run(LINKS, environment=environment_of(project))

    assert finished.reported == {
        "link": ["shelf:prod", "v0", "net:v1", True, ["latest", "prod"], "model"],
        "content": "two",
        "linked": ["shelf:v0"],
        "of a draft": "late:v0",
        "moved": ["gold"],
        "edited": "edited through the link",
        "after": [False, True],
        "collection": ["nets", "network", "all of them", ["by us", "kept"], ["latest"]],
        "versions": ["v0", "v1"],
        "deleted": False,
    }, finished.stdout


def test_the_newest_client_may_hash_with_xxh128(make_client: ClientFactory, project: str) -> None:
    finished = make_client(NEWEST).run(OTHER_DIGEST, environment=environment_of(project))

    assert finished.reported == {
        "same": True,
        "versions": ["v0", "v1"],
        "algorithm": "XXH128",
        "digest": True,
        "content": "B",
        "alone": 256 * 5000,
    }, finished.stdout
