"""Use cases over the storage ports. Both faces, GraphQL and REST, are thin and call these."""
