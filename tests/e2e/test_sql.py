"""`kymograph sql` against a running server."""

from __future__ import annotations

from tests.e2e.server import ADMIN_KEY, ServerProcess
from tests.e2e.test_command_line import assert_one_clear_line, kymograph


def test_a_statement_over_a_run_that_was_just_logged(server: ServerProcess) -> None:
    with server.rest() as rest:
        rest.create_run("admin/sql-project", "r1")
    lines = ['{"loss": 0.5, "_step": 0}', '{"loss": NaN, "_step": 1}']
    with server.http() as http:
        http.post(
            "/files/admin/sql-project/r1/file_stream",
            json={"files": {"wandb-history.jsonl": {"offset": 0, "content": lines}}},
            auth=("api", ADMIN_KEY),
        ).raise_for_status()
    settings = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": ADMIN_KEY, "WANDB_PROJECT": "sql-project"}

    done = kymograph("sql", "SELECT run, step, value FROM history WHERE metric = 'loss' ORDER BY step", **settings)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["run,step,value", "r1,0,0.5", "r1,1,NaN"]
    assert_one_clear_line(kymograph("sql", "DROP TABLE history", **settings), "SELECT", "not allowed")
    assert_one_clear_line(kymograph("sql", "SELECT nope FROM runs", **settings), '"nope" not found')
    unreachable = {**settings, "WANDB_BASE_URL": "http://127.0.0.1:1"}
    assert_one_clear_line(kymograph("sql", "SELECT 1", **unreachable), "http://127.0.0.1:1", "WANDB_BASE_URL")
