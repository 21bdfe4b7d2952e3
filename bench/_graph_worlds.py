"""Graphs for the bench: Amazon Photo, the sample, and drawn ones of other natures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.graph.data import Edges, Graph, Items
from core.graph.load import load_graph, load_sample
from core.graph.roles import EdgeRoles, ItemRoles
from core.jobs import finish
from core.settings import Settings

SEED = 20_260_105


def read_photo(data: Path) -> Graph:
    """Amazon Photo, also-bought, with categories."""
    items = ([data / "amazon_photo_items.csv"], ItemRoles("item", category="category"))
    files, roles = [data / "amazon_photo_edges.csv"], EdgeRoles("source", "target")
    return finish(load_graph(files, roles, items=items, name="photo", settings=Settings.from_environment()))


def make_graph(source: np.ndarray, target: np.ndarray, nodes: int, *, name: str) -> Graph:
    """A graph of pairs; repeated ones count once, loops are dropped. Nothing is known of the nodes."""
    proper = source != target
    keys = np.unique(source[proper].astype(np.int64) * nodes + target[proper])
    ids = np.array([f"{i:07d}" for i in range(nodes)], dtype=object)
    items = Items(
        title=ids,
        category=np.zeros(nodes, dtype=np.int64),
        categories=("(missing)",),
        features=np.empty((nodes, 0)),
        feature_names=(),
        listed=np.zeros(nodes, dtype=np.bool_),
    )
    edges = Edges(keys // nodes, keys % nodes)
    return Graph("0" * 64, name, ids, edges, np.ones(len(keys)), np.full(len(keys), np.nan), items)


def draw_citations() -> Graph:
    """Sparse and without circles: a paper cites four earlier ones of its field, half of them out of one it cites."""
    nodes, fields, cites = 6_000, 30, 4
    rng = np.random.default_rng([SEED, 0])
    field = rng.integers(0, fields, nodes)
    cited: list[list[int]] = [[] for _ in range(nodes)]
    pool: list[list[int]] = [[] for _ in range(fields)]  # each paper of a field once, and again for each citation
    for paper in range(nodes):
        known = pool[field[paper] if rng.random() < 0.9 else rng.integers(fields)]
        while known and len(cited[paper]) < cites:
            seen = cited[paper]
            through = cited[seen[rng.integers(len(seen))]] if seen and rng.random() < 0.5 else []
            chosen = through[rng.integers(len(through))] if through else known[rng.integers(len(known))]
            if chosen in seen and len(set(known)) <= cites:
                break
            if chosen not in seen:
                seen.append(chosen)
                pool[field[chosen]].append(chosen)
        pool[field[paper]].append(paper)
    source = np.repeat(np.arange(nodes), [len(one) for one in cited])
    order = rng.permutation(nodes)  # ids tell nothing of the time
    return make_graph(order[source], order[np.concatenate(cited).astype(np.int64)], nodes, name="citations")


def draw_votes() -> Graph:
    """Dense, with hubs: few who are voted for by many, some who vote a lot, and camps."""
    nodes, dimensions, mean = 2_500, 6, 30
    rng = np.random.default_rng([SEED, 1])
    taste, appeal = rng.standard_normal((2, nodes, dimensions))
    activity = rng.lognormal(0, 1.2, nodes)
    fame = (rng.permutation(nodes) + 5.0) ** -0.9
    rate = activity[:, None] * fame * np.exp(0.7 * taste @ appeal.T)
    rate *= mean * nodes / rate.sum()
    source, target = np.nonzero(rng.random(rate.shape) < -np.expm1(-rate))
    return make_graph(source, target, nodes, name="votes")


def draw_friends() -> Graph:
    """Nearly symmetric: neighbours in a plane, nine pairs in ten both ways."""
    nodes, near = 3_000, 9
    rng = np.random.default_rng([SEED, 2])
    place = rng.random((nodes, 2))
    distance = ((place[:, None] - place) ** 2).sum(axis=2) * rng.lognormal(0, 0.7, (nodes, nodes))
    np.fill_diagonal(distance, np.inf)
    source = np.repeat(np.arange(nodes), near)
    target = np.argpartition(distance, near, axis=1)[:, :near].ravel()
    back = rng.random(len(source)) < 0.9
    pairs = np.concatenate([source, target[back]]), np.concatenate([target, source[back]])
    return make_graph(*pairs, nodes, name="friends")


def read_shop() -> Graph:
    """The sample: products that lead to what fits them."""
    return finish(load_sample(Settings.from_environment()))


WORLDS: dict[str, Callable[[], Graph]] = {
    "citations": draw_citations,
    "votes": draw_votes,
    "friends": draw_friends,
    "shop": read_shop,
}


def draw_large(edges: int) -> Graph:
    """Ten edges a node, of heavy-tailed degrees, four in five of them within a community of about a thousand nodes."""
    nodes = edges // 10
    rng = np.random.default_rng([SEED, 3, edges])
    activity, fame = rng.pareto(2.0, nodes) + 1, rng.pareto(1.5, nodes) + 1
    camp = np.sort(rng.integers(0, max(nodes // 1_000, 1), nodes))
    wanted = round(1.15 * edges)  # some pairs come twice
    source = _draw(activity, wanted, rng)
    target = _draw(fame, wanted, rng)
    first = np.searchsorted(camp, camp[source])
    size = np.searchsorted(camp, camp[source], side="right") - first
    inside = rng.random(wanted) < 0.8
    target = np.where(inside, first + (rng.random(wanted) ** 2 * size).astype(np.int64), target)
    drawn = make_graph(source, target, nodes, name="large")
    kept = np.zeros(len(drawn.edges), dtype=np.bool_)
    kept[rng.choice(len(kept), min(edges, len(kept)), replace=False)] = True
    return drawn.keep(kept)


def _draw(weight: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    total = np.cumsum(weight)
    return np.searchsorted(total, rng.random(count) * total[-1], side="right")
