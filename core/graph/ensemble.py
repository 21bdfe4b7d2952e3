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
from core.graph.features import make_features, make_source_features
from core.graph.lean import lean_on_sources
from core.graph.parts import Ensemble, Part
from core.graph.reranker import fit_weights
from core.graph.scorers import Scorer
from core.jobs import Job, Progress, between

Fit: TypeAlias = Callable[..., Job[Scorer]]

BOTH_LIMIT = 20_000  # nodes up to which the exact inverse is made
WALK_LIMIT = 100_000  # nodes up to which all walks are stored
ENGINES_ONLY, ALL = "all engines", "all engines and features"
NEAR = ", edges within reach first"
_BOTH = ("edges of the source", "edges of the target")
_AGAIN = ("ease", "cocitation", "ppr", "strap", "hope", "popularity")  # learn nothing from validation edges
_DIMENSIONS = 256  # of strap
_NEIGHBOURS = 200  # of cocitation above BOTH_LIMIT
_FOLDS = 4
_STRENGTH = 60.0
_FEWEST = 20  # validation edges below which nothing is learned
_SAMPLE = 200_000
_SMALLEST = 1e-6
_TOP = 10
_TOP_RECIPROCAL = 20


def list_members(nodes: int) -> tuple[str, ...]:
    """The engines that the ensemble weighs by default, for a graph of this size."""
    if nodes <= WALK_LIMIT:
        return ("cocitation", "ppr", "strap", "hope", "blade", "lightgcn", "popularity")
    return ("cocitation", "blade", "lightgcn", "popularity")


def fit_ensemble(
    fold: Fold,
    *,
    engines: Mapping[str, Fit],
    members: Sequence[str] | None = None,
    again: bool = True,
    rng: np.random.Generator,
) -> Job[Ensemble]:
    r"""Fit the engines on training edges, and their weights on validation edges.

    Definition
        .. math:: s(u \to v) = \sum_b w_b\, g(s_b(u \to v) / m_b) + \sum_f w_f\, \varphi_f(u, v), \qquad
            g(x) = \mathrm{sign}(x) |x|^{3/4}

        m_b is the mean size of engine b's scores of training edges, φ the features of
        :func:`core.graph.features.make_features`, w from :func:`core.graph.reranker.fit_weights` with the best single
        engine as the prior. Up to ``BOTH_LIMIT`` nodes, both sides of :func:`core.graph.ease_both.fit_ease_both` are
        engines too, and come first.

        Sums are compared by cross-validation over the sources of validation edges: each engine alone, all engines, and
        all engines with all features; the last two with all edges alike, and with an edge counting 1 / (1 + r / 10), r
        its best rank among all engines, since the likelihood of an edge that none comes near says little of the first
        ten. The sum of the highest mean of hit@10 and reciprocal rank@20 is fitted on all validation edges; among
        equals, the simpler.

        Then :func:`core.graph.lean.lean_on_sources` makes scores of different sources comparable.

        With all weights fixed, engines in closed form and features are then fitted again on training and validation
        edges together, as the members of a stacked model are (Wolpert 1992). The networks stay: they need the
        validation edges to know when to stop.

    Parameters
    ----------
    fold
        Training and validation edges.
    engines
        Name → fit, of all members.
    members
        Which engines to weigh; None takes :func:`list_members`.
    again
        Whether to fit again on all edges once the weights are known. Without it, members know training edges only,
        as in a comparison in which no engine may learn from validation edges.
    rng
        Each member draws from a stream of its own.

    Raises
    ------
    InputError
        No or an unknown member, or every member refuses the graph.

    Notes
    -----
    Weights are learned from members that know training edges only, but blade and lightgcn choose their epoch by the
    validation edges, and the best single engine is chosen on all of them: the figures of the comparison flatter a
    little. Test edges judge. A member that refuses the graph is left out. With fewer than 20 validation edges nothing
    is learned: the first engine stands alone. One formula holds for all pairs, so the score of a pair is the exact sum
    of its parts.

    References
    ----------
    Wolpert (1992), Stacked generalization, Neural Networks 5.
    """
    names = list_members(fold.graph.nodes) if members is None else tuple(members)
    _check_members(names, engines)
    if fold.graph.nodes <= BOTH_LIMIT:
        names = (*_BOTH, *names)
    scorers = yield from between(0, 0.6, _fit_scorers(fold, names, engines, rng))
    sample = _sample_edges(fold, rng)
    parts = tuple(Part(name, scorer, "root", _scale(scorer, *sample), 1.0) for name, scorer in scorers.items())
    own = len(parts)
    if len(fold.validation) < _FEWEST:
        return Ensemble(parts[:1], parts[0].name, (), ())
    parts = (*parts, *(Part(name, scorer, bend, 1.0, 1.0) for name, scorer, bend in make_features(fold.graph)))
    found = yield from between(0.6, 0.7, gather_candidates(fold, parts, engines=own, rng=rng))
    yield Progress(0.7, "weighing the engines")
    chosen = lean_on_sources(_choose(parts, own, found, rng), fold, fewest=_FEWEST)
    return (yield from between(0.75, 1, _fit_again(chosen, fold, engines, rng))) if again else chosen


def _check_members(names: Sequence[str], engines: Mapping[str, Fit]) -> None:
    unknown = [name for name in names if name not in engines]
    if unknown or not names or len(set(names)) < len(names):
        raise InputError(
            f"An ensemble of {', '.join(map(str, names))[:200] or 'nothing'} cannot be made.",
            fix=f"Name each member once, among: {', '.join(engines)}.",
        )


def _fit_scorers(
    fold: Fold, names: Sequence[str], engines: Mapping[str, Fit], rng: np.random.Generator
) -> Job[dict[str, Scorer]]:
    """Scorers of the members that take the graph, by name, in order."""
    scorers: dict[str, Scorer] = {}
    refused: RecScopeError | None = None
    if set(_BOTH) & set(names):
        both = yield from between(0, 0.3, fit_ease_both(fold), prefix="both directions: ")
        scorers |= dict(zip(_BOTH, (both.of_source, both.of_target), strict=True))
    names = [name for name in names if name not in _BOTH]
    ends = np.linspace(0.3, 1, len(names) + 1)
    for name, stream, start, end in zip(names, rng.spawn(len(names)), ends[:-1], ends[1:], strict=True):
        job = engines[name](fold, rng=stream, **_options(name, fold.graph.nodes))
        try:
            scorers[name] = yield from between(float(start), float(end), job, prefix=f"{name}: ")
        except RecScopeError as error:
            refused = error
    if refused is not None and not scorers:
        raise refused
    return scorers


def _options(name: str, nodes: int) -> dict[str, int]:
    if name == "strap":
        return {"dimensions": _DIMENSIONS}
    return {"neighbours": _NEIGHBOURS} if name == "cocitation" and nodes > BOTH_LIMIT else {}


def _fit_again(chosen: Ensemble, fold: Fold, engines: Mapping[str, Fit], rng: np.random.Generator) -> Job[Ensemble]:
    """The same weights, with members and features that know the validation edges too."""
    joined = fold.joined()
    names = [part.name for part in chosen.parts if part.name in (*_BOTH, *_AGAIN)]
    scorers = yield from _fit_scorers(joined, names, engines, rng)
    features = (*make_features(joined.graph), *make_source_features(joined.graph))
    scorers |= {name: scorer for name, scorer, _ in features}
    return replace(
        chosen, parts=tuple(replace(part, scorer=scorers.get(part.name, part.scorer)) for part in chosen.parts)
    )


def _sample_edges(fold: Fold, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    edges = fold.graph.edges
    if len(edges) > _SAMPLE:
        edges = edges.take(np.sort(rng.choice(len(edges), _SAMPLE, replace=False)))
    return edges.source, edges.target


def _scale(scorer: Scorer, source: IntArray, target: IntArray) -> float:
    size = float(np.abs(scorer.score_pairs(source, target)).mean()) if len(source) else 0.0
    return 1 / size if size > 0 else 1.0


def _choose(parts: tuple[Part, ...], own: int, found: Candidates, rng: np.random.Generator) -> Ensemble:
    """The sum of the best figure among each engine alone, all engines, and all parts, the last two learned two ways."""
    spread = np.maximum(found.values.std(axis=0, dtype=np.float64), _SMALLEST)
    found = replace(found, values=found.values / spread.astype(np.float32))
    ranks = [found.ranks(found.values[:, place]) for place in range(own)]
    figures = {part.name: _measure(of_engine) for part, of_engine in zip(parts, ranks, strict=False)}
    best = list(figures).index(max(figures, key=figures.__getitem__))
    near = np.zeros(len(found.query))
    near[found.positive] = 1 / (1 + np.min(ranks, axis=0) / _TOP)
    ways = {"": found, NEAR: replace(found, importance=near)}
    sums = {
        name + way: candidates.columns(range(count))
        for name, count in ((ENGINES_ONLY, own), (ALL, len(parts)))
        for way, candidates in ways.items()
    }
    fold_of = rng.integers(_FOLDS, size=len(found.start))
    fitted = {name: _fit(candidates, best) for name, candidates in sums.items()}
    figures |= {name: _cross_validate(sums[name], best, fold_of, start=fitted[name]) for name in sums}
    order = sorted(figures, key=figures.__getitem__, reverse=True)  # stable: of equals, the simpler is first
    chosen = order[0]
    weights = fitted[chosen] if chosen in sums else np.eye(own)[best]
    weighed = tuple(
        replace(part, weight=float(weight / size))
        for part, weight, size in zip(parts, weights, spread, strict=False)
        if weight
    )
    return Ensemble(weighed, chosen, tuple(order), tuple(figures[name] for name in order))


def _fit(found: Candidates, best: int, start: FloatArray | None = None) -> FloatArray:
    """Weights of all columns, drawn towards the best engine alone at the weight that it has alone."""
    prior = np.zeros(found.values.shape[1])
    prior[best] = fit_weights(found.columns([best]), prior=np.zeros(1), strength=_STRENGTH)[0]
    return fit_weights(found, prior=prior, strength=_STRENGTH, start=start)


def _cross_validate(found: Candidates, best: int, fold_of: IntArray, *, start: FloatArray) -> float:
    """The figure of a sum on sources that its weights were not fitted on; ``start`` makes the fits short."""
    scores = np.empty(len(found.query))
    for fold in range(_FOLDS):
        outside = fold_of == fold
        if outside.any() and not outside.all():
            here = outside[found.query]
            scores[here] = found.values[here] @ _fit(found.take(~outside), best, start)
    return _measure(found.ranks(scores))


def _measure(ranks: FloatArray) -> float:
    """Mean of hit@10 and reciprocal rank@20."""
    return float(((ranks <= _TOP).mean() + np.where(ranks <= _TOP_RECIPROCAL, 1 / ranks, 0.0).mean()) / 2)
