"""Keeping secrets out of what is recorded: masks for texts, command lines, addresses and environment variables.

What a run records of its surroundings is read by everybody who may see the run. These functions know no environment:
whoever calls them hands in the values that must not appear.

Source: tests/unit/core/test_secrets.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

MASK = "***"
MIN_SECRET_CHARACTERS = 8
"""Shorter values are no secrets but words; masking them would blank half of a text."""

_SECRET_NAME = re.compile(
    r"(?i)(?:^|[^a-z0-9])(?:api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|auth[_-]?key|key|secret|token|"
    r"pass(?:word|wd|phrase|code)?|pwd|credentials?|jwt|auth|signature|sig)(?:$|[^a-z0-9])"
)
_ENVIRONMENT_NAME = re.compile(r"(?i)(?:api_?key|access_?key|private_?key|secret|token|passw|credential|jwt)")
_URL_USER = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)([^\s/@?#'\"]+)@")
_QUERY_VALUE = re.compile(r"([?&;])([A-Za-z0-9_.~-]+)=([^&#;\s'\"]+)")
_KNOWN_SHAPES = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
    r"|glpat-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|A(?:KIA|SIA)[A-Z0-9]{16}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+)"
)
"""Keys of services that can be told by their form."""


def mask(text: str, known: Iterable[str] = ()) -> str:
    """The text without secrets.

    Args:
        text: Anything.
        known: Values that must not appear, wherever they stand; those below `MIN_SECRET_CHARACTERS` are left.

    Returns:
        The text with known values, keys of known form, passwords in URLs and signatures in queries masked.

    Law: masking twice is masking once.
    """
    # Longest first: a key that holds another one is masked as a whole.
    for secret in sorted({value for value in known if len(value) >= MIN_SECRET_CHARACTERS}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _KNOWN_SHAPES.sub(MASK, strip_url_credentials(text))
    return _QUERY_VALUE.sub(_masked_query_value, text)


def strip_url_credentials(text: str) -> str:
    """The text with user names and passwords taken out of its URLs; ``git@`` of an SSH address is no secret."""
    return _URL_USER.sub(_without_user, text)


def _without_user(match: re.Match[str]) -> str:
    scheme, user = match[1], match[2]
    if scheme.lower().endswith("ssh://"):
        return f"{scheme}{user.partition(':')[0]}@"
    return scheme


def _masked_query_value(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}={MASK}" if is_secret_name(match[2]) else match[0]


def is_secret_name(name: str) -> bool:
    """Tell whether the value under this name is to be kept secret: ``--api-key``, ``HF_TOKEN``, ``X-Amz-Signature``."""
    return _SECRET_NAME.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).replace("_", "-")) is not None


def mask_arguments(arguments: Sequence[str], known: Iterable[str] = ()) -> tuple[str, ...]:
    """A command line without secrets: as `mask`, and without the values of options that are named like one."""
    known = tuple(known)
    masked = list[str]()
    hides_next = False
    for argument in arguments:
        if hides_next and not argument.startswith("-"):
            masked.append(MASK)
            hides_next = False
            continue
        name, equals, _ = argument.partition("=")
        is_option = re.fullmatch(r"-{1,2}[A-Za-z][\w.-]*|\+{0,2}[A-Za-z_][\w.]*", name) is not None
        names_secret = is_option and is_secret_name(name)
        if names_secret and equals:
            masked.append(f"{name}={MASK}")
        else:
            masked.append(mask(argument, known))
        hides_next = names_secret and not equals and argument.startswith("-")
    return tuple(masked)


def known_secrets(environment: Mapping[str, str]) -> frozenset[str]:
    """Values of environment variables that are named like a secret, to be handed to `mask`."""
    return frozenset(
        value
        for name, value in environment.items()
        if len(value) >= MIN_SECRET_CHARACTERS
        and _ENVIRONMENT_NAME.search(name)
        # A path to a key file is no secret, and hiding it would blank paths elsewhere.
        and not name.upper().endswith(("_FILE", "_PATH", "_DIR", "_URL"))
        and not value.startswith(("/", "~", "./"))
    )


def masked_mapping(values: Mapping[str, str], known: Iterable[str] = ()) -> dict[str, str]:
    """Named texts without secrets: `mask` for each, and nothing of those that are named like one."""
    known = tuple(known)
    return {
        name: MASK if is_secret_name(name) or _ENVIRONMENT_NAME.search(name) else mask(value, known)
        for name, value in values.items()
    }
