"""What is asked about artifacts, and what answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kymograph.client import artifact_lookups as lookups
from kymograph.client.artifact_values import PORTFOLIO, SEQUENCE, CollectionAddress
from kymograph.client.runs import RunAddress
from kymograph.core.digest import DigestAlgorithm
from kymograph.errors import (
    CollectionNotFound,
    CommError,
    MembershipNotFound,
    ProjectNotFound,
    ProtocolError,
    UnknownOrganization,
    UnsupportedOperation,
)
from tests.unit.client.asked import Answers, connection

AT = CollectionAddress("me", "p", "data")
PROJECT = {"id": "P", "name": "p", "entity": {"name": "me"}}
COLLECTION = {"__typename": SEQUENCE, "id": "C", "name": "data", "project": PROJECT, "type": {"name": "dataset"}}
ARTIFACT = {
    "id": "A",
    "artifactSequence": COLLECTION,
    "versionIndex": 3,
    "artifactType": {"name": "dataset"},
    "aliases": [
        {"alias": "best", "artifactCollection": COLLECTION},
        {"alias": "shown", "artifactCollection": {**COLLECTION, "name": "shelf"}},
    ],
}


def versions_page(**fields: Any) -> dict[str, Any]:
    edges = [{"version": "v3", "node": ARTIFACT}, {"version": "v2"}]
    found = {"edges": edges, "pageInfo": {"hasNextPage": False}, **fields}
    return {"project": {"artifactType": {"artifactCollection": {"artifacts": found}}}}


def test_only_committed_versions_are_asked_for_unless_a_filter_says_otherwise() -> None:
    server = Answers(ProjectArtifacts=versions_page(totalCount=1))

    page = server.to(lookups.versions(AT, "dataset"))
    server.to(lookups.versions(AT, "dataset", filters={"tag": "x"}, order="-created_at"))

    assert [(version, remote.id) for version, remote in page.items] == [("v3", "A")]
    assert (page.cursor, page.total) == (None, 1)
    asked = [json.loads(variables["filters"]) for _, variables in server.asked]
    assert asked == [{"state": "COMMITTED"}, {"tag": "x"}]
    assert server.asked[1][1]["order"] == "-created_at"


def test_a_missing_collection_is_an_error_that_scripts_expect() -> None:
    for found in ({}, {"artifactType": None}, {"artifactType": {"artifactCollection": None}}):
        server = Answers(ProjectArtifacts={"project": found}, ProjectArtifactCollection={"project": found})
        for operation in (lookups.versions(AT, "dataset"), lookups.collection(AT, "dataset")):
            with pytest.raises(CollectionNotFound, match="'data'") as caught:
                server.to(operation)
            assert isinstance(caught.value, CommError)
            assert isinstance(caught.value, ValueError)


def test_collections_are_of_a_type_or_of_all() -> None:
    page = connection(COLLECTION, cursor="x", totalCount=7)
    server = Answers(
        ArtifactTypeArtifactCollections={"project": {"artifactType": {"artifactCollections": page}}},
        ProjectArtifactCollections={"project": {"artifactCollections": page}},
    )

    typed = server.to(lookups.collections("me", "p", "dataset", can_filter=True, filters={"name": "data"}))
    every = server.to(lookups.collections("me", "p", None, can_filter=False))

    assert typed == every
    assert (typed.items[0].address, typed.items[0].is_sequence, typed.cursor, typed.total) == (AT, True, "x", 7)
    assert server.asked[0][1]["filters"] == '{"name":"data"}'
    assert "filters" not in server.asked[1][1]


def test_older_servers_know_no_filters_of_collections() -> None:
    for asked in ({"filters": {"name": "x"}}, {"order": "+name"}):
        with pytest.raises(UnsupportedOperation, match="leave it out"):
            Answers().to(lookups.collections("me", "p", "dataset", can_filter=False, **asked))


def test_older_servers_tell_a_version_alone() -> None:
    server = Answers(ArtifactByName={"project": {"artifact": ARTIFACT}})

    own = server.to(lookups.membership("me", "p", "data:best", knows_places=False))
    linked = server.to(lookups.membership("me", "p", "shelf:shown", knows_places=False))

    assert (own.collection, own.kind, own.aliases, own.version_index) == (AT, SEQUENCE, ("best",), 3)
    assert (linked.collection.name, linked.kind, linked.aliases) == ("shelf", PORTFOLIO, ("shown",))


def test_a_missing_version_names_the_project_that_is_missing() -> None:
    absent = Answers(ArtifactMembershipByName={"project": {"artifactCollectionMembership": None}})
    no_project = Answers(ArtifactMembershipByName={"project": None})

    with pytest.raises(MembershipNotFound, match="artifact membership 'data:v9' not found in 'me/p'"):
        absent.to(lookups.membership("me", "p", "data:v9", knows_places=True))
    with pytest.raises(MembershipNotFound, match="project 'p' not found under entity 'me'"):
        no_project.to(lookups.membership("me", "p", "data:v9", knows_places=True))


def test_types_and_aliases_are_read_page_by_page() -> None:
    def aliases(variables: Any) -> Any:
        page = connection({"alias": f"after {variables['cursor']}"}, cursor=None if variables["cursor"] else "x")
        return {"artifactCollection": {"aliases": page}}

    server = Answers(
        ProjectArtifactTypes={"project": {"artifactTypes": connection({"id": "T", "name": "dataset"}, cursor="y")}},
        ProjectArtifactType={"project": {"artifactType": None}},
        ArtifactCollectionAliases=aliases,
    )

    types = server.to(lookups.types("me", "p", cursor=None, per_page=1))

    assert ([each.name for each in types.items], types.cursor) == (["dataset"], "y")
    assert server.to(lookups.find_type("me", "p", "absent")) is None
    assert server.to(lookups.aliases("C")) == ["after None", "after x"]
    with pytest.raises(ProjectNotFound):
        Answers(ProjectArtifactTypes={"project": None}).to(lookups.types("me", "p", cursor=None, per_page=1))


def test_what_a_run_made_is_noted_under_its_digest() -> None:
    server = Answers(CreateArtifact={"createArtifact": {"artifact": {"id": "A"}}})
    at = RunAddress("me", "p", "r")

    def log(**given: Any) -> Any:
        operation = lookups.log(at, "data", "dataset", "d", algorithm=DigestAlgorithm.MD5, **given)
        assert server.to(operation) == "A"
        return server.asked[-1][1]["input"]

    plain, tagged = log(aliases=["best"], tags=[]), log(aliases=[], tags=["x"])

    assert plain["aliases"] == [{"artifactCollectionName": "data", "alias": "best"}]
    assert ("tags" in plain, tagged["tags"]) == (False, [{"tagName": "x"}])
    assert (plain["digest"], plain["digestAlgorithm"], plain["runName"]) == ("d", "MANIFEST_MD5", "r")
    with pytest.raises(ProtocolError):
        Answers(CreateArtifact={}).to(
            lookups.log(at, "data", "dataset", "d", algorithm=DigestAlgorithm.MD5, aliases=[], tags=[])
        )


def test_the_algorithm_of_a_version_is_that_of_the_server_or_the_usual_one() -> None:
    for told, expected in (("MANIFEST_XXH128", DigestAlgorithm.XXH128), (None, DigestAlgorithm.MD5)):
        server = Answers(ArtifactAlgorithm={"artifact": {"digestAlgorithm": told}})
        assert server.to(lookups.algorithm_of("A")) is expected


@pytest.mark.parametrize(
    ("entity", "named", "expected"),
    [
        ({"organization": {"name": "Acme", "orgEntity": {"name": "acme"}}}, None, ("acme", "Acme")),
        ({"organization": {"name": "Acme", "orgEntity": {"name": "acme"}}}, "Acme", ("acme", "Acme")),
        ({"organization": {"name": "Acme", "orgEntity": {"name": "acme"}}}, "acme", ("acme", "Acme")),
        ({"organization": {"name": "Acme", "orgEntity": {"name": "acme"}}}, "other", None),
        ({"user": {"organizations": [{"name": "A", "orgEntity": {"name": "a"}}]}}, None, ("a", "A")),
        ({"user": {"organizations": [{"name": n, "orgEntity": {"name": n}} for n in "ab"]}}, None, None),
        ({"user": {"organizations": [{"name": n, "orgEntity": {"name": n}} for n in "ab"]}}, "b", ("b", "b")),
        ({"user": {"organizations": [{"name": "A", "orgEntity": None}]}}, None, None),
        (None, None, None),
    ],
)
def test_an_organization_is_the_one_that_is_named_or_the_only_one(
    entity: Any, named: str | None, expected: tuple[str, str] | None
) -> None:
    server = Answers(FetchOrgInfoFromEntity={"entity": entity})

    if expected is None:
        with pytest.raises(UnknownOrganization):
            server.to(lookups.organization_of("me", named))
    else:
        assert server.to(lookups.organization_of("me", named)) == expected
