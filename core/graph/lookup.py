"""One product by its id or title, or the nearest ones where none has it."""

from difflib import get_close_matches
from typing import Final

import numpy as np

from core.arrays import IntArray
from core.errors import InputError
from core.graph.data import Graph
from core.graph.search import QUERY_LENGTH, index_products, search_products
from core.ingest.columns import shorten

NAMED: Final = 3
_COMPARED: Final = 50_000
_ALIKE: Final = 0.5


def find_product(graph: Graph, text: str) -> int:
    """The position of the product whose id is ``text``, or whose title is.

    Raises
    ------
    InputError
        No product has that id or title; the message names near ones. Or several products have the title.

    Notes
    -----
    An id goes before a title. Nothing is guessed: a part of a title finds nothing, since a pipeline that asks about the
    wrong product would not notice.
    """
    for names in (graph.ids, graph.items.title):
        found = np.flatnonzero(names == text)
        if len(found) == 1:
            return int(found[0])
        if len(found):
            raise InputError(
                f"{len(found):,} products have the title {shorten(text)}.",
                fix=f"Name one by its id: {_list(graph.ids[found[:NAMED]].tolist())}.",
            )
    near = suggest_near(graph, text)
    shown = _list([f"{graph.ids[node]} ({shorten(graph.items.title[node])})" for node in near.tolist()])
    raise InputError(
        f"No product has the id or title {shorten(text)}.",
        fix=f"Near ones: {shown}." if len(near) else "Give an id as it stands in the file of edges.",
    )


def suggest_near(graph: Graph, text: str) -> IntArray:
    """At most three products: those that hold all words of a text, else those whose id or title looks like it.

    Notes
    -----
    Looks are compared with ``difflib``, of the 50,000 products with most edges.
    """
    found = search_products(index_products(graph), text, limit=NAMED)
    if found.total:
        return found.node
    most = np.argsort(-(graph.out_degree + graph.in_degree), kind="stable")[:_COMPARED]
    named: dict[str, int] = {}
    for names in (graph.ids[most], graph.items.title[most]):
        for name, node in zip(names.tolist(), most.tolist(), strict=True):
            named.setdefault(name.lower(), node)
    alike = get_close_matches(text[:QUERY_LENGTH].lower(), named, n=2 * NAMED, cutoff=_ALIKE)
    nodes = list(dict.fromkeys(named[name] for name in alike))[:NAMED]
    return np.array(nodes, dtype=np.int64)


def _list(names: list[str]) -> str:
    return "; ".join(names)
