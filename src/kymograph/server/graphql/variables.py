"""Makes a client's variables fit our input types where the difference means nothing."""

from __future__ import annotations

from typing import Any

from graphql import (
    DocumentNode,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    is_input_type,
    type_from_ast,
)

from kymograph.types import JsonObject


def without_unknown_nulls(schema: GraphQLSchema, document: DocumentNode, variables: JsonObject) -> JsonObject:
    """Leave out the fields of input objects that are null and that our schema does not know.

    The client's compiled process sends every field of an input, those that it does not use as null, and new versions
    gain fields (0.29 sends `cloudRegionID: null` with each batch of artifact files). GraphQL refuses the whole
    operation over an unknown field; null says nothing, so there is nothing to refuse. An unknown field *with* a value
    stays, and is refused: ignoring it could lose what the user asked for.
    """
    kept = dict(variables)
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode):
            continue
        for variable in definition.variable_definitions or ():
            name = variable.variable.name.value
            type_ = type_from_ast(schema, variable.type)
            if name in kept and type_ is not None and is_input_type(type_):
                kept[name] = _prune(type_, kept[name])
    return kept


def _prune(type_: GraphQLInputType, value: Any) -> Any:
    if isinstance(type_, GraphQLNonNull):
        return _prune(type_.of_type, value)
    if isinstance(type_, GraphQLList) and isinstance(value, list):
        return [_prune(type_.of_type, item) for item in value]
    if isinstance(type_, GraphQLInputObjectType) and isinstance(value, dict):
        return {
            name: _prune(type_.fields[name].type, item) if name in type_.fields else item
            for name, item in value.items()
            if item is not None or name in type_.fields
        }
    return value
