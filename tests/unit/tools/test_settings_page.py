"""The page of settings says what the SDK does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kymograph.sdk.settings import FIELD_NAMES, Settings
from tools.settings_page import PAGE, SOURCE, SettingRow, sections, settings_page

PACKAGE = SOURCE.parents[1]
DECLARED = ("settings_fields", "settings_values", "settings_sources", "settings")
READERS = [
    path.read_text(encoding="utf-8")
    for folder in ("sdk", "cli", "client")
    for path in (PACKAGE / folder).rglob("*.py")
    if path.stem not in DECLARED
]
ROWS = [row for _, rows in sections() for row in rows]
BY_THE_ENVIRONMENT = {"config_dir": "WANDB_CONFIG_DIR"}
"""Settings whose variable is read before there are settings."""


def is_read(row: SettingRow) -> bool:
    if row.name in BY_THE_ENVIRONMENT:
        return any(BY_THE_ENVIRONMENT[row.name] in text for text in READERS)
    pattern = re.compile(rf"\b(?:settings|_settings|found|meant|self)\.{row.name}\b|\"{row.name}\"")
    return any(pattern.search(text) for text in READERS)


def test_the_page_is_as_it_would_be_written() -> None:
    """`make settings-page` writes it."""
    assert PAGE.read_text(encoding="utf-8") == settings_page()


def test_every_setting_is_on_the_page_with_words() -> None:
    assert [row.name for row in ROWS] == list(FIELD_NAMES)
    assert [row.name for row in ROWS if not row.words.endswith(".")] == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.does_nothing], ids=lambda row: row.name)
def test_a_setting_that_does_nothing_is_not_read(row: SettingRow) -> None:
    assert not any(re.search(rf"\bsettings\.{row.name}\b", text) for text in READERS)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.does_nothing], ids=lambda row: row.name)
def test_a_setting_that_does_something_is_read(row: SettingRow) -> None:
    assert is_read(row)


def test_explanations_are_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (explained,) = Settings(api_key="a" * 40).explain("api_key")

    assert (explained.name, str(explained.origin)) == ("api_key", "init(settings=…)")
    assert "(hidden)" in str(Settings(api_key="a" * 40).explain())
