"""What may stand in the metadata of an artifact version. Source: seeds.md C.1."""

from __future__ import annotations

import math
from typing import Any

from kymograph.core import exact_json
from kymograph.core.artifact import MAX_METADATA_KEYS
from kymograph.errors import InvalidSetting, MalformedRequest


def checked_metadata(text: str) -> str:
    """Check a metadata document, and write NaN as null as clients do.

    Raises:
        MalformedRequest: Not a JSON object.
        InvalidSetting: Too many keys, or an infinity.
    """
    try:
        document = exact_json.loads_document(text)
    except ValueError as exc:
        raise MalformedRequest(f"not JSON: {exc}", where="metadata") from exc
    if not isinstance(document, dict):
        raise MalformedRequest("expected a JSON object", where="metadata")
    if len(document) > MAX_METADATA_KEYS:
        raise InvalidSetting(
            "metadata",
            f"{len(document)} keys",
            rule=f"Artifact must not have more than {MAX_METADATA_KEYS} metadata keys.",
        )
    plain = _without_nan(document)
    return text if plain == document else exact_json.dumps(plain)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        raise InvalidSetting("metadata", value, rule="JSON has no infinities; use null or a text")
    return None if isinstance(value, float) and math.isnan(value) else value
