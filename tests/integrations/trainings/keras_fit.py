"""Keras on PyTorch: metrics, checkpoints, tables of predictions, and the callback of old versions."""
# mypy: ignore-errors

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import wandb
from wandb.integration.keras import WandbEvalCallback, WandbMetricsLogger, WandbModelCheckpoint
from wandb.keras import WandbCallback

from kymograph.integrations.keras.gradients import GradientProbe

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
    layers = [keras.layers.Dense(8, activation="relu", name="first"), keras.layers.Dense(2, name="last")]
    model = keras.Sequential([layers[0], keras.layers.BatchNormalization(), layers[1]], name="net")
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
        log_gradients=True,
        training_data=(x, y),
        validation_data=(x[:4], y[:4]),
        labels=["no", "yes"],
        log_evaluation=True,
    )
    model = build()
    model.fit(x, y, epochs=2, validation_split=0.25, verbose=0, callbacks=[old])

# What a backend itself says the gradients are; and looking at them leaves the model as it was.
probe = GradientProbe(model)
before = [np.array(value) for value in model.get_weights()]
found = probe.gradients((x[:64], y[:64]))
assert all((now == then).all() for now, then in zip(model.get_weights(), before, strict=True))
expected = 0
for begin in (0, 32):
    model.zero_grad()
    model.compute_loss(y=y[begin : begin + 32], y_pred=model(x[begin : begin + 32], training=True)).backward()
    expected += model.get_layer("first").kernel.value.grad.numpy()
    model.set_weights(before)
np.testing.assert_allclose(found["net/first/kernel"], expected, rtol=1e-4, atol=1e-6)
