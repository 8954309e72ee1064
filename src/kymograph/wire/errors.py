"""Error families and HTTP statuses: the one table, read by the server in one direction and by clients in the other.

Source: protocol.md §16: 400, 401, 403, 404, 409, 410, 413 and 422 are final for clients; 429 and 5xx are retried for up
to a week, so nothing that will fail again may answer so.
"""

from __future__ import annotations

from kymograph import errors

STATUS_BY_ERROR: tuple[tuple[type[errors.KymographError], int], ...] = (
    (errors.Unauthenticated, 401),
    (errors.AuthError, 403),
    (errors.NotFoundError, 404),
    (errors.RunDeleted, 410),
    (errors.ConflictError, 409),
    (errors.RequestTooLarge, 413),
    (errors.MalformedRequest, 400),
    (errors.UnsupportedOperation, 400),
    (errors.ProtocolError, 400),
    (errors.UsageError, 400),
    (errors.IntegrityError, 422),
    (errors.StorageFull, 507),
    (errors.ServerBusy, 429),
    (errors.TransportError, 503),
)
"""Most specific first."""


def status_of(error: errors.KymographError) -> int:
    """The HTTP status of an error; 500 for one that no row names."""
    return status_of_kind(type(error))


def status_of_kind(kind: type[errors.KymographError]) -> int:
    """The HTTP status of all errors of a class."""
    for family, status in STATUS_BY_ERROR:
        if issubclass(kind, family):
            return status
    return 500
