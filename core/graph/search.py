"""Find a product by a part of its title or id."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.arrays import IntArray
from core.checks import check_count
from core.graph.data import BoolArray, Graph, TextArray
from core.graph.products import describe_products

LIMIT: Final = 50
QUERY_LENGTH: Final = 200
_BETWEEN_WORDS: Final = r"[^\p{L}\p{N}]+"
_EXACT, _START, _WORDS, _INSIDE, _NONE = range(5)  # rank of a match, the best first


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Titles and ids of a graph as they are compared: words in lower case, without accents, each after a blank.

    Attributes
    ----------
    graph
        What is searched.
    title, id
        Text of shape (nodes,).
    degree
        int64 of shape (nodes,): edges in and out.
    """

    graph: Graph
    title: pa.StringArray
    id: pa.StringArray
    degree: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Products that match, best first.

    Attributes
    ----------
    graph
        What was searched.
    node
        int64 of shape (found,): positions of nodes.
    total
        How many match, shown or not.
    """

    graph: Graph
    node: IntArray
    total: int

    def frame(self) -> pd.DataFrame:
        """One row per product: ``id``, ``title``, ``category``."""
        return describe_products(self.graph, self.node).drop(columns="node")


def index_products(graph: Graph) -> Index:
    """Prepare the titles and ids of a graph for :func:`search_products`. Cost O(nodes): keep it by the digest."""
    return Index(graph, _fold(graph.items.title), _fold(graph.ids), graph.out_degree + graph.in_degree)


def search_products(index: Index, text: str, *, limit: int = LIMIT) -> Found:
    """Products whose title or id holds every word of a text, whatever the case, accents and punctuation.

    Best are those whose id or title is the text, then those that begin with it, then those of which words begin with
    all its words, then those that hold all of them anywhere. Among equals come those with most edges, then by position.

    Parameters
    ----------
    index
        Of :func:`index_products`.
    text
        What was typed; nothing matches a text without letters or digits. Characters beyond 200 are not looked at.
    limit
        1 to 50.

    Raises
    ------
    InputError
        ``limit`` is out of range.

    Notes
    -----
    Cost O(nodes · words).
    """
    check_count(limit, 1, LIMIT, name="limit")
    query = str(_fold(np.array([text[:QUERY_LENGTH]], dtype=object))[0])
    if not query:
        return Found(index.graph, np.zeros(0, dtype=np.int64), 0)
    words = sorted(set(query.split()), key=len, reverse=True)  # long ones first: few titles are left for the others
    rank = np.minimum(_match(index.title, query, words), _match(index.id, query, words))
    node = np.flatnonzero(rank < _NONE)
    most = int(index.degree.max())
    key = (rank[node] * (most + 1) + most - index.degree[node]) * len(rank) + node  # by rank, degree, position
    best = np.sort(np.partition(key, limit)[:limit] if len(key) > limit else key)
    return Found(index.graph, best % len(rank), len(node))


def _match(texts: pa.StringArray, query: str, words: Sequence[str]) -> IntArray:
    """Rank of each text."""
    rank = np.full(len(texts), _NONE, dtype=np.int64)
    places = np.arange(len(texts))
    for word in words:  # invariant: places are those of the texts that hold all words so far
        held = pc.match_substring(texts, word)
        texts, places = texts.filter(held), places[_as_mask(held)]
    rank[places] = _INSIDE
    begin = np.ones(len(places), dtype=np.bool_)
    for word in words:
        begin &= _as_mask(pc.match_substring(texts, f" {word}"))
    rank[places[begin]] = _WORDS
    rank[places[_as_mask(pc.starts_with(texts, query))]] = _START
    rank[places[_as_mask(pc.equal(texts, query))]] = _EXACT
    return rank


def _as_mask(found: pa.BooleanArray) -> BoolArray:
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _fold(texts: TextArray) -> pa.StringArray:
    """Texts as they are compared. Accents are only looked for where a text is not plain ASCII."""
    array = pc.utf8_lower(pa.array(texts, pa.string()))
    plain = _as_mask(pc.string_is_ascii(array))
    if not plain.all():
        folded = array.to_numpy(zero_copy_only=False).copy()
        folded[~plain] = [_drop_accents(text) for text in folded[~plain]]
        array = pa.array(folded, pa.string())
    words = pc.utf8_trim_whitespace(pc.replace_substring_regex(array, _BETWEEN_WORDS, " "))
    return pc.if_else(pc.equal(words, ""), words, pc.binary_join_element_wise("", words, " "))


def _drop_accents(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c)).casefold()
