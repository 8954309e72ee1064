"""Files of a run: sent now, live and at the end, and the code of the script."""

from __future__ import annotations

from tests.e2e.client import OLDEST, Client
from tests.e2e.processes import TIMEOUT_S
from tests.e2e.rest import Rest
from tests.e2e.server import wait_until

SCRIPT = """
import os, sys, time
import wandb
run = wandb.init(id="files", settings=wandb.Settings(code_dir="."))

def write(name, text):
    path = os.path.join(run.dir, name)
    with open(path, "w") as file:
        file.write(text)
    return path

wandb.save(write("now.txt", "now"), base_path=run.dir, policy="now")
wandb.save(write("live.txt", "first"), base_path=run.dir, policy="live")
wandb.save(write("end.txt", "draft"), base_path=run.dir, policy="end")
wandb.save(write("empty.txt", ""), base_path=run.dir, policy="now")
run.log({"loss": 1})
with open("waiting", "w"): pass
while not os.path.exists("go on"):
    time.sleep(0.05)
write("live.txt", "second, longer")
write("end.txt", "final")
run.log_code(".", include_fn=lambda path, *root: path.endswith("script.py"))
run.finish()
"""


def test_files_arrive_when_their_policy_says(client: Client, rest: Rest, project: str) -> None:
    environment = {"WANDB_PROJECT": project.split("/")[1]}
    with client.started(SCRIPT, environment=environment) as process:
        wait_until((client.home / "waiting").exists, what="the script to save its files", timeout_s=TIMEOUT_S)
        wait_until(
            lambda: "now.txt" in rest.files(project, "files"), what="the file with policy now, while the run goes on"
        )
        assert rest.run(project, "files")["state"] == "running"
        assert "end.txt" not in rest.files(project, "files")
        (client.home / "go on").touch()
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 0, output
    expected = {"now.txt": b"now", "live.txt": b"second, longer", "end.txt": b"final", "empty.txt": b""}
    if client.version == OLDEST:
        del expected["empty.txt"]  # it sends no empty files
    contents = {name: rest.file(project, "files", name) for name in expected}
    assert contents == expected
    sizes = {name: file["size_bytes"] for name, file in rest.files(project, "files").items() if name in contents}
    assert sizes == {name: len(content) for name, content in contents.items()}


def test_code_is_an_artifact_that_the_run_logged(client: Client, rest: Rest, project: str) -> None:
    entity, name = project.split("/")
    client.run(
        'import wandb\nrun = wandb.init(id="code")\n'
        'run.log_code(".", include_fn=lambda path, *root: path.endswith("script.py"))\nrun.finish()\n',
        environment={"WANDB_PROJECT": name},
    )

    data = rest.graphql(
        "query ($entity: String!, $project: String!) { project(name: $project, entityName: $entity) { "
        'run(name: "code") { outputArtifacts { edges { node { state fileCount artifactType { name } } } } } } }',
        entity=entity,
        project=name,
    )

    artifacts = [edge["node"] for edge in data["project"]["run"]["outputArtifacts"]["edges"]]
    (code,) = [each for each in artifacts if each["artifactType"] == {"name": "code"}]
    assert code["state"] == "COMMITTED"
    assert code["fileCount"] >= 1
