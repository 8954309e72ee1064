"""The short form: the long one is a part of `tests.faults.long`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.bucket_killing import Command, bucket_killings


@pytest.mark.parametrize("on_s3", [False, True], ids=["folder", "s3"])
def test_no_version_and_no_folder_claims_to_be_complete_that_is_not(tmp_path: Path, on_s3: bool) -> None:
    with bucket_killings(tmp_path, on_s3=on_s3, seed="short") as killings:
        killings.measure()
        for _ in range(2):
            killings.kill_one(*Command)
        killings.assert_tidy()

    assert killings.kills.total() + killings.survived == 4
