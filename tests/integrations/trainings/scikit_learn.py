"""scikit-learn: the charts of a classifier, a regressor and a clustering."""
# mypy: ignore-errors

import wandb
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

run = wandb.init(project="zoo", name="scikit-learn")
x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=1)
model = RandomForestClassifier(n_estimators=20, random_state=1).fit(x_train, y_train)
predicted, probabilities = model.predict(x_test), model.predict_proba(x_test)
wandb.sklearn.plot_classifier(
    model, x_train, x_test, y_train, y_test, predicted, probabilities, ["malignant", "benign"], log_learning_curve=True
)
x, y = load_diabetes(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=1)
wandb.sklearn.plot_regressor(Ridge().fit(x_train, y_train), x_train, x_test, y_train, y_test)
x, y = load_iris(return_X_y=True)
clustering = KMeans(n_clusters=3, n_init=1, random_state=1).fit(x)
wandb.sklearn.plot_clusterer(clustering, x, clustering.labels_, ["a", "b", "c"])
run.finish()
