"""LightGBM: metrics of each round, parameters, importances, and the model."""
# mypy: ignore-errors

import lightgbm
import wandb
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from wandb.integration.lightgbm import log_summary, wandb_callback

x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=1)
train = lightgbm.Dataset(x_train, y_train)
test = lightgbm.Dataset(x_test, y_test, reference=train)
with wandb.init(project="zoo", name="lightgbm"):
    parameters = {"objective": "binary", "metric": ["binary_logloss", "auc"], "verbose": -1}
    model = lightgbm.train(
        parameters, train, num_boost_round=10, valid_sets=[test], valid_names=["test"], callbacks=[wandb_callback()]
    )
    log_summary(model, save_model_checkpoint=True)
