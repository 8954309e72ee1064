"""Optuna: its `WeightsAndBiasesCallback`, one run for a study, and one for each trial."""
# mypy: ignore-errors

import warnings

import optuna
import wandb
from optuna_integration.wandb import WeightsAndBiasesCallback

warnings.simplefilter("ignore")


def objective(trial):
    x = trial.suggest_float("x", -10, 10)
    return (x - 2) ** 2


together = WeightsAndBiasesCallback(wandb_kwargs={"project": "zoo", "name": "optuna"})
optuna.create_study().optimize(objective, n_trials=4, callbacks=[together])
wandb.finish()

each = WeightsAndBiasesCallback(wandb_kwargs={"project": "zoo", "tags": ["optuna"]}, as_multirun=True)
optuna.create_study().optimize(each.track_in_wandb()(objective), n_trials=2, callbacks=[each])
