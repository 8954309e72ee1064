"""The one table of errors and statuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kymograph import errors
from kymograph.wire.errors import STATUS_BY_ERROR, status_of, status_of_kind

FINAL = {400, 401, 403, 404, 409, 410, 413, 422}
"""Clients give up on these; all others they repeat for up to a week."""


def leaves(family: type[errors.KymographError]) -> Iterator[type[errors.KymographError]]:
    children = family.__subclasses__()
    if not children:
        yield family
    for child in children:
        if child.__module__ == errors.__name__:
            yield from leaves(child)


ALL = sorted(set(leaves(errors.KymographError)), key=lambda leaf: leaf.__name__)


@pytest.mark.parametrize("leaf", ALL)
def test_every_error_has_a_status_that_clients_understand(leaf: type[errors.KymographError]) -> None:
    status = status_of_kind(leaf)

    if issubclass(leaf, errors.TransportError):
        assert status in {429, 503, 507}
    else:
        assert status in FINAL


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.Unauthenticated(), 401),
        (errors.Forbidden("do it", where="here"), 403),
        (errors.RunNotFound("r"), 404),
        (errors.RunDeleted("r"), 410),
        (errors.NameTaken("team", "t"), 409),
        (errors.RequestTooLarge("body", limit=1), 413),
        (errors.InvalidName("run", "x", rule="no"), 400),
        (errors.DigestMismatch("p", expected="a", actual="b"), 422),
        (errors.StorageFull("disk"), 507),
        (errors.ServerBusy(), 429),
        (errors.KymographError("of no family"), 500),
    ],
)
def test_status_of(error: errors.KymographError, status: int) -> None:
    assert status_of(error) == status


def test_specific_rows_stand_above_the_families_that_include_them() -> None:
    for i, (family, _) in enumerate(STATUS_BY_ERROR):
        assert not any(issubclass(family, above) for above, _ in STATUS_BY_ERROR[:i]), family
