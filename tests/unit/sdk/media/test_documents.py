"""Media whose files are texts: pages, point clouds, molecules, figures, graphs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import bokeh.document
import bokeh.plotting
import matplotlib as mpl
import numpy as np
import plotly.graph_objects  # type: ignore[import-untyped] # it has none
import pytest
from matplotlib.figure import Figure

from kymograph.errors import InvalidMedia, MissingPackage
from kymograph.sdk.media import Bokeh, Edge, Graph, Html, Molecule, Node, Object3D, Plotly, box3d
from kymograph.sdk.media.values import loggable
from tests.unit.sdk.media.recorded import Recorded, Tensor

HEAD = '<base target="_blank"><link rel="stylesheet" type="text/css" href="https://app.wandb.ai/normalize.css" />'


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>hi</p>", f"{HEAD}<p>hi</p>"),
        ("<html><body>é</body></html>\n", f"<html><head>{HEAD}</head><body>é</body></html>"),
        ("<html><head><title>x</title></head></html>", f"<html><head>{HEAD}<title>x</title></head></html>"),
    ],
)
def test_pages_get_a_head(run: Recorded, html: str, expected: str) -> None:
    form = Html(html).bind(run.place, "k", 0)

    assert (run.folder / str(form["path"])).read_text() == expected
    assert form["_type"] == "html-file"


def test_pages_come_from_texts_files_and_paths(run: Recorded, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<p>")

    assert Html(path, inject=False).html == "<p>"
    assert Html(str(path), inject=False).html == "<p>"
    assert Html(str(path), inject=False, data_is_not_path=True).html == str(path)
    assert Html(io.StringIO("<p>"), inject=False).html == "<p>"
    assert Html("no such.html", inject=False).html == "no such.html"
    with path.open() as file:
        assert Html(file, inject=False).html == "<p>"
    with pytest.raises(InvalidMedia, match="no text"):
        Html(5)  # type: ignore[arg-type] # what is to be refused


def test_points_become_a_file_of_numbers(run: Recorded) -> None:
    form = Object3D(np.arange(6.0).reshape(2, 3), caption="c").bind(run.place, "k", 0)

    assert run.json(form["path"]) == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert str(form["path"]).startswith("media/object3D/k_0_")
    assert str(form["path"]).endswith(".pts.json")
    assert (form["_type"], form["caption"]) == ("object3D-file", "c")


@pytest.mark.parametrize("points", [np.zeros((2, 4)), np.zeros((2, 6)), Tensor(np.zeros((2, 3)))])
def test_points_have_3_4_or_6_columns(points: Any) -> None:
    Object3D.from_numpy(points)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((2, 5)), r"\(n, 3\), \(n, 4\) or \(n, 6\), and not \[2, 5\]"),
        (np.zeros(3), "not \\[3\\]"),
        ({"type": "other"}, "type of a scene"),
        (5, "made of int"),
        ("a.txt", "of no known type"),
        (io.StringIO("x"), "needs its file_type"),
    ],
)
def test_what_is_no_object_is_refused(data: Any, message: str) -> None:
    with pytest.raises(InvalidMedia, match=message):
        Object3D(data)


def test_a_scene_has_points_boxes_and_vectors(run: Recorded) -> None:
    box = box3d(center=(0, 0, 1), size=(2, 4, 6), orientation=(5, 0, 0, 0), color=(1, 2, 3), label="q")
    scene = Object3D.from_point_cloud(
        points=[[0, 0, 0]], boxes=[box], vectors=[{"start": np.zeros(3), "end": [1, 1, 1]}]
    )

    document = run.json(scene.bind(run.place, "k", 0)["path"])

    assert list(document) == ["type", "vectors", "points", "boxes"]
    assert document["vectors"] == [{"start": [0.0, 0.0, 0.0], "end": [1, 1, 1]}]
    assert document["boxes"][0]["corners"][0] == [-1.0, -2.0, -2.0]
    assert document["boxes"][0]["corners"][7] == [1.0, 2.0, 4.0]
    with pytest.raises(InvalidMedia, match="must not be 0"):
        box3d(center=(0, 0, 1), size=(2, 4, 6), orientation=(0, 0, 0, 0), color=(1, 2, 3))


def test_a_box_is_turned_by_its_quaternion() -> None:
    quarter = box3d(center=(0, 0, 0), size=(2, 4, 6), orientation=(1, 0, 0, 1), color=(1, 2, 3))

    corners: Any = quarter["corners"]
    assert np.allclose(np.abs(corners), [[2, 1, 3]] * 8)


def test_models_are_files(run: Recorded, tmp_path: Path) -> None:
    path = tmp_path / "a.pts.json"
    path.write_text("[]")
    read = io.StringIO("v 1 2 3")
    read.read()

    named = Object3D(path).bind(run.place, "k", 0)
    opened = Object3D.from_file(read, file_type="obj").bind(run.place, "k", 0)

    assert str(named["path"]).endswith(".pts.json")
    assert (run.folder / str(opened["path"])).read_text() == "v 1 2 3"
    with path.open() as file:
        assert Object3D(file) == Object3D(path)


def test_names_of_several_objects_are_relative(run: Recorded) -> None:
    form = Object3D.bind_group([Object3D(np.zeros((1, 3))), Object3D(np.ones((1, 3)))], run.place, "a/k", 0)

    names = form["filenames"]
    assert isinstance(names, list)
    assert all(str(name).startswith("a/k_0_") for name in names)
    assert form["_type"] == "object3D"


def test_molecules_are_files(run: Recorded, tmp_path: Path) -> None:
    (tmp_path / "a.pdb").write_text("ATOM")

    form = Molecule(tmp_path / "a.pdb", caption="c").bind(run.place, "k", 0)
    group = Molecule.bind_group([Molecule(io.StringIO("ATOM"), file_type="pdb")], run.place, "k", 0)

    assert form["_type"] == "molecule-file"
    assert group == {"_type": "molecule", "filenames": [form["path"]], "count": 1, "captions": False}
    for wrong in ((tmp_path / "a.txt",), (io.StringIO("x"),), (5,)):
        with pytest.raises(InvalidMedia):
            Molecule(*wrong)


def test_molecules_of_smiles_say_what_to_install() -> None:
    with pytest.raises(MissingPackage, match="pip install rdkit") as caught:
        Molecule.from_smiles("CC")

    assert isinstance(caught.value, ImportError)


def test_figures_of_plotly_become_json(run: Recorded) -> None:
    figure = plotly.graph_objects.Figure(plotly.graph_objects.Scatter(x=[1, 2], y=[3.5, None], name="n"))

    form = loggable("k", figure, 0, run.place)

    assert isinstance(form, dict)
    assert form["_type"] == "plotly-file"
    document = run.json(form["path"])
    assert document["data"][0]["name"] == "n"
    assert str(form["path"]).endswith(".plotly.json")


def test_what_is_no_figure_is_refused() -> None:
    with pytest.raises(InvalidMedia, match="made of int"):
        Plotly(5)
    with pytest.raises(InvalidMedia, match="made of int"):
        Bokeh(5)


def test_figures_of_matplotlib_become_one_of_both(run: Recorded) -> None:
    """Which one depends on whether this version of Plotly knows this version of matplotlib."""
    figure = Figure(figsize=(1, 1))
    axes = figure.subplots()
    axes.plot([1, 2], [3, 4])

    form = loggable("k", figure, 0, run.place)
    by_part = loggable("k", axes, 0, run.place)

    assert isinstance(form, dict)
    assert form["_type"] in ("plotly-file", "image-file")
    assert isinstance(by_part, dict)
    assert by_part["_type"] == form["_type"]


def test_figures_with_images_are_drawn(run: Recorded) -> None:
    figure = Figure(figsize=(1, 1))
    figure.subplots().imshow([[1, 2], [3, 4]])

    form = loggable("k", figure, 0, run.place)

    assert isinstance(form, dict)
    assert form["_type"] == "image-file"
    with pytest.raises(InvalidMedia, match="cannot convert"):
        Plotly(figure)


def test_pyplot_is_its_current_figure(run: Recorded) -> None:
    mpl.use("agg")
    import matplotlib.pyplot as plt

    plt.plot([1, 2])
    form = loggable("k", plt, 0, run.place)
    plt.close("all")

    assert isinstance(form, dict)
    assert form["_type"] in ("plotly-file", "image-file")


def test_figures_of_bokeh_become_json(run: Recorded) -> None:
    figure = bokeh.plotting.figure()
    figure.line(np.array([1, 2]), [3, 4])
    bokeh.document.Document().add_root(figure)

    first = loggable("k", figure, 0, run.place)
    second = Bokeh(figure).bind(run.place, "k", 1)

    assert isinstance(first, dict)
    assert first["_type"] == "bokeh-file"
    assert run.json(first["path"])["roots"]
    assert run.json(first["path"])["roots"] == run.json(second["path"])["roots"]


def test_a_graph_is_its_nodes_and_edges(run: Recorded) -> None:
    graph = Graph()
    graph.add_node(id=1, name="n", size=(np.int64(2), 3))
    node = graph.add_node(Node(id=2, node=graph[1]))
    edge = graph.add_edge(graph[1], node)

    form = graph.bind(run.place, "k", 0)

    assert run.json(form["path"]) == {
        "format": "keras",
        "nodes": [{"name": "n", "id": 1, "size": [2, 3]}, {"name": "n", "size": [2, 3], "id": 2}],
        "edges": [[1, 2]],
    }
    assert str(form["path"]).startswith("media/graph/k_0_")
    assert isinstance(edge, Edge)
    assert (node.class_name, node.parameters) == (None, [])
    with pytest.raises(InvalidMedia, match="not both"):
        graph.add_node(node, name="x")
    with pytest.raises(AttributeError):
        _ = node.unheard_of
