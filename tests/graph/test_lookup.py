"""Products by id or title, and what is suggested where none has it."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.graph.data import Graph
from core.graph.lookup import find_product, suggest_near
from tests.graph.tiny_graphs import make_graph


def name_nodes(*titles: str) -> Graph:
    graph = make_graph([(0, 1), (0, 2), (1, 2)], len(titles))
    return replace(graph, items=replace(graph.items, title=np.array(titles, dtype=object)))


def test_an_id_goes_before_a_title() -> None:
    graph = name_nodes("n1", "a case", "a phone")
    assert find_product(graph, "n1") == 1
    assert find_product(graph, "a phone") == 2


def test_a_title_of_two_products_names_neither() -> None:
    with pytest.raises(InputError, match="2 products have the title 'case'") as error:
        find_product(name_nodes("case", "case", "phone"), "case")
    assert error.value.fix == "Name one by its id: n0; n1."


def test_words_come_before_looks() -> None:
    """All words of "PHONE blue" stand in n2 only; "phome" is no word of any, and looks like n1."""
    graph = name_nodes("grey case", "phone", "blue phone")
    assert suggest_near(graph, "PHONE blue").tolist() == [2]
    assert suggest_near(graph, "phome").tolist()[0] == 1
    assert suggest_near(graph, "%%%").tolist() == []


def test_very_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(InputError) as error:
        find_product(name_nodes("a", "b", "c"), "x" * 1_000_000)
    assert len(str(error.value)) < 100
