"""Every field of the GraphQL schema has a rule, and every kind of person gets what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)

from kymograph.core.accounts import Role
from kymograph.server.graphql.execution import build_schema
from kymograph.server.graphql.permissions import FIELD_RULES, ROOT_RULES, Rule, rule_of
from kymograph.server.graphql.resolvers import all_bindables
from kymograph.services.artifact_uploads import ArtifactRequest
from kymograph.wire.ids import encode_id
from tests.security.world import KEYS, PROJECT, SECRET, TEAM, World

SCHEMA: GraphQLSchema = build_schema(all_bindables())
ROOTS: dict[str, GraphQLField] = {
    f"{root.name}.{name}": field
    for root in (SCHEMA.query_type, SCHEMA.mutation_type)
    if root is not None
    for name, field in root.fields.items()
}
EMPTY_MD5 = "1B2M2Y8AsgTpgAmY7PhCfg=="
Arguments = Callable[[World], dict[str, Any]]


def run_address(world: World, **more: Any) -> dict[str, Any]:
    return {"entityName": TEAM, "projectName": PROJECT, "runName": world.fresh_run().id, **more}


def run_id(world: World) -> str:
    return encode_id("Run", world.fresh_run().key)


def artifact(world: World) -> str:
    """A draft version of the team."""
    data = world.clients["server admin"].post(
        "/graphql",
        json={
            "query": "mutation ($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact { id } } }",
            "variables": {"input": artifact_input(world)},
        },
    )
    identifier: str = data.json()["data"]["createArtifact"]["artifact"]["id"]
    return identifier


def artifact_input(world: World) -> dict[str, Any]:
    name = world.fresh_name(f"{SECRET}-artifact")
    return run_address(
        world,
        artifactTypeName=f"{SECRET}-type",
        artifactCollectionName=name,
        artifactCollectionNames=[name],
        description=SECRET,
        digest="0" * 32,
        digestAlgorithm="MANIFEST_MD5",
    )


def manifest_input(world: World) -> dict[str, Any]:
    return {
        "artifactID": artifact(world), "name": "wandb_manifest.json", "digest": "", "entityName": TEAM,
        "projectName": PROJECT, "type": "FULL",
    }  # fmt: skip


def manifest(world: World) -> str:
    data = world.clients["server admin"].post(
        "/graphql",
        json={
            "query": "mutation ($input: CreateArtifactManifestInput!) "
            "{ createArtifactManifest(input: $input) { artifactManifest { id } } }",
            "variables": {"input": manifest_input(world)},
        },
    )
    identifier: str = data.json()["data"]["createArtifactManifest"]["artifactManifest"]["id"]
    return identifier


def alias_input(world: World) -> dict[str, Any]:
    alias = {"artifactCollectionName": "x", "alias": "best", "entityName": TEAM, "projectName": PROJECT}
    return {"artifactID": artifact(world), "aliases": [alias]}


def portfolio_input(world: World) -> dict[str, Any]:
    name = world.fresh_name(f"{SECRET}-links")
    return {"entityName": TEAM, "projectName": PROJECT, "name": name, "artifactTypeName": f"{SECRET}-type"}


def portfolio(world: World) -> str:
    """A collection of links of the team."""
    given = portfolio_input(world)
    made = world.under_test.services.collections.create_portfolio(
        world.under_test.admin, TEAM, PROJECT, given["name"], type_name=given["artifactTypeName"]
    )
    return encode_id("ArtifactCollection", made.id)


def sequence(world: World) -> str:
    """A collection of versions of the team."""
    request = artifact_input(world)
    draft = world.under_test.services.artifact_uploads.create(
        world.under_test.admin,
        ArtifactRequest(
            TEAM,
            PROJECT,
            None,
            type_name=request["artifactTypeName"],
            collection=request["artifactCollectionName"],
            digest=request["digest"],
        ),
    )
    return encode_id("ArtifactCollection", draft.collection.id)


def link_input(world: World) -> dict[str, Any]:
    return {"artifactID": artifact(world), "artifactPortfolioID": portfolio(world)}


def collection_tags(world: World) -> dict[str, Any]:
    """A tag of a collection that is there."""
    given = portfolio_input(world)
    world.under_test.services.collections.create_portfolio(
        world.under_test.admin, TEAM, PROJECT, given["name"], type_name=given["artifactTypeName"]
    )
    return {
        "entityName": TEAM, "projectName": PROJECT, "artifactCollectionName": given["name"],
        "tags": [{"tagName": "new"}],
    }  # fmt: skip


def project_id(world: World) -> str:
    """A project of the team, made for this request."""
    projects = world.under_test.services.projects
    return encode_id("Project", projects.put(world.under_test.admin, TEAM, world.fresh_name("project"))[0].id)


def registry_input(world: World, **more: Any) -> dict[str, Any]:
    return {"projectId": encode_id("Project", world.fresh_registry().id), **more}


def user_id(world: World, username: str) -> str:
    return encode_id("User", world.under_test.caller(username).user.id)


def team_id(world: World) -> str:
    found = world.under_test.services.accounts.find_entity(world.under_test.admin, TEAM)
    assert found is not None
    return encode_id("Entity", found.id)


def team_member(world: World) -> str:
    """Somebody who was just added to the team."""
    name = world.fresh_name("user")
    world.under_test.user(name)
    world.under_test.services.accounts.put_member(world.under_test.admin, TEAM, name, Role.VIEWER)
    return user_id(world, name)


def new_user(world: World) -> str:
    name = world.fresh_name("user")
    world.under_test.user(name)
    return name


QUERIES: dict[str, Arguments] = {
    "Query.entity": lambda _: {"name": TEAM},
    "Query.organization": lambda _: {"name": TEAM},
    "Query.project": lambda _: {"name": PROJECT, "entityName": TEAM},
    "Query.model": lambda _: {"name": PROJECT, "entityName": TEAM},
    "Query.models": lambda _: {"entityName": TEAM, "first": 10},
    "Query.artifact": lambda world: {"id": artifact(world)},
    "Query.artifactCollection": lambda _: {"id": encode_id("ArtifactCollection", 1)},
    "Query.clientIDMapping": lambda _: {"clientID": "unknown"},
}
"""Arguments that ask for the team's things."""

MUTATIONS: dict[str, Arguments] = {
    "Mutation.upsertModel": lambda _: {"entityName": TEAM, "name": PROJECT, "description": "changed"},
    "Mutation.renameProject": lambda _: {"entityName": TEAM, "oldProjectName": PROJECT, "newProjectName": "renamed"},
    "Mutation.deleteModel": lambda world: {"id": project_id(world)},
    "Mutation.createInvite": lambda world: {"entityName": TEAM, "username": new_user(world)},
    "Mutation.deleteInvite": lambda world: {"entityName": TEAM, "id": team_member(world)},
    "Mutation.createProjectMembers": lambda world: registry_input(world, userIds=[user_id(world, "admin")]),
    "Mutation.deleteProjectMembers": lambda world: registry_input(world, userIds=[user_id(world, "mel")]),
    "Mutation.updateProjectMember": lambda world: registry_input(
        world, userId=user_id(world, "mel"), userProjectRole="viewer"
    ),
    "Mutation.updateProjectTeamMember": lambda world: registry_input(
        world, teamId=team_id(world), teamProjectRole="viewer"
    ),
    "Mutation.upsertBucket": lambda world: {
        "entityName": TEAM, "modelName": PROJECT, "name": world.fresh_run().id, "notes": "changed",
    },
    "Mutation.rewindRun": lambda world: run_address(world, metricName="_step", metricValue=0),
    "Mutation.stopRun": lambda world: {"id": run_id(world)},
    "Mutation.updateRunState": lambda world: {"id": run_id(world), "state": "failed"},
    "Mutation.deleteRun": lambda world: {"id": run_id(world)},
    "Mutation.notifyScriptableRunAlert": lambda world: run_address(world, title="title", text="text"),
    "Mutation.createRunFiles": lambda world: run_address(world, files=["file.txt"]),
    "Mutation.markRunFilesUploaded": lambda world: run_address(world, files=["file.txt"]),
    "Mutation.deleteFiles": lambda world: {"files": [encode_id("File", world.file_id(world.fresh_run()))]},
    "Mutation.createArtifact": artifact_input,
    "Mutation.createArtifactType": lambda _: {"entityName": TEAM, "projectName": PROJECT, "name": "new-type"},
    "Mutation.createArtifactManifest": manifest_input,
    "Mutation.updateArtifactManifest": lambda world: {"artifactManifestID": manifest(world), "digest": EMPTY_MD5},
    "Mutation.createArtifactFiles": lambda world: {
        "artifactFiles": [{"artifactID": artifact(world), "name": "a.txt", "md5": EMPTY_MD5}],
        "storageLayout": "V2",
    },
    "Mutation.commitArtifact": lambda world: {"artifactID": artifact(world)},
    "Mutation.useArtifact": lambda world: run_address(world, artifactID=artifact(world)),
    "Mutation.updateArtifact": lambda world: {"artifactID": artifact(world), "description": "changed"},
    "Mutation.deleteArtifact": lambda world: {"artifactID": artifact(world)},
    "Mutation.addAliases": alias_input,
    "Mutation.deleteAliases": alias_input,
    "Mutation.linkArtifact": link_input,
    "Mutation.unlinkArtifact": link_input,
    "Mutation.createArtifactPortfolio": portfolio_input,
    "Mutation.updateArtifactSequence": lambda world: {"artifactSequenceID": sequence(world), "description": "changed"},
    "Mutation.updateArtifactPortfolio": lambda world: {
        "artifactPortfolioID": portfolio(world), "description": "changed",
    },
    "Mutation.moveArtifactSequence": lambda world: {
        "artifactSequenceID": sequence(world), "destinationArtifactTypeName": "other",
    },
    "Mutation.deleteArtifactSequence": lambda world: {"artifactSequenceID": sequence(world)},
    "Mutation.deleteArtifactPortfolio": lambda world: {"artifactPortfolioID": portfolio(world)},
    "Mutation.createArtifactCollectionTagAssignments": collection_tags,
    "Mutation.deleteArtifactCollectionTagAssignments": collection_tags,
}  # fmt: skip
"""Inputs that change the team's things."""

NEED_MORE = {
    f"Mutation.{name}"
    for name in ("commitArtifact", "useArtifact", "addAliases", "deleteAliases", "linkArtifact", "unlinkArtifact")
}
"""Mutations that fail for the team's own members here, for want of a committed version: only their refusals count."""
SILENT = {"Mutation.deleteRun"}
"""What cannot be seen is as good as deleted: no error, and nothing changes."""


def document_of(name: str) -> str:
    """A document that selects a root field with all its arguments as variables."""
    field, kind = ROOTS[name], "query" if name.startswith("Query") else "mutation"
    declared = ", ".join(f"${argument}: {spec.type}" for argument, spec in field.args.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in field.args)
    root = name.partition(".")[2]
    call = f"{root}({passed})" if passed else root
    return f"{kind} Census{f'({declared})' if declared else ''} {{ {call} {selection_of(field.type)} }}"


def selection_of(type_: Any) -> str:
    """All scalar fields of an object, or a single ``__typename``."""
    named = get_named_type(type_)
    if not is_composite_type(named):
        return ""
    if not isinstance(named, GraphQLObjectType):
        return "{ __typename }"
    plain = [
        name
        for name, field in named.fields.items()
        if not is_composite_type(get_named_type(field.type))
        and not any(is_required_argument(argument) for argument in field.args.values())
        and name in ("id", "name", "notes", "config", "summaryMetrics", "displayName", "description", "email")
    ]
    return f"{{ __typename {' '.join(plain)} }}"


def sample(type_: GraphQLInputType) -> Any:
    """Some value that is valid for an input type."""
    if isinstance(type_, GraphQLNonNull):
        return sample(type_.of_type)
    if isinstance(type_, GraphQLList):
        return [sample(type_.of_type)]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        return {name: sample(field.type) for name, field in type_.fields.items() if is_required_input_field(field)}
    by_name = {"Int": 1, "Int64": 1, "Float": 1.0, "Boolean": True, "ID": "eA==", "JSONString": "{}", "JSON": {}}
    return by_name.get(type_.name, "1")


def required(arguments: dict[str, GraphQLArgument]) -> dict[str, Any]:
    return {name: sample(argument.type) for name, argument in arguments.items() if is_required_argument(argument)}


def execute(world: World, person: str, name: str, variables: dict[str, Any]) -> Any:
    return world.clients[person].post("/graphql", json={"query": document_of(name), "variables": variables})


def statuses(answer: dict[str, Any]) -> set[int]:
    """The HTTP-like statuses of an answer's errors."""
    return {error["extensions"]["status"] for error in answer.get("errors", ())}


# --- every field has a rule -------------------------------------------------------------------------------------------


def test_declared_rules_name_fields_that_exist() -> None:
    for name in (*ROOT_RULES, *FIELD_RULES):
        type_name, _, field_name = name.partition(".")
        type_ = SCHEMA.type_map[type_name]
        assert isinstance(type_, GraphQLObjectType)
        assert field_name in type_.fields, name


def test_every_served_root_field_is_in_this_census() -> None:
    served = {name for name in ROOTS if rule_of(*name.split(".")) is not Rule.UNSUPPORTED}
    by_hand = {name for name in served if rule_of(*name.split(".")) in (Rule.SIGNED_IN, Rule.SERVER_ADMIN)}

    assert served - by_hand == QUERIES.keys() | MUTATIONS.keys()


@pytest.mark.parametrize("name", [name for name in ROOTS if rule_of(*name.split(".")) is Rule.UNSUPPORTED])
def test_what_is_not_served_is_a_clear_error_for_everybody(world: World, name: str) -> None:
    before = world.fingerprint()

    for person in ("stranger", "server admin"):
        answer = execute(world, person, name, required(ROOTS[name].args)).json()
        (error,) = answer["errors"]
        assert error["extensions"]["kind"] == "UnsupportedOperation", error
        assert name in error["message"]

    assert world.fingerprint() == before


@pytest.mark.parametrize("person", ["anonymous", "wrong key"])
@pytest.mark.parametrize("name", ROOTS)
def test_nothing_is_served_to_those_who_are_not_signed_in(world: World, name: str, person: str) -> None:
    response = execute(world, person, name, required(ROOTS[name].args))

    assert response.status_code == 401
    assert "data" not in response.json()


def test_introspection_is_for_those_who_are_signed_in(world: World) -> None:
    body = {"query": "{ __schema { queryType { name } } }"}

    assert world.clients["anonymous"].post("/graphql", json=body).status_code == 401
    assert world.clients["stranger"].post("/graphql", json=body).json()["data"]


# --- who gets what ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUERIES)
def test_strangers_read_nothing_of_a_team(world: World, name: str) -> None:
    world.fresh_run()
    variables = QUERIES[name](world)

    response = execute(world, "stranger", name, variables)

    answer = response.json()
    assert statuses(answer) <= {403, 404}, answer
    found = (answer.get("data") or {}).get(name.partition(".")[2])
    # An entity that may not be seen is answered like a name that is still free.
    assert found is None or SECRET not in response.text.replace(PROJECT, "")


def test_strangers_cannot_reach_into_projects(world: World) -> None:
    run = world.fresh_run()
    query = """
    query ($e: String, $p: String, $r: String!) {
      project(entityName: $e, name: $p) { run(name: $r) { notes config historyKeys files { edges { node { url } } } } }
      model(entityName: $e, name: $p) { bucket(name: $r, missingOk: true) { notes } }
      models(entityName: $e) { edges { node { name } } }
    }
    """
    body = {"query": query, "variables": {"e": TEAM, "p": PROJECT, "r": run.id}}

    outside = world.clients["stranger"].post("/graphql", json=body)
    inside = world.clients["viewer"].post("/graphql", json=body)

    assert SECRET not in outside.text.replace(PROJECT, "").replace(run.id, "")
    assert f"{SECRET} notes" in inside.text


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("person", ["stranger", "viewer"])
def test_those_who_may_not_write_change_nothing(world: World, name: str, person: str) -> None:
    variables = {"input": MUTATIONS[name](world)}
    before = world.fingerprint()

    response = execute(world, person, name, variables)

    answer = response.json()
    assert answer.get("errors") or (name in SILENT and person == "stranger"), answer
    expected = {403, 404} if person == "stranger" else {403}
    assert statuses(answer) <= expected, answer
    assert world.fingerprint() == before
    if person == "stranger":
        assert SECRET not in response.text.replace(PROJECT, "").replace(f"{SECRET}-run", "").replace(
            f"{SECRET}-artifact", ""
        )


@pytest.mark.parametrize("name", [name for name in MUTATIONS if name not in NEED_MORE])
def test_those_who_may_write_can(world: World, name: str) -> None:
    person = "team admin" if ROOT_RULES[name] is Rule.ADMINISTER else "member"
    variables = {"input": MUTATIONS[name](world)}

    answer = execute(world, person, name, variables).json()

    assert "errors" not in answer, answer
    if name == "Mutation.renameProject":
        back = {"entityName": TEAM, "oldProjectName": "renamed", "newProjectName": PROJECT}
        assert "errors" not in execute(world, person, name, {"input": back}).json()


@pytest.mark.parametrize(("person", "may_upload"), [("viewer", False), ("member", True)])
def test_addresses_to_upload_to_are_only_for_those_who_may_write(world: World, person: str, may_upload: bool) -> None:
    run = world.fresh_run()
    query = """
    query ($e: String, $p: String, $r: String!, $names: [String]) {
      project(entityName: $e, name: $p) {
        run(name: $r) { files(names: $names) { edges { node { name uploadUrl url(upload: true) directUrl } } } }
      }
    }
    """
    names = [f"{SECRET}.txt", "new.txt"]
    variables = {"e": TEAM, "p": PROJECT, "r": run.id, "names": names}

    answer = world.clients[person].post("/graphql", json={"query": query, "variables": variables}).json()

    nodes = [edge["node"] for edge in answer["data"]["project"]["run"]["files"]["edges"]]
    assert [node["name"] for node in nodes] == names
    for node in nodes:
        assert bool(node["uploadUrl"]) is may_upload
        assert bool(node["url"]) is may_upload or node["url"] == node["directUrl"]
        refused = world.clients["anonymous"].put(node["directUrl"] or "/storage", content=b"overwritten")
        assert refused.status_code in (403, 404, 405)


def test_members_do_not_administer(world: World) -> None:
    for name in [name for name in MUTATIONS if ROOT_RULES[name] is Rule.ADMINISTER]:
        assert statuses(execute(world, "member", name, {"input": MUTATIONS[name](world)}).json()) == {403}


def test_users_are_made_by_server_administrators(world: World) -> None:
    name = "Mutation.createUser"

    for person in ("stranger", "member", "team admin"):
        assert statuses(execute(world, person, name, {"input": {"email": "new@example.org"}}).json()) == {403}


@pytest.mark.parametrize(
    "field", [name.partition(".")[2] for name, rule in FIELD_RULES.items() if rule is Rule.SELF], ids=str
)
def test_private_fields_of_users_are_null_for_others(world: World, field: str) -> None:
    run = world.fresh_run()
    type_ = SCHEMA.type_map["User"]
    assert isinstance(type_, GraphQLObjectType)
    inner = "{ __typename }" if is_composite_type(get_named_type(type_.fields[field].type)) else ""
    query = f"""
    query ($e: String, $p: String, $r: String!) {{
      project(entityName: $e, name: $p) {{ run(name: $r) {{ user {{ username {field} {inner} }} }} }}
    }}
    """
    body = {"query": query, "variables": {"e": TEAM, "p": PROJECT, "r": run.id}}

    answer = world.clients["member"].post("/graphql", json=body).json()

    assert answer["data"]["project"]["run"]["user"] == {"username": "admin", field: None}


def test_users_are_found_by_those_who_share_a_team(world: World) -> None:
    body = {"query": '{ users(query: "") { edges { node { username } } } }'}

    def seen_by(person: str) -> set[str]:
        data = world.clients[person].post("/graphql", json=body).json()["data"]
        return {edge["node"]["username"] for edge in data["users"]["edges"]}

    assert seen_by("stranger") <= {"sam"}
    assert {"vera", "mel", "ada"} <= seen_by("member")
    assert "sam" in seen_by("server admin")


@pytest.mark.parametrize("person", [person for person in KEYS if person not in ("anonymous", "wrong key")])
def test_wish_for_admin_rights_is_no_right(world: World, person: str) -> None:
    """Clients send ``Use-Admin-Privileges`` as a habit."""
    response = world.clients[person].post(
        "/graphql",
        json={"query": document_of("Query.project"), "variables": {"name": PROJECT, "entityName": TEAM}},
        headers={"Use-Admin-Privileges": "true"},
    )

    found = (response.json().get("data") or {}).get("project")
    assert (found is None) is (person == "stranger")
