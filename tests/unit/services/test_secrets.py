"""Keys, tokens, signatures."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymograph.errors import Forbidden
from kymograph.services.secrets import Signer, new_api_key, new_token, secret_digest, steady_expiry

SIGNER = Signer(b"k" * 32)
CLAIMS = st.dictionaries(
    st.text(max_size=5).filter(lambda name: name != "exp"), st.text(max_size=5) | st.integers(0, 9)
)


def test_secrets_are_long_and_never_the_same() -> None:
    keys, tokens = {new_api_key() for _ in range(50)}, {new_token() for _ in range(50)}

    assert len(keys) == len(tokens) == 50
    assert all(re.fullmatch("[0-9a-f]{40}", key) for key in keys)
    assert all(re.fullmatch("[A-Za-z0-9_-]{43}", token) for token in tokens)


def test_digest_takes_any_text() -> None:
    assert len(secret_digest("\ud800")) == 32
    assert secret_digest("a") != secret_digest("b")


@given(CLAIMS)
def test_signed_claims_come_back_until_they_end(claims: dict[str, str | int]) -> None:
    token = SIGNER.sign(dict(claims), expires_at_s=100)

    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token)
    assert SIGNER.verify(token, now_s=100) == {**claims, "exp": 100}
    with pytest.raises(Forbidden, match="expired"):
        SIGNER.verify(token, now_s=101)


def test_claims_cannot_lengthen_their_own_life() -> None:
    token = SIGNER.sign({"exp": 10**10}, expires_at_s=100)

    with pytest.raises(Forbidden):
        SIGNER.verify(token, now_s=101)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_text_that_nobody_signed_is_refused(token: str) -> None:
    with pytest.raises(Forbidden, match="signature"):
        SIGNER.verify(token, now_s=0)


@given(st.data())
def test_token_with_one_other_character_is_refused(data: st.DataObject) -> None:
    token = SIGNER.sign({"m": "GET", "k": "runs/1/abc"}, expires_at_s=100)
    place = data.draw(st.integers(0, len(token.partition(".")[0]) - 1))
    other = data.draw(st.sampled_from("ABCabc019_-").filter(lambda character: character != token[place]))

    with pytest.raises(Forbidden):
        SIGNER.verify(token[:place] + other + token[place + 1 :], now_s=0)


def test_key_of_another_server_does_not_sign_for_this_one() -> None:
    token = Signer(b"x" * 32).sign({}, expires_at_s=100)

    with pytest.raises(Forbidden):
        SIGNER.verify(token, now_s=0)


@given(st.integers(0, 10**10), st.integers(1, 10**5))
def test_steady_expiries_last_long_enough_and_change_once_in_that_time(now_s: int, length_s: int) -> None:
    expiry = steady_expiry(now_s, length_s)

    assert length_s < expiry - now_s <= 2 * length_s
    assert expiry == steady_expiry(now_s - now_s % length_s, length_s)
