"""Documents are executed within limits, and what is refused is named: to the client and in the log."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from ariadne import MutationType, QueryType
from graphql import GraphQLObjectType

from kymograph.core.accounts import Role
from kymograph.errors import MalformedRequest, RequestTooLarge, ServerBusy
from kymograph.server.graphql.context import RequestContext
from kymograph.server.graphql.execution import (
    DOMAIN_TYPES,
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_QUERY_CHARACTERS,
    MAX_SAME_NAME,
    GraphQLExecutor,
    GraphQLReply,
    build_schema,
)
from kymograph.server.graphql.permissions import FIELD_RULES, ROOT_RULES, Rule, rule_of
from kymograph.server.graphql.resolvers import all_bindables
from kymograph.services.access import Caller
from kymograph.testing.deployments import DeploymentUnderTest

SCHEMA = build_schema(all_bindables())


@pytest.fixture
def executor() -> GraphQLExecutor:
    return GraphQLExecutor(SCHEMA)


@pytest.fixture
def execute(deployment: DeploymentUnderTest, executor: GraphQLExecutor) -> Any:
    """Execute a document, for the administrator unless told otherwise."""

    def run(query: str, *, by: Caller | None = None, **request: Any) -> GraphQLReply:
        context = RequestContext(by or deployment.admin, deployment.services, "request-1")
        return executor.execute({"query": query, **request}, context)

    return run


def messages(reply: GraphQLReply) -> str:
    body: Any = reply.body
    return "; ".join(error["message"] for error in body["errors"])


# --- executing --------------------------------------------------------------------------------------------------------


def test_document_is_executed_whatever_its_name(execute: Any) -> None:
    for name in ("Viewer", "AnythingElse"):
        reply = execute(f"query {name} {{ viewer {{ username }} }}")

        assert reply == GraphQLReply(200, {"data": {"viewer": {"username": "admin"}}})


def test_empty_operation_name_means_none_and_a_given_one_chooses(execute: Any) -> None:
    both = "query A { viewer { username } } query B { serverInfo { __typename } }"

    assert "errors" not in execute("query A { viewer { username } }", operationName="").body
    assert set(execute(both, operationName="B").body["data"]) == {"serverInfo"}
    assert "errors" in execute(both, operationName="C").body


def test_introspection_is_on_for_old_clients_that_probe(execute: Any) -> None:
    reply = execute('{ __type(name: "Mutation") { fields { name args { name } } } }')

    assert "upsertBucket" in {field["name"] for field in reply.body["data"]["__type"]["fields"]}


@pytest.mark.parametrize(
    "request_body",
    [{}, {"query": None}, {"query": 5}, {"query": "{}", "variables": []}, {"query": "{}", "operationName": 5}],
)
def test_body_that_is_no_graphql_request_is_refused(
    deployment: DeploymentUnderTest, executor: GraphQLExecutor, request_body: dict[str, Any]
) -> None:
    with pytest.raises(MalformedRequest):
        executor.execute(request_body, RequestContext(deployment.admin, deployment.services, ""))


# --- unknown and unsupported parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "operation", "field"),
    [
        ("query NewThing { viewer { hologram } }", "NewThing", "User.hologram"),
        ("query NewThing { hologram { id } }", "NewThing", "Query.hologram"),
        ("mutation Act { hologram(input: {}) { id } }", "Act", "Mutation.hologram"),
        ("{ viewer { teams { edges { node { hologram } } } } }", "(unnamed)", "Entity.hologram"),
        ("query F { viewer { ...f } } fragment f on User { hologram }", "F", "User.hologram"),
        ('query A { entity(name: "x", hologram: 1) { id } }', "A", "hologram"),
    ],
)
def test_unknown_field_is_a_clear_error_and_a_log_line_with_operation_and_field(
    execute: Any, caplog: pytest.LogCaptureFixture, query: str, operation: str, field: str
) -> None:
    with caplog.at_level(logging.WARNING):
        reply = execute(query)

    assert reply.status == 400
    assert "hologram" in messages(reply)
    (record,) = [record for record in caplog.records if "refused" in record.message]
    assert (record.__dict__["operation"], record.__dict__["field"]) == (operation, field)
    assert "hologram" in record.__dict__["problem"]


def test_document_that_is_refused_again_is_logged_again(execute: Any, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        execute("query Again { viewer { hologram } }")

    assert len([record for record in caplog.records if record.__dict__.get("operation") == "Again"]) == 2


def test_field_that_is_declared_but_not_served_says_so_in_answer_and_log(
    execute: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        reply = execute('query ShowView { view(id: "x") { id } viewer { username } }')

    assert reply.status == 200
    assert "Query.view is not supported" in messages(reply)
    assert "ShowView" in messages(reply)
    (record,) = [record for record in caplog.records if "unsupported" in record.message]
    assert (record.__dict__["operation"], record.__dict__["field"]) == ("ShowView", "Query.view")


@pytest.mark.parametrize("query", ["", "{", "query {", "nonsense", "{ viewer { username }", "\0"])
def test_text_that_is_no_document_is_refused(execute: Any, query: str) -> None:
    reply = execute(query)

    assert reply.status == 400
    assert "Syntax Error" in messages(reply)


# --- limits -----------------------------------------------------------------------------------------------------------


def chain(selection: str, last: str) -> str:
    """Fragments that each spread the next one twice: 2^30 selections if they were all walked."""
    spreads = (selection.replace("NEXT", f"f{number + 1}") for number in range(30))
    fragments = " ".join(f"fragment f{number} on Query {{ {spread} }}" for number, spread in enumerate(spreads))
    return f"{{ ...f0 }} {fragments} fragment f30 on Query {{ {last} }}"


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("{" + "a {" * MAX_DEPTH + "b" + "}" * MAX_DEPTH + "}", f"{MAX_DEPTH} levels"),
        ("{" + " ".join(f"a{number}" for number in range(MAX_FIELDS + 1)) + "}", "fields"),
        ("{" + "__typename " * (MAX_SAME_NAME + 1) + "}", "one name"),
        ("{" + "...{ __typename }" * (MAX_SAME_NAME + 1) + "}", "one name"),
        ("{ ...a ...a ...a }" + "#" * MAX_QUERY_CHARACTERS, "characters"),
        (chain("...NEXT ... { ...NEXT }", last="...f0"), "fields"),
        (chain("a: __typename ...NEXT ... { ...NEXT }", last="__typename"), "fields"),
    ],
    ids=["depth", "fields", "repeats", "inline fragments", "length", "empty spreads", "spreads"],
)
def test_document_over_a_limit_is_refused_before_it_costs_anything(execute: Any, query: str, what: str) -> None:
    with pytest.raises(RequestTooLarge, match=what):
        execute(query)


@pytest.mark.parametrize(
    "query",
    [
        "{" * 100_000,
        "{a" * 5_000,
        "{" + "...{" * 3_000 + "a" + "}" * 3_000 + "}",
        "{ a(x: " + "[" * 5_000 + "]" * 5_000 + ") }",
        "{" + " ".join(f"a{number}" for number in range(20_000)) + "}",
        "{" + " ".join(f"a{number}: __typename" for number in range(MAX_FIELDS + 1)) + "}",
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
    ],
    ids=["braces", "open", "inline", "list", "tokens", "aliases", "introspection"],
)
def test_document_that_parsers_choke_on_is_refused_in_order(execute: Any, query: str) -> None:
    assert execute(query).status == 400


def test_fragment_that_holds_itself_is_refused(execute: Any) -> None:
    reply = execute("{ viewer { ...f } } fragment f on User { id ...f }")

    assert reply.status == 400
    assert "itself" in messages(reply)


def test_answer_that_multiplies_is_broken_off(execute: Any, deployment: DeploymentUnderTest) -> None:
    """A short document could ask for the runs of the projects of runs, and so on."""
    for number in range(30):
        deployment.run(f"admin/many/r{number}")
    nested = "id"
    for _ in range(4):
        nested = f"project {{ runs(first: 1000) {{ edges {{ node {{ {nested} }} }} }} }}"
    query = f'{{ project(name: "many", entityName: "admin") {{ run(name: "r1") {{ {nested} }} }} }}'

    with pytest.raises(RequestTooLarge, match="nodes"):
        execute(query)

    twice = query.replace(nested, "project { runs { edges { node { project { runs { edges { node { id } } } } } } } }")
    assert "errors" not in execute(twice).body


# --- failures of resolvers --------------------------------------------------------------------------------------------


def schema_with(resolver: Any) -> GraphQLExecutor:
    """A schema whose `viewer` is answered by `resolver`."""
    query = QueryType()
    query.set_field("viewer", resolver)
    others = [bindable for bindable in all_bindables() if not isinstance(bindable, (QueryType, MutationType))]
    return GraphQLExecutor(build_schema([query, *others]))


def test_refusal_of_a_service_keeps_its_kind_and_status(execute: Any) -> None:
    reply = execute('mutation { stopRun(input: {id: "UnVuOjk5OTk="}) { success } }')

    assert reply.status == 200
    (error,) = reply.body["errors"]
    assert error["extensions"] == {"kind": "RunNotFound", "status": 404}
    assert error["path"] == ["stopRun"]


def test_given_values_that_do_not_fit_are_told_to_who_gave_them(execute: Any, caplog: pytest.LogCaptureFixture) -> None:
    reply = execute(
        "mutation Go($input: StopRunInput!) { stopRun(input: $input) { success } }", variables={"input": {}}
    )

    assert "'id'" in messages(reply)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_passing_condition_fails_the_whole_request_so_that_clients_try_again(deployment: DeploymentUnderTest) -> None:
    def busy(*_arguments: object) -> None:
        raise ServerBusy()

    executor = schema_with(busy)

    with pytest.raises(ServerBusy):
        executor.execute({"query": "{ viewer { id } }"}, RequestContext(deployment.admin, deployment.services, ""))


def test_bug_of_ours_gives_no_insides_away_and_leaves_a_traceback(
    deployment: DeploymentUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("secret detail")

    context = RequestContext(deployment.admin, deployment.services, "request-1")
    reply = schema_with(broken).execute({"query": "{ viewer { id } }"}, context)

    assert "secret detail" not in str(reply)
    assert "request-1" in messages(reply)
    assert any(record.exc_info and "secret detail" in str(record.exc_info[1]) for record in caplog.records)


# --- permissions ------------------------------------------------------------------------------------------------------


def root_fields() -> list[str]:
    return [f"{name}.{field}" for name in ("Query", "Mutation") for field in SCHEMA.type_map[name].fields]  # type: ignore[attr-defined]


def test_rules_are_about_fields_that_exist() -> None:
    existing = {
        f"{type_.name}.{field}"
        for type_ in SCHEMA.type_map.values()
        if isinstance(type_, GraphQLObjectType)
        for field in type_.fields
    }

    assert set(ROOT_RULES) - existing == set()
    assert set(FIELD_RULES) - existing == set()


def test_root_field_without_a_rule_is_not_served() -> None:
    undeclared = [name for name in root_fields() if name not in ROOT_RULES]

    assert undeclared  # the protocol has more than we serve
    assert all(rule_of(*name.split(".")) is Rule.UNSUPPORTED for name in undeclared)
    assert rule_of("Query", "brandNew") is Rule.UNSUPPORTED


def test_every_served_root_field_has_a_resolver_of_ours() -> None:
    unserved = {name for name in root_fields() if "_unsupported" in resolver_of(name).__qualname__}

    assert unserved == {name for name in root_fields() if rule_of(*name.split(".")) is Rule.UNSUPPORTED}


def resolver_of(name: str) -> Any:
    type_name, field = name.split(".")
    return SCHEMA.type_map[type_name].fields[field].resolve  # type: ignore[attr-defined]


@pytest.mark.parametrize("type_name", sorted(DOMAIN_TYPES))
def test_every_field_of_a_domain_object_is_answered_or_refused_by_us(type_name: str) -> None:
    """The default resolver would read attributes of our own objects, secrets included."""
    fields = SCHEMA.type_map[type_name].fields  # type: ignore[attr-defined]

    assert [name for name, field in fields.items() if field.resolve is None] == []


def test_private_fields_of_others_are_null(execute: Any, deployment: DeploymentUnderTest) -> None:
    deployment.team("people")
    for name in ("ada", "grace"):
        deployment.services.accounts.put_user(deployment.admin, name, email=f"{name}@example.org")
        deployment.services.accounts.put_member(deployment.admin, "people", name, Role.MEMBER)
    node = "username email apiKeys { edges { node { id } } }"
    query = f"query ($name: String!) {{ users(query: $name) {{ edges {{ node {{ {node} }} }} }} }}"

    def seen(by: str, name: str) -> Any:
        reply = execute(query, by=deployment.caller(by), variables={"name": name})
        (edge,) = reply.body["data"]["users"]["edges"]
        return edge["node"]

    assert seen("ada", "ada")["email"] == "ada@example.org"
    assert seen("ada", "grace") == {"username": "grace", "email": None, "apiKeys": None}
    assert seen("admin", "grace")["email"] == "grace@example.org"


def test_administration_is_for_administrators(execute: Any, deployment: DeploymentUnderTest) -> None:
    eve = deployment.user("eve")

    reply = execute('mutation { createUser(input: {email: "x@example.org"}) { user { id } } }', by=eve)

    assert "Mutation.createUser" in messages(reply)
    assert reply.body["errors"][0]["extensions"]["kind"] == "Forbidden"
