"""What git says of the code of a run: commit, remote, root, and what was changed since.

By the program `git`, with a deadline for each question; where there is none, or no repository, there are no facts.

Source: the vendor's client 0.31.0 (`core/internal/gitops`), file names of seeds.md E.3.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kymograph.core.secrets import strip_url_credentials

QUESTION_TIMEOUT_S = 5.0
DIFF_TIMEOUT_S = 30.0
DIFF_FILE_NAME = "diff.patch"

_log = logging.getLogger(__name__)

_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_EXTERNAL_DIFF")
"""Variables that git sets for its hooks: they lead away from the repository that a folder is in."""


@dataclass(frozen=True, slots=True)
class GitFacts:
    """The state of the code; None is not known."""

    root: Path | None = None
    commit: str | None = None
    remote_url: str | None = None
    """Without credentials."""
    branch: str | None = None
    """None also if no branch is checked out."""
    email: str | None = None
    """Of the user, as configured."""
    is_dirty: bool | None = None
    """Whether files that git knows differ from the commit."""


class GitRepository:
    """A repository on this machine. Every question that git does not answer in time is answered with None."""

    def __init__(self, root: Path, *, executable: str = "git") -> None:
        self.root = root
        self._executable = executable

    @classmethod
    def find(cls, folder: Path, *, executable: str | None = None) -> GitRepository | None:
        """The repository that a folder is in."""
        # The variable by which users of GitPython named their git, also to the vendor's client.
        executable = executable or os.environ.get("GIT_PYTHON_GIT_EXECUTABLE") or "git"
        root = cls(folder, executable=executable).ask("rev-parse", "--show-toplevel")
        return None if root is None else cls(Path(root), executable=executable)

    def ask(self, *arguments: str, timeout_s: float = QUESTION_TIMEOUT_S) -> str | None:
        """What git prints, without white space at its ends; None if it fails, is not there, or prints nothing."""
        import subprocess

        try:
            done = subprocess.run(
                [self._executable, *arguments],
                cwd=self.root,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            _log.debug("git %s: %s", arguments[0], error)
            return None
        if done.returncode:
            return None
        return done.stdout.decode("utf-8", "replace").strip() or None

    def facts(self, *, remote: str = "origin") -> GitFacts:
        """Everything that a run records of it."""
        url = self.ask("config", "--get", f"remote.{remote}.url")
        return GitFacts(
            root=self.root,
            commit=self.ask("rev-parse", "--verify", "--quiet", "HEAD"),
            remote_url=None if url is None else strip_url_credentials(url),
            branch=self.ask("symbolic-ref", "--short", "--quiet", "HEAD"),
            email=self.ask("config", "--get", "user.email"),
            is_dirty=self.ask("status", "--porcelain", "--untracked-files=no", timeout_s=DIFF_TIMEOUT_S) is not None,
        )

    def upstream_commit(self, *, fork_point: bool = False) -> str | None:
        """The commit of the branch that this one follows; or where this one left it.

        Args:
            fork_point: Ask for the latter; a branch that follows none is compared with all that others follow.
        """
        if not fork_point:
            return self.ask("rev-parse", "--verify", "--quiet", "@{upstream}")
        if self.ask("symbolic-ref", "--quiet", "HEAD") is None:
            return None
        upstream = self.ask("rev-parse", "--abbrev-ref", "@{upstream}")
        if upstream is not None:
            return self.ask("merge-base", "HEAD", upstream)
        followed = self.ask("for-each-ref", "--format=%(upstream:short)", "refs/heads/") or ""
        bases = [base for name in dict.fromkeys(followed.split()) if (base := self.ask("merge-base", "HEAD", name))]
        return self._latest(bases)

    def _latest(self, commits: Sequence[str]) -> str | None:
        """Of ancestors of HEAD, the one that is the fewest commits away."""
        distances = {commit: self.ask("rev-list", "--count", f"{commit}..HEAD") for commit in dict.fromkeys(commits)}
        known = [(int(distance), commit) for commit, distance in distances.items() if distance is not None]
        return min(known)[1] if known else None

    def save_diff(self, reference: str, file: Path) -> bool:
        """Write how the files differ from a commit, submodules included; False, and no file, if they do not."""
        import subprocess

        draft = file.with_name(f"{file.name}.part")
        command = [self._executable, "diff", "--no-color", "--no-ext-diff", "--submodule=diff", reference]
        try:
            with draft.open("wb") as output:
                done = subprocess.run(
                    command,
                    cwd=self.root,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.DEVNULL,
                    timeout=DIFF_TIMEOUT_S,
                    check=False,
                )
            is_whole = done.returncode == 0 and draft.stat().st_size > 0
            if is_whole:
                draft.replace(file)
        except (OSError, subprocess.TimeoutExpired) as error:
            _log.debug("git diff %s: %s", reference, error)
            is_whole = False
        draft.unlink(missing_ok=True)
        return is_whole

    def save_patches(self, folder: Path, *, fork_point: bool = False) -> list[str]:
        """Write what is not committed, and what is not upstream, as the patches that a run keeps.

        Returns:
            Names of the files that were written: ``diff.patch``, ``diff_<commit>.patch``.
        """
        names = [DIFF_FILE_NAME] if self.save_diff("HEAD", folder / DIFF_FILE_NAME) else []
        upstream = self.upstream_commit(fork_point=fork_point)
        if upstream is not None and self.save_diff(upstream, folder / f"diff_{upstream}.patch"):
            names.append(f"diff_{upstream}.patch")
        return names


def _environment() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    # Nothing is asked of the user, and no lock is taken that a commit in another window would trip over.
    return environment | {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
