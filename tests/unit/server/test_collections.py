"""Links and collections over GraphQL, as clients send their documents."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kymograph.core.accounts import Role
from kymograph.server.app import create_app
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from tests.unit.server.artifact_http import FILES, KEY_OF_EVE, PROJECT, Http

SHELF = {"entityName": "admin", "projectName": "project", "artifactPortfolioName": "shelf"}
DIGITS = {"entityName": "admin", "projectName": "project", "artifactCollectionName": "digits"}


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[DeploymentUnderTest]:
    with open_test_deployment(tmp_path) as opened:
        opened.run("admin/project/run")
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
    http.log({"older": b"o"})
    return http.log(FILES, clientID="c1")


def link(http: Http, artifact: str, **fields: Any) -> Any:
    return http.run("LinkArtifact", input={**SHELF, "artifactID": artifact, **fields})["result"]


def collection_id(http: Http, name: str, type_name: str = "dataset") -> str:
    found = http.run("ProjectArtifactCollection", **PROJECT, type=type_name, name=name)["project"]["artifactType"]
    identifier: str = found["artifactCollection"]["id"]
    return identifier


def test_a_link_is_answered_with_its_place(http: Http, artifact: str) -> None:
    linked = link(http, artifact, aliases=[{"artifactCollectionName": "shelf", "alias": "prod"}])

    place = linked["artifactMembership"]
    assert linked["versionIndex"] == place["versionIndex"] == 0
    assert (place["artifactCollection"]["__typename"], place["artifactCollection"]["name"]) == (
        "ArtifactPortfolio",
        "shelf",
    )
    assert [alias["alias"] for alias in place["aliases"]] == ["latest", "prod"]
    assert place["artifact"]["id"] == artifact
    assert link(http, artifact)["artifactMembership"]["id"] == place["id"]
    named = http.run("ArtifactMembershipByName", **PROJECT, name="shelf:prod")["project"]
    assert named["artifactCollectionMembership"]["id"] == place["id"]
    files = http.run("ArtifactMembershipFiles", **PROJECT, collection="shelf", alias="v0")["project"]
    assert files["artifactCollection"]["artifactMembership"]["files"]["totalCount"] == len(FILES) + 1


def test_the_form_with_flat_variables_takes_a_client_id(http: Http, artifact: str) -> None:
    linked = http.run(
        "LinkArtifactByFields", **PROJECT, portfolio="shelf", clientId="c1", artifactId=None, aliases=None
    )

    assert linked["linkArtifact"]["versionIndex"] == 0


def test_links_are_listed_after_the_version_s_own_place(http: Http, artifact: str) -> None:
    link(http, artifact)
    link(http, artifact, artifactPortfolioName="other")

    edges = http.run("FetchLinkedArtifacts", artifactID=artifact)["artifact"]["artifactMemberships"]["edges"]

    assert [
        (edge["node"]["artifactCollection"]["__typename"], edge["node"]["artifactCollection"]["name"]) for edge in edges
    ] == [("ArtifactSequence", "digits"), ("ArtifactPortfolio", "shelf"), ("ArtifactPortfolio", "other")]
    assert [edge["node"]["versionIndex"] for edge in edges] == [1, 0, 0]


def test_unlinking_removes_the_place(http: Http, artifact: str) -> None:
    link(http, artifact)
    portfolio = collection_id(http, "shelf")

    gone = http.run("UnlinkArtifact", input={"artifactID": artifact, "artifactPortfolioID": portfolio})["result"]

    assert gone == {"artifactID": artifact, "success": True}
    named = http.run("ArtifactMembershipByName", **PROJECT, name="shelf:v0")["project"]
    assert named["artifactCollectionMembership"] is None


def test_a_collection_is_edited_as_the_client_saves_it(http: Http, artifact: str) -> None:
    sequence = collection_id(http, "digits")

    http.run("UpdateArtifactSequence", input={"artifactSequenceID": sequence, "name": "new", "description": "d"})
    http.run(
        "UpdateArtifactSequenceType",
        input={"artifactSequenceID": sequence, "destinationArtifactTypeName": "model"},
    )
    tags = {**DIGITS, "artifactCollectionName": "new", "tags": [{"tagName": "one"}, {"tagName": "two"}]}
    added = http.run("AddArtifactCollectionTags", input=tags)["result"]["tags"]
    http.run("DeleteArtifactCollectionTags", input={**tags, "tags": [{"tagName": "one"}]})

    found = http.run("ProjectArtifactCollection", **PROJECT, type="model", name="new")["project"]["artifactType"]
    shown = found["artifactCollection"]
    assert (shown["id"], shown["description"]) == (sequence, "d")
    assert [tag["name"] for tag in added] == ["one", "two"]
    assert [edge["node"]["name"] for edge in shown["tags"]["edges"]] == ["two"]
    assert shown["updatedAt"] is not None
    assert "reserved" in http.error(
        "UpdateArtifactSequenceType", input={"artifactSequenceID": sequence, "destinationArtifactTypeName": "job"}
    )


def test_portfolios_and_sequences_are_deleted_each_by_their_own_mutation(http: Http, artifact: str) -> None:
    link(http, artifact)
    portfolio, sequence = collection_id(http, "shelf"), collection_id(http, "digits")

    assert "does not exist" in http.error("DeleteArtifactSequence", id=portfolio)
    gone = [http.run("DeleteArtifactPortfolio", id=portfolio), http.run("DeleteArtifactSequence", id=sequence)]

    assert [one["result"]["artifactCollection"] for one in gone] == [
        {"__typename": "ArtifactPortfolio", "state": "DELETED"},
        {"__typename": "ArtifactSequence", "state": "DELETED"},
    ]
    assert http.run("ProjectArtifactTypes", **PROJECT)["project"]["artifactTypes"]["edges"] == []


def test_versions_and_collections_are_filtered_and_ordered(http: Http, artifact: str) -> None:
    http.log({"x": b"y"}, artifactCollectionName="net", artifactTypeName="model", aliases=[])
    place = {**PROJECT, "type": "dataset", "collection": "digits"}

    def versions(**arguments: str) -> list[str]:
        found = http.run("ProjectArtifacts", **place, **arguments)["project"]["artifactType"]["artifactCollection"]
        return [edge["version"] for edge in found["artifacts"]["edges"]]

    def names(**arguments: str) -> list[str]:
        found = http.run("ProjectArtifactCollections", **PROJECT, **arguments)["project"]["artifactCollections"]
        assert found["totalCount"] == len(found["edges"])
        return [edge["node"]["name"] for edge in found["edges"]]

    assert versions(order="+version_index") == versions(order="createdAt") == ["v0", "v1"]
    assert versions(order="-version_index") == versions() == ["v1", "v0"]
    assert versions(filters='{"alias": "latest"}') == ["v1"]
    assert (names(order="name"), names()) == (["digits", "net"], ["net", "digits"])
    assert names(filters='{"name": {"$in": ["net"]}}') == ["net"]


@pytest.fixture
def changes(http: Http, artifact: str) -> list[tuple[str, dict[str, Any]]]:
    """Every mutation of this family."""
    link(http, artifact)
    portfolio, sequence = collection_id(http, "shelf"), collection_id(http, "digits")
    tags = {**DIGITS, "tags": [{"tagName": "x"}]}
    return [
        ("LinkArtifact", {"input": {**SHELF, "artifactID": artifact}}),
        ("UnlinkArtifact", {"input": {"artifactID": artifact, "artifactPortfolioID": portfolio}}),
        ("UpdateArtifactSequence", {"input": {"artifactSequenceID": sequence, "description": "x"}}),
        ("UpdateArtifactPortfolio", {"input": {"artifactPortfolioID": portfolio, "name": "x"}}),
        (
            "UpdateArtifactSequenceType",
            {"input": {"artifactSequenceID": sequence, "destinationArtifactTypeName": "x"}},
        ),
        ("AddArtifactCollectionTags", {"input": tags}),
        ("DeleteArtifactCollectionTags", {"input": tags}),
        ("CreateArtifactPortfolio", {"input": {**PORTFOLIO, "name": "another"}}),
        ("DeleteArtifactSequence", {"id": sequence}),
        ("DeleteArtifactPortfolio", {"id": portfolio}),
    ]


PORTFOLIO = {"entityName": "admin", "projectName": "project", "artifactTypeName": "dataset"}


def test_strangers_can_change_nothing(eve: Http, changes: list[tuple[str, dict[str, Any]]]) -> None:
    messages = [eve.error(operation, **variables) for operation, variables in changes]

    assert all("does not exist" in message for message in messages), messages


def test_viewers_can_change_nothing(
    deployment: DeploymentUnderTest, eve: Http, changes: list[tuple[str, dict[str, Any]]]
) -> None:
    deployment.services.accounts.put_member(deployment.admin, "admin", "eve", Role.VIEWER)

    messages = [eve.error(operation, **variables) for operation, variables in changes]

    assert all("may not" in message or "not allowed" in message for message in messages), messages


def test_members_can_change_all_of_it(
    deployment: DeploymentUnderTest, eve: Http, changes: list[tuple[str, dict[str, Any]]]
) -> None:
    deployment.services.accounts.put_member(deployment.admin, "admin", "eve", Role.MEMBER)

    for operation, variables in changes:
        eve.run(operation, **variables)


def test_the_source_of_a_link_is_shown_without_its_project_to_those_who_may_not_see_it(
    deployment: DeploymentUnderTest, http: Http, eve: Http, artifact: str
) -> None:
    deployment.services.accounts.create_team(deployment.admin, "team", organization=None)
    deployment.services.accounts.put_member(deployment.admin, "team", "eve", Role.MEMBER)
    link(http, artifact, entityName="team", projectName="shared")

    found = eve.run("ArtifactByID", id=artifact)["artifact"]

    assert (found["artifactSequence"]["name"], found["artifactSequence"]["project"]) == ("digits", None)
    manifest = eve.run("FetchArtifactManifest", id=artifact)["artifact"]["currentManifest"]
    assert eve.get(manifest["file"]["directUrl"]).status_code == 200


def test_a_change_and_what_comes_of_it_can_be_in_one_document(http: Http, artifact: str) -> None:
    alias = '{entityName: "admin", projectName: "project", artifactCollectionName: "digits", alias: "new"}'
    document = f"""mutation {{
        before: updateArtifact(input: {{artifactID: "{artifact}"}}) {{ artifact {{ aliases {{ alias }} }} }}
        addAliases(input: {{artifactID: "{artifact}", aliases: [{alias}]}}) {{ success }}
        after: updateArtifact(input: {{artifactID: "{artifact}"}}) {{ artifact {{ aliases {{ alias }} }} }}
    }}"""

    reply = http.request("POST", "/graphql", json={"query": document}, auth=http.auth).json()

    shown = {key: [a["alias"] for a in reply["data"][key]["artifact"]["aliases"]] for key in ("before", "after")}
    assert shown == {"before": ["latest"], "after": ["latest", "new"]}


def test_a_run_is_deleted_with_what_it_made_by_its_address(http: Http, artifact: str) -> None:
    """As the client's launch scheduler names runs."""
    address = base64.b64encode(b"Run:v1:run:project:admin").decode()
    document = (
        """mutation DeleteRun($id: ID!) { deleteRun(input: {id: $id, deleteArtifacts: true}) { clientMutationId } }"""
    )

    reply = http.request(
        "POST", "/graphql", json={"query": document, "variables": {"id": address}}, auth=http.auth
    ).json()

    assert reply == {"data": {"deleteRun": {"clientMutationId": None}}}
    assert http.run("ArtifactByID", id=artifact)["artifact"]["state"] == "DELETED"
    gone = http.request("POST", "/graphql", json={"query": document, "variables": {"id": address}}, auth=http.auth)
    assert gone.json() == {"data": {"deleteRun": {"clientMutationId": None}}}
