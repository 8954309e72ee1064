"""Artifacts read back: our `Api` finds what the unmodified client's finds, in projects and in registries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import NEWEST, Client
from tests.e2e.server import ADMIN_KEY, ServerProcess
from tests.e2e.training import Training

ORGANIZATION = "labs"
WRITE = """
import os
from datetime import timedelta
import wandb
api = wandb.Api()
registry = api.create_registry("models", visibility="organization", organization="labs", artifact_types=["model"])
api.create_registry("drafts", visibility="restricted", organization="labs", description="not yet")

def make(run, name, type, number, **options):
    metadata = {"number": number, "deep": {"x": 1}}
    artifact = wandb.Artifact(name, type=type, description=f"the {number}th", metadata=metadata)
    with artifact.new_file("part.txt") as file:
        file.write(f"{name} {number}")
    with artifact.new_file("sub/other.txt") as file:
        file.write("the same in all")
    return run.log_artifact(artifact, **options).wait()

with wandb.init(entity="optics", project="find", id="maker", config={"lr": 0.1}) as run:
    run.log({"loss": 1})
    first = make(run, "data", "dataset", 0, aliases=["first"], tags=["small", "old"])
    run.log({"loss": 2})
    second = make(run, "data", "dataset", 1, aliases=["best"], tags=["small"])
    third = make(run, "data", "dataset", 2, tags=["large"])
    other = make(run, "other.data", "dataset", 7)
    model = make(run, "net", "model", 3, aliases=["prod/uction".replace("/", "-")])
    newer = make(run, "net", "model", 4)
second.ttl = timedelta(days=30)
second.save()
third.ttl = None
third.save()
collection = api.artifact_collection("dataset", "optics/find/data")
collection.description, collection.tags = "what is seen", ["raw", "seen"]
collection.save()
with wandb.init(entity="optics", project="find", id="user") as run:
    run.use_artifact("data:best")
    run.use_artifact("optics/find/net:v0")
    run.link_artifact(second, "optics/find/shelf", aliases=["shown"])
with wandb.init(entity="optics", project="elsewhere", id="far") as run:
    run.use_artifact("optics/find/data:best")
model.link("labs/wandb-registry-models/classifier", aliases=["candidate"])
newer.link("labs/wandb-registry-models/classifier", aliases=["staging"])
newer.link("labs/wandb-registry-models/detector")
second.link("labs/wandb-registry-drafts/tokens", aliases=["rough"])
found = api.artifact_collection("model", "labs/wandb-registry-models/classifier")
found.tags, found.description = ["vision"], "classifies"
found.save()
registry.add_members(api.team("optics"))
"""

READ = """
import json, os, sys
if sys.argv[1] == "ours":
    import kymograph as wandb
else:
    import wandb
api = wandb.Api()
place = "optics/find"
found = {}

def described(artifact):
    fields = "id name qualified_name version type state entity project aliases tags metadata description digest size "
    fields += "file_count created_at updated_at commit_hash is_link linked_at source_name source_version source_entity "
    fields += "source_project source_qualified_name history_step url"
    values = {field: getattr(artifact, field) for field in fields.split()}
    values["ttl"] = artifact.ttl and artifact.ttl.total_seconds()
    return values

def collected(collection):
    fields = "id name type entity project description tags aliases created_at updated_at organization"
    return {field: getattr(collection, field) for field in fields.split()} | {"sequence": collection.is_sequence()}

def attempt(name, call):
    try:
        found[name] = call()
    except (ValueError, LookupError, wandb.errors.CommError):
        found[name] = "an error"

found["types"] = [[each.name, each.type, each.entity, each.project, each.id] for each in api.artifact_types(place)]
type = api.artifact_type("dataset", place)
found["type"] = [type.id, type.name]
attempt("no type", lambda: api.artifact_type("absent", place).name)
found["collections"] = [collected(each) for each in api.artifact_collections(place, "dataset")]
found["in order"] = [each.name for each in api.artifact_collections(place, "dataset", order="+name", per_page=1)]
found["backward"] = [each.name for each in api.artifact_collections(place, "dataset", order="-name")]
project = api.project("find", "optics")
found["of the project"] = [collected(each) for each in project.collections(order="+name", per_page=2)]
found["filtered there"] = [each.name for each in project.collections(filters={"name": {"$in": ["net", "data"]}})]
found["types there"] = [each.name for each in project.artifacts_types()]
found["count"] = [len(api.artifact_collections(place, "dataset")), len(type.collections(per_page=1))]
found["filtered"] = [each.name for each in type.collections(filters={"tag": "raw"})]
found["by name"] = [each.name for each in type.collections(filters={"name": {"$regex": "^oth"}})]
found["collection"] = collected(api.artifact_collection("dataset", f"{place}/data"))
found["shelf"] = collected(type.collection("shelf"))
attempt("no collection", lambda: api.artifact_collection("dataset", f"{place}/absent").name)
attempt("other type", lambda: api.artifact_collection("model", f"{place}/data").name)
found["in collection"] = [described(each) for each in api.artifact_collection("dataset", f"{place}/data").artifacts()]
# Of links in such a list the unmodified client gives the version of the source beside the right name.
wrong = ("version", "url")
linked = [described(each) for each in type.collection("shelf").artifacts()]
found["linked in collection"] = [{key: each[key] for key in each if key not in wrong} for each in linked]
artifacts = api.artifacts("dataset", f"{place}/data")
found["artifacts"] = [described(each) for each in artifacts]
found["of them"] = [len(artifacts), artifacts[0].name, artifacts[2].name, [each.name for each in artifacts[0:2]]]
paged = api.artifacts("dataset", f"{place}/data", per_page=1)
found["paged"] = [each.name for each in paged]
found["oldest first"] = [each.name for each in api.artifacts("dataset", f"{place}/data", order="+created_at")]
found["newest first"] = [each.name for each in api.artifacts("dataset", f"{place}/data", order="-created_at")]
found["tagged"] = [each.name for each in api.artifacts("dataset", f"{place}/data", tags=["small"])]
found["tagged twice"] = [each.name for each in api.artifacts("dataset", f"{place}/data", tags=["small", "old"])]
found["tag of none"] = [each.name for each in api.artifacts("dataset", f"{place}/data", tags=["absent"])]
begun = api.artifacts("dataset", f"{place}/data", per_page=1)
next(begun)
found["resumed"] = [each.name for each in api.artifacts("dataset", f"{place}/data", start=begun.cursor)]
attempt("versions of nothing", lambda: [each.name for each in api.artifacts("dataset", f"{place}/absent")])
for name in ("data", "data:latest", "data:v0", "data:first", "data:best", "shelf:shown", "shelf", "net:prod-uction"):
    found[f"artifact {name}"] = described(api.artifact(f"{place}/{name}"))
found["of a type"] = api.artifact(f"{place}/data:v1", type="dataset").id
attempt("of another type", lambda: api.artifact(f"{place}/data:v1", type="model").id)
names = (f"{place}/data:absent", f"{place}/absent:v0", "optics/absent/data:v0", "absent/find/data:v0", "a/b/c/d:v0")
for name in names:
    attempt(f"artifact {name}", lambda: api.artifact(name).id)
names = (f"{place}/data:v0", f"{place}/data:v9", f"{place}/data", "optics/absent/data:v0")
found["exists"] = [api.artifact_exists(name) for name in names] + [
    api.artifact_exists(f"{place}/data:v0", type="dataset"), api.artifact_exists(f"{place}/data:v0", type="model")
]
found["collection exists"] = [
    api.artifact_collection_exists(f"{place}/{name}", type)
    for name, type in (("data", "dataset"), ("data", "model"), ("shelf", "dataset"), ("no", "dataset"))
]
used = api.artifact(f"{place}/data:best")
maker = used.logged_by()
found["maker"] = [maker.id, maker.entity, maker.project, maker.name, maker.config, maker.summary["loss"]]
found["users"] = sorted([user.id, user.project, user.state] for user in used.used_by())
found["not used"] = [user.id for user in api.artifact(f"{place}/data:v2").used_by()]
found["links"] = sorted([each.qualified_name, each.version] for each in used.linked_artifacts)
link = api.artifact(f"{place}/shelf:shown")
found["source"] = [described(link.source_artifact), link.source_collection.name, link.collection.name]
found["files"] = sorted([file.name, file.size, file.md5, file.mimetype] for file in used.files())
found["some files"] = [[file.name for file in used.files(names=["part.txt"])], len(used.files())]
found["entries"] = sorted(used.manifest.entries)
with open(os.path.join(used.download(root="downloaded"), "part.txt")) as file:
    found["content"] = file.read()
run = api.run(f"{place}/maker")
found["logged"] = [described(each) for each in run.logged_artifacts()]
found["used"] = [described(each) for each in api.run(f"{place}/user").used_artifacts(per_page=1)]
found["logged count"] = [len(run.logged_artifacts()), len(run.used_artifacts()), len(run.logged_artifacts()[1:3])]

organization = api.organization("labs")
found["organization"] = [organization.id, organization.name, organization.org_entity.name, organization.org_entity.id]

def told(registry):
    fields = "id name full_name entity organization description visibility allow_all_artifact_types created_at"
    fields += " updated_at path"
    return {field: getattr(registry, field) for field in fields.split()} | {"types": list(registry.artifact_types)}

registries = api.registries("labs")
found["registries"] = sorted((told(each) for each in registries), key=lambda each: each["name"])
found["registry"] = told(api.registry("models", organization="labs"))
attempt("no registry", lambda: api.registry("absent", organization="labs").name)
attempt("no organization", lambda: [each.name for each in api.registries("absent")])
for order in ("+name", "-name", "-created_at"):
    found[f"registries {order}"] = [each.name for each in api.registries("labs", order=order, per_page=1)]
filters = [{"name": "models"}, {"name": {"$regex": "draft"}}, {"description": "not yet"}, {"name": {"$in": ["drafts"]}}]
for filter in filters:
    found[f"registries {json.dumps(filter)}"] = [each.name for each in api.registries("labs", filter=filter)]
found["in registries"] = [collected(each) for each in api.registries("labs").collections(order="+name")]
found["registry types"] = [each.name for each in api.artifact_types("labs/wandb-registry-models")]
listed = api.artifact_collections("labs/wandb-registry-models", "model", order="+name")
found["by path"] = [each.name for each in listed]
found["in a registry"] = [each.name for each in api.registry("models", "labs").collections(order="-name")]
found["tagged there"] = [each.name for each in api.registries("labs").collections(filter={"tag": "vision"})]
found["versions"] = sorted(
    (described(each) for each in api.registries("labs").versions()), key=lambda each: each["qualified_name"]
)
by_name = lambda versions: sorted(each.qualified_name for each in versions)
searched = api.registries("labs")
found["aliased"] = by_name(searched.versions(filter={"alias": "candidate"}))
found["measured"] = by_name(searched.versions(filter={"metadata.number": {"$gt": 3}}))
found["either"] = by_name(searched.versions(filter={"$or": [{"alias": "rough"}, {"tag": "absent"}]}))
found["of collections"] = by_name(searched.collections(filter={"name": "classifier"}).versions())
found["of a registry"] = by_name(api.registry("models", "labs").versions(per_page=1))
named = api.registries("labs", filter={"name": "models"})
found["of named ones"] = by_name(named.versions(filter={"alias": "staging"}))
found["sorted"] = [each.qualified_name for each in searched.versions(order="+linked_at")]
found["by size"] = [each.size for each in searched.versions(order="-artifact_size")]
ordered = api.registries("labs", order="-name")
found["chained"] = [[each.project, each.name] for each in ordered.collections(order="+name")]
found["chained versions"] = [each.qualified_name for each in ordered.versions(order="-linked_at")]
by_name = api.registries("labs").collections(order="+name")
found["by collection"] = [each.qualified_name for each in by_name.versions(order="+linked_at")]
attempt("chained from", lambda: list(ordered.collections(start="x")))
found["linked"] = described(api.artifact("labs/wandb-registry-models/classifier:candidate"))
found["linked latest"] = described(api.artifact("labs/wandb-registry-models/classifier"))
members = api.registry("models", organization="labs").members()
found["members"] = sorted(
    [str(member.role.value if hasattr(member.role, "value") else member.role),
     member.user.username if hasattr(member, "user") else member.team.name] for member in members
)
report(found)
"""

EDIT = """
import json, os, sys
if sys.argv[1] == "ours":
    import kymograph as wandb
else:
    import wandb
api = wandb.Api()
project = "edit-" + sys.argv[1]
found = {}

def attempt(name, call):
    try:
        found[name] = call()
    except (ValueError, LookupError, TypeError, wandb.errors.CommError):
        found[name] = "an error"

with wandb.init(entity="optics", project=project, id="maker") as run:
    for number in range(3):
        artifact = wandb.Artifact("data", type="dataset")
        with artifact.new_file("part.txt") as file:
            file.write(str(number))
        run.log_artifact(artifact).wait()
with wandb.init(entity="optics", project=project, id="idle") as run:
    found["from a registry"] = run.use_artifact("wandb-registry-models/classifier:candidate").qualified_name
idle = api.run(f"optics/{project}/idle")
version = api.artifact(f"optics/{project}/data:v1")
found["used"] = [idle.use_artifact(version).name, [each.name for each in idle.used_artifacts()]]
found["logged"] = [idle.log_artifact(version, aliases=["again"], tags=["x"]).name]
found["logged then"] = [[each.name, each.aliases, each.tags] for each in idle.logged_artifacts()]
attempt("log of another project", lambda: idle.log_artifact(api.artifact("optics/find/data:v0")))
attempt("use of a draft", lambda: idle.use_artifact(wandb.Artifact("draft", type="dataset")))
version = api.artifact(f"optics/{project}/data:v1")
version.aliases.append("kept")
version.tags.append("good")
version.description, version.metadata["note"] = "described", 1
version.save()
version = api.artifact(f"optics/{project}/data:kept")
found["saved"] = [sorted(version.aliases), sorted(version.tags), version.description, version.metadata]
collection = version.collection
collection.type = "sample"
collection.name = "renamed"
collection.save()
found["collection"] = [api.artifact_collection("sample", f"optics/{project}/renamed").aliases]
attempt("its old name", lambda: api.artifact(f"optics/{project}/data:v1").name)
for each in api.artifacts("sample", f"optics/{project}/renamed"):
    if not each.aliases:
        each.delete()
found["left"] = [each.name for each in api.artifacts("sample", f"optics/{project}/renamed")]
attempt("with aliases", lambda: api.artifact(f"optics/{project}/renamed:kept").delete())
api.artifact(f"optics/{project}/renamed:kept").delete(delete_aliases=True)
link = api.artifact(f"optics/{project}/renamed:latest").link(f"optics/{project}/shelf", aliases=["top"])
found["link"] = [link.name, link.aliases, link.is_link]
link.unlink()
found["shelf"] = len(api.artifacts("sample", f"optics/{project}/shelf"))
api.artifact_collection("sample", f"optics/{project}/renamed").delete()
found["gone"] = api.artifact_collection_exists(f"optics/{project}/renamed", "sample")

name = "edited-" + sys.argv[1]
registry = api.create_registry(name, visibility="restricted", organization="labs", artifact_types=["model"])
found["made"] = [registry.visibility, list(registry.artifact_types), registry.allow_all_artifact_types]
attempt("made twice", lambda: api.create_registry(name, visibility="restricted", organization="labs").name)
attempt("visibility", lambda: api.create_registry("bad", visibility="open", organization="labs").name)
registry.artifact_types.append("dataset")
registry.artifact_types.append("model")
registry.description = "described"
registry.visibility = "organization"
registry.name = name + "-new"
found["drafts"] = [list(registry.artifact_types), list(registry.artifact_types.draft), len(registry.artifact_types)]
attempt("remove saved", lambda: registry.artifact_types.remove("model"))
registry.save()
registry = api.registry(name + "-new", organization="labs")
found["changed"] = [registry.description, registry.visibility, sorted(registry.artifact_types), registry.name[:6]]
registry.allow_all_artifact_types = True
registry.save()
registry.artifact_types.append("more")
attempt("types of all", lambda: registry.save())
registry.load()
found["reloaded"] = [registry.allow_all_artifact_types, sorted(registry.artifact_types)]
team, person = api.team("optics"), api.user("grace")
registry.add_members(team, person).update_member(person, "member").update_member(team.id, role="restricted_viewer")

def members():
    role = lambda member: str(member.role.value if hasattr(member.role, "value") else member.role)
    people = [[role(member), member.user.username, member.user.email] for member in registry.user_members()]
    return sorted(people) + [[role(member), member.team.name] for member in registry.team_members()]

found["members"] = members()
registry.remove_members(team, *[each for each in registry.user_members() if each.user.username == "grace"])
found["members left"] = members()
attempt("nobody", lambda: registry.add_members())
attempt("bad member", lambda: registry.add_members("me"))
registry.delete()
attempt("deleted", lambda: api.registry(name + "-new", organization="labs").name)
report(found)
"""

PRELUDE = """
import json
def report(value):
    print(json.dumps(value))
"""


@pytest.fixture(scope="module")
def home(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, after the newest client has written projects and registries."""
    with server.rest() as rest:
        rest.post("/admin/organizations", {"name": ORGANIZATION, "owner": "admin"})
        rest.post("/admin/teams", {"name": "optics", "organization": ORGANIZATION})
        rest.post("/admin/users", {"username": "grace", "email": "grace@example.org"})
    folder = tmp_path_factory.mktemp("find")
    Client(NEWEST, folder / "writer", url=server.url, key=ADMIN_KEY).run(WRITE)
    return folder


def theirs(home: Path, server: ServerProcess, script: str) -> dict[str, Any]:
    found: dict[str, Any] = Client(NEWEST, home / "theirs", url=server.url, key=ADMIN_KEY).ask(script, "theirs")
    return found


def ours(home: Path, server: ServerProcess, script: str) -> dict[str, Any]:
    printed, complained = Training(home / "ours", url=server.url).run(PRELUDE + script, "ours")
    assert "ResourceWarning" not in complained
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


AWAIT = """
import asyncio, json
import kymograph

async def main():
    place = "optics/find"
    async with kymograph.AsyncApi() as api:
        artifact = await api.artifact(f"{place}/data:best")
        run = await api.run(f"{place}/maker")
        versions = api.artifacts("dataset", f"{place}/data", per_page=2)
        registry = await api.registry("models", "labs")
        idle = await api.create_run(entity="optics", project="find")
        used = await idle.use_artifact(artifact)
        links = api.registries("labs", order="-name").versions(order="+linked_at")
        found = {
            "artifact": [artifact.qualified_name, artifact.file_count],
            "content": await asyncio.to_thread(artifact.download, "awaited"),
            "exists": [await api.artifact_exists(f"{place}/data:v{number}") for number in (2, 3)],
            "types": [each.name async for each in api.artifact_types(place)],
            "versions": [await versions.count(), [each.name async for each in versions]],
            "collection": sorted((await (await api.artifact_type("dataset", place)).collection("data")).tags),
            "logged": await run.logged_artifacts().count(),
            "used": [each.name async for each in idle.used_artifacts()],
            "registries": [each.name async for each in api.registries("labs", order="+name")],
            "members": len(await registry.members()),
            "linked": [each.qualified_name async for each in registry.collections(order="+name").versions()],
            "chained": [each.qualified_name async for each in links],
        }
        await idle.delete()
        print(json.dumps(found))

asyncio.run(main())
"""

OFFLINE = """
import json
import kymograph
api = kymograph.Api(offline=True, overrides={"entity": "optics", "project": "notes"})
seen = kymograph.Api(offline=True).artifact("optics/find/data:best")
found = {
    "seen": [seen.version, seen.tags, seen.metadata["number"], open(seen.download("seen") + "/part.txt").read()],
    "types": [each.name for each in api.artifact_types()],
    "kept": [each.aliases for each in api.artifacts("note", "text")],
    "content": open(api.artifact("text:first").download("kept") + "/a.txt").read(),
    "maker": api.artifact("text").logged_by().id,
}
for name, call in {
    "absent": lambda: api.artifact("text:v7"),
    "server": lambda: seen.used_by(),
    "change": lambda: api.artifact("text").delete(),
}.items():
    try:
        call()
    except kymograph.Error as error:
        found[name] = type(error).__name__
print(json.dumps(found))
"""

LOG_OFFLINE = """
import kymograph
with kymograph.init(entity="optics", project="notes", id="away", mode="offline") as run:
    for number, alias in enumerate(["first", "second"]):
        artifact = kymograph.Artifact("text", type="note")
        with artifact.new_file("a.txt") as file:
            file.write(f"text {number}")
        run.log_artifact(artifact, aliases=[alias])
kymograph.Api().artifact("optics/find/data:best").download("first time")
"""


@pytest.mark.parametrize("script", [READ, EDIT], ids=["read", "edit"])
def test_what_is_found_and_changed_is_what_the_unmodified_client_finds(
    home: Path, server: ServerProcess, script: str
) -> None:
    expected, found = theirs(home, server, script), ours(home, server, script)

    differing = {name: (expected[name], found.get(name)) for name in expected if found.get(name) != expected[name]}

    assert differing == {}, json.dumps(differing, indent=1)


def test_code_that_awaits_finds_the_same(home: Path, server: ServerProcess) -> None:
    printed, _ = Training(home / "awaits", url=server.url).run(AWAIT)

    found = json.loads(printed.splitlines()[-1])
    assert found == {
        "artifact": ["optics/find/data:best", 2],
        "content": "awaited",
        "exists": [True, False],
        "types": ["dataset", "model"],
        "versions": [3, ["data:v2", "data:v1", "data:v0"]],
        "collection": ["raw", "seen"],
        "logged": 6,
        "used": ["data:v1"],
        "registries": ["drafts", "models"],
        "members": 2,
        "linked": [f"labs/wandb-registry-models/{name}" for name in ("classifier:v1", "classifier:v0", "detector:v0")],
        "chained": [
            f"labs/wandb-registry-{name}"
            for name in ("models/classifier:v0", "models/classifier:v1", "models/detector:v0", "drafts/tokens:v0")
        ],
    }


def test_without_a_server_artifacts_are_those_of_this_machine(home: Path, server: ServerProcess) -> None:
    training = Training(home / "offline", url=server.url)
    training.run(LOG_OFFLINE)
    nowhere = {"WANDB_BASE_URL": server.url, "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    printed, _ = training.run(OFFLINE, environment=nowhere)

    assert json.loads(printed.splitlines()[-1]) == {
        "seen": ["v1", ["small"], 1, "data 1"],
        "types": ["note"],
        "kept": [["second", "latest"], ["first"]],
        "content": "text 0",
        "maker": "away",
        "absent": "VersionNotHere",
        "server": "OfflineUse",
        "change": "OfflineUse",
    }
