"""Values of settings: from what the caller gives, an environment variable or a line of a file says, to what they are.

A setting's type stands once, as the annotation of its attribute; its text chooses the parser here. So nothing is
evaluated at import, and no library of models is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from kymograph.errors import InvalidChoice, InvalidSetting

Parser: TypeAlias = Callable[[str, Any], Any]
"""Gives the value of a setting, by name, for what was given.

Raises `InvalidSetting`; `InvalidChoice` where the type is another.
"""


@dataclass(frozen=True, slots=True)
class RunMoment:
    """A step of a run, which another starts from."""

    run: str
    value: int | float
    metric: str = "_step"

    def __str__(self) -> str:
        return f"{self.run}?{self.metric}={self.value}"


_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0", ""})


def parse_text(name: str, value: Any) -> str:
    """A text, or a path as one."""
    if isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    raise InvalidChoice(name, value, rule="a text")


def parse_bool(name: str, value: Any) -> bool:
    """True or false, in any of the words for it."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise InvalidChoice(name, value, rule="true or false")


def parse_int(name: str, value: Any) -> int:
    """An integer."""
    try:
        if isinstance(value, str):
            return int(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and int(value) == value:
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise InvalidChoice(name, value, rule="an integer")


def parse_float(name: str, value: Any) -> float:
    """A number."""
    try:
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise InvalidChoice(name, value, rule="a number")


def parse_texts(name: str, value: Any) -> tuple[str, ...]:
    """Several texts; one text is JSON, or is cut at its commas."""
    if isinstance(value, str) and value.startswith("["):
        value = _from_json(name, value)
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, os.PathLike):
        return (str(os.fspath(value)),)
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(parse_text(name, item) for item in value)
    raise InvalidChoice(name, value, rule="texts, or one text with commas between them")


def parse_ints(name: str, value: Any) -> tuple[int, ...]:
    """Several integers: as JSON, or with commas between them."""
    if isinstance(value, str):
        value = [part for part in value.strip().strip("[]").split(",") if part.strip()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(parse_int(name, item) for item in value)
    raise InvalidChoice(name, value, rule="integers, as in [0, 1]")


def parse_mapping(name: str, value: Any) -> dict[str, str]:
    """Names and texts; in a text, as JSON."""
    found = _from_json(name, value)
    if not isinstance(found, Mapping):
        raise InvalidChoice(name, value, rule='names and texts, as in {"name": "text"}')
    return {str(key): parse_text(name, item) for key, item in found.items()}


def parse_filters(name: str, value: Any) -> dict[str, dict[str, str]] | tuple[str, ...]:
    """Filters of metrics: names, or a mapping of labels for each."""
    found = _from_json(name, value)
    if isinstance(found, Mapping):
        return {str(key): parse_mapping(name, item) for key, item in found.items()}
    return parse_texts(name, found)


def _from_json(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    import json

    try:
        return json.loads(value)
    except ValueError as exc:
        raise InvalidSetting(name, value, rule="JSON") from exc


def parse_moment(name: str, value: Any) -> RunMoment:
    """A step of a run, as ``<run>?_step=<number>``."""
    if isinstance(value, RunMoment):
        return value
    if hasattr(value, "run") and hasattr(value, "value"):  # that of the protocol's own client
        return RunMoment(str(value.run), value.value)
    rule = "'<run>?_step=<number>', as in 'ans3bsax?_step=123'"
    if not isinstance(value, str):
        raise InvalidChoice(name, value, rule=rule)
    run, _, query = value.partition("?")
    found = parse_qs(query, keep_blank_values=True)
    if not run or "/" in run or found.keys() != {"_step"}:
        raise InvalidSetting(name, value, rule=rule)
    text = found["_step"][0]
    try:
        return RunMoment(run, int(text) if text.isdigit() else float(text))
    except ValueError as exc:
        raise InvalidSetting(name, value, rule=rule) from exc


def parse_callable(name: str, value: Any) -> Any:
    """Something to call."""
    if callable(value):
        return value
    raise InvalidChoice(name, value, rule="a function")


def parse_reinit(name: str, value: Any) -> str | bool:
    """What becomes of the run before."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    choices = ("default", "return_previous", "finish_previous", "create_new")
    if value in choices:
        return str(value)
    raise InvalidChoice(name, value, rule=f"true, false, or one of {', '.join(choices)}")


PARSERS: dict[str, Parser] = {
    "str": parse_text,
    "bool": parse_bool,
    "int": parse_int,
    "float": parse_float,
    "tuple[str, ...]": parse_texts,
    "tuple[int, ...]": parse_ints,
    "dict[str, str]": parse_mapping,
    "dict[str, dict[str, str]] | tuple[str, ...]": parse_filters,
    "RunMoment": parse_moment,
    "Callable[[], None]": parse_callable,
    "str | bool": parse_reinit,
}
"""By annotation, without its ``| None``."""

CHOICES: dict[str, tuple[str, ...]] = {
    "mode": ("online", "offline", "shared", "disabled", "dryrun", "run", "noop"),
    "console": ("auto", "off", "wrap", "redirect", "wrap_raw", "wrap_emu"),
    "resume": ("allow", "must", "never", "auto"),
    "job_source": ("repo", "artifact", "image"),
    "durability": ("os", "fsync"),
    "step_order": ("any", "strict"),
}
"""Words that a setting may be."""

_ADDRESSES = frozenset(
    {"base_url", "http_proxy", "https_proxy", "app_url_override", "x_stats_coreweave_metadata_base_url"}
)
_NOT_NEGATIVE = frozenset({
    "console_chunk_max_bytes", "console_chunk_max_seconds", "x_service_wait", "finish_timeout", "init_timeout",
    "summary_timeout", "login_timeout", "heartbeat_seconds", "x_file_stream_max_bytes",
    "x_file_stream_transmit_interval", "x_file_stream_retry_max", "x_file_stream_retry_wait_min_seconds",
    "x_file_stream_retry_wait_max_seconds", "x_file_stream_timeout_seconds", "x_file_transfer_retry_max",
    "x_file_transfer_retry_wait_min_seconds", "x_file_transfer_retry_wait_max_seconds",
    "x_file_transfer_timeout_seconds", "x_graphql_retry_max", "x_graphql_retry_wait_min_seconds",
    "x_graphql_retry_wait_max_seconds", "x_graphql_timeout_seconds",
})  # fmt: skip
MAX_TAG_LENGTH = 64
MIN_SAMPLING_INTERVAL_S = 0.1


def check_value(name: str, value: Any) -> Any:
    """A parsed value, checked by the rule of its setting, in the form in which it counts.

    Raises:
        InvalidSetting: It breaks the rule.
    """
    if name in CHOICES and value not in CHOICES[name]:
        raise InvalidChoice(name, value, rule=f"one of {', '.join(CHOICES[name])}")
    if name in _ADDRESSES:
        return _check_address(name, value)
    if name in _NOT_NEGATIVE and not value >= 0:
        raise InvalidSetting(name, value, rule="not below zero")
    check = _CHECKS.get(name)
    if check is not None:
        check(name, value)
    return value


def _check_address(name: str, value: str) -> str:
    from kymograph.client.addresses import check_base_url

    return check_base_url(value, setting=name)


def _check_api_key(name: str, value: str) -> None:
    if value != value.strip():
        # The value stays out of the message: it is a secret.
        raise InvalidSetting(name, "…", rule="API key cannot start or end with whitespace")


def _check_project(name: str, value: str) -> None:
    from kymograph.core.names import parse_project_name

    parse_project_name(value)


def _check_run_id(name: str, value: str) -> None:
    from kymograph.core.names import parse_run_id

    _check_trimmed(name, value)
    parse_run_id(value)
    if found := set(";,'").intersection(value):
        raise InvalidSetting(name, value, rule=f"Run ID cannot contain the characters: {' '.join(sorted(found))}")


def _check_trimmed(name: str, value: str) -> None:
    if not value or value != value.strip():
        raise InvalidSetting(name, value, rule="it cannot be empty, nor start or end with whitespace")


def _check_tags(name: str, value: tuple[str, ...]) -> None:
    for tag in value:
        if not 1 <= len(tag) <= MAX_TAG_LENGTH:
            shown = tag if len(tag) <= 43 else f"{tag[:20]}…{tag[-20:]}"
            rule = f"Tags must be between 1 and {MAX_TAG_LENGTH} characters; {shown!r} has {len(tag)}"
            raise InvalidSetting(name, (shown,), rule=rule)


def _check_interval(name: str, value: float) -> None:
    if value < MIN_SAMPLING_INTERVAL_S:
        raise InvalidSetting(name, value, rule=f"at least {MIN_SAMPLING_INTERVAL_S} seconds")


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise InvalidSetting(name, value, rule="greater than 0")


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "api_key": _check_api_key,
    "project": _check_project,
    "run_id": _check_run_id,
    "sweep_id": _check_trimmed,
    "run_tags": _check_tags,
    "x_stats_sampling_interval": _check_interval,
    "x_file_stream_max_line_bytes": _check_positive,
}
