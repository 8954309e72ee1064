"""Runs GraphQL documents: schema-first, validated once per document text, never dispatched by name."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from threading import Lock
from typing import Any

from ariadne import SchemaBindable, make_executable_schema
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    execute_sync,
    get_named_type,
    parse,
    validate,
    visit,
)
from graphql.language import FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode

from kymograph.core.accounts import User
from kymograph.errors import (
    Forbidden,
    KymographError,
    MalformedRequest,
    RequestTooLarge,
    TransportError,
    UnsupportedOperation,
)
from kymograph.server.graphql.context import Info, RequestContext
from kymograph.server.graphql.permissions import Rule, rule_of
from kymograph.server.graphql.variables import without_unknown_nulls
from kymograph.types import JsonObject
from kymograph.wire.errors import status_of

logger = logging.getLogger(__name__)

MAX_TOKENS = 15_000
"""The largest document of a known client has about 3,000."""
MAX_DEPTH = 25
MAX_FIELDS = 5_000
"""Selections after fragments are put in: bounds aliases and repeated fragments alike."""
MAX_SAME_NAME = 200
"""Selections of one name in one place: validation compares each with each."""
MAX_QUERY_CHARACTERS = 1_000_000
"""Large values belong into variables; documents are remembered, variables are not."""
MAX_NODES = 15_000
"""Nodes of all connections of a request: runs of the projects of runs of … would multiply without end."""
DOCUMENT_CACHE_SIZE = 512

DOMAIN_TYPES = frozenset(
    {
        "User",
        "Entity",
        "Organization",
        "Member",
        "Project",
        "Run",
        "Artifact",
        "ArtifactType",
        "ArtifactSequence",
        "ArtifactPortfolio",
        "ArtifactCollectionMembership",
    }
)
"""Types whose objects are domain values: each field needs a resolver, or it is answered as unsupported.

All others are payloads and connections that resolvers return as mappings."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One reason why a document is not executed."""

    message: str
    field: str | None
    """What the reason is about, as ``Type.field``."""


@dataclass(frozen=True, slots=True)
class GraphQLReply:
    """What goes back over HTTP."""

    status: int
    body: JsonObject


def load_sdl() -> str:
    """All schema files as one document."""
    folder = resources.files("kymograph.server.graphql") / "schema"
    return "\n".join(file.read_text() for file in sorted(folder.iterdir(), key=lambda file: file.name))


def build_schema(bindables: Sequence[SchemaBindable]) -> GraphQLSchema:
    """The executable schema: every field is bound, declared and guarded."""
    schema = make_executable_schema(load_sdl(), *bindables)
    for type_ in schema.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or type_.name.startswith("__"):
            continue
        for name, field in type_.fields.items():
            _guard(type_.name, name, field)
    return schema


def _guard(type_name: str, field_name: str, field: GraphQLField) -> None:
    rule = rule_of(type_name, field_name)
    is_root = type_name in ("Query", "Mutation")
    if rule is Rule.UNSUPPORTED or (field.resolve is None and (is_root or type_name in DOMAIN_TYPES)):
        field.resolve = _unsupported(f"{type_name}.{field_name}")
        return
    if field.resolve is not None and get_named_type(field.type).name.endswith("Connection"):
        field.resolve = _counted(field.resolve)
    if rule is Rule.SELF and field.resolve is not None:
        field.resolve = _only_for_self(field.resolve)
    elif rule is Rule.SERVER_ADMIN and field.resolve is not None:
        field.resolve = _only_for_admins(field.resolve, f"{type_name}.{field_name}")


def _unsupported(name: str) -> Callable[..., None]:
    def resolve(_parent: object, info: Info, **_arguments: object) -> None:
        operation = info.operation.name.value if info.operation.name else "(unnamed)"
        logger.warning("unsupported GraphQL field", extra={"operation": operation, "field": name})
        raise UnsupportedOperation(name, hint=f"the operation {operation} needs a part that is not served yet")

    return resolve


class _BudgetSpent(BaseException):
    """Ends an execution at once: GraphQL would turn an `Exception` into one error among others, and go on."""


def _counted(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def counted(parent: object, info: Info, **arguments: object) -> Any:
        found = resolve(parent, info, **arguments)
        budget = info.context.nodes
        budget.spent += len(found.get("edges") or ()) if isinstance(found, dict) else 0
        if budget.spent > MAX_NODES:
            raise _BudgetSpent
        return found

    return counted


def _only_for_self(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(parent: User, info: Info, **arguments: object) -> Any:
        caller = info.context.caller
        is_allowed = parent.id == caller.user.id or caller.user.is_admin
        return resolve(parent, info, **arguments) if is_allowed else None

    return guarded


def _only_for_admins(resolve: Callable[..., Any], name: str) -> Callable[..., Any]:
    def guarded(parent: object, info: Info, **arguments: object) -> Any:
        if not info.context.caller.user.is_admin:
            raise Forbidden(f"use {name}", where="this server")
        return resolve(parent, info, **arguments)

    return guarded


class GraphQLExecutor:
    """Executes documents against one schema; safe to share between threads."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._lock = Lock()
        self._documents: OrderedDict[str, DocumentNode | list[_Refusal]] = OrderedDict()

    def execute(self, request: JsonObject, context: RequestContext) -> GraphQLReply:
        """Answer one request body.

        A failure that will repeat is a 200 or 400 with `errors`, which clients take as final; one that may pass keeps
        its retryable status.

        Raises:
            MalformedRequest: Not a GraphQL request.
            RequestTooLarge: A document or an answer over the limits.
            TransportError: A passing condition.
        """
        query, variables, operation_name = _parse_request(request)
        document = self._document(query)
        if isinstance(document, list):
            for refusal in document:
                logger.warning(
                    "GraphQL document refused",
                    extra={
                        "operation": operation_name or _operation_name(query),
                        "field": refusal.field,
                        "problem": refusal.message,
                    },
                )
            return GraphQLReply(400, {"errors": [_format_refusal(refusal) for refusal in document]})
        try:
            result = execute_sync(
                self._schema,
                document,
                context_value=context,
                variable_values=without_unknown_nulls(self._schema, document, variables),
                operation_name=operation_name,
            )
        except _BudgetSpent as exc:
            raise RequestTooLarge("GraphQL answer", limit=MAX_NODES, unit="nodes") from exc
        body: JsonObject = {"data": result.data}
        if result.errors:
            body["errors"] = [_format_error(error, context) for error in result.errors]
        return GraphQLReply(200, body)

    def _document(self, query: str) -> DocumentNode | list[_Refusal]:
        with self._lock:
            cached = self._documents.get(query)
            if cached is not None:
                self._documents.move_to_end(query)
                return cached
        document = self._parse_and_validate(query)
        with self._lock:
            self._documents[query] = document
            while len(self._documents) > DOCUMENT_CACHE_SIZE:
                self._documents.popitem(last=False)
        return document

    def _parse_and_validate(self, query: str) -> DocumentNode | list[_Refusal]:
        try:
            document = parse(query, max_tokens=MAX_TOKENS)
        except GraphQLError as exc:
            return [_Refusal(exc.message, None)]
        except RecursionError as exc:
            raise RequestTooLarge("GraphQL document depth", limit=MAX_DEPTH, unit="levels") from exc
        _check_size(document)
        errors = validate(self._schema, document)
        if not errors:
            return document
        names = _names_of_fields(self._schema, document)
        return [_Refusal(error.message, _field_of(error, names)) for error in errors]


def _parse_request(request: JsonObject) -> tuple[str, JsonObject, str | None]:
    query, variables, operation_name = (request.get(key) for key in ("query", "variables", "operationName"))
    if not isinstance(query, str):
        raise MalformedRequest("a GraphQL request needs a text `query`", where="query")
    if variables is not None and not isinstance(variables, dict):
        raise MalformedRequest("must be an object", where="variables")
    if operation_name is not None and not isinstance(operation_name, str):
        raise MalformedRequest("must be a text", where="operationName")
    if len(query) > MAX_QUERY_CHARACTERS:
        raise RequestTooLarge("GraphQL document", limit=MAX_QUERY_CHARACTERS, unit="characters")
    # Documents from Python carry an empty operation name, which means none. Source: protocol.md §2.
    return query, variables or {}, operation_name or None


def _check_size(document: DocumentNode) -> None:
    """Bound depth and number of selections, counting fragments where they are used."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    count = 0

    def walk(selections: SelectionSetNode | None, depth: int, path: frozenset[str]) -> None:
        nonlocal count
        if selections is None:
            return
        if depth > MAX_DEPTH:
            raise RequestTooLarge("GraphQL document depth", limit=MAX_DEPTH, unit="levels")
        names = Counter(_response_name(node) for node in selections.selections)
        if names.most_common(1)[0][1] > MAX_SAME_NAME:
            raise RequestTooLarge("GraphQL document", limit=MAX_SAME_NAME, unit="selections of one name")
        count += len(selections.selections)
        if count > MAX_FIELDS:
            raise RequestTooLarge("GraphQL document", limit=MAX_FIELDS, unit="selected fields")
        for node in selections.selections:
            if isinstance(node, FieldNode):
                walk(node.selection_set, depth + 1, path)
            elif isinstance(node, InlineFragmentNode):
                walk(node.selection_set, depth, path)
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name in fragments and name not in path:
                    walk(fragments[name].selection_set, depth, path | {name})

    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            walk(definition.selection_set, 1, frozenset())


def _response_name(node: SelectionNode) -> str:
    if isinstance(node, FieldNode):
        return node.alias.value if node.alias else node.name.value
    return f"...{node.name.value}" if isinstance(node, FragmentSpreadNode) else "..."


def _names_of_fields(schema: GraphQLSchema, document: DocumentNode) -> dict[int, str]:
    """``Type.field`` of every field of a document, by the identity of its node."""
    names: dict[int, str] = {}
    types = TypeInfo(schema)

    class Namer(Visitor):
        def enter_field(self, node: FieldNode, *_place: object) -> None:
            parent = types.get_parent_type()
            names[id(node)] = f"{parent.name}.{node.name.value}" if parent is not None else node.name.value

    visit(document, TypeInfoVisitor(types, Namer()))
    return names


def _field_of(error: GraphQLError, names: dict[int, str]) -> str | None:
    """The field that an error is about; of an argument or variable its own name."""
    for node in error.nodes or ():
        if id(node) in names:
            return names[id(node)]
        name = getattr(node, "name", None)
        if isinstance(name, NameNode):
            return name.value
    return None


def _operation_name(query: str) -> str:
    """The name written in a document that may not even parse, for the log."""
    words = query.replace("(", " ").replace("{", " ").split(maxsplit=2)
    return words[1] if len(words) > 1 and words[0] in ("query", "mutation") else "(unnamed)"


def _format_refusal(refusal: _Refusal) -> JsonObject:
    return {"message": refusal.message, "path": [], "extensions": {"kind": "UnsupportedOperation"}}


def _format_error(error: GraphQLError, context: RequestContext) -> JsonObject:
    original = error.original_error
    path: list[Any] = list(error.path or [])
    if isinstance(original, TransportError):
        # May pass: the whole request keeps a status that makes clients try again.
        raise original
    if isinstance(original, KymographError):
        return {
            "message": str(original),
            "path": path,
            "extensions": {"kind": type(original).__name__, "status": status_of(original)},
        }
    if original is None or isinstance(original, GraphQLError):  # the document, or what it is given, is wrong
        return {"message": error.message, "path": path}
    logger.error("GraphQL resolver failed", exc_info=original, extra={"path": ".".join(map(str, path))})
    return {
        "message": f"internal error; the server's log has it under request {context.request_id}",
        "path": path,
        "extensions": {"kind": "InternalError"},
    }
