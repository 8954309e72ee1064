# mypy: ignore-errors
"""dask over a glob: in processes of its own, which find the server by their environment, not by what they are sent."""

from __future__ import annotations

import pickle
import sys

import dask
import dask.bag as db
import dask.dataframe as dd
import fsspec
from dask.base import tokenize


def main() -> None:
    run, collection = sys.argv[1:]
    files = fsspec.filesystem("wandbfs")
    artifacts = fsspec.filesystem("wandbas")
    with artifacts.draft(f"{collection}-dask") as draft:
        for part in range(4):
            rows = "".join(f"{n},{n * part}\n" for n in range(500))
            files.pipe(f"{run}/dask/part-{part}.csv", b"n,product\n" + rows.encode())
            artifacts.pipe(f"{draft.path}/part-{part}.csv", b"n,product\n" + rows.encode())

    for address in (f"wandbfs://{run}/dask/part-*.csv", f"wandbas://{collection}-dask/latest/part-*.csv"):
        frame = dd.read_csv(address, blocksize=2_000)
        assert frame.npartitions > 4
        with dask.config.set(scheduler="processes", num_workers=2):
            assert int(frame["product"].sum().compute()) == sum(n * part for n in range(500) for part in range(4))
            assert db.read_text(address, blocksize=1_000).count().compute() == 4 * 501
    assert tokenize(files) == tokenize(pickle.loads(pickle.dumps(files)))
    assert files.read_block(f"{run}/dask/part-1.csv", 5, 10, delimiter=b"\n").endswith(b"\n")


if __name__ == "__main__":
    main()
