"""The statements on the page about SQL give answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from kymograph.core.history import LineBatch, Stream
from kymograph.core.run import RunChange
from kymograph.core.sql import SqlFormat
from kymograph.testing.deployments import DeploymentUnderTest, open_test_deployment
from tests.docs.test_pages import Block, blocks


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeploymentUnderTest]:
    folder = tmp_path_factory.mktemp("sql")
    with open_test_deployment(folder / "data", objects=(folder / "objects").as_uri()) as opened:
        for number, name in enumerate(["long-one", "other"]):
            config, summary = {"lr": {"value": 0.1 * number}}, {"acc": 0.5 + number / 10}
            change = RunChange(config_json=json.dumps(config), summary_json=json.dumps(summary))
            run = opened.run(f"admin/p/{name}", change)
            lines = [json.dumps({"loss": 1 / (step + 1), "acc": step / 20, "_step": step}) for step in range(20)]
            opened.database.write(lambda tx, run=run, lines=lines: tx.tail.append(  # type: ignore[misc]
                run.key, [LineBatch(Stream.HISTORY, 0, lines)]
            ))  # fmt: skip
        yield opened


@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_a_statement_on_a_page_gives_rows(block: Block, deployment: DeploymentUnderTest) -> None:
    answer = deployment.services.sql.query(deployment.admin, "admin", "p", block.text, limit=100, format=SqlFormat.JSON)

    assert answer.row_count > 0
