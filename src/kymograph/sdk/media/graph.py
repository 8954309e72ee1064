"""Graphs of nodes and edges: layers of a model, say."""

from __future__ import annotations

from typing import Any, ClassVar

from kymograph.core import exact_json
from kymograph.errors import InvalidMedia
from kymograph.sdk.media import foreign
from kymograph.sdk.media.base import Media, MediaPlace
from kymograph.types import JsonObject, JsonValue


class Node:
    """A node: `id` tells it from others of its graph. What is known about it are attributes of this object.

    Attributes that are set become part of the JSON form: ``id, name, class_name, size, parameters, output_shape,
    is_output, num_parameters, functions, child_parameters, is_constant``.
    """

    _KNOWN = (
        "id",
        "name",
        "class_name",
        "functions",
        "parameters",
        "size",
        "output_shape",
        "is_output",
        "num_parameters",
        "child_parameters",
        "is_constant",
    )

    def __init__(
        self,
        id: Any = None,
        name: str | None = None,
        class_name: str | None = None,
        size: Any = None,
        parameters: Any = None,
        output_shape: Any = None,
        is_output: bool | None = None,
        num_parameters: Any = None,
        node: Node | None = None,
    ) -> None:
        """Take what is known; all of `node` but its id first, if it is given."""
        self.attributes: dict[str, Any] = {"name": None}
        self.obj: Any = None
        """What the node stands for; not logged."""
        if node is not None:
            self.attributes.update({key: value for key, value in node.attributes.items() if key != "id"})
            self.obj = node.obj
        given = {
            "id": id,
            "name": name,
            "class_name": class_name,
            "size": None if size is None else tuple(size),
            "parameters": parameters,
            "output_shape": output_shape,
            "is_output": is_output,
            "num_parameters": num_parameters,
        }
        self.attributes.update({key: value for key, value in given.items() if value is not None})

    def __getattr__(self, name: str) -> Any:
        """An attribute that is known of nodes; ``None`` where it was not set, an empty list for lists."""
        if name not in Node._KNOWN:
            raise AttributeError(name)
        return self.attributes.get(name, [] if name in ("functions", "parameters") else None)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute that is known of nodes, or one of the object."""
        if name in Node._KNOWN:
            self.attributes[name] = tuple(value) if name == "size" else value
        else:
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return repr(self.attributes)

    @classmethod
    def from_keras(cls, layer: Any) -> Node:
        """A layer of Keras."""
        node = cls(id=layer.name, name=layer.name, class_name=type(layer).__name__)
        node.output_shape = getattr(layer, "output_shape", ["multiple"])
        node.num_parameters = layer.count_params()
        return node


class Edge:
    """A way from one node to another."""

    def __init__(self, from_node: Node, to_node: Node) -> None:
        """Take both ends."""
        self.from_node, self.to_node = from_node, to_node
        self.name: str | None = None

    def __repr__(self) -> str:
        return repr({"from_id": self.from_node.id, "to_id": self.to_node.id})


class Graph(Media):
    """A graph.

    Attributes:
        nodes, edges: In the order they were added.
        nodes_by_id: The same nodes.
        root: A node to begin at, if there is one.
    """

    log_type: ClassVar[str] = "graph-file"
    subfolder: ClassVar[str] = "graph"

    def __init__(self, format: str = "keras") -> None:
        """Begin without nodes; `format` tells readers how to draw it."""
        super().__init__(b"", extension=".graph.json")
        self.format = format
        self.nodes: list[Node] = []
        self.nodes_by_id: dict[Any, Node] = {}
        self.edges: list[Edge] = []
        self.root: Node | None = None

    def __getitem__(self, id: Any) -> Node:
        return self.nodes_by_id[id]

    def add_node(self, node: Node | None = None, **attributes: Any) -> Node:
        """Add a node, or one with these attributes.

        Raises:
            InvalidMedia: Both were given.
        """
        if node is None:
            node = Node(**attributes)
        elif attributes:
            raise InvalidMedia("Graph", "give a node, or attributes of a new one, and not both")
        self.nodes.append(node)
        self.nodes_by_id[node.id] = node
        return node

    def add_edge(self, from_node: Node, to_node: Node) -> Edge:
        """Add an edge between two nodes."""
        edge = Edge(from_node, to_node)
        self.edges.append(edge)
        return edge

    @classmethod
    def from_keras(cls, model: Any) -> Graph:
        """The layers of a model of Keras, with an edge from each to the next where the model does not tell others."""
        graph = cls()
        for layer in model.layers:
            node = Node.from_keras(layer)
            for inbound in getattr(layer, "_inbound_nodes", ()):
                layers = getattr(inbound, "inbound_layers", ())
                for before in layers if isinstance(layers, list | tuple) else (layers,):
                    source = graph.nodes_by_id.get(before.name) or graph.add_node(Node.from_keras(before))
                    graph.add_edge(source, node)
            graph.add_node(node)
        return graph

    def bind(self, place: MediaPlace, key: str, step: int) -> JsonObject:  # noqa: D102 — docstring inherited
        document: JsonObject = {
            "format": self.format,
            "nodes": [_plain(node.attributes) for node in self.nodes],
            "edges": [[_plain(edge.from_node.id), _plain(edge.to_node.id)] for edge in self.edges],
        }
        self._content = exact_json.dumps(document).encode()
        return super().bind(place, key, step)


def _plain(value: Any) -> JsonValue:
    value = foreign.plain(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)
