"""The ensemble: the engines and what is known of a pair, weighed so that validation edges rank first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from core.arrays import FloatArray, IntArray
from core.errors import InputError, RecScopeError
from core.graph.candidates import Candidates, gather_candidates
from core.graph.data import Fold
from core.graph.ease_both import fit_ease_both
from core.graph.features import make_features
from core.graph.parts import Ensemble, Part
from core.graph.reranker import fit_weights
from core.graph.scorers import ScoreArray, Scorer
from core.jobs import Job, Progress, between

Fit: TypeAlias = Callable[..., Job[Scorer]]

BOTH_LIMIT = 20_000  # nodes up to which the exact inverses are made
WALK_LIMIT = 200_000  # nodes up to which all walks and similarities are stored
_NEIGHBOURS = 200  # of co-citation above BOTH_LIMIT
_FOLDS = 4
_STRENGTH = 10.0
_FEWEST = 20  # validation edges below which nothing is learned
_SAMPLE = 200_000
ENGINES_ONLY, ALL = "all engines", "all engines and features"
_SMALLEST = 1e-6
_TOP = 10
_TOP_RECIPROCAL = 20


def list_members(nodes: int) -> tuple[str, ...]:
    """The engines that the ensemble weighs by default; the first stands alone where there is no validation."""
    if nodes <= BOTH_LIMIT:
        return ("ease", "cocitation", "ppr", "strap", "hope", "blade", "lightgcn", "popularity")
    if nodes <= WALK_LIMIT:
        return ("cocitation", "ppr", "strap", "hope", "blade", "lightgcn", "popularity")
    return ("cocitation", "blade", "lightgcn", "popularity")


def fit_ensemble(
    fold: Fold,
    *,
    engines: Mapping[str, Fit],
    members: Sequence[str] | None = None,
    rng: np.random.Generator,
) -> Job[Ensemble]:
    r"""Fit the engines on training edges, and their weights on validation edges.

    Definition
        .. math:: s(u \to v) = \sum_b w_b\, g(s_b(u \to v) / m_b) + \sum_f w_f\, \varphi_f(u, v), \qquad
            g(x) = \mathrm{sign}(x) |x|^{3/4}

        m_b is the mean size of engine b's scores of training edges, φ the features of
        :func:`core.graph.features.make_features`, w from :func:`core.graph.reranker.fit_weights` with the best single
        engine as the prior. Up to ``BOTH_LIMIT`` nodes, both sides of :func:`core.graph.ease_both.fit_ease_both` are
        engines too.

        Three kinds of sum are compared by cross-validation over the sources of validation edges: each engine alone,
        all engines, and all engines with all features. The one of the highest mean of hit@10 and reciprocal rank@20
        is fitted on all validation edges; among equals, the simpler.

    Parameters
    ----------
    fold
        Training and validation edges.
    engines
        Name → fit, of all members.
    members
        Which engines to weigh; None takes :func:`list_members`.
    rng
        Each member draws from a stream of its own.

    Raises
    ------
    InputError
        No or an unknown member, or every member refuses the graph.

    Notes
    -----
    Members learn from training edges only, but blade and lightgcn choose their epoch by the validation edges, and the
    best single engine is chosen on all of them: the figures of the comparison flatter a little. Test edges judge. A
    member that refuses the graph is left out. With fewer than 20 validation edges nothing is learned: the first member
    stands alone. One formula holds for all pairs, so the score of a pair is the exact sum of its parts.
    """
    names = list_members(fold.graph.nodes) if members is None else tuple(members)
    _check_members(names, engines)
    parts = yield from _fit_members(fold, names, engines, rng)
    own = len(parts)
    if len(fold.validation) < _FEWEST:
        return Ensemble(parts[:1], parts[0].name, (), ())
    parts = (*parts, *(Part(name, scorer, bend, 1.0, 1.0) for name, scorer, bend in make_features(fold.graph)))
    found = yield from between(0.9, 0.95, gather_candidates(fold, parts, engines=own, rng=rng))
    yield Progress(0.95, "weighing the engines")
    return _choose(parts, own, found, rng)


def _check_members(names: Sequence[str], engines: Mapping[str, Fit]) -> None:
    unknown = [name for name in names if name not in engines]
    if unknown or not names or len(set(names)) < len(names):
        raise InputError(
            f"An ensemble of {', '.join(map(str, names))[:200] or 'nothing'} cannot be made.",
            fix=f"Name each member once, among: {', '.join(engines)}.",
        )


def _fit_members(
    fold: Fold, names: Sequence[str], engines: Mapping[str, Fit], rng: np.random.Generator
) -> Job[tuple[Part, ...]]:
    """One part of weight 1 per member that takes the graph, and two for both sides."""
    large = fold.graph.nodes > BOTH_LIMIT
    scorers: dict[str, Scorer] = {}
    refused: RecScopeError | None = None
    for place, (name, stream) in enumerate(zip(names, rng.spawn(len(names)), strict=True)):
        options = {"neighbours": _NEIGHBOURS} if large and name == "cocitation" else {}
        job = engines[name](fold, rng=stream, **options)
        try:
            start, end = 0.7 * place / len(names), 0.7 * (place + 1) / len(names)
            scorers[name] = yield from between(start, end, job, prefix=f"{name}: ")
        except RecScopeError as error:
            refused = error
    if refused is not None and not scorers:
        raise refused
    if not large:
        both = yield from between(0.7, 0.9, fit_ease_both(fold), prefix="both directions: ")
        scorers |= {"edges of the source": both.of_source, "edges of the target": both.of_target}
    sample = _sample_edges(fold, rng)
    return tuple(Part(name, scorer, "root", _scale(scorer, *sample), 1.0) for name, scorer in scorers.items())


def _sample_edges(fold: Fold, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    edges = fold.graph.edges
    if len(edges) > _SAMPLE:
        edges = edges.take(np.sort(rng.choice(len(edges), _SAMPLE, replace=False)))
    return edges.source, edges.target


def _scale(scorer: Scorer, source: IntArray, target: IntArray) -> float:
    size = float(np.abs(scorer.score_pairs(source, target)).mean()) if len(source) else 0.0
    return 1 / size if size > 0 else 1.0


def _choose(parts: tuple[Part, ...], own: int, found: Candidates, rng: np.random.Generator) -> Ensemble:
    """The sum of the best figure among each engine alone, all engines, and all parts."""
    spread = np.maximum(found.values.std(axis=0, dtype=np.float64), _SMALLEST)
    found = replace(found, values=found.values / spread.astype(np.float32))
    figures = {part.name: _measure(found, found.values[:, place]) for place, part in enumerate(parts[:own])}
    best = list(figures).index(max(figures, key=figures.__getitem__))
    fold_of = rng.integers(_FOLDS, size=len(found.start))
    sums = {ENGINES_ONLY: found.columns(range(own)), ALL: found}
    figures |= {name: _cross_validate(columns, best, fold_of) for name, columns in sums.items()}
    order = sorted(figures, key=figures.__getitem__, reverse=True)  # stable: of equals, the simpler is first
    chosen = order[0]
    weights = _fit(sums[chosen], best) if chosen in sums else np.eye(own)[best]
    weighed = tuple(
        replace(part, weight=float(weight / size))
        for part, weight, size in zip(parts, weights, spread, strict=False)
        if weight
    )
    return Ensemble(weighed, chosen, tuple(order), tuple(figures[name] for name in order))


def _fit(found: Candidates, best: int) -> FloatArray:
    """Weights of all columns, drawn towards the best engine alone at the weight that it has alone."""
    prior = np.zeros(found.values.shape[1])
    prior[best] = fit_weights(found.columns([best]), prior=np.zeros(1), strength=_STRENGTH)[0]
    return fit_weights(found, prior=prior, strength=_STRENGTH)


def _cross_validate(found: Candidates, best: int, fold_of: IntArray) -> float:
    scores = np.empty(len(found.query))
    for fold in range(_FOLDS):
        outside = fold_of == fold
        if outside.any() and not outside.all():
            here = outside[found.query]
            scores[here] = found.values[here] @ _fit(found.take(~outside), best)
    return _measure(found, scores)


def _measure(found: Candidates, scores: FloatArray | ScoreArray) -> float:
    """Mean of hit@10 and reciprocal rank@20 of the positives."""
    ranks = found.ranks(scores)
    return float(((ranks <= _TOP).mean() + np.where(ranks <= _TOP_RECIPROCAL, 1 / ranks, 0.0).mean()) / 2)
