"""Entities as the protocol's clients look them up."""

from __future__ import annotations

from tests.e2e.rest import Rest

ENTITY = """
query GetTeamEntity($name: String!) {
  entity(name: $name) {
    name available isTeam storageBytes
    members { username accountType }
    organization { name }
    project(name: "x") { name }
  }
}
"""


def test_a_name_that_nobody_has_is_available_and_empty(rest: Rest) -> None:
    answer = rest.graphql(ENTITY, name="nobody-has-this")

    assert answer["entity"] == {
        "name": "nobody-has-this",
        "available": True,
        "isTeam": False,
        "storageBytes": 0,
        "members": [],
        "organization": None,
        "project": None,
    }


def test_a_persons_own_entity_has_that_person_as_its_member(rest: Rest) -> None:
    entity = rest.graphql(ENTITY, name="admin")["entity"]

    assert entity["available"] is False
    assert entity["members"] == [{"username": "admin", "accountType": "USER"}]


def test_a_name_that_cannot_be_had_is_no_entity(rest: Rest) -> None:
    assert rest.graphql(ENTITY, name="graphql")["entity"] is None
