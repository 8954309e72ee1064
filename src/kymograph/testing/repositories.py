"""Git repositories for tests, apart from the settings of this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

AUTHOR = ("Tester", "tester@localhost")


class GitRepository:
    """A repository in a folder of its own."""

    def __init__(self, folder: Path, *, remote: str | None = None) -> None:
        """Make it, with one commit.

        Args:
            folder: Where; it is made if it is not there.
            remote: Address of its ``origin``; nothing is sent there.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")
        if remote is not None:
            self.git("remote", "add", "origin", remote)
        self.first_commit = self.commit("README", "a repository of a test\n")

    def git(self, *arguments: str) -> str:
        """What a command of git prints.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        name, email = AUTHOR
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
        }
        answer = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=True
        )
        return answer.stdout.strip()

    def write(self, name: str, text: str) -> Path:
        """Write a file, and commit nothing."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def commit(self, name: str, text: str) -> str:
        """Write a file and commit it; returns the digest of the commit."""
        self.write(name, text)
        self.git("add", name)
        self.git("commit", "--quiet", "--message", f"write {name}")
        return self.git("rev-parse", "HEAD")
