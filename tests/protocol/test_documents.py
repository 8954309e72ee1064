"""The schema answers the operations of the protocol, written out in `documents/`, and holds nothing beside them."""

import re
from pathlib import Path

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    graphql_sync,
    is_specified_scalar_type,
    parse,
    validate,
    validate_schema,
    visit,
)

from tests.protocol.schema import SCHEMA_FOLDER, load_schema

DOCUMENTS = sorted((Path(__file__).parent / "documents").glob("*.graphql"))
LATER_SYSTEMS = ("registry", "sweeps", "launch", "automations", "views")


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return load_schema()


def test_the_schema_is_valid(schema: GraphQLSchema) -> None:
    assert validate_schema(schema) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_operation_of_the_protocol_is_valid(schema: GraphQLSchema, path: Path) -> None:
    document = parse(path.read_text("utf-8"))

    assert [error.message for error in validate(schema, document)] == []


@pytest.mark.parametrize("noun", LATER_SYSTEMS)
def test_earlier_nouns_do_not_need_the_later_systems(noun: str) -> None:
    left_out = {"launch": ("launch", "automations")}.get(noun, (noun,))

    assert validate_schema(load_schema(without=left_out)) == []


def test_every_field_is_asked_for_by_some_operation(schema: GraphQLSchema) -> None:
    # A field that no client asks for is one that nobody would notice to be wrong.
    asked = {field for path in DOCUMENTS for field in _fields_asked_for(schema, parse(path.read_text("utf-8")))}
    # These belong to their patterns (pages, mutations, an interface with fields), not to an operation.
    given = {"pageInfo", "cursor", "clientMutationId", "clientMutationID"}
    abstract = {
        ("Integration", "id"),
        ("PushNotificationTriggeredAction", "title"),
        ("PushNotificationTriggeredAction", "body"),
    }

    unasked = [
        f"{name}.{field}"
        for name, type_ in schema.type_map.items()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) and not name.startswith("__")
        for field in type_.fields
        if field not in given
        and (name, field) not in abstract
        and not any((owner, field) in asked for owner in (name, *(parent.name for parent in type_.interfaces)))
    ]

    assert unasked == []


def test_every_type_says_what_it_is(schema: GraphQLSchema) -> None:
    # Payloads, connections and edges follow a pattern that their names state; so do most inputs, which are described
    # at the mutation, and enums, whose values say it.
    by_pattern = re.compile(r"(Payload|Connection|Edge)$")

    silent = [
        name
        for name, type_ in schema.type_map.items()
        if not type_.description
        and not name.startswith("__")
        and not is_specified_scalar_type(type_)
        and not isinstance(type_, GraphQLInputObjectType | GraphQLEnumType)
        and not by_pattern.search(name)
    ]

    assert silent == []


def test_an_operation_name_stands_for_one_document() -> None:
    names = [
        definition.name.value
        for path in DOCUMENTS
        for definition in parse(path.read_text("utf-8")).definitions
        if isinstance(definition, OperationDefinitionNode) and definition.name
    ]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("type_name", "member"),
    [
        ("Query", "serverInfo"),
        ("Mutation", "createRunQueue"),
        ("Mutation", "createDefaultResourceConfig"),
        ("Mutation", "upsertRunQueue"),
        ("Mutation", "failRunQueueItem"),
        ("Mutation", "updateRunQueueItemWarning"),
        ("ServerInfo", "cliVersionInfo"),
        ("ServerInfo", "latestLocalVersionInfo"),
        ("ServerSettings", "serverMessages"),
        ("Project", "internalId"),
        ("Run", "projectId"),
        ("Artifact", "ttlIsInherited"),
        ("Artifact", "tags"),
        ("Organization", "orgEntity"),
        ("LaunchAgent", "id"),
        ("UseArtifactInput", "usedAs"),
        ("AddAliasesInput", "artifactID"),
        ("CreateArtifactInput", "ttlDurationSeconds"),
        ("CreateArtifactInput", "tags"),
        ("CreateArtifactFileSpecInput", "uploadPartsInput"),
        ("DeleteFilesInput", "projectId"),
        ("CreateRunQueueInput", "defaultResourceConfigID"),
        ("CreateRunQueueInput", "prioritizationMode"),
        ("PushToRunQueueInput", "templateVariableValues"),
        ("PushToRunQueueInput", "priority"),
        ("FailRunQueueItemInput", "message"),
        ("CreateLaunchAgentInput", "agentConfig"),
    ],
)
def test_probes_of_older_clients_find_what_they_look_for(schema: GraphQLSchema, type_name: str, member: str) -> None:
    query = "query Probe($name: String!) { __type(name: $name) { fields { name } inputFields { name } } }"

    result = graphql_sync(schema, query, variable_values={"name": type_name})

    assert result.errors is None
    assert result.data is not None
    found = result.data["__type"]
    assert member in {one["name"] for one in found["fields"] or found["inputFields"]}


def test_the_probe_for_usage_tracking_finds_the_argument(schema: GraphQLSchema) -> None:
    query = '{ __type(name: "Project") { fields { name args { name } } } }'

    result = graphql_sync(schema, query)

    assert result.data is not None
    arguments = {field["name"]: [one["name"] for one in field["args"]] for field in result.data["__type"]["fields"]}
    assert "enableTracking" in arguments["artifact"]


def test_each_file_is_one_noun_that_extends_the_roots() -> None:
    for path in SCHEMA_FOLDER.glob("*.graphql"):
        if path.stem != "root":
            text = path.read_text("utf-8")
            assert not re.search(r"^type (Query|Mutation)\b", text, re.MULTILINE), path.name


def _fields_asked_for(schema: GraphQLSchema, document: DocumentNode) -> set[tuple[str, str]]:
    """Name the fields that a document selects, each with the type it is selected on."""
    fields: set[tuple[str, str]] = set()
    type_info = TypeInfo(schema)

    class Collector(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            parent = type_info.get_parent_type()
            if parent is not None:
                fields.add((parent.name, node.name.value))

    visit(document, TypeInfoVisitor(type_info, Collector()))
    return fields
