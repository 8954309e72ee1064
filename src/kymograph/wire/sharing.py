"""Runs that several clients write at once, each as a writer of its own (shared mode): headers and documents.

Source: protocol.md §5.5.
"""

from __future__ import annotations

from collections.abc import Mapping

from kymograph.core.config import INTERNAL_KEY, internal_notes
from kymograph.types import JsonObject, JsonValue, WriterId
from kymograph.wire.config import encode_metrics, metric_definitions

SHARED_HEADER = "X-WANDB-USE-ASYNC-FILESTREAM"
"""``true`` with every request about a shared run."""
STREAM_WRITER_HEADER = "X-WANDB-ASYNC-CLIENT-ID"
"""Names the writer of a request of the file stream."""
DOCUMENT_WRITER_HEADER = "X-WANDB-CLIENT-ID"
"""Names the writer of a GraphQL document."""
MAX_WRITER_LENGTH = 128


def stream_headers(writer: str) -> dict[str, str]:
    """Headers of a request of the file stream; none for the only writer of a run."""
    return {SHARED_HEADER: "true", STREAM_WRITER_HEADER: writer} if writer else {}


def document_headers(writer: str) -> dict[str, str]:
    """Headers of a GraphQL document; none for the only writer of a run."""
    return {SHARED_HEADER: "true", DOCUMENT_WRITER_HEADER: writer} if writer else {}


def writer_of(headers: Mapping[str, str], name: str = DOCUMENT_WRITER_HEADER) -> WriterId:
    """Which of several writers a request comes from; the only one, if it names none.

    Args:
        headers: Of the request, found in whatever case.
        name: Of the header that tells.
    """
    return WriterId(headers.get(name, "")[:MAX_WRITER_LENGTH])


def merge_configs(known: JsonObject, new: JsonObject) -> JsonObject:
    """The config document of a shared run after one of its writers has sent its own.

    A writer knows its own values only, so nothing that `new` lacks is taken out: values are replaced by key, and so
    are the clients' notes, of which metric definitions and environments are put together one by one.

    Law: sending the same document again changes nothing.
    """
    merged = {**known, **new}
    before, after = internal_notes(known), internal_notes(new)
    if before and after:
        notes: JsonObject = {**before, **after}
        environments = {**_mapping(before.get("e")), **_mapping(after.get("e"))}
        if environments:
            notes["e"] = environments
        definitions = {definition.name: definition for definition in metric_definitions(known)}
        for definition in metric_definitions(new):
            # Those that are there because others point to them say nothing.
            if definition.is_explicit or definition.is_glob or definition.name not in definitions:
                definitions[definition.name] = definition
        if definitions:
            notes["m"] = encode_metrics(definitions.values())
        merged[INTERNAL_KEY] = {"value": notes}
    elif before:
        merged[INTERNAL_KEY] = known[INTERNAL_KEY]
    return merged


def _mapping(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
