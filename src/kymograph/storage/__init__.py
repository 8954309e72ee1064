"""Ports to what is kept, and their adapters. Metadata and the history tail share one database; bytes are objects."""
