"""Runs as a large project has them: 100 config leaves and 100 summary leaves each, always the same for one number.

Uses the standard library only, since the peer fills its own store from the same data in an environment of its own.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

OPTIMIZERS = ("adam", "adamw", "sgd", "lion", "rmsprop")
STATES = ("finished",) * 8 + ("failed", "killed")
TAGS = ("baseline", "best", "ablation", "sweep", "paper", "debug")
NUMBERS, TEXTS, FLAGS, SOMETIMES, METRICS, NOTES = 40, 36, 10, 10, 90, 7
MONTH_S = 30 * 86_400


@dataclass(frozen=True, slots=True)
class RunData:
    """One run."""

    id: str
    name: str
    state: str
    tags: tuple[str, ...]
    group: str
    created_s: float
    """Seconds after the first run."""
    config: dict[str, Any]
    """Nested, without the protocol's wrapping."""
    summary: dict[str, Any]


def make_run(number: int, total: int) -> RunData:
    """The run of that number."""
    draw = random.Random(number)
    config: dict[str, Any] = {
        "seed": number,
        "optimizer": {"name": draw.choice(OPTIMIZERS), "lr": 10 ** draw.uniform(-5, -1), "betas": [0.9, 0.999]},
    }
    for index in range(NUMBERS):
        config[f"number_{index:02}"] = draw.randrange(1000) if index % 2 else round(draw.random(), 6)
    for index in range(TEXTS):
        config[f"text_{index:02}"] = f"choice-{draw.randrange(3 + 40 * index)}"
    for index in range(FLAGS):
        config[f"flag_{index:02}"] = draw.random() < 0.5
    for index in range(SOMETIMES):
        if draw.random() < 0.5:
            config[f"sometimes_{index:02}"] = draw.choice([None, 1, "x", 2.5])
    summary: dict[str, Any] = {
        "_step": draw.randrange(100_000),
        "_runtime": draw.random() * 1e4,
        "tokens": 2**60 + number,
    }
    for index in range(METRICS):
        chance = draw.random()
        if chance < 0.95:
            summary[f"val/metric_{index:02}"] = math.nan if chance < 0.01 else draw.random()
    for index in range(NOTES):
        summary[f"note_{index}"] = f"note {draw.randrange(50)}"
    return RunData(
        id=f"r{number:07}",
        name=f"{draw.choice(TAGS)}-run-{draw.randrange(10**6)}",
        state=draw.choice(STATES),
        tags=tuple(sorted(draw.sample(TAGS, draw.randrange(3)))),
        group=f"group-{draw.randrange(200)}",
        created_s=number * MONTH_S / total,
        config=config,
        summary=summary,
    )
