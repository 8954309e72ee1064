"""A stand-in for the one public object that some of the vendor's artifact tests read from the internet.

They add references to a sound file in a public bucket, by https, S3 and Google Cloud Storage; none of that concerns our
server, which only keeps what the client found out. On a machine without the internet this proxy takes the places of the
hosts: clients that honour the usual proxy variables come here, and trust its certificate for the time of the run.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
import wave
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "StarWars3.wav"
S3_BUCKET = "wandb-artifacts-refs-public-test"
GCS_HOST = "storage.googleapis.com"
HOSTS = (f"{S3_BUCKET}.s3-us-west-2.amazonaws.com", f"{S3_BUCKET}.s3.amazonaws.com", GCS_HOST)
_LIFETIME = timedelta(days=1)


@contextmanager
def public_objects(folder: Path) -> Iterator[dict[str, str]]:
    """Serve the object until the block ends.

    Args:
        folder: Where the certificate goes.

    Yields:
        Environment variables for the clients.
    """
    certificate = _make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = _Proxy(context)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield {
            "HTTPS_PROXY": f"http://127.0.0.1:{server.server_port}",
            "NO_PROXY": "localhost,127.0.0.1",
            "REQUESTS_CA_BUNDLE": str(certificate),
            "AWS_CA_BUNDLE": str(certificate),
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sound() -> bytes:
    """A second of silence."""
    file = BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(8000)
        output.writeframes(bytes(16000))
    return file.getvalue()


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.context = context
        self.content = sound()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy
    host = ""
    """Whom the client believes to speak with, once it has connected."""

    def do_CONNECT(self) -> None:
        host = self.path.rpartition(":")[0]
        if host not in HOSTS:
            self.send_error(502, "there is no internet here")
            return
        self.send_response(200)
        self.end_headers()
        self.host = host
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        parts = urlsplit(self.path)
        body, kind = self._find(parts.path, parts.query)
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body or b"")))
        self.send_header("ETag", f'"{hashlib.md5(self.server.content).hexdigest()}"')
        self.send_header("Last-Modified", "Wed, 01 Jan 2020 00:00:00 GMT")
        self.end_headers()
        if with_body and body is not None:
            self.wfile.write(body)

    def _find(self, path: str, query: str) -> tuple[bytes | None, str]:
        content = self.server.content
        if self.host != GCS_HOST:
            return (content if path == f"/{NAME}" else None), "audio/x-wav"
        if not path.endswith(f"/o/{NAME}"):
            return None, "text/plain"
        if path.startswith("/download/") or "alt=media" in query:
            return content, "audio/x-wav"
        described = {
            "kind": "storage#object",
            "name": NAME,
            "bucket": path.split("/")[-3],
            "generation": "1577836800000000",
            "etag": "CAE=",
            "size": str(len(content)),
            "md5Hash": b64encode(hashlib.md5(content).digest()).decode(),
            "mediaLink": f"https://{GCS_HOST}/download{path}?alt=media",
        }
        return json.dumps(described).encode(), "application/json"

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


def _make_certificate(folder: Path) -> Path:
    """A certificate that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LIFETIME)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "public-objects.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path
