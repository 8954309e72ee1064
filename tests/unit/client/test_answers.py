"""Errors as servers tell them."""

from __future__ import annotations

import pytest

from kymograph import errors
from kymograph.client.answers import make_error

LEAVES = [
    found
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, errors.KymographError) and not found.__subclasses__()
]


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_error_can_be_made_from_its_name(kind: type[errors.KymographError]) -> None:
    error = make_error(kind.__name__, "what the server says", status=400)

    assert type(error) is kind
    assert "what the server says" in str(error)
