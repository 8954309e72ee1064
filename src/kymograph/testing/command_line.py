"""The command line, called by tests within their process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Called:
    """What came of a command."""

    exit_status: int
    stdout: str
    stderr: str


class CommandLine:
    """Calls commands."""

    def __call__(
        self, *arguments: str, answers: str = "", environment: Mapping[str, str] | None = None, is_checked: bool = True
    ) -> Called:
        """Call a command.

        Args:
            arguments: Of the command, without its name.
            answers: What is typed when it asks.
            environment: Variables besides those of this process.
            is_checked: Whether any exit status but 0 fails the test.
        """
        from click.testing import CliRunner

        from kymograph.cli.main import cli
        from kymograph.errors import KymographError

        result = CliRunner().invoke(cli, list(arguments), input=answers, env=dict(environment or {}))
        if result.exception is not None and not isinstance(result.exception, SystemExit | KymographError):
            raise result.exception
        # What `main` makes of our errors.
        said = f"Error: {result.exception}\n" if isinstance(result.exception, KymographError) else ""
        if is_checked and result.exit_code:
            raise AssertionError(f"exit status {result.exit_code}\n{result.output}{said}") from result.exception
        return Called(result.exit_code, result.stdout, result.stderr + said)
