"""JSON answers, written by orjson where it can and exactly where it cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response

from kymograph.core import exact_json


class JsonResponse(Response):
    """A JSON body; integers beyond 64 bits and bare tokens take the slower, exact way."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode."""
        return encode_json(content)


def encode_json(content: Any) -> bytes:
    """Compact UTF-8."""
    try:
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        return exact_json.dumps(content).encode()


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
