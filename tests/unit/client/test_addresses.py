"""What an address of a server is."""

from __future__ import annotations

import pytest

from kymograph.client.addresses import check_base_url
from kymograph.errors import InvalidSetting


def test_a_slash_at_its_end_goes() -> None:
    assert check_base_url("https://host:1/") == "https://host:1"


@pytest.mark.parametrize("text", ["localhost:8080", "ftp://host", "http://", "http://host:x", "http://a b"])
def test_an_address_must_be_one(text: str) -> None:
    with pytest.raises(InvalidSetting, match="http"):
        check_base_url(text)
