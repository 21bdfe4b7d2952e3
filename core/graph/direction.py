"""Does an engine know which way? One-way test edges against their reversals, beside the in-degree baseline."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from core.arrays import FloatArray
from core.graph.compare import Difference, compare_values
from core.graph.data import Edges
from core.graph.ranking import CELLS
from core.graph.resample import Clusters, Estimates, estimate_columns
from core.graph.scorers import Scorer
from core.graph.split import Split, has_edges

MEASURES = ("direction AUC", "pairwise accuracy")
BOTH = "both directions in the top 10"
TOP = 10
DIRECTION_COLUMNS = (
    "measure", "value", "lo", "hi", "n", "baseline", "baseline_lo", "baseline_hi", "difference", "difference_lo",
    "difference_hi",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class DirectionResult:
    """How well directions are told apart.

    Attributes
    ----------
    engine, baseline
        Direction AUC and pairwise accuracy, as in ``MEASURES``, of the engine and of the in-degree alone.
    gains
        The engine against the baseline, paired.
    both
        Of the pairs of which both directions are tested, the share with both in the top 10 (bidirectional recall@10).
    """

    engine: Estimates
    baseline: Estimates
    gains: tuple[Difference, ...]
    both: Estimates

    def frame(self) -> pd.DataFrame:
        """One row per measure: value, lo, hi, n, those of the in-degree baseline, difference with its interval."""
        found = {name: np.append(getattr(self.engine, name), getattr(self.both, name)) for name in _NAMES}
        base = {f"baseline{end}": np.append(getattr(self.baseline, name), np.nan) for name, end in _NAMES.items()}
        gains = {f"difference{end}": [*(getattr(gain, name) for gain in self.gains), np.nan] for name, end in _GAINS}
        return pd.DataFrame(
            {"measure": [*MEASURES, BOTH], **found, "n": [*self.engine.n, *self.both.n], **base, **gains}
        )


_NAMES = {"value": "", "lo": "_lo", "hi": "_hi"}
_GAINS = (("difference", ""), ("lo", "_lo"), ("hi", "_hi"))


def measure_direction(scorer: Scorer, split: Split, ranks: FloatArray, clusters: Clusters) -> DirectionResult:
    r"""Direction AUC and pairwise accuracy on test edges that are one-way in the whole graph.

    Definition
        With f_i = score(u_i → v_i), b_i = score(v_i → u_i) over the n one-way test edges, and 1/2 for each tie,

        .. math:: \mathrm{AUC} = \frac{1}{n^2} \sum_{i,j} [f_i > b_j], \qquad
            \mathrm{accuracy} = \frac{1}{n} \sum_i [f_i > b_i]

        The baseline scores u → v by the number of training edges into v, whatever u is.

    Parameters
    ----------
    scorer
        The engine, fitted on ``split.fold``.
    split
        Edges and the whole graph.
    ranks
        float64 of shape (test edges,): from ``rank_edges``.
    clusters
        Of the test edges, by source.

    Notes
    -----
    Popular items are mostly targets, so the in-degree alone tells most directions: the AUC of an engine says something
    only beside it. Intervals: the AUC is the mean of its placement values (fraction of the others each edge wins
    against, both ways), whose clusters are resampled; equal to the clustered method of DeLong for many sources.
    No one-way test edge, or no reciprocal pair: NaN.

    References
    ----------
    Obuchowski (1997), Nonparametric analysis of clustered ROC curve data, Biometrics 53; Virinchi et al. (2022),
    DAEMON.
    """
    one_way = ~has_edges(split.graph, split.test.reversed())
    edges, inside = split.test.take(one_way), clusters.take(one_way)
    in_degree = split.fold.graph.in_degree.astype(np.float64)
    mine = tell_apart(score_edges(scorer, edges), score_edges(scorer, edges.reversed()))
    theirs = tell_apart(in_degree[edges.target], in_degree[edges.source])
    return DirectionResult(
        engine=estimate_columns(mine, inside),
        baseline=estimate_columns(theirs, inside),
        gains=compare_values(mine, theirs, inside, names=MEASURES),
        both=_find_both(split, ranks, clusters),
    )


def score_edges(scorer: Scorer, edges: Edges) -> FloatArray:
    """Scores of many pairs, some at a time: a scorer may need a row of all nodes for each."""
    step = max(CELLS // max(scorer.nodes, 1), 1)
    scores = np.empty(len(edges))
    for start in range(0, len(edges), step):
        some = slice(start, start + step)
        scores[some] = scorer.score_pairs(edges.source[some], edges.target[some])
    return scores


def tell_apart(forward: FloatArray, backward: FloatArray) -> FloatArray:
    """What each edge adds to AUC and accuracy, (edges, 2): the means of the columns are the two.

    Examples
    --------
    Of the four comparisons of 2, 1 with 1, 0 three are won and one is tied; of the two edges both are won.

    >>> tell_apart(np.array([2.0, 1.0]), np.array([1.0, 0.0])).mean(axis=0)
    array([0.875, 1.   ])
    """
    n = len(forward)
    if not n:
        return np.empty((0, 2))
    place = rankdata(np.concatenate([forward, backward]))  # mean ranks: ties count half
    wins = (place[:n] - rankdata(forward)) / n
    losses = (place[n:] - rankdata(backward)) / n
    auc = wins + (1 - losses) - wins.mean()
    return np.column_stack([auc, np.where(forward == backward, 0.5, forward > backward)])


def _find_both(split: Split, ranks: FloatArray, clusters: Clusters) -> Estimates:
    nodes, edges = split.graph.nodes, split.test
    keys, back = edges.keys(nodes), edges.reversed().keys(nodes)
    order = np.argsort(keys)
    first = np.flatnonzero((edges.source < edges.target) & np.isin(back, keys))
    other = order[np.searchsorted(keys, back[first], sorter=order)]
    both = (ranks[first] <= TOP) & (ranks[other] <= TOP)
    return estimate_columns(both.astype(np.float64)[:, None], clusters.take(first))
