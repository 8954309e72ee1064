"""How a run ends when something that belongs to it does not."""

from __future__ import annotations

import pytest

from kymograph.testing.recorded_run import RecordedRun


class DeadSender:
    """A link to a sender that ended without a word."""

    pid, trouble, refusal, is_over = 1, "", None, True

    def hurry(self) -> None:
        return

    def wait_for_receipt(self, timeout_s: float, **_: object) -> None:
        return

    def let_go(self) -> None:
        return


def test_a_part_that_fails_at_the_end_does_not_keep_the_run_from_ending(
    kymograph_run: RecordedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise RuntimeError("no such event file")

    kymograph_run.run._on_finish.append(fail)

    kymograph_run.run.finish()

    assert kymograph_run.exit_code == 0
    assert "may be missing: no such event file" in capsys.readouterr().err


def test_a_sender_that_ended_early_is_not_said_to_go_on(
    kymograph_run: RecordedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    kymograph_run.run._link = DeadSender()  # type: ignore[assignment]

    kymograph_run.run.finish()

    said = capsys.readouterr().err
    assert "ended before all was sent" in said
    assert f"kymograph sync {kymograph_run.run.sync_dir}" in said
    assert "goes on in the background" not in said
