"""Artifacts in SQL: one small store per noun, all on the same transaction."""
