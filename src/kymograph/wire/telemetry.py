"""What clients note about themselves: versions, and flags that are passed on as they came.

On the wire a message of flags is the list of its fields' numbers. Source: protocol.md §4.2.
"""

from __future__ import annotations

from kymograph.types import JsonObject, JsonValue
from kymograph.wire.records_pb2 import TelemetryRecord

PRODUCER = "kymograph-"
"""Begins what our journals say about who wrote them."""
_FLAGS = {1: "imports_init", 2: "imports_finish", 3: "feature", 8: "env", 10: "deprecated"}
_TEXTS = {4: "python_version", 5: "cli_version", 6: "huggingface_version", 12: "core_version", 13: "platform"}
_LABEL = "9"
_VARINT, _BYTES = 0, 2


def merge_telemetry(known: TelemetryRecord | None, later: TelemetryRecord) -> TelemetryRecord:
    """What both say; of texts the later."""
    merged = TelemetryRecord()
    if known is not None:
        merged.CopyFrom(known)
    merged.MergeFrom(later)
    if known is not None:
        for name in (*_FLAGS.values(), "label"):
            before, after = getattr(known, name), getattr(later, name)
            # Messages of one kind are merged by writing them one behind the other.
            if before and after and before != after:
                setattr(merged, name, before + after)
    return merged


def encode_telemetry(record: TelemetryRecord) -> JsonObject:
    """The member ``t`` of a config's notes."""
    document: JsonObject = {}
    for number, name in _FLAGS.items():
        found = sorted(int(key) for key, value in _fields(getattr(record, name)).items() if value)
        if found:
            flags: list[JsonValue] = [*found]
            document[str(number)] = flags
    for number, name in _TEXTS.items():
        if text := getattr(record, name):
            document[str(number)] = text
    if record.label:
        document[_LABEL] = _fields(record.label)
    return document


def _fields(message: bytes) -> JsonObject:
    """Numbers and texts of a message by field number; what is neither ends the reading."""
    found: JsonObject = {}
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        value, at = _varint(message, at)
        if tag & 7 == _VARINT:
            found[str(tag >> 3)] = value
        elif tag & 7 == _BYTES:
            found[str(tag >> 3)] = message[at : at + value].decode(errors="replace")
            at += value
        else:
            break
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(message):
        byte = message[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
    return number, at
