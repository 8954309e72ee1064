"""Hugging Face Accelerate: its tracker."""
# mypy: ignore-errors

import numpy as np
import torch
from accelerate import Accelerator

accelerator = Accelerator(log_with="wandb", cpu=True)
accelerator.init_trackers("zoo", config={"rate": 0.1}, init_kwargs={"wandb": {"name": "accelerate"}})
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model, optimizer = accelerator.prepare(model, optimizer)
for step in range(5):
    loss = model(torch.ones(4, 2)).square().mean()
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    accelerator.log({"loss": loss.item()}, step=step)
tracker = accelerator.get_tracker("wandb")
tracker.log_images({"picture": [np.zeros((8, 8, 3), dtype=np.uint8)]})
tracker.log_table("table", columns=["a"], data=[[1]])
accelerator.end_training()
