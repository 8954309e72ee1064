"""What stands between a training and its server: certificates, proxies, gates that want a header."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.rest import Rest
from tests.e2e.server import ServerProcess
from tests.e2e.training import Training
from tests.loopback import make_certificate, proxying, terminating

SCRIPT = """
import json, os, sys
from pathlib import Path
import kymograph as wandb

run = wandb.init(id=sys.argv[1], settings=wandb.Settings(**json.loads(os.environ["GIVEN"])))
run.log({"loss": 1})
Path("note.txt").write_text("text")
run.save("note.txt", policy="now")
if sys.platform == "linux":
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not any(b"pass-word" in line for line in lines)
assert not any(name in sys.modules for name in ("httpx", "httpcore", "ssl"))
run.finish()
"""


@pytest.fixture
def training(server: ServerProcess, tmp_path: Path) -> Training:
    made = Training(tmp_path / "training", url=server.url)
    # Else an address of this machine goes by no proxy.
    made.environment["NO_PROXY"] = "nothing.test"
    return made


def into(project: str, **environment: str) -> dict[str, str]:
    return {"WANDB_PROJECT": project.split("/")[1], "GIVEN": "{}", **environment}


def text_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "script.py")


def test_a_sender_goes_by_the_proxy_and_says_what_a_gate_wants(
    training: Training, rest: Rest, project: str, server: ServerProcess
) -> None:
    with proxying() as proxy:
        settings = {
            "http_proxy": proxy.url.replace("http://", "http://me:pass-word@"),
            "x_extra_http_headers": {"X-Gate": "gate-word"},
        }
        training.run(SCRIPT, "proxied", environment=into(project, GIVEN=json.dumps(settings)))

    assert rest.run(project, "proxied")["state"] == "finished"
    targets = [target.removeprefix(server.url).partition("?")[0] for _, target, _ in proxy.requests]
    assert {"/graphql", f"/files/{project}/proxied/file_stream"} <= set(targets)
    assert any(method == "PUT" for method, _, _ in proxy.requests), "files go the same way"
    assert all(headers["x-gate"] == "gate-word" for _, _, headers in proxy.requests)
    assert all(headers["proxy-authorization"].startswith("Basic ") for _, _, headers in proxy.requests)
    # Nothing secret is kept with the run.
    (folder,) = training.run_folders()
    assert b"pass-word" not in text_of(folder)
    assert b"gate-word" not in text_of(folder)


@pytest.mark.parametrize("way", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "WANDB_INSECURE_DISABLE_SSL"])
def test_a_server_with_a_certificate_of_its_own(
    training: Training, rest: Rest, project: str, server: ServerProcess, tmp_path: Path, way: str
) -> None:
    certificate = make_certificate(tmp_path)
    value = "true" if way == "WANDB_INSECURE_DISABLE_SSL" else str(certificate.path)
    with terminating(certificate, server.port) as url:
        training.run(SCRIPT, "private", environment=into(project, WANDB_BASE_URL=url, **{way: value}))

    assert rest.run(project, "private")["state"] == "finished"


def test_a_certificate_that_is_not_trusted_stops_no_training_and_is_told(
    training: Training, project: str, server: ServerProcess, tmp_path: Path
) -> None:
    with terminating(make_certificate(tmp_path), server.port) as url:
        environment = into(project, WANDB_BASE_URL=url, WANDB_FINISH_TIMEOUT="1", WANDB_X_GRAPHQL_RETRY_MAX="4")
        _, said = training.run(SCRIPT, "untrusted", environment=environment)

    assert said.count("is not trusted: self-signed certificate") >= 1
    assert "SSL_CERT_FILE" in said
    assert "insecure_disable_ssl" in said
    assert "kymograph sync" in said
    ledger = list(training.run_folders()[0].glob("*.ledger.json"))
    assert not ledger or not json.loads(ledger[0].read_text())["run_id"]
