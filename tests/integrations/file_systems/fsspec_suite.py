# mypy: ignore-errors
"""fsspec's own suite, as tests/e2e/test_fsspec_suite.py, for an fsspec whose fixtures are of another form."""

from __future__ import annotations

import itertools
import os

import pytest
from fsspec.tests.abstract import (
    AbstractCopyTests,
    AbstractFixtures,
    AbstractGetTests,
    AbstractOpenTests,
    AbstractPipeTests,
    AbstractPutTests,
)

from kymograph.fs import ArtifactFileSystem, RunFileSystem

_numbers = itertools.count(1)


class RunFixtures(AbstractFixtures):
    @pytest.fixture(scope="class")
    def fs(self):
        return RunFileSystem()

    @pytest.fixture
    def fs_path(self):
        return f"{os.environ['KYMOGRAPH_TEST_RUN']}/{next(_numbers)}"

    @pytest.fixture
    def fs_join(self):
        return lambda *parts: "/".join(parts)

    @pytest.fixture(scope="class")
    def supports_empty_directories(self):
        return False


class DraftFixtures(RunFixtures):
    @pytest.fixture(scope="class")
    def fs(self):
        return ArtifactFileSystem()

    @pytest.fixture
    def fs_path(self, fs):
        draft = fs.draft(f"{os.environ['KYMOGRAPH_TEST_COLLECTION']}-{next(_numbers)}")
        yield f"{draft.path}/tests"
        draft.discard()


KINDS = (AbstractCopyTests, AbstractGetTests, AbstractPutTests, AbstractOpenTests, AbstractPipeTests)
for kind in KINDS:
    name = kind.__name__.removeprefix("Abstract").removesuffix("Tests")
    globals()[f"Test{name}RunFiles"] = type(f"Test{name}RunFiles", (kind, RunFixtures), {})
    globals()[f"Test{name}Draft"] = type(f"Test{name}Draft", (kind, DraftFixtures), {})
del kind
