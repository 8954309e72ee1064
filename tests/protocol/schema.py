"""The product's GraphQL schema, built from its files alone: no resolvers, no server."""

from collections.abc import Collection
from pathlib import Path

from graphql import GraphQLSchema, build_schema

import kymograph

SCHEMA_FOLDER = Path(kymograph.__file__).parent / "server" / "graphql" / "schema"


def load_schema(*, without: Collection[str] = ()) -> GraphQLSchema:
    """Build the schema.

    Args:
        without: Nouns to leave out, by the names of their files.

    Raises:
        TypeError: A noun that stays needs a type of one that is left out.
    """
    files = sorted(SCHEMA_FOLDER.glob("*.graphql"))
    return build_schema("\n".join(path.read_text("utf-8") for path in files if path.stem not in without))
