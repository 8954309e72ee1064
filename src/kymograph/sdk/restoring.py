"""The code as it was when a run ran: its commit on a branch of its own, with what was not committed; and its config."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kymograph.client.run_reads import RemoteFile, RemoteRun, RunReads
from kymograph.errors import UsageError
from kymograph.sdk.capture.git import DIFF_FILE_NAME, GitRepository
from kymograph.sdk.pulling import pull_file
from kymograph.types import JsonObject

BRANCH_PREFIX = "kymograph/"
CONFIG_NAME = "config.yaml"
GIT_TIMEOUT_S = 600.0
_UPSTREAM_DIFFS = (("upstream_diff_", ".patch"), ("diff_", ".patch"))
"""Names of patches against a commit that others have, of older and newer clients. Source: seeds.md E.3."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done."""

    config: Path
    commit: str | None = None
    """None if the code was left alone."""
    branch: str | None = None
    patch: Path | None = None
    """What was not committed; applied."""


def restore(
    run: RemoteRun,
    reads: RunReads,
    *,
    folder: Path,
    root: Path,
    with_git: bool = True,
    with_branch: bool = True,
    say: Callable[[str], object] = lambda _text: None,
) -> Restored:
    """Bring back config and code of a run.

    Args:
        run: The run.
        reads: Of its server.
        folder: For config and patch; is made.
        root: In the repository.
        with_git: Whether the code is touched.
        with_branch: Whether a branch is made for it; otherwise no branch is checked out.
        say: Is told each step.

    Raises:
        UsageError: There is no repository here, it has changes of its own, or not the commit.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / CONFIG_NAME
    config.write_text(config_text(run.config), encoding="utf-8")
    say(f"config is in {config}")
    told = run.info.get("git")
    git_info: JsonObject = told if isinstance(told, dict) else {}
    commit = run.commit or (str(git_info["commit"]) if git_info.get("commit") else None)
    if not with_git:
        return Restored(config)
    if commit is None:
        say("the run tells no commit, so the code is left alone")
        return Restored(config)
    repository = GitRepository.find(root)
    remote = git_info.get("remote")
    if repository is None:
        source = f"git clone {remote}, and run this there" if remote else "run this in the repository of its code"
        raise UsageError(f"{root} is in no git repository: {source}; or restore the config alone with --no-git")
    if repository.ask("status", "--porcelain", "--untracked-files=no") is not None:
        raise UsageError(
            f"{repository.root} has changes that are not committed; commit or stash them first, or use --no-git"
        )
    files = {file.name: file for file in reads.iter_files(run.address)}
    commit, patch_name = _find_commit(repository, commit, files, say)
    patch = None if patch_name is None else pull_file(reads, files[patch_name], folder).path
    branch = _check_out(repository, run, commit, with_branch=with_branch, say=say)
    if patch is not None:
        _apply(repository, patch, say)
    return Restored(config, commit, branch, patch)


def config_text(config: JsonObject) -> str:
    """A config as a file that `init` and the protocol's client take."""
    return "wandb_version: 1\n\n" + str(
        yaml.safe_dump({key: {"value": value} for key, value in config.items()}, sort_keys=True, allow_unicode=True)
    )


def _find_commit(
    repository: GitRepository, commit: str, files: dict[str, RemoteFile], say: Callable[[str], object]
) -> tuple[str, str | None]:
    """The commit to start from, and the patch that leads from there to the run's code."""
    if not _has(repository, commit):
        say("fetching, to find the commit")
        _git(repository, "fetch", "--all", "--quiet", is_checked=False)
    if _has(repository, commit):
        return commit, DIFF_FILE_NAME if DIFF_FILE_NAME in files else None
    for name in files:
        for prefix, suffix in _UPSTREAM_DIFFS:
            upstream = name.removeprefix(prefix).removesuffix(suffix)
            if name == f"{prefix}{upstream}{suffix}" and _has(repository, upstream):
                say(f"commit {commit[:12]} is nowhere; going from {upstream[:12]}, which others have")
                return upstream, name
    raise UsageError(
        f"commit {commit} of the run is not in {repository.root}, nor at its remotes: is this the repository of its "
        "code? --no-git restores the config alone"
    )


def _has(repository: GitRepository, commit: str) -> bool:
    is_name = bool(commit) and all(character in "0123456789abcdef" for character in commit.lower())
    return is_name and repository.ask("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}") is not None


def _check_out(
    repository: GitRepository, run: RemoteRun, commit: str, *, with_branch: bool, say: Callable[[str], object]
) -> str | None:
    if not with_branch:
        _git(repository, "checkout", "--quiet", "--detach", commit)
        say(f"checked out {commit[:12]}, on no branch")
        return None
    branch = f"{BRANCH_PREFIX}{run.address.run_id}"
    if repository.ask("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}") is not None:
        raise UsageError(
            f"there is a branch {branch} already: `git branch -D {branch}` if it is not needed, or --no-branch"
        )
    _git(repository, "checkout", "--quiet", "-b", branch, commit)
    say(f"checked out {commit[:12]}, on the new branch {branch}")
    return branch


def _apply(repository: GitRepository, patch: Path, say: Callable[[str], object]) -> None:
    if patch.stat().st_size == 0:
        return
    done = _git(repository, "apply", "--reject", "--whitespace=nowarn", str(patch.resolve()), is_checked=False)
    if done.returncode:
        say(f"not all of what was not committed could be applied; the rest is in *.rej files, all of it in {patch}")
    else:
        say("applied what was not committed")


def _git(repository: GitRepository, *arguments: str, is_checked: bool = True) -> subprocess.CompletedProcess[Any]:
    """Run git for what it does.

    Raises:
        UsageError: It fails; in its words.
    """
    done = subprocess.run(
        ["git", *arguments],
        cwd=repository.root,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=GIT_TIMEOUT_S,
        check=False,
    )
    if is_checked and done.returncode:
        raise UsageError(f"git {arguments[0]}: {done.stderr.strip() or done.returncode}")
    return done
