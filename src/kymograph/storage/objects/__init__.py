"""Bytes of files, artifacts and (later) history segments."""
