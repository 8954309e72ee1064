"""Servers on loopback that speak TLS with any certificate, and a proxy that lets requests through."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer, ThreadingTCPServer
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ServerT = TypeVar("ServerT", bound=TCPServer)
VIEWER = {"data": {"viewer": {"username": "ada", "entity": "ada"}}}


@dataclass(frozen=True)
class Certificate:
    """One that signed itself, with its key."""

    path: Path
    key_path: Path


def make_certificate(
    folder: Path, *, host: str = "127.0.0.1", starts_in: timedelta = -timedelta(days=1), lasts: timedelta | None = None
) -> Certificate:
    """A certificate for one address, in files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    starts = datetime.now(UTC) + starts_in
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + (lasts or timedelta(days=30)))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, key_path = folder / "certificate.pem", folder / "key.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Certificate(path, key_path)


@dataclass
class Heard:
    """What a server was asked."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, target and headers, whose names are lower-case."""

    @property
    def headers(self) -> dict[str, str]:
        """Of the last request."""
        return self.requests[-1][2]


@contextmanager
def serving(certificate: Certificate | None = None) -> Iterator[Heard]:
    """A server that takes every request, and answers GraphQL as if it were one of ours."""
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            heard.requests.append((self.command, self.path, _headers(self)))
            _reply(self, 200, json.dumps(VIEWER).encode())

        do_GET = do_POST = do_PUT = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    with _running(_HttpServer(("127.0.0.1", 0), Handler)) as server:
        if certificate is not None:
            server.socket = _context(certificate).wrap_socket(server.socket, server_side=True)
        heard.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
        yield heard


@contextmanager
def proxying(*, status: int = 200) -> Iterator[Heard]:
    """A proxy, for plain requests and tunnels; with another status it lets nothing through."""
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            heard.requests.append((self.command, self.path, _headers(self)))
            if status != 200:
                _reply(self, status, b"")
                return
            host, _, port = self.path.rpartition(":")
            with closing(socket.create_connection((host, int(port)))) as beyond:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                other = threading.Thread(target=_pump, args=(beyond, self.connection))
                other.start()
                _pump(self.connection, beyond)
                other.join()
            self.close_connection = True

        def _pass(self) -> None:
            heard.requests.append((self.command, self.path, _headers(self)))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if status != 200:
                _reply(self, status, b"")
                return
            parts = urlsplit(self.path)
            with closing(HTTPConnection(parts.hostname or "", parts.port)) as beyond:
                target = f"{parts.path}?{parts.query}" if parts.query else parts.path
                # What it does not unpack, it must not ask for packed.
                beyond.request(self.command, target, body, {**self.headers, "Accept-Encoding": "identity"})
                answer = beyond.getresponse()
                _reply(self, answer.status, answer.read())

        do_GET = do_POST = do_PUT = _pass  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    with _running(_HttpServer(("127.0.0.1", 0), Handler)) as server:
        heard.url = f"http://127.0.0.1:{server.server_port}"
        yield heard


class _Quiet:
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us hangs up, which is what is tested."""


class _HttpServer(_Quiet, ThreadingHTTPServer):
    """Says nothing."""


@contextmanager
def _running(server: ServerT) -> Iterator[ServerT]:
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path, certificate.key_path)
    return context


def _headers(request: BaseHTTPRequestHandler) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _reply(request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def terminating(certificate: Certificate, port: int) -> Iterator[str]:
    """The address of what speaks TLS before a server on a port of this machine, as a load balancer does."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with closing(socket.create_connection(("127.0.0.1", port))) as beyond:
                other = threading.Thread(target=_pump, args=(beyond, self.request))
                other.start()
                _pump(self.request, beyond)
                other.join()

    class Server(_Quiet, ThreadingTCPServer):
        def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
            inner, address = super().get_request()
            # The handshake is made where it may fail or last: on the thread of the connection.
            return _context(certificate).wrap_socket(inner, server_side=True, do_handshake_on_connect=False), address

    with _running(Server(("127.0.0.1", 0), Handler)) as server:
        yield f"https://127.0.0.1:{server.server_address[1]}"
