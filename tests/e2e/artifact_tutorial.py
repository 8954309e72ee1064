"""What people do with artifacts, from the first folder to the clean-up: one script for both clients.

It is run with the unmodified client (``import wandb``) and with ours (``import kymograph as wandb``), so it is written
against `wandb` alone, as a user would write it. `write` makes everything in a project, `read` reads it back; both give
what they saw, in which names of projects and the ids of servers do not occur.
"""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

WORDS = {"train/a.txt": "alpha", "train/b.txt": "beta", "test/c.txt": "gamma", "ü ÿ %20.txt": "odd name"}


def write(wandb: Any, elsewhere: str, web: str) -> dict[str, Any]:
    """Make everything.

    Args:
        wandb: The client.
        elsewhere: A folder that is referred to.
        web: Address of a file with an ETag.
    """
    seen: dict[str, Any] = {}
    data = pathlib.Path("data")
    for name, text in WORDS.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(text, encoding="utf-8")

    # A folder becomes a version; the same folder again does not.
    with wandb.init(id="uploader", job_type="upload") as run:
        first = dataset(wandb, data, {"language": "en", "nested": {"sizes": [1, 2.5, None]}}, "the first words")
        before = first.digest
        run.log_artifact(first, aliases=["raw"], tags=["small"]).wait()
        seen["digest known before"] = before == first.digest
        again = run.log_artifact(dataset(wandb, data), aliases=["same"]).wait()
        seen["same content"] = [again.version, again.id == first.id]

        # A change makes the next version, and takes `latest` along; `best` moves when it is given away.
        (data / "train/a.txt").write_text("alpha, changed")
        (data / "test/c.txt").unlink()
        second = run.log_artifact(dataset(wandb, data), aliases=["best"]).wait()
        (data / "train/new.txt").write_text("delta")
        third = run.log_artifact(dataset(wandb, data), aliases=["best"]).wait()
        seen["versions"] = [one.version for one in (first, second, third)]

    # References: a folder, files in the web, a bucket of a kind that nobody knows, and a file of another artifact.
    with wandb.init(id="referrer", job_type="refer") as run:
        links = wandb.Artifact("links", type="dataset")
        links.add_reference(f"file://{elsewhere}", name="folder")
        links.add_reference(f"file://{elsewhere}/one.bin", name="unchecked.bin", checksum=False)
        links.add_reference(web, name="from the web.txt")
        links.add_reference("strange://place/x", name="strange")
        words = run.use_artifact("words:raw")
        links.add_reference(words.get_entry("train/a.txt"), "first a.txt")
        seen["links"] = described(run.log_artifact(links).wait())

    # Two runs that depend on each other: a model is trained on the words, and linked to a shelf.
    with wandb.init(id="trainer", job_type="train", config={"lr": 0.1}) as run:
        words = run.use_artifact("words:best", type="dataset")
        folder = pathlib.Path(words.download())
        words.verify(str(folder))
        seen["trained on"] = contents(folder)
        model = wandb.Artifact("net", type="model", metadata={"accuracy": 0.75})
        with model.new_file("weights.bin", mode="wb") as file:
            file.write(bytes(range(256)) * 100)
        with model.new_file("about.txt") as file:
            file.write("made of words")
        model.add(wandb.Table(columns=["word", "n"], data=[["alpha", 1], ["beta", 2]]), "counts")
        run.log_artifact(model, aliases=["candidate"]).wait()
        shelf = run.link_artifact(model, "shelf", aliases=["production"])
        if shelf is not None:
            seen["linked as"] = [shelf.name.split(":")[0], shelf.version, shelf.source_name]
        run.log_model("data/train/b.txt", name="small-model", aliases=["tiny"])
    seen["made by"] = model.logged_by().id
    seen["used by"] = sorted(user.id for user in words.used_by())

    # Editing: a draft of a version, what is said about it, how long it lives.
    with wandb.init(id="editor", job_type="edit") as run:
        draft = run.use_artifact("words:raw").new_draft()
        draft.remove("train")
        with draft.new_file("note.txt") as file:
            file.write("edited")
        draft.metadata["edited"] = True
        edited = run.log_artifact(draft, aliases=["edited"]).wait()
        edited.description = "words, edited"
        edited.ttl = datetime.timedelta(days=30)
        edited.tags = ["by hand", "small"]
        edited.aliases.append("mine")
        edited.save()
        seen["edited"] = edited.version

    # Processes that write one version together.
    for part in ("left", "right"):
        with wandb.init(id=f"writer-{part}", group="writers") as run:
            together = wandb.Artifact("together", type="dataset")
            with together.new_file(f"{part}.txt") as file:
                file.write(part)
            if part == "left":
                run.upsert_artifact(together)
            else:
                run.finish_artifact(together).wait()

    # Clean-up: a version that has an alias is kept from deletion, unless one means it.
    with wandb.init(id="cleaner") as run:
        for number in range(3):
            passing = wandb.Artifact("passing", type="dataset")
            with passing.new_file("n.txt") as file:
                file.write(str(number))
            run.log_artifact(passing, aliases=[f"try-{number}"]).wait()
        newest = run.use_artifact("passing:latest")
        try:
            newest.delete()
            seen["refused"] = False
        except Exception:
            seen["refused"] = True
        newest.delete(delete_aliases=True)
        oldest = run.use_artifact("passing:v0")
        oldest.aliases.remove("try-0")
        oldest.save()
        oldest.delete()
        seen["left"] = [version.version for version in run.use_artifact("passing:try-1").collection.artifacts()]
    return seen


def read(wandb: Any, place: str) -> dict[str, Any]:
    """Read everything back.

    Args:
        wandb: The client.
        place: Entity and project.
    """
    seen: dict[str, Any] = {}
    with wandb.init(id=f"reader-{wandb.__name__}") as run:
        for name in (
            "words:raw",
            "words:v1",
            "words:best",
            "words:mine",
            "words",
            "links",
            "net:candidate",
            "together",
        ):
            seen[name] = described(run.use_artifact(f"{place}/{name}"))
        seen["shelf"] = described(run.use_artifact(f"{place}/shelf:production"))
        seen["passing"] = described(run.use_artifact(f"{place}/passing:v1"))

        raw = run.use_artifact(f"{place}/words:raw")
        seen["raw"] = contents(raw.download("raw"))
        seen["part"] = contents(raw.download("part", path_prefix="train/"))
        raw.verify("raw")
        (pathlib.Path("raw") / "train/a.txt").write_text("spoilt")
        (pathlib.Path("raw") / "extra.txt").write_text("extra")
        try:
            raw.verify("raw")
        except ValueError as exc:
            seen["spoilt"] = "extra.txt" in str(exc)
        raw.checkout("raw")
        raw.verify("raw")
        seen["checked out"] = contents("raw")
        seen["one"] = pathlib.Path(raw.get_entry("test/c.txt").download("one")).read_text()

        links = run.use_artifact(f"{place}/links:latest")
        # Before they are fetched: the unmodified client then takes its own copy for the target.
        seen["targets"] = {
            path: entry.ref_target().split("://")[0]
            for path, entry in sorted(links.manifest.entries.items())
            if entry.ref is not None and path != "first a.txt"
        }
        for path in ("folder/one.bin", "folder/deep/two.bin", "from the web.txt", "first a.txt"):
            local = links.get_entry(path).download("links")
            seen[f"through {path}"] = pathlib.Path(local).read_text()

        net = run.use_artifact(f"{place}/net:latest")
        seen["table"] = [net.get("counts").columns, net.get("counts").data]
        seen["listed"] = sorted((file.name, file.size) for file in net.files())
        seen["net made by"] = net.logged_by().id
        seen["net used"] = net.source_name
        seen["model"] = pathlib.Path(run.use_model(f"{place}/small-model:tiny")).read_text()
        seen["edited lives"] = run.use_artifact(f"{place}/words:edited").ttl.days
        try:
            run.use_artifact(f"{place}/passing:v2")
            seen["gone"] = False
        except Exception:
            seen["gone"] = True
    return seen


def dataset(wandb: Any, data: pathlib.Path, metadata: Any = None, description: str | None = None) -> Any:
    """The words as they are now."""
    artifact = wandb.Artifact("words", type="dataset", metadata=metadata, description=description)
    artifact.add_dir(str(data))
    return artifact


def described(artifact: Any) -> dict[str, Any]:
    """What a version is, apart from where."""
    return {
        "name": artifact.source_name,
        "version": artifact.version,
        "type": artifact.type,
        "digest": artifact.digest,
        "aliases": sorted(artifact.aliases),
        "tags": sorted(artifact.tags),
        "metadata": artifact.metadata,
        "description": artifact.description,
        "size": artifact.size,
        "files": {
            path: [entry.digest, entry.size or 0, (entry.ref or "").split("://")[0], "versionID" in entry.extra]
            for path, entry in sorted(artifact.manifest.entries.items())
        },
    }


def contents(folder: str | pathlib.Path) -> dict[str, str]:
    """The files in a folder."""
    files = [path for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}
