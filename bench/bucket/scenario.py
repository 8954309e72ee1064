"""One step of the bench, in a process of its own; `run` starts it. Prints what it took, in s, on its last line."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

TYPE, NAME, ALIAS = "dataset", "small", "first"


def loop_up(url: str, folder: Path, _target: Path) -> None:
    """One ``upload_file`` after the other."""
    import boto3  # type: ignore[import-untyped] # it has no types

    bucket, client = url.removeprefix("s3://"), boto3.client("s3", endpoint_url=os.environ["AWS_S3_ENDPOINT_URL"])
    for path in sorted(folder.rglob("*.bin")):
        client.upload_file(str(path), bucket, f"loop/{path.relative_to(folder).as_posix()}")


def loop_down(url: str, folder: Path, target: Path) -> None:
    """One ``download_file`` after the other."""
    import boto3

    bucket, client = url.removeprefix("s3://"), boto3.client("s3", endpoint_url=os.environ["AWS_S3_ENDPOINT_URL"])
    for path in sorted(folder.rglob("*.bin")):
        name = path.relative_to(folder)
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        client.download_file(bucket, f"loop/{name.as_posix()}", str(target / name))


def up(url: str, folder: Path, _target: Path) -> None:
    """An upload, to the committed version."""
    from kymograph.bucket import WaBucketRefAPI

    with WaBucketRefAPI(url, is_shown=False) as api, api.wandb_start_run():
        api.upload_artifact(folder, NAME, TYPE, ALIAS)


def down(url: str, _folder: Path, target: Path) -> None:
    """A download, to the folder in its place."""
    from kymograph.bucket import WaBucketRefAPI

    with WaBucketRefAPI(url, is_shown=False) as api, api.wandb_start_run():
        api.download_artifact(NAME, TYPE, ALIAS, target)


STEPS = {"loop up": loop_up, "up": up, "loop down": loop_down, "down": down}


def main() -> None:
    step, url, folder, target = sys.argv[1:]
    began = time.perf_counter()
    STEPS[step](url, Path(folder), Path(target))
    print(f"\n{time.perf_counter() - began}", flush=True)


if __name__ == "__main__":
    main()
