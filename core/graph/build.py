"""Checked rows of edges and items → a graph: ids sorted, duplicates merged, self-loops dropped. No loop over nodes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.arrays import FloatArray, IntArray
from core.errors import InputError
from core.graph.data import BoolArray, Cleaning, Edges, Graph, Items, TextArray
from core.graph.roles import ItemRoles
from core.ingest.columns import shorten
from core.ingest.schema import MISSING_CATEGORY, Parsed

BUILD = 1  # rises when the same files come to make another graph
WORD_COLUMNS = 32  # values of one column of words that become a feature each


@dataclass(frozen=True, slots=True, eq=False)
class ItemRows:
    """The rows of an item file.

    Attributes
    ----------
    table
        Columns as :meth:`core.graph.roles.ItemRoles.columns` stores them.
    roles
        What they mean.
    parsed
        What was found while they were read.
    """

    table: pa.Table
    roles: ItemRoles
    parsed: Parsed


def build_graph(edges: pa.Table, items: ItemRows | None, *, parsed: Parsed, digest: str, name: str) -> Graph:
    """Make the graph of checked rows.

    Parameters
    ----------
    edges
        Text columns ``source``, ``target``; maybe ``weight``, ``time``.
    items
        Rows of items, if there are any.
    parsed
        What was found while the edges were read.
    digest, name
        Of the graph.

    Raises
    ------
    InputError
        No edge is left once self-loops are dropped; two items have the same id.

    Notes
    -----
    Every id of either file is a node. Cost O((edges + nodes) log) time, and about 60 bytes per edge.
    """
    columns = [edges["source"], edges["target"], *([items.table["id"]] if items else [])]
    ids, (source, target, *listing) = _number_ids(columns)
    proper = source != target
    _check_any_left(proper, ids)
    keys, weight, time = _merge(edges, source * len(ids) + target, np.flatnonzero(proper))
    graph = Graph(
        digest=digest,
        name=name,
        ids=ids,
        edges=Edges(keys // len(ids), keys % len(ids)),
        weight=weight,
        time=time,
        items=_describe(ids, items, listing[0]) if items else _name_by_id(ids),
    )
    cleaning = Cleaning(
        duplicates=int(proper.sum()) - len(keys),
        self_loops=int((~proper).sum()),
        excluded=parsed.excluded,
    )
    return replace(graph, cleaning=_add_items(cleaning, graph, items) if items else cleaning)


def _number_ids(columns: Sequence[pa.ChunkedArray]) -> tuple[TextArray, list[IntArray]]:
    """Distinct ids of all columns, sorted by code point, and the position of each value among them."""
    chunks = [chunk for column in columns for chunk in column.chunks]
    encoded = pa.chunked_array(chunks, pa.string()).dictionary_encode()
    entries = encoded.chunk(0).dictionary  # one for all chunks
    order = pc.sort_indices(entries)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    places = rank[np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])]
    ends = np.cumsum([len(column) for column in columns])[:-1]
    return entries.take(order).to_numpy(zero_copy_only=False), np.split(places, ends)


def _check_any_left(proper: BoolArray, ids: TextArray) -> None:
    if not proper.any():
        among = f"the one product {shorten(ids[0])}" if len(ids) == 1 else "a product"
        raise InputError(
            f"No edge is left: each of the {len(proper):,} rows leads from {among} to itself.",
            fix="Map two columns that name different products, and give edges between at least two products.",
        )


def _merge(edges: pa.Table, keys: IntArray, rows: IntArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """Distinct keys of some rows, sorted; the sum of their weights and the latest of their times."""
    weighted, timed = "weight" in edges.column_names, "time" in edges.column_names
    if not (weighted or timed):
        found = np.unique(keys[rows])
        return found, np.ones(len(found)), np.full(len(found), np.nan)
    rows = rows[np.argsort(keys[rows], kind="stable")]
    keys = keys[rows]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    weight, time = np.ones(len(starts)), np.full(len(starts), np.nan)
    if weighted:
        weight = np.add.reduceat(edges["weight"].to_numpy()[rows], starts)
    if timed:
        time = np.maximum.reduceat(edges["time"].to_numpy()[rows].astype(np.float64), starts)
    return keys[starts], weight, time


def _name_by_id(ids: TextArray) -> Items:
    """Items of which nothing is known."""
    nodes = len(ids)
    return Items(
        title=ids,
        category=np.zeros(nodes, dtype=np.int64),
        categories=(MISSING_CATEGORY,),
        features=np.empty((nodes, 0)),
        feature_names=(),
        listed=np.zeros(nodes, dtype=np.bool_),
    )


def _describe(ids: TextArray, items: ItemRows, nodes: IntArray) -> Items:
    """What the item file says of each node; row i of it is about ``nodes[i]``."""
    _check_unique(items.table["row"].to_numpy(), nodes, ids)
    listed = np.zeros(len(ids), dtype=np.bool_)
    listed[nodes] = True
    title = ids.copy()
    if items.roles.title:
        titles = items.table["title"]
        known = titles.is_valid().to_numpy()
        title[nodes[known]] = titles.drop_null().to_numpy(zero_copy_only=False)
    category, categories = _categorise(items, nodes, len(ids))
    columns = dict(_features(items))
    features = np.full((len(ids), len(columns)), np.nan)
    for place, values in enumerate(columns.values()):
        features[nodes, place] = values
    return Items(title, category, categories, features, tuple(columns), listed)


def _check_unique(rows: IntArray, nodes: IntArray, ids: TextArray) -> None:
    order = np.argsort(nodes, kind="stable")
    twice = np.flatnonzero(nodes[order][1:] == nodes[order][:-1])
    if len(twice):
        first, second = rows[order[twice[0]]], rows[order[twice[0] + 1]]
        repeated = len(np.unique(nodes[order][twice]))
        raise InputError(
            f"The items name {shorten(ids[nodes[order[twice[0]]]])} twice, in rows {first:,} and {second:,}; "
            f"{repeated:,} {'id is' if repeated == 1 else 'ids are'} repeated.",
            fix="Keep one row per item, or choose the column that tells items apart.",
        )


def _categorise(items: ItemRows, nodes: IntArray, count: int) -> tuple[IntArray, tuple[str, ...]]:
    """The category of each node, and the names of categories in order; the missing one comes last, if it is needed."""
    values = items.parsed.categories.get("category", ())
    named = sorted(set(values) - {MISSING_CATEGORY})
    category = np.full(count, len(named), dtype=np.int64)
    if values:
        codes = {value: code for code, value in enumerate(named)}
        translate = np.array([codes.get(value, len(named)) for value in values], dtype=np.int64)
        category[nodes] = translate[items.table["category"].to_numpy()]
    return category, (*named, MISSING_CATEGORY) if (category == len(named)).any() else tuple(named)


def _features(items: ItemRows) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Name and values of each feature: numbers as they are, words as 0 or 1 for each of their frequent values."""
    for place, name in enumerate(items.roles.numbers):
        yield name, items.table[f"number{place}"].to_numpy()
    for place, name in enumerate(items.roles.words):
        values = items.parsed.categories[f"word{place}"]
        codes = items.table[f"word{place}"].to_numpy()
        rows = np.bincount(codes, minlength=len(values))
        missing = np.array([value == MISSING_CATEGORY for value in values])
        rows[missing] = 0
        unknown = missing[codes]
        for code in np.argsort(-rows, kind="stable")[:WORD_COLUMNS]:
            if rows[code]:
                yield f"{name} = {values[code]}", np.where(unknown, np.nan, codes == code)


def _add_items(cleaning: Cleaning, graph: Graph, items: ItemRows) -> Cleaning:
    return replace(
        cleaning,
        excluded_items=items.parsed.excluded,
        unlisted=int((~graph.items.listed).sum()),
        titles_cut=sum(items.parsed.cut.values()),
    )
