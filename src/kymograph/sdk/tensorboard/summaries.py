"""Logging summaries that a script holds in its hands, rather than writes to a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from kymograph.errors import InvalidValue
from kymograph.sdk.active import active_run
from kymograph.sdk.process import voice_here
from kymograph.sdk.tensorboard.step_rows import STEP_KEY
from kymograph.sdk.tensorboard.values import Loggable, SummaryReader
from kymograph.wire.events_pb2 import Event, Summary


def tf_summary_to_dict(tf_summary_str_or_pb: Any, namespace: str = "") -> dict[str, Loggable] | None:
    """What a summary holds, as `Run.log` takes it.

    Args:
        tf_summary_str_or_pb: A summary or an event of TensorFlow or TensorBoard; an encoded summary; or several.
        namespace: Put before the names of metrics, with a slash between.

    Returns:
        Values by metric, of an event with its step and time; None if there are none.

    Raises:
        InvalidValue: It is none of these.
    """
    given, found = tf_summary_str_or_pb, dict[str, Loggable]()
    if hasattr(given, "summary") and hasattr(given, "wall_time"):
        event = Event.FromString(given.SerializeToString())
        summary = event.summary
        found = {f"{namespace}/{STEP_KEY}" if namespace else STEP_KEY: event.step, "_timestamp": event.wall_time}
    else:
        summary = _summary_of(given)
    if not summary.value:
        return None
    return found | SummaryReader(namespace, warn=voice_here().warn).values_of(summary)


def _summary_of(given: Any) -> Summary:
    from google.protobuf.message import DecodeError

    if isinstance(given, bytes | bytearray):
        try:
            return Summary.FromString(bytes(given))
        except DecodeError as exc:
            raise InvalidValue("tensorboard.log(summary)", given, rule="these bytes are no summary") from exc
    if hasattr(given, "SerializeToString"):
        return _summary_of(given.SerializeToString())
    if isinstance(given, Iterable) and not isinstance(given, str):
        merged = Summary()
        for each in given:
            merged.MergeFrom(_summary_of(each))
        return merged
    raise InvalidValue("tensorboard.log(summary)", given, rule="give a summary, an event, or an encoded summary")


_steps: WeakKeyDictionary[Any, dict[str, int]] = WeakKeyDictionary()
"""Of runs, by namespace: the step that was logged last."""


def log(tf_summary_str_or_pb: Any, history: Any = None, step: int = 0, namespace: str = "", **_others: Any) -> None:
    """Log a summary to the active run; summaries of one step become one row.

    Args:
        tf_summary_str_or_pb: As `tf_summary_to_dict` takes it.
        history: Does nothing; accepted for old scripts.
        step: Of the summary; a higher one than before begins a row.
        namespace: Put before the names of metrics.
    """
    run, found = active_run(), tf_summary_to_dict(tf_summary_str_or_pb, namespace)
    if run is None or found is None:
        return
    steps = _steps.setdefault(run, {})
    highest = max(steps.values(), default=0)
    if step > steps.get(namespace, 0) and step != highest:
        run.log({}, commit=True)
    steps[namespace] = step
    if namespace:
        found[STEP_KEY] = max(step, highest)
    run.log(found, commit=False)


def reset_state() -> None:
    """Forget which steps were logged."""
    _steps.clear()
