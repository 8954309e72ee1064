"""The web page answers every address that people may open, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.server.routes import web
from tests.unit.server.http import Http


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a built page."""
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("outside")
    (folder / "inner").mkdir()
    (folder / "inner" / "file.txt").write_text("inner")
    monkeypatch.setattr(web, "static_folder", lambda: folder)
    return folder


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    "path", ["/", "/admin", "/admin/project", "/admin/p/runs/r/files/a.txt", "/login/token", "/settings", "/a%2Fb"]
)
def test_address_that_people_open_gives_the_page(http: Http, path: str) -> None:
    response = http.get(path, key=None)

    assert response.status_code == 200
    assert "<title>page</title>" in response.text
    assert response.headers["cache-control"] == "no-cache"
    assert "script-src 'self'" in response.headers["content-security-policy"]


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("path", ["/api/v2/x", "/metrics/x", "/storage/x", "/oidc/x", "/sdk/x", "/graphql/x"])
def test_machine_address_that_is_not_there_is_an_error_not_a_page(http: Http, path: str) -> None:
    response = http.get(path)

    assert response.status_code == 404
    assert response.json()["error"]["kind"] == "NotFound"


@pytest.mark.usefixtures("built")
def test_file_beside_the_page_is_served_and_nothing_outside(http: Http) -> None:
    assert http.get("/favicon.svg").text == "<svg/>"
    for path in ("/../secret.txt", "/..%2Fsecret.txt", "/%2e%2e/secret.txt", "/inner/file.txt", "/secret.txt"):
        assert "outside" not in http.get(path).text
    assert "page" in http.get("/index.html").text


def test_installation_without_the_page_says_what_to_do(
    http: Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "static_folder", lambda: tmp_path / "absent")

    response = http.get("/admin/p", key=None)

    assert response.status_code == 200
    assert "make web" in response.text


def test_page_of_the_api_lists_every_operation_and_loads_nothing_from_elsewhere(http: Http) -> None:
    page = http.get("/api/docs", key=None).text
    operations = http.get("/api/v1/openapi.json", key=None).json()["paths"]

    for path in operations:
        assert path in page
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page


def test_health_needs_no_credential(http: Http) -> None:
    for path in ("/healthz", "/readyz", "/ready"):
        assert http.get(path, key=None).status_code == 200


def test_telemetry_of_clients_is_taken_and_dropped(http: Http) -> None:
    assert http.request("POST", "/sdk/otel/v1/metrics", key=None, content=b"\x00" * 1000).status_code == 200
