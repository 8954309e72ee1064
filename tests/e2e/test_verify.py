"""The conformance check that every client brings along (``wandb verify``), step by step.

The steps are called one by one because the command also wants https, checks sweeps, and stops at the first failure.
"""

from __future__ import annotations

from tests.e2e.client import NEWEST
from tests.e2e.fixtures import ClientFactory

SCRIPT = """
import os
os.environ["WANDB_SILENT"] = "true"
os.environ["WANDB_PROJECT"] = "verify"
import wandb
from wandb.sdk.verify import verify

host = os.environ["WANDB_BASE_URL"]
wandb.login(host=host)
api = wandb.Api()
logged_in = verify.check_logged_in(api, host)
files, url = verify.check_graphql_put(api, host)
large_request = verify.check_large_post()
verify.check_cors_configuration(url, host)
verify.check_wandb_version(api)
run = verify.check_run(api)
artifacts = verify.check_artifacts()
report({
    "login": logged_in,
    "files": files,
    "10 MB request": large_request,
    "run with special characters": run,
    "artifacts": artifacts,
})
"""


def test_every_step_of_verify_passes(make_client: ClientFactory) -> None:
    finished = make_client(NEWEST).run(SCRIPT)

    assert finished.reported == {
        "login": True,
        "files": True,
        "10 MB request": True,
        "run with special characters": True,
        "artifacts": True,
    }, finished.stdout
    lines = [line for line in finished.stdout.splitlines() if line.startswith("Checking")]
    # Signed URLs (CORS included), login, large request, version, run and artifacts: no cross, and no warning.
    assert len(lines) == 7, finished.stdout
    assert all("✅" in line for line in lines), finished.stdout


def test_wrong_key_is_refused_with_a_clear_message(make_client: ClientFactory) -> None:
    client = make_client(NEWEST, key="f" * 40)

    finished = client.run('import wandb\nwandb.init(project="refused")\n', is_checked=False)

    assert finished.exit_status != 0
    assert "this API key is not known to the server" in finished.stderr + finished.stdout
