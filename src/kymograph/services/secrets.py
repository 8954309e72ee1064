"""Keys, tokens and signatures: how secrets are made, kept and compared."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass

import orjson

from kymograph.errors import Forbidden
from kymograph.types import JsonObject

API_KEY_LENGTH = 40
"""Hex characters: 160 random bits, and the form that every generation of clients accepts. Source: protocol.md §1.4."""
PREFIX_LENGTH = 6


def new_api_key() -> str:
    """A fresh API key."""
    return secrets.token_hex(API_KEY_LENGTH // 2)


def new_token() -> str:
    """A fresh session, CSRF or login-link token: 256 random bits, safe in addresses."""
    return secrets.token_urlsafe(32)


def secret_digest(secret: str) -> bytes:
    """What is stored of a random secret, 32 bytes.

    Keys and tokens carry at least 128 random bits, so a plain hash cannot be searched; slow password hashes are for
    secrets that people invent.
    """
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def steady_expiry(now_s: float, length_s: int) -> int:
    """When something ends that shall last for `length_s` at least, and be the same for all who ask within such a time.

    Addresses that changed with every second would be loaded by browsers again and again.
    """
    return (int(now_s) // length_s + 2) * length_s


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs small documents into address-safe tokens that end by themselves."""

    key: bytes

    def sign(self, claims: JsonObject, *, expires_at_s: float) -> str:
        """A token for `claims`; `expires_at_s` is in seconds since the epoch."""
        payload = orjson.dumps({**claims, "exp": int(expires_at_s)})
        return f"{_encode(payload)}.{_encode(self._mac(payload))}"

    def verify(self, token: str, *, now_s: float) -> JsonObject:
        """The claims of a token that this signer made and that has not ended.

        Raises:
            Forbidden: Forged, damaged or expired.
        """
        try:
            encoded, _, signature = token.partition(".")
            payload = _decode(encoded)
            # The last character of base64 has bits that say nothing: only one spelling of a token is ours.
            is_ours = hmac.compare_digest(self._mac(payload), _decode(signature)) and _encode(payload) == encoded
            claims: JsonObject = orjson.loads(payload) if is_ours else {}
        except (binascii.Error, ValueError):
            claims = {}
        expires = claims.get("exp")
        if not isinstance(expires, int):
            raise Forbidden("use this address (its signature is wrong)", where="storage")
        if now_s > expires:
            raise Forbidden("use this address any more (it has expired; ask for a new one)", where="storage")
        return claims

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self.key, payload, "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
