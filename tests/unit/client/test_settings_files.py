"""Settings files: read as they are, changed without harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymograph.client.settings_files import change_settings_file, read_settings_file, system_path, workspace_paths
from kymograph.errors import InvalidSetting


def test_changes_keep_what_is_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "new" / "settings"
    change_settings_file(path, {"mode": "offline", "base_url": "http://host:1"})
    change_settings_file(path, {"mode": None, "project": "100%"})

    assert dict(read_settings_file(path).values) == {"base_url": "http://host:1", "project": "100%"}
    assert [found.name for found in path.parent.iterdir()] == ["settings"]


def test_what_is_not_there_is_empty_and_what_is_broken_is_said(tmp_path: Path) -> None:
    assert read_settings_file(tmp_path / "none").problem is None
    (tmp_path / "other").write_text("[section]\na = 1\n")
    assert read_settings_file(tmp_path / "other").values == {}
    (tmp_path / "broken").write_text("no section\n")
    broken = read_settings_file(tmp_path / "broken")

    assert broken.problem is not None
    assert "no section headers" in broken.problem
    with pytest.raises(InvalidSetting, match="mend or remove"):
        change_settings_file(tmp_path / "broken", {"a": "b"})
    assert (tmp_path / "broken").read_text() == "no section\n"


def test_where_they_are(tmp_path: Path) -> None:
    assert system_path({}, tmp_path) == tmp_path / ".config" / "wandb" / "settings"
    assert system_path({"WANDB_CONFIG_DIR": "/etc/x"}, tmp_path) == Path("/etc/x/settings")
    assert workspace_paths(tmp_path)[0] == tmp_path / "wandb" / "settings"
    assert workspace_paths(tmp_path)[-1] == tmp_path / "kymograph" / "settings"
