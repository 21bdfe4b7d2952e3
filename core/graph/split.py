"""Training, validation and test edges of a graph: by unordered pair, by edge, or by time."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from core.arrays import FloatArray, IntArray
from core.checks import check_between
from core.errors import InputError
from core.graph.data import BoolArray, Edges, Fold, Graph

SplitKind: TypeAlias = Literal["pair", "edge", "time"]
TRAINING, VALIDATION, TEST = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A graph parted into edges to learn from, edges to choose by, and edges to be measured on.

    Attributes
    ----------
    kind
        How it was parted: see ``split_graph``.
    graph
        The whole graph.
    fold
        Training and validation edges: all that an engine may see.
    test
        Test edges.
    reverse_in_train
        Share of test edges v → u with u → v in training; above 0 the split leaks. Always 0 for the pair split.
    """

    kind: SplitKind
    graph: Graph
    fold: Fold
    test: Edges
    reverse_in_train: float


def split_graph(
    graph: Graph, *, kind: SplitKind = "pair", validation: float = 0.05, test: float = 0.20, rng: np.random.Generator
) -> Split:
    """Part the edges of a graph at random, or by time.

    Definition
        ``pair``: unordered pairs {u, v} are drawn, so that u → v and v → u fall on one side. Shares are of pairs.

        ``edge``: each edge is drawn by itself. **Leaks**: the reverse of a test edge may be a training edge, which an
        engine without any sense of direction then finds; and a loss that pushes down the reverse of a one-way edge
        pushes down test edges. Kept to compare with papers that part so; ``reverse_in_train`` states the share.

        ``time``: the last edges are for test, those just before for validation. Edges of one moment stay together, on
        the later side. The reverse of a test edge may lie earlier, as it would in use; ``reverse_in_train`` states it.

    Parameters
    ----------
    graph
        A graph with edges.
    kind
        How to part.
    validation, test
        Shares of the edges (or pairs): 0 to 0.5, and 0.01 to 0.9, together at most 0.95.
    rng
        Source of randomness; not used by ``time``.

    Raises
    ------
    InputError
        A share is out of range; a fold would be empty; some edge has no time and the split is by time; ``kind`` is
        unknown.

    Notes
    -----
    With the pair split, "v → u is a training edge" tells that u → v is no test edge. No engine may use that, neither to
    exclude nor as a feature. Cost O(edges · log edges).
    """
    check_between(validation, 0, 0.5, name="validation share")
    check_between(test, 0.01, 0.9, name="test share")
    check_between(validation + test, 0, 0.95, name="validation and test share together")
    if kind == "time":
        part = _part_by_time(graph, validation, test)
    elif kind == "pair":
        pairs, place = np.unique(_pair_keys(graph), return_inverse=True)
        part = _part_at_random(len(pairs), validation, test, rng)[place]
    elif kind == "edge":
        part = _part_at_random(len(graph.edges), validation, test, rng)
    else:
        raise InputError(f"There is no split called {kind!r}.", fix="Choose pair, edge or time.")
    _check_parts(part, validation, kind)
    training, tested = graph.keep(part == TRAINING), graph.edges.take(part == TEST)
    return Split(
        kind=kind,
        graph=graph,
        fold=Fold(training, graph.edges.take(part == VALIDATION)),
        test=tested,
        reverse_in_train=float(has_edges(training, tested.reversed()).mean()),
    )


def hold_out(graph: Graph, *, validation: float, rng: np.random.Generator) -> Fold:
    """Keep some unordered pairs out of a graph, to choose by; all others are for training.

    Parameters
    ----------
    graph
        A graph with edges.
    validation
        Share of the pairs, 0 to 0.5: rounded, so that of a few pairs none may be kept out.
    rng
        Source of randomness.

    Raises
    ------
    InputError
        The share is out of range.
    """
    check_between(validation, 0, 0.5, name="validation share")
    pairs, place = np.unique(_pair_keys(graph), return_inverse=True)
    part = _part_at_random(len(pairs), validation, 0.0, rng)[place]
    return Fold(graph.keep(part == TRAINING), graph.edges.take(part == VALIDATION))


def has_edges(graph: Graph, pairs: Edges) -> BoolArray:
    """Whether each ordered pair is an edge of the graph, bool of shape (pairs,)."""
    return np.isin(pairs.keys(graph.nodes), graph.edges.keys(graph.nodes))


def _pair_keys(graph: Graph) -> IntArray:
    low, high = np.minimum(graph.edges.source, graph.edges.target), np.maximum(graph.edges.source, graph.edges.target)
    return low * graph.nodes + high


def _part_at_random(count: int, validation: float, test: float, rng: np.random.Generator) -> IntArray:
    """Which fold each of ``count`` things falls in; exactly the rounded shares."""
    for_test, for_validation = round(test * count), round(validation * count)
    part = np.full(count, TRAINING)
    order = rng.permutation(count)
    part[order[:for_test]] = TEST
    part[order[for_test : for_test + for_validation]] = VALIDATION
    return part


def _part_by_time(graph: Graph, validation: float, test: float) -> IntArray:
    missing = int(np.isnan(graph.time).sum())
    if missing or not len(graph.time):
        raise InputError(
            f"{missing:,} of {len(graph.time):,} edges have no time.",
            fix="Choose the column of times, or the split by pair.",
        )
    part = np.full(len(graph.time), TRAINING)
    part[_find_last(graph.time, round(test * len(part)))] = TEST
    earlier = np.flatnonzero(part == TRAINING)
    part[earlier[_find_last(graph.time[earlier], round(validation * len(part)))]] = VALIDATION
    return part


def _find_last(time: FloatArray, count: int) -> BoolArray:
    """The last ``count`` of some moments, and what ties with the first of these."""
    if not 0 < count <= len(time):
        return np.full(len(time), count > 0)
    return np.asarray(time >= np.sort(time)[len(time) - count])


def _check_parts(part: IntArray, validation: float, kind: SplitKind) -> None:
    sizes = np.bincount(part, minlength=3)
    wanted = [("training", TRAINING), ("test", TEST), *([("validation", VALIDATION)] if validation else [])]
    empty = [name for name, which in wanted if not sizes[which]]
    if empty:
        moments = " with so few different times" if kind == "time" else ""
        raise InputError(
            f"{len(part):,} edges{moments} leave no edge for {' and '.join(empty)}.",
            fix="Give more edges, or choose other shares.",
        )
