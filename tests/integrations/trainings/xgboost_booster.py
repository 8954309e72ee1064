"""XGBoost: metrics of each round, configuration, importances, and the model."""
# mypy: ignore-errors

import wandb
import xgboost
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from wandb.integration.xgboost import WandbCallback

x, y = load_diabetes(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=1)
with wandb.init(project="zoo", name="xgboost"):
    model = xgboost.XGBRegressor(n_estimators=10, max_depth=3, callbacks=[WandbCallback(log_model=True)])
    model.fit(x_train, y_train, eval_set=[(x_test, y_test)], verbose=False)
