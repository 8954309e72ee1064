# mypy: ignore-errors
"""PyTorch saves to runs and loads from artifacts."""

from __future__ import annotations

import sys

import fsspec
import torch

run, collection = sys.argv[1:]
state = {"weight": torch.arange(10_000.0), "step": 7}

with fsspec.open(f"wandbfs://{run}/torch/state.pt", "wb") as file:
    torch.save(state, file)
artifacts = fsspec.filesystem("wandbas")
with (
    artifacts.draft(f"{collection}-torch", aliases=["best"]) as draft,
    artifacts.open(f"{draft.path}/m.pt", "wb") as file,
):
    torch.save(state, file)
for address in (f"wandbfs://{run}/torch/state.pt", f"wandbas://{collection}-torch/best/m.pt"):
    with fsspec.open(address) as file:
        loaded = torch.load(file, weights_only=True)
    assert torch.equal(loaded["weight"], state["weight"])
    assert loaded["step"] == 7
