"""What the record of a run says about its files."""

from __future__ import annotations

from kymograph.sdk import records
from kymograph.sdk.sender.file_wishes import FileWishes, file_wishes_of
from kymograph.wire.records_pb2 import RunRecord


def test_a_record_says_what_is_wished() -> None:
    record = RunRecord(
        settings=records.settings(
            {"ignore_globs": ["*.ckpt", "media/*"], "x_live_policy_rate_limit": 5, "x_live_policy_wait_time": 7}
        )
    )
    wishes = file_wishes_of(record)

    assert (wishes.live_interval_s, wishes.live_wait_s) == (5.0, 7.0)
    names = ["a.ckpt", "deep/b.ckpt", "media/images/x.png", "a.ckpt.txt", "config.yaml"]
    assert [wishes.ignores(name) for name in names] == [True, True, True, False, False]


def test_without_wishes_everything_is_sent() -> None:
    assert file_wishes_of(None) == file_wishes_of(RunRecord()) == FileWishes()
    assert not FileWishes().ignores("a.ckpt")


def test_what_another_client_wrote_there_harms_nothing() -> None:
    strange = {"ignore_globs": "*.ckpt", "x_live_policy_rate_limit": "often", "x_live_policy_wait_time": -1}

    assert file_wishes_of(RunRecord(settings=records.settings(strange))) == FileWishes()
