"""Segments: immutable, sorted pieces of a stream's history in the object store, beside the lines they were made of."""
