"""What a source adds to all of its scores: its own list stays, and scores of different sources can be compared."""

from dataclasses import replace

import numpy as np

from core.graph.candidates import Candidates
from core.graph.data import Edges, Fold
from core.graph.features import make_source_features
from core.graph.parts import Ensemble, Part
from core.graph.reranker import fit_weights

_SHARE = 0.4
_STRENGTH = 60.0


def lean_on_sources(total: Ensemble, fold: Fold, *, fewest: int) -> Ensemble:
    r"""Add degrees of the source, so that an edge scores above its reverse.

    Definition
        .. math:: s'(u \to v) = s(u \to v) + \kappa\, \frac{b \cdot \psi_u}{a}, \qquad
            P(u \to v \text{ rather than } v \to u) = \sigma\big(a\, (s_{uv} - s_{vu}) + b \cdot (\psi_u - \psi_v)\big)

        ψ are the logarithms log(1 + d) of in- and out-degree, a and b are learned from one-way validation edges, with
        1 and 0 as the prior; κ = 0.4.

    Parameters
    ----------
    total
        A sum whose weights are known.
    fold
        Of which the validation edges are read whose reverse is no edge of the fold.
    fewest
        Edges below which nothing is added.

    Notes
    -----
    The list of a source stays as it is; lists of what leads to a product lose popular sources. On the photo graph
    direction AUC is 0.85, 0.90 and 0.92 at κ = 0, 0.4 and 0.6, and HitRate@10 of the sources of an edge 0.48, 0.47 and
    0.45.
    """
    edges = _find_one_way(fold)
    parts = tuple(Part(name, scorer, bend, 1.0, 1.0) for name, scorer, bend in make_source_features(fold.graph))
    if len(edges) < fewest:
        return total
    both = np.stack([edges.source, edges.target], axis=1)
    source, target = both.ravel(), both[:, ::-1].ravel()  # an edge, then its reverse
    columns = [total.score_pairs(source, target)]
    columns += [part.value(part.scorer.score_pairs(source, target)) for part in parts]
    forward = np.tile([True, False], len(edges))
    query, start = np.repeat(np.arange(len(edges)), 2), np.arange(0, 2 * len(edges), 2)
    found = Candidates(start, query, forward, np.stack(columns, axis=1), forward.astype(np.float64))
    own, *others = fit_weights(found, prior=np.array([1.0, *[0.0] * len(parts)]), strength=_STRENGTH).tolist()
    if own <= 0:
        return total
    leaning = (replace(part, weight=_SHARE * weight / own) for part, weight in zip(parts, others, strict=True))
    return replace(total, parts=(*total.parts, *leaning))


def _find_one_way(fold: Fold) -> Edges:
    nodes = fold.graph.nodes
    known = np.concatenate([fold.graph.edges.keys(nodes), fold.validation.keys(nodes)])
    return fold.validation.take(~np.isin(fold.validation.reversed().keys(nodes), known))
