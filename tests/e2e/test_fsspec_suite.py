"""fsspec's own suite, on the files of a run and on a draft of an artifact."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fsspec.tests.abstract import (  # type: ignore[import-untyped] # it has no types
    AbstractCopyTests,
    AbstractFixtures,
    AbstractGetTests,
    AbstractOpenTests,
    AbstractPipeTests,
    AbstractPutTests,
)

from kymograph.fs import ArtifactFileSystem, RunFileSystem
from tests.e2e.file_systems import make_run, options
from tests.e2e.server import ServerProcess

_numbers = itertools.count(1)


class Fixtures(AbstractFixtures):  # type: ignore[misc]
    """Of both file systems."""

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False


class RunFixtures(Fixtures):  # fsspec has no types
    """A run to write to."""

    @pytest.fixture
    def fs(self, server: ServerProcess) -> Any:
        return RunFileSystem(**options(server))

    @pytest.fixture
    def fs_path(self, server: ServerProcess) -> str:
        return f"{make_run(server, f'admin/suite/run-{next(_numbers)}')}/tests"


class TestCopyRunFiles(AbstractCopyTests, RunFixtures):  # type: ignore[misc]
    pass


class TestGetRunFiles(AbstractGetTests, RunFixtures):  # type: ignore[misc]
    pass


class TestPutRunFiles(AbstractPutTests, RunFixtures):  # type: ignore[misc]
    pass


class TestOpenRunFiles(AbstractOpenTests, RunFixtures):  # type: ignore[misc]
    pass


class TestPipeRunFiles(AbstractPipeTests, RunFixtures):  # type: ignore[misc]
    pass


class DraftFixtures(Fixtures):
    """A draft of an artifact to write to."""

    @pytest.fixture
    def fs(self, server: ServerProcess) -> Any:
        return ArtifactFileSystem(**options(server))

    @pytest.fixture
    def fs_path(self, fs: ArtifactFileSystem, server: ServerProcess) -> Iterator[str]:
        make_run(server, "admin/suite/of-drafts")
        draft = fs.draft(f"admin/suite/dataset/files-{next(_numbers)}")
        yield f"{draft.path}/tests"
        draft.discard()


class TestCopyInDraft(AbstractCopyTests, DraftFixtures):  # type: ignore[misc]
    pass


class TestGetFromDraft(AbstractGetTests, DraftFixtures):  # type: ignore[misc]
    pass


class TestPutIntoDraft(AbstractPutTests, DraftFixtures):  # type: ignore[misc]
    pass


class TestOpenInDraft(AbstractOpenTests, DraftFixtures):  # type: ignore[misc]
    pass


class TestPipeIntoDraft(AbstractPipeTests, DraftFixtures):  # type: ignore[misc]
    pass
