"""Whose certificates are trusted, and what to do about one that is not."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import httpx

from kymograph.errors import CertificateRejected, InvalidSetting

BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Name a file (the latter two also a folder) with the certificates of authorities, as for other programs."""
FOLDER_VARIABLE = "SSL_CERT_DIR"

# Numbers of OpenSSL's answers (x509_vfy.h).
_EXPIRED = frozenset({10})
_NOT_YET = frozenset({9})
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21, 27})
_OTHER_NAME = frozenset({62, 64})


def trust(*, checks_certificates: bool, environment: Mapping[str, str] | None = None) -> ssl.SSLContext:
    """What connections of a process trust: made once, for reading the authorities takes some 30 ms.

    Args:
        checks_certificates: Whether certificates are looked at.
        environment: Instead of that of the process.

    Raises:
        InvalidSetting: A variable names a file that cannot be read.
    """
    environment = os.environ if environment is None else environment
    named = next(((name, text) for name in BUNDLE_VARIABLES if (text := environment.get(name))), None)
    return _context(checks_certificates, named, environment.get(FOLDER_VARIABLE) or None)


@cache
def _context(checks_certificates: bool, named: tuple[str, str] | None, folder: str | None) -> ssl.SSLContext:
    if not checks_certificates:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if named is None and folder is None:
        context = httpx.create_ssl_context(trust_env=False)
        context.load_default_certs()  # where companies put their own
        return context
    name, text = named or (FOLDER_VARIABLE, str(folder))
    is_folder = Path(text).is_dir()
    try:
        return ssl.create_default_context(cafile=None if is_folder else text, capath=text if is_folder else folder)
    except OSError as exc:  # also what OpenSSL says of a file without certificates
        raise InvalidSetting(
            name, text, rule=f"it is to name a file with certificates in PEM form: {exc.strerror or exc}"
        ) from exc


def certificate_problem(error: BaseException, address: str) -> CertificateRejected | None:
    """The error to raise if a certificate is what keeps a connection from being made.

    Args:
        error: Of the HTTP library; what caused it is looked at.
        address: Of the server, or of the proxy.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    return CertificateRejected(address, problem=cause.verify_message or str(cause), advice=_advice(cause.verify_code))


def _advice(code: int) -> str:
    if code in _EXPIRED:
        return "whoever runs the server has to renew it"
    if code in _NOT_YET:
        return "look at the clock of this machine"
    if code in _OTHER_NAME:
        return "it is for another name: is the address right?"
    if code in _UNKNOWN_ISSUER:
        return (
            "if that is as it should be, set SSL_CERT_FILE (or REQUESTS_CA_BUNDLE) to a PEM file with the certificate "
            "of whoever issued it"
        )
    return "ask whoever runs the server"
