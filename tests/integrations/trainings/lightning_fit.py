"""PyTorch Lightning: its `WandbLogger`, with a watched model, media and tables."""
# mypy: ignore-errors

import lightning
import numpy as np
import torch
from lightning.pytorch.loggers import WandbLogger


class Model(lightning.LightningModule):
    def __init__(self, rate=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 1)

    def forward(self, x):
        return self.layer(x)

    def training_step(self, batch, _index):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self(x), y)
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.rate)


x = torch.randn(64, 4)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8)
logger = WandbLogger(project="zoo", name="lightning")
model = Model()
logger.watch(model, log="all", log_freq=4, log_graph=True)
trainer = lightning.Trainer(
    logger=logger, max_epochs=2, log_every_n_steps=2, accelerator="cpu", enable_progress_bar=False
)
trainer.fit(model, data)
logger.log_image("picture", [np.zeros((8, 8, 3), dtype=np.uint8)])
logger.log_table("table", columns=["a", "b"], data=[[1, 2]])
logger.experiment.finish()
