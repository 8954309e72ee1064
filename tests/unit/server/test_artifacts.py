"""The artifact family over GraphQL and HTTP, in the order in which a client goes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from kymograph.core.digest import hex_digest, md5_digest
from kymograph.server.app import create_app
from kymograph.testing.deployments import PUBLIC_URL, DeploymentUnderTest, open_test_deployment
from kymograph.types import Digest
from tests.unit.server.artifact_http import FILES, KEY_OF_EVE, PROJECT, REFERENCE, Http
from tests.unit.services.artifact_client import digest_of, entries_of


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    with open_test_deployment(tmp_path) as opened:
        opened.run("admin/project/run")
        opened.run("admin/project/user")
        opened.user("eve", api_key=KEY_OF_EVE)
        yield opened


@pytest.fixture
def http(deployment: DeploymentUnderTest) -> Http:
    return Http(create_app(deployment.deployment))


@pytest.fixture
def eve(http: Http) -> Http:
    return Http(http.app, KEY_OF_EVE)


@pytest.fixture
def artifact(http: Http) -> str:
    return http.log(FILES, clientID="c1", sequenceClientID="s1")


# --- logging


def test_artifact_ids_are_standard_padded_base64(artifact: str) -> None:
    assert base64.b64decode(artifact, validate=True).startswith(b"Artifact:")


def test_the_answer_to_a_first_draft_is_what_the_client_reads(http: Http) -> None:
    entries = entries_of(FILES)
    draft = http.create(entries)
    begun = http.manifest(draft["id"], "", upload=False)
    node, *_ = http.upload_nodes(draft["id"], begun["id"], FILES)
    announced = http.manifest(draft["id"], md5_digest(b"x"), upload=True)

    assert (draft["state"], draft["artifactSequence"]["latestArtifact"]) == ("PENDING", None)
    assert set(begun["file"]) == {"id", "displayName"}
    assert (node["uploadHeaders"], node["uploadMultipartUrls"], node["artifact"]["id"]) == ([], None, draft["id"])
    assert node["uploadUrl"].startswith(f"{PUBLIC_URL}/storage/artifacts/")
    assert announced["id"] == begun["id"]
    assert announced["file"]["uploadHeaders"] == []


def test_the_form_of_older_clients_is_understood_and_tells_them_the_version(http: Http, artifact: str) -> None:
    data = http.run(
        "CreateArtifactByFields",
        type="dataset",
        collections=["digits"],
        entity="admin",
        project="project",
        digest=digest_of({**entries_of(FILES), **REFERENCE}),
        aliases=[{"artifactCollectionName": "digits", "alias": "old"}],
        historyStep=0,
        clientID="c2",
        sequenceClientID="s2",
    )

    aliases = [alias["alias"] for alias in data["createArtifact"]["artifact"]["aliases"]]
    assert data["createArtifact"]["artifact"]["id"] == artifact
    assert aliases == ["latest", "old", "v0"]


def test_uploads_of_known_bytes_have_no_address_and_name_the_version_that_brought_them(
    http: Http, artifact: str
) -> None:
    draft = http.create(entries_of({"b": b"A"}))["id"]
    known, new = http.upload_nodes(draft, "", {"b": b"A", "n": b"N"})

    assert (known["uploadUrl"], known["artifact"]["id"]) == (None, artifact)
    assert new["uploadUrl"] is not None
    assert new["artifact"]["id"] == draft


def test_an_unknown_region_is_an_error_that_names_it(http: Http) -> None:
    fields = {"entityName": "admin", "projectName": "project", "artifactTypeName": "t", "digest": "0" * 32}
    given = {**fields, "artifactCollectionName": "c", "digestAlgorithm": "MANIFEST_MD5", "storageRegion": "mars"}

    assert "mars" in http.error("CreateArtifact", input=given)


def test_wrong_bytes_are_refused_with_422_and_can_be_sent_again(http: Http) -> None:
    draft = http.create(entries_of(FILES))["id"]
    node, *_ = http.upload_nodes(draft, "", {"a.txt": b"A"})

    refused = http.put(node["uploadUrl"], b"not A")

    assert refused.status_code == 422
    assert refused.json()["error"]["kind"] == "DigestMismatch"
    assert http.put(node["uploadUrl"], b"A").status_code == 200


def test_an_upload_address_is_no_download_address(http: Http, artifact: str) -> None:
    draft = http.create(entries_of({"n": b"N"}))["id"]
    (node,) = http.upload_nodes(draft, "", {"n": b"N"})

    assert http.get(node["uploadUrl"]).status_code == 403
    assert http.put(node["uploadUrl"].replace("/storage/artifacts/", "/storage/artifacts/x"), b"N").status_code == 403


def test_ids_that_the_client_made_up_are_mapped(http: Http, eve: Http, artifact: str) -> None:
    assert http.run("ClientIDMapping", clientID="c1")["clientIDMapping"] == {"serverID": artifact}
    sequence = http.run("ClientIDMapping", clientID="s1")["clientIDMapping"]["serverID"]
    assert http.run("ArtifactCollectionAliases", id=sequence)["artifactCollection"]["aliases"]["edges"]
    assert http.run("ClientIDMapping", clientID="unknown")["clientIDMapping"] is None
    assert eve.run("ClientIDMapping", clientID="c1")["clientIDMapping"] is None


# --- reading


def test_a_version_is_shown_whole(http: Http, artifact: str) -> None:
    shown = http.run("ArtifactByID", id=artifact)["artifact"]
    by_name = http.run("ArtifactByName", **PROJECT, name="digits:v0")["project"]["artifact"]

    assert shown == by_name
    assert (shown["state"], shown["versionIndex"], shown["fileCount"]) == ("COMMITTED", 0, 3)
    assert shown["size"] == sum(map(len, FILES.values())) + 12
    assert (shown["ttlDurationSeconds"], shown["ttlIsInherited"]) == (-1, True)
    assert shown["artifactSequence"]["project"]["entity"] == {"name": "admin"}
    assert [(alias["alias"], alias["artifactCollection"]["__typename"]) for alias in shown["aliases"]] == [
        ("latest", "ArtifactSequence")
    ]


def test_a_version_has_its_place_in_its_collection(http: Http, artifact: str) -> None:
    place = http.run("ArtifactMembershipByName", **PROJECT, name="digits")["project"]["artifactCollectionMembership"]
    linked = http.run("FetchLinkedArtifacts", artifactID=artifact)["artifact"]["artifactMemberships"]["edges"]

    assert (place["versionIndex"], place["artifact"]["id"]) == (0, artifact)
    assert place["artifactCollection"]["name"] == "digits"
    assert [edge["node"]["artifactCollection"]["name"] for edge in linked] == ["digits"]


@pytest.mark.parametrize("name", ["digits:v9", "digits:none", "other", ""])
def test_what_is_not_there_is_null(http: Http, artifact: str, name: str) -> None:
    assert http.run("ArtifactMembershipByName", **PROJECT, name=name)["project"] == {
        "artifactCollectionMembership": None
    }
    assert http.run("ArtifactByName", **PROJECT, name=name)["project"] == {"artifact": None}
    assert http.run("ArtifactByID", id="nonsense")["artifact"] is None


def test_what_somebody_else_owns_is_null(eve: Http, artifact: str) -> None:
    assert eve.run("ArtifactByID", id=artifact)["artifact"] is None
    assert eve.run("FetchArtifactManifest", id=artifact)["artifact"] is None
    assert eve.run("ArtifactMembershipByName", **PROJECT, name="digits")["project"] is None


def test_somebody_else_can_change_nothing(eve: Http, artifact: str) -> None:
    alias = {"entityName": "admin", "projectName": "project", "artifactCollectionName": "digits", "alias": "x"}
    use = {"artifactID": artifact, "entityName": "admin", "projectName": "project", "runName": "user"}
    messages = [
        eve.error("CommitArtifact", artifactID=artifact),
        eve.error("UpdateArtifact", input={"artifactID": artifact, "description": "x"}),
        eve.error("DeleteArtifact", input={"artifactID": artifact, "deleteAliases": True}),
        eve.error("AddAliases", input={"artifactID": artifact, "aliases": [alias]}),
        eve.error("DeleteAliases", artifactID=artifact, aliases=[alias]),
        eve.error("UseArtifact", input=use),
        eve.error(
            "CreateArtifactFiles", input={"artifactFiles": [{"artifactID": artifact, "name": "n", "md5": "x" * 22}]}
        ),
    ]

    assert all("does not exist" in message or "digest" in message for message in messages), messages


def test_the_manifest_is_read_without_credentials(http: Http, artifact: str) -> None:
    manifest = http.run("FetchArtifactManifest", id=artifact)["artifact"]["currentManifest"]

    document = json.loads(http.get(manifest["file"]["directUrl"]).content)

    assert sorted(document["contents"]) == ["a.txt", "ref.bin", "sub/ü %20.bin"]
    assert document["contents"]["a.txt"]["birthArtifactID"] == artifact


def membership_files(http: Http, **variables: Any) -> Any:
    data = http.run("ArtifactMembershipFiles", **PROJECT, collection="digits", alias="latest", **variables)
    return data["project"]["artifactCollection"]["artifactMembership"]["files"]


def test_files_and_references_are_listed_in_pages(http: Http, artifact: str) -> None:
    first = membership_files(http, perPage=2)
    second = membership_files(http, perPage=2, cursor=first["pageInfo"]["endCursor"])
    named = membership_files(http, fileNames=["a.txt", "nope"])

    assert [edge["node"]["name"] for edge in first["edges"]] == ["a.txt", "ref.bin"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    assert [edge["node"]["name"] for edge in second["edges"]] == ["sub/ü %20.bin"]
    assert second["pageInfo"]["hasNextPage"] is False
    assert [edge["node"]["name"] for edge in named["edges"]] == ["a.txt"]
    assert named["edges"][0]["node"]["md5"] == md5_digest(b"A")


def test_addresses_of_files_give_exact_bytes_and_ranges(http: Http, artifact: str) -> None:
    edges = http.run("ArtifactFiles", id=artifact)["artifact"]["files"]["edges"]
    urls = {edge["node"]["name"]: edge["node"]["directUrl"] for edge in edges}
    content = FILES["sub/ü %20.bin"]

    whole, part = http.get(urls["sub/ü %20.bin"]), http.get(urls["sub/ü %20.bin"], Range="bytes=100-299")

    assert whole.content == content
    assert (part.status_code, part.content) == (206, content[100:300])
    assert part.headers["content-range"] == f"bytes 100-299/{len(content)}"
    assert urls["ref.bin"] == ""


def test_a_page_that_was_logged_as_a_file_is_saved_and_not_shown(http: Http) -> None:
    artifact = http.log({"page.html": b"<script>alert(1)</script>"})
    edges = http.run("ArtifactFiles", id=artifact, names=["page.html"])["artifact"]["files"]["edges"]

    answer = http.get(edges[0]["node"]["directUrl"])

    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_addresses_come_for_the_manifest_entries_asked_for(http: Http, artifact: str) -> None:
    entries = [{"name": "a.txt", "digest": md5_digest(b"A")}, {"name": "ref.bin", "digest": "etag"}]
    data = http.run(
        "ArtifactFileURLsByManifestEntries", id=artifact, entries=entries, storageLayout="V2", manifestVersion="1"
    )

    nodes = [edge["node"] for edge in data["artifact"]["filesByManifestEntries"]["edges"]]

    assert [node["name"] for node in nodes] == ["a.txt", "ref.bin"]
    assert http.get(nodes[0]["directUrl"]).content == b"A"


# --- addresses that clients build


def entry_url(artifact: str, digest: Digest, *, region: str = "default", parts: int = 7) -> str:
    more = f"{artifact}/" if parts == 8 else ""
    return f"/artifactsV2/{region}/admin/project/digits/{more}{artifact}/{hex_digest(digest)}/a.txt"


@pytest.mark.parametrize("parts", [7, 8])
def test_an_entry_is_given_by_digest_to_those_who_may_read_it(http: Http, eve: Http, artifact: str, parts: int) -> None:
    url = entry_url(artifact, md5_digest(b"A"), parts=parts)

    assert http.get_signed_in(url).content == b"A"
    assert eve.get_signed_in(url).status_code == 404
    assert http.get(url).status_code == 401
    assert http.get_signed_in(entry_url(artifact, md5_digest(b"?"), parts=parts)).status_code == 404
    refused = http.get_signed_in(entry_url(artifact, md5_digest(b"A"), region="mars", parts=parts))
    assert refused.status_code == 404
    assert "mars" in refused.json()["error"]["message"]


def test_content_of_the_old_layout_is_given_by_entity_and_digest(http: Http, eve: Http, artifact: str) -> None:
    url = f"/artifacts/admin/{hex_digest(md5_digest(b'A'))}"

    assert http.get_signed_in(url).content == b"A"
    assert eve.get_signed_in(url).status_code == 404
    assert http.get(url).status_code == 401
    assert http.get_signed_in("/artifacts/admin/nonsense").status_code == 400


# --- editing and lineage


def test_a_save_changes_aliases_then_fields(http: Http, artifact: str) -> None:
    alias = {"entityName": "admin", "projectName": "project", "artifactCollectionName": "digits", "alias": "best"}
    latest = {**alias, "alias": "latest"}
    assert http.run("AddAliases", input={"artifactID": artifact, "aliases": [alias]})["result"] == {"success": True}
    http.run("DeleteAliases", artifactID=artifact, aliases=[latest])
    change = {
        "artifactID": artifact,
        "description": "d",
        "metadata": '{"k": [1, null]}',
        "ttlDurationSeconds": 3600,
        "tagsToAdd": [{"tagName": "t"}],
        "aliases": None,
    }

    shown = http.run("UpdateArtifact", input=change)["result"]["artifact"]

    assert [alias["alias"] for alias in shown["aliases"]] == ["best"]
    assert (shown["description"], shown["metadata"], shown["ttlDurationSeconds"]) == ("d", '{"k": [1, null]}', 3600)
    assert [tag["name"] for tag in shown["tags"]] == ["t"]


def test_a_version_with_aliases_is_not_deleted_by_accident(http: Http, artifact: str) -> None:
    assert "latest" in http.error("DeleteArtifact", input={"artifactID": artifact})
    assert http.run("DeleteArtifact", input={"artifactID": artifact, "deleteAliases": True})["result"]

    assert http.run("ArtifactByID", id=artifact)["artifact"]["state"] == "DELETED"
    # Whoever has its id may read it until it is purged: entries of other versions may lead to it.
    assert http.run("FetchArtifactManifest", id=artifact)["artifact"]["currentManifest"]["file"]["directUrl"]


def test_lineage_goes_both_ways(http: Http, artifact: str) -> None:
    use = {"artifactID": artifact, "entityName": "admin", "projectName": "project", "runName": "user", "usedAs": "x"}
    http.run("UseArtifact", input=use)
    http.run("UseArtifact", input=use)

    used_by = http.run("ArtifactUsedBy", id=artifact)["artifact"]["usedBy"]["edges"]
    created_by = http.run("ArtifactCreatedBy", id=artifact)["artifact"]["createdBy"]
    outputs = http.run("RunOutputArtifacts", **PROJECT, run="run")["project"]["run"]["artifacts"]
    inputs = http.run("RunInputArtifacts", **PROJECT, run="user")["project"]["run"]["artifacts"]

    assert [edge["node"]["name"] for edge in used_by] == ["user"]
    assert (created_by["__typename"], created_by["name"]) == ("Run", "run")
    assert (outputs["totalCount"], outputs["edges"][0]["node"]["id"]) == (1, artifact)
    assert (inputs["totalCount"], inputs["edges"][0]["node"]["id"]) == (1, artifact)


# --- lists


def test_types_collections_and_versions_are_listed(http: Http, artifact: str) -> None:
    second = http.log({"a.txt": b"2"})
    types = http.run("ProjectArtifactTypes", **PROJECT)["project"]["artifactTypes"]["edges"]
    collections = http.run("ProjectArtifactCollections", **PROJECT)["project"]["artifactCollections"]
    by_type = http.run("ArtifactTypeArtifactCollections", **PROJECT, type="dataset")["project"]["artifactType"]
    one = http.run("ProjectArtifactCollection", **PROJECT, type="dataset", name="digits")["project"]["artifactType"]
    versions = http.run(
        "ProjectArtifacts",
        **PROJECT,
        type="dataset",
        collection="digits",
        perPage=1,
        filters='{"state": "COMMITTED"}',
        order="-createdAt",
    )["project"]["artifactType"]["artifactCollection"]["artifacts"]

    assert [edge["node"]["name"] for edge in types] == ["dataset"]
    assert collections["totalCount"] == 1
    shown = collections["edges"][0]["node"]
    assert (shown["__typename"], shown["type"], shown["tags"]) == (
        "ArtifactSequence",
        {"name": "dataset"},
        {"edges": []},
    )
    assert len(by_type["artifactCollections"]["edges"]) == len(by_type["artifactSequences"]["edges"]) == 1
    assert [edge["node"]["alias"] for edge in one["artifactCollection"]["aliases"]["edges"]] == ["latest"]
    assert [(edge["version"], edge["node"]["id"]) for edge in versions["edges"]] == [("v1", second)]
    assert (versions["totalCount"], versions["pageInfo"]["hasNextPage"]) == (2, True)


def test_a_filter_or_an_order_that_is_unknown_is_an_error_and_not_ignored(http: Http, artifact: str) -> None:
    place = {**PROJECT, "type": "dataset", "collection": "digits"}

    assert "no field 'size'" in http.error("ProjectArtifactCollections", **PROJECT, filters='{"size": 1}')
    assert "no order 'tag'" in http.error("ProjectArtifactCollections", **PROJECT, order="tag")
    assert "no field 'x'" in http.error("ProjectArtifacts", **place, filters='{"x": 1}')
    assert "no order '+digest'" in http.error("ProjectArtifacts", **place, order="+digest")
    assert "JSON" in http.error("ProjectArtifacts", **place, filters="{")


def test_the_digest_algorithm_is_told(http: Http, artifact: str) -> None:
    variables = {**PROJECT, "type": "dataset", "collection": "digits"}
    found = http.run("FetchArtifactDigestAlgorithm", **variables)["project"]["artifactType"]["artifactCollection"]

    assert found["digestAlgorithm"] == "MANIFEST_MD5"


def test_a_type_can_be_named_before_it_is_used(http: Http, eve: Http) -> None:
    assert http.run("CreateArtifactType", **PROJECT, name="model")["createArtifactType"]["artifactType"]["id"]
    assert "does not exist" in eve.error("CreateArtifactType", **PROJECT, name="model")


def test_addresses_of_storage_say_nothing_but_the_path_and_a_token(http: Http) -> None:
    draft = http.create(entries_of(FILES))["id"]
    (node,) = http.upload_nodes(draft, "", {"sub/ü %20.bin": b"x"})

    parts = urlsplit(node["uploadUrl"])

    assert parts.path.endswith("/sub/%C3%BC%20%2520.bin")
    assert not parts.query
