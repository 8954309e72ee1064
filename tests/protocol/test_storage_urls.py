"""Signed addresses: good for one method and one file, for a while, and for nothing else."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from kymograph.services.secrets import Signer
from tests.e2e.rest import Rest
from tests.e2e.server import ServerProcess
from tests.protocol.requests import assert_refused
from tests.protocol.test_bad_input import CREATE_FILES

FILE_URL = """
query ($entity: String!, $project: String!, $names: [String]) {
  project(name: $project, entityName: $entity) {
    run(name: "run") { files(names: $names) { edges { node { name url directUrl sizeBytes md5 } } } }
  }
}
"""


@pytest.fixture
def run(rest: Rest, project: str) -> str:
    """A fresh run in `project`."""
    rest.create_run(project, "run")
    return "run"


@pytest.fixture
def anonymous(server: ServerProcess) -> Iterator[httpx.Client]:
    """Somebody without any key."""
    with server.http(key=None) as http:
        yield http


def upload_url(rest: Rest, project: str, name: str) -> str:
    entity, project_name = project.split("/")
    data = rest.graphql(CREATE_FILES, entity=entity, project=project_name, run="run", files=[name])
    url: str = data["createRunFiles"]["files"][0]["uploadUrl"]
    return url


def file_node(rest: Rest, project: str, name: str) -> Any:
    entity, project_name = project.split("/")
    data = rest.graphql(FILE_URL, entity=entity, project=project_name, names=[name])
    (edge,) = data["project"]["run"]["files"]["edges"]
    return edge["node"]


def claims_of(url: str) -> dict[str, Any]:
    """What an address claims; readable by anybody, changeable by nobody."""
    payload = token_of(url).partition(".")[0]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def token_of(url: str) -> str:
    return next(segment for segment in urlsplit(url).path.split("/") if "." in segment and len(segment) > 60)


def with_token(url: str, token: str) -> str:
    return url.replace(token_of(url), token)


@pytest.mark.usefixtures("run")
def test_upload_and_download_need_no_other_credential(rest: Rest, anonymous: httpx.Client, project: str) -> None:
    url = upload_url(rest, project, "a.txt")
    assert anonymous.put(url, content=b"first").status_code == 200
    assert anonymous.put(url, content=b"second, longer").status_code == 200  # the last one wins

    node = file_node(rest, project, "a.txt")
    assert int(node["sizeBytes"]) == len("second, longer")
    assert anonymous.get(node["url"]).content == b"second, longer"
    assert anonymous.get(node["url"], headers={"Range": "bytes=7-"}).content == b" longer"


@pytest.mark.usefixtures("run")
def test_address_serves_no_other_method(rest: Rest, anonymous: httpx.Client, project: str) -> None:
    upload = upload_url(rest, project, "a.txt")
    assert anonymous.put(upload, content=b"original").status_code == 200
    download = file_node(rest, project, "a.txt")["url"]

    assert_refused(anonymous.get(upload), 403)
    assert_refused(anonymous.put(download, content=b"overwritten"), 403)
    assert_refused(anonymous.post(upload, content=b"x"), 405)
    assert_refused(anonymous.delete(upload), 405)

    assert rest.file(project, "run", "a.txt") == b"original"


@pytest.mark.usefixtures("run")
def test_forged_addresses_are_refused(rest: Rest, anonymous: httpx.Client, project: str) -> None:
    upload = upload_url(rest, project, "a.txt")
    payload, _, signature = token_of(upload).partition(".")
    forged_claims = {**claims_of(upload), "p": "../../escape", "exp": 2**40}
    forged_payload = base64.urlsafe_b64encode(json.dumps(forged_claims).encode()).rstrip(b"=").decode()
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    tokens = [
        f"{forged_payload}.{signature}",
        f"{payload}.{flipped}",
        f"{payload}.",
        f".{signature}",
        f"{payload}.{signature[:-10]}",
        Signer(b"another key").sign(claims_of(upload), expires_at_s=time.time() + 60),
        "none",
        "%00",
        "🚀",
        "a" * 20_000,
    ]

    for token in tokens:
        assert_refused(anonymous.put(with_token(upload, token), content=b"x"), 400, 403, 404, 414)

    assert rest.files(project, "run") == {}


@pytest.mark.usefixtures("run")
def test_expired_addresses_are_refused_and_say_so(
    server: ServerProcess, rest: Rest, anonymous: httpx.Client, project: str
) -> None:
    (key,) = (server.data / "objects" / "system").glob("signing-key*")
    signer = Signer(key.read_bytes())
    upload = upload_url(rest, project, "a.txt")
    fresh = with_token(upload, signer.sign(claims_of(upload), expires_at_s=time.time() + 60))
    stale = with_token(upload, signer.sign(claims_of(upload), expires_at_s=time.time() - 60))

    message = assert_refused(anonymous.put(stale, content=b"x"), 403)
    assert "expired" in message
    assert anonymous.put(fresh, content=b"x").status_code == 200


@pytest.mark.usefixtures("run")
def test_addresses_do_not_live_long(rest: Rest, anonymous: httpx.Client, project: str) -> None:
    upload = upload_url(rest, project, "a.txt")
    anonymous.put(upload, content=b"x")
    download = file_node(rest, project, "a.txt")["url"]

    assert claims_of(upload)["exp"] - time.time() <= 24 * 3600 + 1
    assert claims_of(download)["exp"] - time.time() <= 3600 + 1


@pytest.mark.usefixtures("run")
def test_upload_that_breaks_off_leaves_nothing(server: ServerProcess, rest: Rest, project: str) -> None:
    url = urlsplit(upload_url(rest, project, "half.bin"))
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = f"PUT {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 1000000\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 1000)
    time.sleep(0.5)

    assert rest.files(project, "run") == {}


@pytest.mark.usefixtures("run")
def test_empty_file_is_a_file(rest: Rest, anonymous: httpx.Client, project: str) -> None:
    assert anonymous.put(upload_url(rest, project, "empty"), content=b"").status_code == 200

    assert rest.files(project, "run")["empty"]["size_bytes"] == 0
    assert anonymous.get(file_node(rest, project, "empty")["url"]).content == b""


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("header", "status", "content"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=-3", 206, b"789"),
        ("bytes=8-100", 206, b"89"),
        ("bytes=10-", 416, b""),
        ("bytes=5-2", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=x", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("bytes=" + "9" * 100 + "-", 416, b""),
    ],
)
def test_ranges_are_honoured(
    rest: Rest, anonymous: httpx.Client, project: str, header: str, status: int, content: bytes
) -> None:
    anonymous.put(upload_url(rest, project, "digits"), content=b"0123456789")

    response = anonymous.get(file_node(rest, project, "digits")["url"], headers={"Range": header})

    assert response.status_code == status
    assert response.content == content or status == 416


@pytest.mark.usefixtures("run")
def test_range_of_a_text_is_not_compressed(rest: Rest, anonymous: httpx.Client, project: str) -> None:
    content = b"0123456789" * 20_000
    anonymous.put(upload_url(rest, project, "long.txt"), content=content)

    response = anonymous.get(
        file_node(rest, project, "long.txt")["url"],
        headers={"Range": "bytes=5-100004", "Accept-Encoding": "gzip"},
    )

    assert (response.status_code, response.headers["Content-Range"]) == (206, "bytes 5-100004/200000")
    assert "Content-Encoding" not in response.headers
    assert response.content == content[5:100_005]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "doc.xhtml", "feed.xml"])
def test_active_content_cannot_run_in_our_origin(rest: Rest, anonymous: httpx.Client, project: str, name: str) -> None:
    anonymous.put(upload_url(rest, project, name), content=b"<script>alert(1)</script>")

    for response in (
        anonymous.get(file_node(rest, project, name)["url"]),
        rest.http.get(f"/api/v1/projects/{project}/runs/run/files/{name}"),
    ):
        assert response.status_code == 200
        assert response.headers["Content-Security-Policy"].startswith("sandbox")
        assert "allow-same-origin" not in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
