"""Keras on PyTorch: metrics, checkpoints, tables of predictions, and the callback of old versions."""
# mypy: ignore-errors

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import wandb
from wandb.integration.keras import WandbEvalCallback, WandbMetricsLogger, WandbModelCheckpoint
from wandb.keras import WandbCallback

random = np.random.default_rng(1)
x = random.normal(size=(128, 8)).astype("float32")
y = (x.sum(axis=1) > 0).astype("int64")


class Predictions(WandbEvalCallback):
    def add_ground_truth(self, logs=None):
        for index in range(5):
            self.data_table.add_data(index, int(y[index]))

    def add_model_predictions(self, epoch, logs=None):
        found = self.model.predict(x[:5], verbose=0).argmax(axis=1)
        for index in self.data_table_ref.get_index():
            self.pred_table.add_data(epoch, index, int(found[index]))


def build():
    model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model


with wandb.init(project="zoo", name="keras") as run:
    build().fit(
        x,
        y,
        epochs=2,
        validation_split=0.25,
        verbose=0,
        callbacks=[
            WandbMetricsLogger(log_freq=1),
            WandbModelCheckpoint(os.path.join(run.dir, "checkpoint-{epoch:02d}.keras")),
            Predictions(["index", "class"], ["epoch", "index", "predicted"]),
        ],
    )
with wandb.init(project="zoo", name="keras-old"):
    old = WandbCallback(
        monitor="val_accuracy",
        log_weights=True,
        validation_data=(x[:4], y[:4]),
        labels=["no", "yes"],
        log_evaluation=True,
    )
    build().fit(x, y, epochs=2, validation_split=0.25, verbose=0, callbacks=[old])
