"""Charts of models of scikit-learn, logged to the active run: ``kymograph.sklearn.plot_classifier(…)``.

Each function logs one chart, under the key that the protocol's own client uses. What cannot be drawn is said in the
terminal and left out, so that an evaluation at the end of a training does not break it.

Source: the vendor's client 0.31.0, `wandb.sklearn`: keys, columns of tables, names of charts, limits.
"""

from kymograph.integrations.sklearn.classifiers import (
    plot_calibration_curve,
    plot_class_proportions,
    plot_classifier,
    plot_confusion_matrix,
    plot_feature_importances,
    plot_precision_recall,
    plot_roc,
)
from kymograph.integrations.sklearn.clusters import plot_clusterer, plot_elbow_curve, plot_silhouette
from kymograph.integrations.sklearn.metrics import plot_learning_curve, plot_summary_metrics
from kymograph.integrations.sklearn.regressors import plot_outlier_candidates, plot_regressor, plot_residuals

__all__ = [
    "plot_calibration_curve",
    "plot_class_proportions",
    "plot_classifier",
    "plot_clusterer",
    "plot_confusion_matrix",
    "plot_elbow_curve",
    "plot_feature_importances",
    "plot_learning_curve",
    "plot_outlier_candidates",
    "plot_precision_recall",
    "plot_regressor",
    "plot_residuals",
    "plot_roc",
    "plot_silhouette",
    "plot_summary_metrics",
]
