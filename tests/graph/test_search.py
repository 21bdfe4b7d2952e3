"""Find a product by a part of its title or id."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.graph.data import Graph
from core.graph.search import LIMIT, index_products, search_products
from tests.graph.tiny_graphs import make_graph

TITLES = [
    "Étui rouge pour Vindrel", "Case, red", "red", "Redwood case", "Covered case", "case (RED) USB-C",
    "<b>=1+1</b>", "日本 レンズ",
]  # fmt: skip


@pytest.fixture
def graph() -> Graph:
    # degrees: 3 has 3 edges, 1 has 2, the rest at most 1
    graph = make_graph([(3, 1), (3, 0), (5, 3), (1, 2)], len(TITLES))
    return replace(graph, items=replace(graph.items, title=np.array(TITLES, dtype=object)))


def found(graph: Graph, text: str, limit: int = LIMIT) -> list[int]:
    return search_products(index_products(graph), text, limit=limit).node.tolist()


def test_the_text_itself_comes_first_then_beginnings_words_and_parts(graph: Graph) -> None:
    # exact: 2; begins: 3 (Redwood); a word begins: 1 (two edges), 5 (one); inside: 4 (Cove-red)
    assert found(graph, "red") == [2, 3, 1, 5, 4]
    assert found(graph, "red", limit=2) == [2, 3]
    assert search_products(index_products(graph), "red", limit=2).total == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ETUI", [0]), ("étui", [0]), ("E\u0301tui", [0]), ("case red", [1, 5, 3, 4]), ("red case", [3, 1, 5, 4]),
        ("redwood ca", [3]), ("usb c", [5]), ("usb-c", [5]), ("n6", [6]), ("N6", [6]), ("レンズ", [7]), ("1+1", [6, 1]),
        ("", []), ("  ", []), ("()", []), (".*", []), ("red blue", []), ("x" * 10**6, []),
        ("\x00", []), ("\ud7ff", []),
    ],
)  # fmt: skip
def test_case_accents_and_punctuation_do_not_matter(graph: Graph, text: str, expected: list[int]) -> None:
    assert found(graph, text) == expected


def test_a_text_is_no_pattern(graph: Graph) -> None:
    assert found(graph, r"\E") == found(graph, "e") != []


def test_ids_are_searched_too_and_ties_go_by_degree() -> None:
    graph = make_graph([(11, 1), (12, 11), (1, 2)], 13)
    assert found(graph, "n1") == [1, 11, 12, 10]  # exact; then 2 edges, 1 edge, none


def test_against_a_slow_search(graph: Graph) -> None:
    rng = np.random.default_rng(2)
    words = ["red", "case", "phone", "re", "ca"]
    titles = np.array([" ".join(rng.choice(words, 3)) for _ in range(300)], dtype=object)
    many = make_graph([(i, i + 1) for i in range(0, 200, 3)], 300)
    many = replace(many, items=replace(many.items, title=titles))
    degree = many.out_degree + many.in_degree

    def rank(title: str, query: str) -> int | None:
        if not all(word in title for word in query.split()):
            return None
        if title == query:
            return 0
        if title.startswith(query):
            return 1
        return 2 if all(f" {word}" in f" {title}" for word in query.split()) else 3

    for query in ("red", "re", "ca", "red case", "hone", "ed re"):
        ranked = [(r, -degree[i], i) for i, title in enumerate(titles) if (r := rank(title, query)) is not None]
        assert found(many, query) == [i for *_, i in sorted(ranked)][:LIMIT]


def test_a_limit_is_checked(graph: Graph) -> None:
    for limit in (0, 51):
        with pytest.raises(InputError, match="limit must be a whole number from 1 to 50"):
            found(graph, "red", limit)


def test_the_frame_names_what_was_found(graph: Graph) -> None:
    frame = search_products(index_products(graph), "redwood").frame()
    assert frame.to_dict("records") == [{"id": "n3", "title": "Redwood case", "category": "category 0"}]
    assert search_products(index_products(graph), "none").frame().empty
