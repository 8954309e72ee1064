"""Train one small network on scikit-learn's handwritten digits, logging with the unmodified ``wandb`` client.

This file is what a user's own training script looks like: it imports ``wandb`` and knows nothing of the server it logs
to. The address comes from ``WANDB_BASE_URL`` and the key from ``WANDB_API_KEY``, as always. `demo/run.py` starts it
once for each of the recipes; it also runs by itself:

    WANDB_MODE=offline .cache/demo-venv/bin/python demo/train.py baseline

With ``--receipt FILE`` it writes down everything that it logged, one JSON object per line, so that what arrived at the
server can be compared with what was sent.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import wandb
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from network import Matrix, Network, Optimizer

GREEN, YELLOW, RED, BOLD, PLAIN = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1m", "\x1b[0m"
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One configuration."""

    notes: str
    hidden: tuple[int, ...] = (64,)
    activation: str = "relu"
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    schedule: str = "constant"
    """``constant``, ``cosine`` (down to zero), ``restarts`` (cosine, five times) or ``range`` (up exponentially)."""
    batch_size: int = 32
    weight_decay: float = 1e-4
    noise: float = 0.1
    """Standard deviation of the noise on the training images; pixels are 0 to 1."""
    tags: tuple[str, ...] = field(default=())


RECIPES: dict[str, Recipe] = {
    "baseline": Recipe("One hidden layer, plain gradient descent.", tags=("baseline",)),
    "adam": Recipe("Four times as wide, with Adam.", hidden=(256,), optimizer="adam", learning_rate=1e-3),
    "deep-tanh": Recipe(
        "Three hidden layers of tanh.",
        hidden=(64, 64, 64),
        activation="tanh",
        optimizer="momentum",
        learning_rate=0.02,
        schedule="cosine",
    ),
    "large-batch": Recipe("Few, careful steps.", batch_size=256, optimizer="momentum", learning_rate=0.1),
    "sigmoid": Recipe("What one did in 1990.", activation="sigmoid", learning_rate=0.3, weight_decay=0.0),
    "small-batch": Recipe("Many noisy steps.", batch_size=16, learning_rate=0.05, noise=0.3),
    "too-hot": Recipe(
        "The learning rate is far too high at every restart: look for the spikes.",
        hidden=(128, 64),
        activation="tanh",
        optimizer="momentum",
        learning_rate=0.38,
        schedule="restarts",
        tags=("unstable",),
    ),
    "lr-range-test": Recipe(
        "Learning rate from 0.001 up to 10, with an activation that forgives nothing: where does it break?",
        hidden=(128,),
        activation="cubic",
        learning_rate=1e-3,
        schedule="range",
        tags=("unstable", "lr-range"),
    ),
}


@dataclass(frozen=True, slots=True)
class Digits:
    """1,797 images of 8 x 8 pixels, split once and for all."""

    train_images: Matrix
    train_labels: Labels
    val_images: Matrix
    val_labels: Labels


class Receipt:
    """A copy of what was logged, beside the client."""

    def __init__(self, file: TextIO | None) -> None:
        """Write to `file`, or nowhere."""
        self.file = file

    def write(self, kind: str, value: object) -> None:
        """Append one record; NaN and infinities are written as JSON's usual extension does."""
        if self.file is not None:
            self.file.write(json.dumps({"kind": kind, "value": value}) + "\n")


def load_data(seed: int) -> Digits:
    """Load the digits that come with scikit-learn; a fifth is kept for validation."""
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    images, labels = digits.data[order] / 16.0, digits.target[order].astype(np.int64)
    n_val = len(labels) // 5
    return Digits(images[n_val:], labels[n_val:], images[:n_val], labels[:n_val])


def learning_rate_at(recipe: Recipe, progress: float) -> float:
    """Return the learning rate at a point of the training, from 0 (start) to 1 (end)."""
    match recipe.schedule:
        case "cosine":
            return recipe.learning_rate * 0.5 * (1.0 + float(np.cos(np.pi * progress)))
        case "restarts":
            return recipe.learning_rate * 0.5 * (1.0 + float(np.cos(np.pi * (5.0 * progress % 1.0))))
        case "range":
            return recipe.learning_rate * float(10.0 ** (4.0 * progress))
        case _:
            return recipe.learning_rate


def batches(data: Digits, recipe: Recipe, rng: np.random.Generator) -> Iterator[tuple[Matrix, Labels]]:
    """Yield one epoch of shuffled, noisy batches."""
    order = rng.permutation(len(data.train_labels))
    for start in range(0, len(order), recipe.batch_size):
        chosen = order[start : start + recipe.batch_size]
        noise = rng.normal(0.0, recipe.noise, (len(chosen), data.train_images.shape[1]))
        yield data.train_images[chosen] + noise, data.train_labels[chosen]


def validate(network: Network, data: Digits) -> tuple[dict[str, float], Matrix]:
    """Return the validation metrics and the probabilities, (n_val, 10)."""
    outputs = network.forward(data.val_images)
    log_probabilities = outputs[-1]
    probabilities = np.exp(log_probabilities)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == data.val_labels
    bins = np.minimum((np.nan_to_num(confidence) * 10).astype(int), 9)
    gaps = [abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins)]

    metrics = {
        "val/loss": float(-log_probabilities[np.arange(len(right)), data.val_labels].mean()),
        "val/accuracy": float(right.mean()),
        "val/confidence": float(confidence.mean()),
        "val/calibration_error": float(sum(gaps)),
        "layers/dead_units": float(np.mean(np.all(outputs[1] <= 0.0, axis=0))),
        "layers/activation_mean": float(outputs[1].mean()),
    }
    for index, weights in enumerate(network.weights):
        metrics[f"layers/weight_norm_{index}"] = float(np.linalg.norm(weights))
    for digit in range(10):
        metrics[f"recall/digit_{digit}"] = float(right[data.val_labels == digit].mean())
    return metrics, probabilities


def mistakes(data: Digits, probabilities: Matrix, limit: int = 12) -> tuple[list[Matrix], list[str]]:
    """Return the most confident mistakes as images of 96 x 96 pixels, and their captions."""
    predicted, confidence = probabilities.argmax(axis=1), np.nan_to_num(probabilities.max(axis=1))
    wrong = np.flatnonzero(predicted != data.val_labels)
    chosen = wrong[np.argsort(-confidence[wrong])][:limit]
    images = [np.kron(np.round(255 * data.val_images[i].reshape(8, 8)), np.ones((12, 12))) for i in chosen]
    captions = [f"is {data.val_labels[i]}, taken for {predicted[i]} ({confidence[i]:.0%})" for i in chosen]
    return images, captions


def print_progress(epoch: int, epochs: int, done: float, loss: float) -> None:
    """Draw the bar of one epoch over itself, as progress bars do."""
    bar = ("█" * round(20 * done)).ljust(20, "·")
    sys.stdout.write(f"\repoch {epoch + 1:>2}/{epochs} {bar} {done:4.0%}  loss {loss:8.4f}")
    sys.stdout.flush()


def train(name: str, recipe: Recipe, epochs: int, min_epoch_s: float, seed: int, receipt: Receipt) -> None:
    """Train one network from start to end as one run."""
    config = {
        "model": {"hidden": list(recipe.hidden), "activation": recipe.activation},
        "optimizer": {
            "name": recipe.optimizer,
            "learning_rate": recipe.learning_rate,
            "schedule": recipe.schedule,
            "weight_decay": recipe.weight_decay,
        },
        "data": {"batch_size": recipe.batch_size, "noise": recipe.noise, "validation_share": 0.2},
        "epochs": epochs,
        "seed": seed,
    }
    run = wandb.init(
        name=name,
        notes=recipe.notes,
        # Which SDK it is: `demo/run.py` trains some of the recipes with Kymograph's own, too.
        tags=["digits", wandb.__name__, *recipe.tags],
        group="digits-mlp",
        job_type="train",
        config=config,
        # A sample every two seconds: these runs are short.
        settings=wandb.Settings(x_stats_sampling_interval=2.0),
    )
    run.define_metric("epoch", hidden=True)
    for prefix in ("val", "recall", "layers"):
        run.define_metric(f"{prefix}/*", step_metric="epoch")
    run.define_metric("val/accuracy", step_metric="epoch", summary="max,last")

    data = load_data(seed)
    run.use_artifact(dataset_of(data, seed))
    rng = np.random.default_rng(seed)
    network = Network([64, *recipe.hidden, 10], recipe.activation, rng)
    optimizer = Optimizer(recipe.optimizer, network.parameters)
    n_parameters = sum(parameter.size for parameter in network.parameters)
    receipt.write("run", {"id": run.id, "name": name, "config": config})
    print(f"{BOLD}{name}{PLAIN}: {recipe.notes} {n_parameters:,} parameters, {asdict(recipe)}")

    card = Path(run.dir) / "model-card.md"
    card.write_text(f"# {name}\n\n{recipe.notes}\n\n{n_parameters:,} parameters, hidden layers {recipe.hidden}.\n")
    run.save(str(card), base_path=run.dir, policy="now")

    n_batches = -(-len(data.train_labels) // recipe.batch_size)
    best = 0.0
    probabilities = np.empty((0, 10))
    for epoch in range(epochs):
        started = time.monotonic()
        for index, (images, labels) in enumerate(batches(data, recipe, rng)):
            learning_rate = learning_rate_at(recipe, (epoch + index / n_batches) / epochs)
            batch = network.learn(images, labels, recipe.weight_decay)
            row: dict[str, float] = {
                "train/loss": batch.loss,
                "train/accuracy": batch.accuracy,
                "train/gradient_norm": float(np.sqrt(sum(float((g * g).sum()) for g in batch.gradients))),
                "train/learning_rate": learning_rate,
                "train/update_ratio": optimizer.step(batch.gradients, learning_rate),
            }
            last = index + 1 == n_batches
            media: dict[str, Any] = {}
            if last:
                metrics, probabilities = validate(network, data)
                best = max(best, metrics["val/accuracy"])
                row |= {"epoch": epoch, "time/epoch_s": time.monotonic() - started} | metrics
                if epoch % 10 == 9:
                    media = describe_mistakes(data, probabilities) | describe_weights(network)
            receipt.write("row", row)
            receipt.write("media", sorted(media))
            run.log(row | media)
            if index % 4 == 0 or last:
                print_progress(epoch, epochs, (index + 1) / n_batches, batch.loss)
            # Digits are learnt in no time; the pause spreads an epoch out, so that there is something to watch.
            time.sleep(max(0.0, started + min_epoch_s * (index + 1) / n_batches - time.monotonic()))
        colour = GREEN if metrics["val/accuracy"] > 0.95 else YELLOW if metrics["val/accuracy"] > 0.5 else RED
        print(f"  {colour}validation {metrics['val/accuracy']:.1%}{PLAIN}  loss {metrics['val/loss']:.4f}")

    totals = {"best_val_accuracy": best, "parameters": n_parameters}
    run.log_artifact(model_of(run, network, recipe, totals), aliases=["latest", name])
    finish(run, data, probabilities, totals, receipt)


def describe_mistakes(data: Digits, probabilities: Matrix) -> dict[str, Any]:
    """Return the mistakes as the client logs images; nothing if there are none."""
    images, captions = mistakes(data, probabilities)
    if not images:
        return {}
    return {"mistakes": [wandb.Image(image, caption=text) for image, text in zip(images, captions, strict=True)]}


def describe_weights(network: Network) -> dict[str, Any]:
    """Return histograms of the weights, of those layers that still have finite ones."""
    finite = {f"histograms/layer_{i}": w[np.isfinite(w)] for i, w in enumerate(network.weights)}
    return {key: wandb.Histogram(weights) for key, weights in finite.items() if weights.size}


def dataset_of(data: Digits, seed: int) -> Any:
    """Return the data as an artifact: of equal content, all runs share one version."""
    dataset = wandb.Artifact(
        "digits",
        type="dataset",
        description="Handwritten digits of 8 x 8 pixels, from scikit-learn, split into training and validation.",
        metadata={"train": len(data.train_labels), "validation": len(data.val_labels), "seed": seed},
    )
    for split, images, labels in (
        ("train", data.train_images, data.train_labels),
        ("validation", data.val_images, data.val_labels),
    ):
        with dataset.new_file(f"{split}/pixels.npy", mode="wb") as file:
            np.save(file, np.round(16 * images).astype(np.uint8))
        with dataset.new_file(f"{split}/labels.csv", mode="w") as file:
            file.write("image,digit\n" + "".join(f"{i},{digit}\n" for i, digit in enumerate(labels)))
    return dataset


def model_of(run: Any, network: Network, recipe: Recipe, totals: Mapping[str, float]) -> Any:
    """Return the trained weights as an artifact."""
    model = wandb.Artifact(
        "digits-mlp",
        type="model",
        description=f"**{run.name}**: {recipe.notes}",
        metadata={"recipe": run.name, "activation": recipe.activation, **totals},
    )
    for index, weights in enumerate(network.weights):
        with model.new_file(f"layers/{index}.npy", mode="wb") as file:
            np.save(file, weights)
    with model.new_file("recipe.json", mode="w") as file:
        json.dump(asdict(recipe), file, indent=2)
    return model


def finish(run: Any, data: Digits, probabilities: Matrix, totals: Mapping[str, float], receipt: Receipt) -> None:
    """Log the table of predictions, save the report, and end the run."""
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    table = wandb.Table(columns=["image", "truth", "prediction", "confidence", "right"])
    for i in range(len(predicted)):
        truth, guess = int(data.val_labels[i]), int(predicted[i])
        table.add_data(i, truth, guess, float(confidence[i]), truth == guess)
    run.log({"predictions": table})
    receipt.write("row", {})
    receipt.write("media", ["predictions"])

    run.summary.update(dict(totals))
    confusion = np.zeros((10, 10), dtype=int)
    np.add.at(confusion, (data.val_labels, predicted), 1)
    report = Path(run.dir) / "report.txt"
    report.write_text(f"{run.name}\n\nrows: truth, columns: prediction\n{confusion}\n")
    run.save(str(report), base_path=run.dir, policy="end")
    print(f"{BOLD}best validation accuracy {totals['best_val_accuracy']:.1%}{PLAIN}")
    receipt.write("summary", dict(totals))
    receipt.write("files", ["model-card.md", "report.txt"])
    receipt.write("end", None)
    run.finish()


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description="Train one small network on handwritten digits.")
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--min-epoch-s", type=float, default=0.5, help="shortest time of an epoch, in seconds")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--receipt", type=Path, help="write down what was logged")
    options = parser.parse_args()

    # Diverging is part of the show.
    np.seterr(all="ignore")
    recipe = RECIPES[options.recipe]
    if options.receipt is None:
        train(options.recipe, recipe, options.epochs, options.min_epoch_s, options.seed, Receipt(None))
        return
    with options.receipt.open("w", encoding="utf-8") as file:
        train(options.recipe, recipe, options.epochs, options.min_epoch_s, options.seed, Receipt(file))


if __name__ == "__main__":
    main()
