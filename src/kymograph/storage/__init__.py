"""Ports to what is kept, and their adapters. Metadata and the history tail share one SQL database; bytes are objects."""
