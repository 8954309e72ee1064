"""Charts of clusterings."""

# ruff: noqa: N803 — capital X is what scikit-learn and scripts call features

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import kymograph
from kymograph.integrations.sklearn.checks import chart, dense, is_drawable

_GAP = 10
"""Rows between the clusters of a silhouette. Source: the vendor's `silhouette`."""


def plot_clusterer(
    model: Any,
    X_train: Any,
    cluster_labels: Any,
    labels: Sequence[str] | None = None,
    model_name: str = "Clusterer",
) -> None:
    """Log all charts of a clustering.

    Args:
        model: Fitted.
        X_train: (samples, features).
        cluster_labels: The cluster of each sample.
        labels: Names of the clusters 0, 1, ….
        model_name: Said in the terminal.
    """
    is_kmeans = type(model).__name__ == "KMeans"
    if is_kmeans:
        plot_elbow_curve(model, X_train)
    plot_silhouette(model, X_train, cluster_labels, labels=labels, kmeans=is_kmeans)
    kymograph.termlog(f"the charts of {model_name} are logged")


def plot_elbow_curve(
    clusterer: Any = None,
    X: Any = None,
    cluster_ranges: Sequence[int] | None = None,
    n_jobs: int = 1,
    show_cluster_time: bool = True,
) -> None:
    """Log how well the data is explained by more and more clusters; a copy of the model is fitted for each number.

    Args:
        clusterer: Fitted, with ``n_clusters``.
        X: (samples, features).
        cluster_ranges: Numbers of clusters; by default 1, 3, 5, 7, 9.
        n_jobs: Not used: fits follow one another.
        show_cluster_time: Not used: times are always in the table.
    """
    if not is_drawable(kind="clusterer", model=clusterer, X=X):
        return
    if not hasattr(clusterer, "n_clusters"):
        kymograph.termwarn(f"{type(clusterer).__name__} has no number of clusters: no elbow curve")
        return
    from sklearn.base import clone

    def rows() -> Iterator[list[Any]]:
        for number in sorted(cluster_ranges or range(1, 10, 2)):
            if number > len(dense(X)):
                continue
            model = clone(clusterer).set_params(n_clusters=number)
            started = time.perf_counter()
            error = abs(float(model.fit(X).score(X)))
            yield [number, error, time.perf_counter() - started]

    columns = ["cluster_ranges", "errors", "clustering_time"]
    kymograph.log({"elbow_curve": chart("wandb/elbow/v1", columns, rows())})


def plot_silhouette(
    clusterer: Any = None,
    X: Any = None,
    cluster_labels: Any = None,
    labels: Sequence[str] | None = None,
    metric: str = "euclidean",
    kmeans: bool = True,
) -> None:
    """Log how much nearer each sample is to its own cluster than to the next.

    Args:
        clusterer: Fitted.
        X: (samples, features).
        cluster_labels: The cluster of each sample.
        labels: Not used; accepted for old scripts.
        metric: What distances are, as ``sklearn.metrics.silhouette_samples`` takes it.
        kmeans: Whether the model has centers to be drawn.
    """
    if not is_drawable(kind="clusterer", model=clusterer, X=X, cluster_labels=cluster_labels):
        return
    from sklearn.metrics import silhouette_samples
    from sklearn.preprocessing import LabelEncoder

    points = dense(X)
    clusters = LabelEncoder().fit_transform(dense(cluster_labels))
    if not 1 < len(set(clusters)) < len(points):
        kymograph.termwarn("a silhouette needs two clusters, and fewer than there are samples: no chart of it")
        return
    widths = silhouette_samples(points, clusters, metric=metric)
    average = float(widths.mean())
    centers = getattr(clusterer, "cluster_centers_", None) if kmeans else None

    def rows() -> Iterator[list[Any]]:
        below, sample = 0, 0
        for cluster in range(max(clusters) + 1):
            below += _GAP
            for place, width in enumerate(sorted(widths[clusters == cluster])):
                # The points of the scatter beside it, one a row, in the order of the data.
                its = int(clusters[sample])
                center = [None, None] if centers is None else [float(part) for part in centers[its][:2]]
                point = [float(points[sample][0]), float(points[sample][1]) if points.shape[1] > 1 else 0.0]
                yield [*point, its, *center, below + place, 0, float(width), cluster, average]
                sample += 1
            below += int((clusters == cluster).sum())

    columns = ["x", "y", "colors", "centerx", "centery", "y_sil", "x1", "x2", "color_sil", "silhouette_avg"]
    kymograph.log({"silhouette_plot": chart("wandb/silhouette_/v1", columns, rows())})
