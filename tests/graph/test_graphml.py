"""A GraphML file → a stored graph, through the real limited process where the file is hostile."""

from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pytest

from core.errors import InputError
from core.graph.data import Cleaning, Graph
from core.graph.graphml import load_graphml
from core.graph.health import measure_health
from core.graph.stored import find_graph, graph_store
from core.jobs import finish
from core.settings import Settings

Load = Callable[[bytes], Graph]


@pytest.fixture
def load(settings: Settings, tmp_path: Path) -> Load:
    def run(content: bytes) -> Graph:
        file = tmp_path / "shop.graphml"
        file.write_bytes(content)
        return finish(load_graphml(file, name="shop", settings=settings))

    return run


def written(graph: "nx.Graph[str]") -> bytes:
    return "\n".join(nx.generate_graphml(graph)).encode()


def test_what_networkx_writes_is_read(load: Load, settings: Settings, serve_here: Callable[[], None]) -> None:
    serve_here()
    shop = nx.DiGraph()
    shop.add_node("p1", label="A phone", category="Phones", price=2.5)
    shop.add_node("c1", label="A case", category="Cases")
    shop.add_node("x")
    shop.add_edge("p1", "c1", weight=3.0)
    shop.add_edge("p1", "p1", weight=1.0)
    graph = load(written(shop))
    assert graph.ids.tolist() == ["c1", "p1", "x"]
    assert (graph.edges.source.tolist(), graph.edges.target.tolist(), graph.weight.tolist()) == ([1], [0], [3.0])
    assert graph.items.title.tolist() == ["A case", "A phone", "x"]
    assert graph.items.categories == ("Cases", "Phones", "(missing)")
    assert graph.cleaning == Cleaning(self_loops=1)
    found = find_graph(graph.digest, settings=settings)
    assert found is not None
    assert found.cleaning == graph.cleaning
    assert load(written(shop)).digest == graph.digest


def test_an_undirected_graph_is_read_both_ways_and_says_so(load: Load, serve_here: Callable[[], None]) -> None:
    serve_here()
    graph = load(written(nx.path_graph(["a", "b", "c"])))
    assert len(graph.edges) == 4
    assert graph.cleaning.undirected
    assert "undirected edges" in measure_health(graph).warnings[0]


def test_no_nodes_need_to_be_declared(load: Load, serve_here: Callable[[], None]) -> None:
    serve_here()
    graph = load(b'<graphml><graph edgedefault="directed"><edge source="a" target="b"/></graph></graphml>')
    assert graph.ids.tolist() == ["a", "b"]
    assert not graph.items.listed.any()


def test_a_bomb_is_refused_and_nothing_is_stored(load: Load, settings: Settings) -> None:
    bomb = b'<!DOCTYPE g [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><graphml>&b;</graphml>'
    with pytest.raises(InputError, match="declares a document type or entities"):
        load(bomb)
    assert graph_store(settings).digests() == []


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ('<edge source="a" target="a"/>', "No edge is left"),
        ('<edge source="a" target="b"><data key="w">-1</data></edge>', "'weight' must be a number above 0.*row 1"),
        ('<node id="a"/><node id="a"/><edge source="a" target="b"/>', "The items name 'a' twice, in rows 1 and 2"),
        ('<edge source="a"/>', "most because 'target' is missing"),
    ],
)
def test_rows_are_checked_as_those_of_tables(
    load: Load, serve_here: Callable[[], None], inside: str, message: str
) -> None:
    serve_here()
    key = '<key id="w" for="edge" attr.name="weight"/>'
    with pytest.raises(InputError, match=message):
        load(f'<graphml>{key}<graph edgedefault="directed">{inside}</graph></graphml>'.encode())
