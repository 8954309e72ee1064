"""Secrets are masked, and what is none is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.core.secrets import (
    is_secret_name,
    known_secrets,
    mask,
    mask_arguments,
    masked_mapping,
    strip_url_credentials,
)

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"key {KEY}!", "key ***!"),
        (f"https://user:{KEY}@host/x", "https://host/x"),
        ("https://token@github.com/a/b.git", "https://github.com/a/b.git"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("ssh://git@github.com/a/b.git", "ssh://git@github.com/a/b.git"),
        ("ssh://git:pass@github.com/a/b.git", "ssh://git@github.com/a/b.git"),
        ("postgresql://me:secret@db:5432/x and http://a@b", "postgresql://db:5432/x and http://b"),
        ("mail me@example.org", "mail me@example.org"),
        ("https://b/x?X-Amz-Signature=abc&part=2", "https://b/x?X-Amz-Signature=***&part=2"),
        ("hf_abcdefghijklmnopqrstuvwxyz", "***"),
        ("monkey=1 keyboard", "monkey=1 keyboard"),
    ],
)
def test_secrets_in_a_text(text: str, masked: str) -> None:
    assert mask(text, [KEY]) == masked


def test_short_values_are_not_masked() -> None:
    assert mask("train the model", ["the", ""]) == "train the model"


def test_a_secret_within_another_does_not_uncover_it() -> None:
    assert mask("longsecret-tail", ["longsecret", "longsecret-tail"]) == "***"


@pytest.mark.parametrize(
    ("arguments", "masked"),
    [
        (["--api-key", "abc", "--lr", "3"], ["--api-key", "***", "--lr", "3"]),
        (["--token=abc", "x"], ["--token=***", "x"]),
        (["--hf_token", "abc"], ["--hf_token", "***"]),
        (["model.api_key=abc", "optimizer.lr=1"], ["model.api_key=***", "optimizer.lr=1"]),
        (["--use-key", "--lr", "3"], ["--use-key", "--lr", "3"]),
        (["--tokenizer", "bert", "--max-tokens", "12"], ["--tokenizer", "bert", "--max-tokens", "12"]),
        (["--monkey", "george"], ["--monkey", "george"]),
        ([f"--base=http://u:{KEY}@h"], ["--base=http://h"]),
        (["-p", "abc"], ["-p", "abc"]),
        ([], []),
    ],
)
def test_secrets_on_a_command_line(arguments: list[str], masked: list[str]) -> None:
    assert mask_arguments(arguments, [KEY]) == tuple(masked)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *[(name, True) for name in ("apiKey", "API_KEY", "password", "db-password", "SLURM_JWT")],
        *[(name, False) for name in ("keyboard", "tokens", "authors", "compass", "lr")],
    ],
)
def test_names_of_secrets(name: str, expected: bool) -> None:
    assert is_secret_name(name) is expected


def test_secrets_of_an_environment() -> None:
    environment = {"WANDB_API_KEY": KEY, "HOME": "/home/someone", "SSH_KEY_PATH": "/k/id_rsa", "MY_TOKEN": "short"} | {
        "AWS_SECRET_ACCESS_KEY": "abcdefgh12",
        "TOKEN_FILE": "/run/secrets/token",
    }

    assert known_secrets(environment) == {KEY, "abcdefgh12"}


def test_a_mapping_keeps_its_names() -> None:
    assert masked_mapping({"job_id": "7", "jwt": "abc", "note": f"is {KEY}"}, [KEY]) == {
        "job_id": "7",
        "jwt": "***",
        "note": "is ***",
    }


def test_urls_without_credentials_are_left() -> None:
    assert strip_url_credentials("https://h/a?b=c@d") == "https://h/a?b=c@d"


@given(st.text(), st.lists(st.text(min_size=8, max_size=12)))
def test_masking_twice_is_masking_once(text: str, known: list[str]) -> None:
    known = [secret for secret in known if "***" not in secret]

    assert mask(mask(text, known), known) == mask(text, known)
