"""Ids of runs: short, made up by clients, unique in their project."""

from __future__ import annotations

import secrets
import string

ALPHABET = string.digits + string.ascii_lowercase
LENGTH = 8


def new_run_id(length: int = LENGTH) -> str:
    """A random id: 8 of 36 characters, as every client of the protocol makes them."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
