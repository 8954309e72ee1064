"""Artifacts and lineage over REST, logged the way a client does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kymograph.core.artifact import ArtifactVersion
from kymograph.core.digest import md5_digest
from kymograph.core.project import Visibility
from kymograph.services.artifact_lineage import RunAddressOfUse
from kymograph.services.artifact_links import LinkTarget
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from tests.unit.server.http import Http
from tests.unit.services.artifact_client import ArtifactClient

PROJECT = "/api/v1/projects/admin/project"
ARTIFACTS = f"{PROJECT}/artifacts"
DIGITS = f"{ARTIFACTS}/collections/digits"
OLD = {"images/0.png": b"0", "images/1.png": b"11", "labels.csv": b"a,b\n"}
NEW = {"images/0.png": b"0", "images/2.png": b"222", "labels.csv": b"a,b\n1,2\n"}
EVE = "e" * 40


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    with open_test_deployment(tmp_path) as opened:
        opened.run("admin/project/run")
        opened.run("admin/project/user")
        opened.user("eve", api_key=EVE)
        yield opened


@pytest.fixture
def http(deployment: DeploymentUnderTest) -> Http:
    return Http(deployment.deployment)


@pytest.fixture
def client(deployment: DeploymentUnderTest) -> ArtifactClient:
    return ArtifactClient(deployment)


@pytest.fixture
def versions(client: ArtifactClient) -> tuple[ArtifactVersion, ArtifactVersion]:
    reference: dict[str, dict[str, Any]] = {"far.bin": {"digest": "etag", "ref": "s3://bucket/key", "size": 1000}}
    best = (("digits", "latest"), ("digits", "best"))
    return client.log(OLD, aliases=best), client.log(NEW, references=reference)


def use(client: ArtifactClient, version: ArtifactVersion, run: str, project: str = "project") -> None:
    client.services.artifact_lineage.use(client.caller, version.id, RunAddressOfUse("admin", project, run))


def ok(http: Http, url: str, **params: Any) -> Any:
    answer = http.get(url, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- types, collections, versions


@pytest.mark.usefixtures("versions")
def test_types_and_collections_are_counted(http: Http, client: ArtifactClient, deployment: DeploymentUnderTest) -> None:
    deployment.clock.advance(seconds=1)
    client.log({"w": b"w"}, type_name="model", collection="net")

    assert ok(http, f"{ARTIFACTS}/types")["items"] == [
        {"name": "dataset", "collections": 1, "versions": 2},
        {"name": "model", "collections": 1, "versions": 1},
    ]
    (found,) = ok(http, f"{ARTIFACTS}/collections", type="dataset")["items"]
    assert (found["name"], found["kind"], found["versions"], found["newest"]) == ("digits", "sequence", 2, "v1")
    assert found["own_bytes"] == sum(map(len, {*OLD.values(), *NEW.values()}))
    assert [one["name"] for one in ok(http, f"{ARTIFACTS}/collections", q="NE")["items"]] == ["net"]
    by_size = ok(http, f"{ARTIFACTS}/collections", order="own", limit=1)
    assert ([one["name"] for one in by_size["items"]], by_size["total"]) == (["digits"], 2)
    assert ok(http, f"{ARTIFACTS}/collections", order="own", after=by_size["next"])["items"][0]["name"] == "net"
    assert ok(http, f"{ARTIFACTS}/collections", order="newest")["items"][0]["name"] == "net"


@pytest.mark.usefixtures("versions")
def test_a_collection_is_described_tagged_and_renamed(http: Http) -> None:
    changed = http.request("PATCH", DIGITS, json={"description": "ten of them", "tags": ["a", "b"], "name": "numbers"})

    assert changed.status_code == 200, changed.text
    assert (changed.json()["name"], changed.json()["tags"]) == ("numbers", ["a", "b"])
    again = http.request("PATCH", f"{ARTIFACTS}/collections/numbers", json={"tags": ["b"]}).json()
    assert (again["tags"], again["description"]) == (["b"], "ten of them")


def test_versions_are_listed_and_described(
    http: Http, client: ArtifactClient, versions: tuple[ArtifactVersion, ArtifactVersion]
) -> None:
    use(client, versions[0], "user")

    newest, oldest = ok(http, f"{DIGITS}/versions")["items"]

    assert (newest["version"], newest["aliases"], newest["file_count"]) == ("v1", ["latest"], 4)
    assert (oldest["version"], oldest["aliases"], oldest["used_by"]) == ("v0", ["best"], 1)
    assert oldest["run"]["id"] == "run"
    assert (oldest["own_bytes"], oldest["shared_bytes"]) == (len(b"11") + len(b"a,b\n"), len(b"0"))
    assert ok(http, f"{DIGITS}/versions", q='{"alias": "best"}')["total"] == 1
    detail = ok(http, f"{DIGITS}/versions/best")
    assert detail["digest"] == versions[0].digest
    assert detail["source"]["version"] == "v0"
    assert detail["links"] == []
    assert http.get(f"{DIGITS}/versions/nope").status_code == 404


@pytest.mark.usefixtures("versions")
def test_aliases_move_and_words_change(http: Http) -> None:
    body = {
        "add_aliases": ["best", "new"],
        "description": "# what",
        "metadata": {"a": [1, None]},
        "tags": ["x"],
        "ttl_s": 86400,
    }

    changed = http.request("PATCH", f"{DIGITS}/versions/v1", json=body)

    assert changed.status_code == 200, changed.text
    found = changed.json()
    assert found["aliases"] == ["best", "latest", "new"]
    assert (found["description"], found["metadata"], found["tags"], found["ttl_s"]) == (
        "# what",
        {"a": [1, None]},
        ["x"],
        86400,
    )
    assert ok(http, f"{DIGITS}/versions/v0")["aliases"] == []
    less = http.request("PATCH", f"{DIGITS}/versions/best", json={"remove_aliases": ["best"], "description": ""}).json()
    assert (less["aliases"], less["description"], less["tags"]) == (["latest", "new"], "", ["x"])


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize("body", [{"add_aliases": ["v3"]}, {"add_aliases": ["a/b"]}, {"tags": ["a/b"]}, {"ttl_s": 0}])
def test_what_breaks_a_rule_changes_nothing(http: Http, body: dict[str, Any]) -> None:
    before = ok(http, f"{DIGITS}/versions/v1")

    answer = http.request("PATCH", f"{DIGITS}/versions/v1", json={**body, "remove_aliases": ["latest"]})

    assert answer.status_code == 400
    assert ok(http, f"{DIGITS}/versions/v1") == before


def test_a_link_is_told_apart_and_has_aliases_of_its_own(
    http: Http, client: ArtifactClient, versions: tuple[ArtifactVersion, ArtifactVersion]
) -> None:
    target = LinkTarget(entity="admin", project="shelf", name="chosen")
    client.services.artifact_links.link(client.caller, versions[1].id, target, aliases=["good"])

    there = ok(http, "/api/v1/projects/admin/shelf/artifacts/collections/chosen/versions/v0")

    assert (there["is_link"], there["aliases"], there["project"]) == (True, ["good", "latest"], "shelf")
    assert (there["source"]["project"], there["source"]["version"]) == ("project", "v1")
    (link,) = ok(http, f"{DIGITS}/versions/v1")["links"]
    assert (link["project"], link["collection"], link["aliases"]) == ("shelf", "chosen", ["good", "latest"])


# --- files


@pytest.mark.usefixtures("versions")
def test_folders_are_listed_with_what_is_below_them(http: Http) -> None:
    first = ok(http, f"{DIGITS}/versions/v1/entries", limit=1)

    assert first["items"] == [
        {
            "name": "far.bin", "path": "far.bin", "kind": "file", "files": 1, "size_bytes": 1000, "digest": "etag",
            "is_reference": True, "mimetype": "application/octet-stream",
        }
    ]  # fmt: skip
    rest = ok(http, f"{DIGITS}/versions/v1/entries", after=first["next"])
    assert [(one["path"], one["files"], one["size_bytes"]) for one in rest["items"]] == [
        ("images/", 2, 4),
        ("labels.csv", 1, 8),
    ]
    inside = ok(http, f"{DIGITS}/versions/v1/entries", folder="images/")
    assert [(one["name"], one["mimetype"]) for one in inside["items"]] == [
        ("0.png", "image/png"),
        ("2.png", "image/png"),
    ]
    (only,) = ok(http, f"{DIGITS}/versions/v1/entries", path="images/2.png")["items"]
    assert (only["name"], only["digest"]) == ("2.png", md5_digest(b"222"))
    assert http.get(f"{DIGITS}/versions/v1/entries", params={"folder": "images"}).status_code == 400
    assert http.get(f"{DIGITS}/versions/v1/entries", params={"after": "!"}).status_code == 400


@pytest.mark.usefixtures("versions")
def test_files_are_given_out_safely_and_in_ranges(http: Http, client: ArtifactClient) -> None:
    client.log({"page.html": b"<script>1</script>"}, collection="pages")

    whole = http.get(f"{DIGITS}/versions/v1/files/labels.csv")
    part = http.get(f"{DIGITS}/versions/v1/files/labels.csv", headers={"Range": "bytes=4-"})
    saved = http.get(f"{DIGITS}/versions/v1/files/labels.csv?download=1")
    page = http.get(f"{ARTIFACTS}/collections/pages/versions/v0/files/page.html")
    reference = http.get(f"{DIGITS}/versions/v1/files/far.bin")

    assert whole.content == NEW["labels.csv"]
    assert whole.headers["content-disposition"].startswith("inline")
    assert (part.status_code, part.content) == (206, b"1,2\n")
    assert saved.headers["content-disposition"].startswith("attachment")
    assert page.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert reference.status_code == 404
    assert "reference" in reference.json()["error"]["message"]
    again = http.get(f"{DIGITS}/versions/v1/files/labels.csv", headers={"If-None-Match": whole.headers["etag"]})
    assert again.status_code == 304


def test_rows_of_parquet_files_are_given(tmp_path: Path) -> None:
    made = tmp_path / "it's.parquet"
    with duckdb.connect() as connection:
        rows = "SELECT i AS id, 'n' || i AS name, CAST('nan' AS DOUBLE) AS x FROM range(5) AS r(i)"
        connection.sql(rows).write_parquet(str(made))
    reference: dict[str, dict[str, Any]] = {"far.parquet": {"digest": "etag", "ref": "s3://bucket/key", "size": 1000}}
    # The process that reads needs objects that are more than memory of this one.
    with open_test_deployment(tmp_path / "data", objects=f"file:{tmp_path / 'objects'}") as opened:
        opened.run("admin/project/run")
        opened.user("eve", api_key=EVE)
        http = Http(opened.deployment)
        files = {"t.parquet": made.read_bytes(), "no.parquet": b"PAR1 nothing PAR1"}
        ArtifactClient(opened).log(files, references=reference)
        url = f"{DIGITS}/versions/v0/rows"

        found = ok(http, f"{url}/t.parquet", limit=2)

        assert found["columns"] == [
            {"name": "id", "type": "BIGINT", "values": [0, 1]},
            {"name": "name", "type": "VARCHAR", "values": ["n0", "n1"]},
            {"name": "x", "type": "DOUBLE", "values": [{"$number": "NaN"}, {"$number": "NaN"}]},
        ]
        assert (found["row_count"], found["truncated"]) == (2, True)
        assert http.get(f"{url}/no.parquet").status_code == 400
        assert http.get(f"{url}/absent.parquet").status_code == 404
        assert http.get(f"{url}/far.parquet").status_code == 404
        assert http.get(f"{url}/t.parquet", key=EVE).status_code == 404


@pytest.mark.usefixtures("versions")
def test_versions_are_compared(http: Http, client: ArtifactClient) -> None:
    diff = ok(http, f"{DIGITS}/versions/latest/diff", base="v0")

    assert diff["totals"] == {
        "added": {"files": 2, "old_bytes": 0, "new_bytes": 1003},
        "removed": {"files": 1, "old_bytes": 2, "new_bytes": 0},
        "changed": {"files": 1, "old_bytes": 4, "new_bytes": 8},
    }
    assert [one["path"] for one in diff["items"]] == ["far.bin", "labels.csv", "images/2.png", "images/1.png"]
    one = ok(http, f"{DIGITS}/versions/v1/diff", base="v0", kind="added", order="path", limit=1)
    assert (one["items"][0]["path"], one["total"]) == ("far.bin", 2)
    client.log(OLD, collection="copy")
    assert ok(http, f"{ARTIFACTS}/collections/copy/versions/v0/diff", base="digits:v0")["total"] == 0


# --- lineage


def test_uses_and_what_a_run_did_are_listed(
    http: Http, client: ArtifactClient, versions: tuple[ArtifactVersion, ArtifactVersion]
) -> None:
    use(client, versions[1], "user")

    (found,) = ok(http, f"{DIGITS}/versions/v1/uses")["items"]

    assert found["run"]["id"] == "user"
    assert [one["artifact"]["version"] for one in ok(http, f"{PROJECT}/runs/user/artifacts")["inputs"]] == ["v1"]
    assert [one["version"] for one in ok(http, f"{PROJECT}/runs/run/artifacts")["outputs"]] == ["v0", "v1"]


def test_the_graph_leads_up_to_what_it_was_made_from_and_down_to_what_was_made(
    http: Http, client: ArtifactClient, versions: tuple[ArtifactVersion, ArtifactVersion]
) -> None:
    use(client, versions[1], "user")
    client.log({"w": b"w"}, run="user", type_name="model", collection="net")

    up = ok(http, f"{PROJECT}/lineage", at="artifact:net:latest", depth=3)
    down = ok(http, f"{PROJECT}/lineage", at="artifact:digits:v1", depth=2, direction="down")
    near = ok(http, f"{PROJECT}/lineage", at="run:user", depth=1)

    assert up["center"] == "artifact:admin/project/net:v0"
    assert {node["id"] for node in up["nodes"]} == {
        "artifact:admin/project/net:v0",
        "run:admin/project/user",
        "artifact:admin/project/digits:v1",
        "run:admin/project/run",
    }
    assert {"source": "run:admin/project/user", "target": "artifact:admin/project/net:v0"} in up["edges"]
    assert {"source": "artifact:admin/project/digits:v1", "target": "run:admin/project/user"} in up["edges"]
    assert [node["id"] for node in down["nodes"] if node["kind"] == "run"] == ["run:admin/project/user"]
    assert len(near["nodes"]) == 3
    for at in ("nonsense", "run:", "artifact:"):
        assert http.get(f"{PROJECT}/lineage", params={"at": at}).status_code == 400
    assert http.get(f"{PROJECT}/lineage", params={"at": "artifact:net:v9"}).status_code == 404


def test_many_neighbours_are_counted_and_paged(
    http: Http,
    client: ArtifactClient,
    deployment: DeploymentUnderTest,
    versions: tuple[ArtifactVersion, ArtifactVersion],
) -> None:
    for number in range(7):
        deployment.run(f"admin/project/many{number}")
        use(client, versions[1], f"many{number}")

    graph = ok(http, f"{PROJECT}/lineage", at="artifact:digits:v1", limit=3)

    assert graph["rests"] == [{"node": graph["center"], "direction": "down", "kind": "run", "count": 4}]
    at = {"at": "artifact:digits:v1", "direction": "down"}
    first = ok(http, f"{PROJECT}/lineage/neighbors", **at, skip=3, limit=2)
    more = ok(http, f"{PROJECT}/lineage/neighbors", **at, after=first["next"])
    shown = [node["id"] for node in graph["nodes"] if node["kind"] == "run" and "many" in node["id"]]
    assert len({*shown, *(node["id"] for page in (first, more) for node in page["nodes"])}) == 7
    assert (first["total"], more["next"], len(more["edges"])) == (7, None, 2)


def test_a_circle_of_equal_content_ends(http: Http, client: ArtifactClient) -> None:
    version = client.log(OLD, run="run")
    use(client, version, "user")
    assert client.log(OLD, run="user").id == version.id

    graph = ok(http, f"{PROJECT}/lineage", at="artifact:digits:v0", depth=20)

    assert len(graph["nodes"]) == 3
    assert len(graph["edges"]) == 3


def test_other_projects_are_shown_only_to_their_readers(
    http: Http,
    client: ArtifactClient,
    deployment: DeploymentUnderTest,
    versions: tuple[ArtifactVersion, ArtifactVersion],
) -> None:
    deployment.run("admin/secret/user")
    use(client, versions[1], "user", project="secret")
    client.services.projects.put(client.caller, "admin", "project", visibility=Visibility.PUBLIC)
    path = f"{PROJECT}/lineage?at=artifact:digits:v1"

    seen_by_all = http.get(path, key=EVE).json()
    seen_by_admin = http.get(path).json()

    assert "secret" in str(seen_by_admin)
    assert "secret" not in str(seen_by_all)
    assert http.get(f"{DIGITS}/versions/v1/uses", key=EVE).json()["total"] == 0
    assert http.get(f"{DIGITS}/versions/v1/files/labels.csv", key=EVE).status_code == 200
    assert http.request("PATCH", f"{DIGITS}/versions/v1", key=EVE, json={"add_aliases": ["mine"]}).status_code == 403
    assert http.request("PATCH", DIGITS, key=EVE, json={"description": "mine"}).status_code == 403
