from __future__ import annotations

from pathlib import Path

from kymograph.sdk.auto_resume import forget_run, remember_run, remembered_run


def test_a_run_is_remembered_until_it_ends_well(tmp_path: Path) -> None:
    file = tmp_path / "kymograph" / "wandb-resume.json"
    assert remembered_run(file) is None

    remember_run(file, "abc")
    assert remembered_run(file) == "abc"

    forget_run(file)
    assert remembered_run(file) is None


def test_a_file_that_says_something_else_is_as_good_as_none(tmp_path: Path) -> None:
    file = tmp_path / "wandb-resume.json"
    for text in ("", "[]", '{"run_id": 3}', "not JSON"):
        file.write_text(text)

        assert remembered_run(file) is None
