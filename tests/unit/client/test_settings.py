"""Where the server is and who asks: variables, settings files and netrc, in that order."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.client.settings import ClientSettings, load_client_settings
from kymograph.errors import InvalidSetting, Unauthenticated

KEY = "0123456789abcdef0123456789abcdef01234567"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def load(tmp_path: Path, **environment: str) -> ClientSettings:
    return load_client_settings(environment, home=tmp_path / "home", folder=tmp_path / "work")


def test_variables_win(tmp_path: Path) -> None:
    write(tmp_path / "home" / ".config" / "wandb" / "settings", "[default]\nbase_url = http://user\nentity = someone\n")
    write(tmp_path / "work" / "wandb" / "settings", "[default]\nbase_url = http://folder\nproject = p\n")

    assert load(tmp_path, WANDB_API_KEY=KEY) == ClientSettings("http://folder", KEY, "someone", "p")
    assert load(tmp_path, WANDB_API_KEY=KEY, WANDB_BASE_URL="https://host:1/", WANDB_ENTITY="e") == ClientSettings(
        "https://host:1", KEY, "e", "p"
    )


def test_the_key_of_the_host_is_in_netrc(tmp_path: Path) -> None:
    write(
        tmp_path / "home" / ".netrc", f"machine other login user password x\nmachine host login user password {KEY}\n"
    )
    (tmp_path / "home" / ".netrc").chmod(0o600)

    assert load(tmp_path, WANDB_BASE_URL="http://host:8080").api_key == KEY
    with pytest.raises(Unauthenticated, match="WANDB_API_KEY"):
        load(tmp_path)


def test_a_broken_file_is_as_good_as_none(tmp_path: Path) -> None:
    write(tmp_path / "home" / ".config" / "wandb" / "settings", "no section\n")
    write(tmp_path / "home" / ".netrc", "machine\n")

    assert load(tmp_path, WANDB_API_KEY=KEY).base_url == "http://localhost:8080"


def test_an_address_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="http"):
        load(tmp_path, WANDB_API_KEY=KEY, WANDB_BASE_URL="localhost:8080")
