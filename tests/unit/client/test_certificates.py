"""Certificates that are trusted, and those that are not, of a real server."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kymograph.client.certificates import BUNDLE_VARIABLES, FOLDER_VARIABLE
from kymograph.client.connection import Connection
from kymograph.client.graphql import GraphqlTransport
from kymograph.errors import CertificateRejected, InvalidSetting, TransportError, Unreachable
from tests.loopback import Certificate, make_certificate, serving


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*BUNDLE_VARIABLES, FOLDER_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path)


def ask(url: str, *, checks_certificates: bool = True) -> str:
    connection = replace(Connection.of(url, "key"), checks_certificates=checks_certificates)
    with GraphqlTransport(connection) as transport:
        return transport.viewer().username


def test_a_certificate_that_signed_itself_is_told_with_what_to_do(certificate: Certificate) -> None:
    with serving(certificate) as server, pytest.raises(CertificateRejected) as caught:
        ask(server.url)

    assert server.requests == []
    said = str(caught.value)
    assert said.startswith(f"the certificate of {server.url} is not trusted: self-signed certificate")
    assert "SSL_CERT_FILE" in said
    assert "insecure_disable_ssl" in said
    assert isinstance(caught.value, TransportError), "it may be renewed: what is logged waits for it"


def test_one_that_has_expired_is_to_be_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expired = make_certificate(tmp_path, starts_in=-timedelta(days=60))
    monkeypatch.setenv("SSL_CERT_FILE", str(expired.path))
    with serving(expired) as server, pytest.raises(CertificateRejected, match=r"has expired; .* has to renew it"):
        ask(server.url)


def test_one_that_is_not_valid_yet_points_at_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    early = make_certificate(tmp_path, starts_in=timedelta(days=2))
    monkeypatch.setenv("SSL_CERT_FILE", str(early.path))
    with serving(early) as server, pytest.raises(CertificateRejected, match="the clock of this machine"):
        ask(server.url)


def test_one_for_another_name_points_at_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = make_certificate(tmp_path, host="127.0.0.9")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.path))
    with serving(other) as server, pytest.raises(CertificateRejected, match="is the address right"):
        ask(server.url)


@pytest.mark.parametrize("variable", BUNDLE_VARIABLES)
def test_an_authority_of_ones_own_is_trusted(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(certificate.path))
    with serving(certificate) as server:
        assert ask(server.url) == "ada"


def test_nothing_is_looked_at_where_somebody_says_so(certificate: Certificate) -> None:
    with serving(certificate) as server:
        assert ask(server.url, checks_certificates=False) == "ada"


def test_a_file_that_holds_no_certificates_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("/nowhere.pem", str(tmp_path / "empty.pem")):
        (tmp_path / "empty.pem").write_text("nothing")
        monkeypatch.setenv("SSL_CERT_FILE", text)
        with pytest.raises(InvalidSetting, match="SSL_CERT_FILE"):
            ask("https://127.0.0.1:1")


def test_a_server_without_tls_is_told_from_one_that_is_away() -> None:
    with serving() as server, pytest.raises(Unreachable, match="is it http:// instead of https://"):
        ask(server.url.replace("http:", "https:"))
