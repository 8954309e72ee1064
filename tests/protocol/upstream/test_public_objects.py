"""The stand-in for what some of the vendor's tests read from the internet."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest

from tests.protocol.upstream.public_objects import GCS_HOST, HOSTS, NAME, public_objects, sound


def test_the_object_is_found_by_every_address_that_the_tests_use(tmp_path: Path) -> None:
    with public_objects(tmp_path) as environment:
        trust = ssl.create_default_context(cafile=environment["REQUESTS_CA_BUNDLE"])
        with httpx.Client(proxy=environment["HTTPS_PROXY"], verify=trust) as http:
            for host in HOSTS[:2]:
                assert http.get(f"https://{host}/{NAME}").content == sound()
                assert http.head(f"https://{host}/{NAME}").headers["content-length"] == str(len(sound()))
                assert http.get(f"https://{host}/other").status_code == 404
            described = http.get(f"https://{GCS_HOST}/storage/v1/b/some-bucket/o/{NAME}").json()
            assert (described["bucket"], described["size"]) == ("some-bucket", str(len(sound())))
            assert http.get(described["mediaLink"]).content == sound()


def test_nothing_else_of_the_internet_is_there(tmp_path: Path) -> None:
    with (
        public_objects(tmp_path) as environment,
        httpx.Client(proxy=environment["HTTPS_PROXY"]) as http,
        pytest.raises(httpx.ProxyError),
    ):
        http.get("https://example.org/")
