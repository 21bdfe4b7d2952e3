"""Every engine by name, in the order in which they are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from core.graph.chance import fit_random
from core.graph.cocitation import fit_cocitation
from core.graph.data import Fold
from core.graph.ease import fit_ease
from core.graph.ensemble import fit_ensemble
from core.graph.hope import fit_hope
from core.graph.popularity import fit_popularity
from core.graph.ppr import fit_ppr
from core.graph.scorers import Scorer
from core.graph.strap import fit_strap
from core.jobs import Job

Fit: TypeAlias = Callable[..., Job[Scorer]]  # (fold, *, options of the engine, rng)


@dataclass(frozen=True, slots=True)
class Engine:
    """A way to score ordered pairs of products.

    Attributes
    ----------
    name
        Key in ``ENGINES``, and on the command line.
    title
        For display.
    about
        What it does, in one sentence.
    fit
        ``fit(fold, *, options, rng)``, a job that returns a scorer; every option has a default.
    """

    name: str
    title: str
    about: str
    fit: Fit


def _fit_ensemble(fold: Fold, *, rng: np.random.Generator, **options: Any) -> Job[Scorer]:
    fits = {name: engine.fit for name, engine in ENGINES.items() if name != "ensemble"}
    return (yield from fit_ensemble(fold, engines=fits, rng=rng, **options))


# torch takes seconds to load: only a network that is fitted loads it


def _fit_blade(fold: Fold, *, rng: np.random.Generator, **options: Any) -> Job[Scorer]:
    from core.graph.blade import fit_blade

    return (yield from fit_blade(fold, rng=rng, **options))


def _fit_daemon(fold: Fold, *, rng: np.random.Generator, **options: Any) -> Job[Scorer]:
    from core.graph.daemon import fit_daemon

    return (yield from fit_daemon(fold, rng=rng, **options))


def _fit_lightgcn(fold: Fold, *, rng: np.random.Generator, **options: Any) -> Job[Scorer]:
    from core.graph.lightgcn import fit_lightgcn

    return (yield from fit_lightgcn(fold, rng=rng, **options))


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(
            "ensemble",
            "Ensemble",
            "Weighs the other engines, degrees, shared neighbours and categories so that held-out edges rank first.",
            _fit_ensemble,
        ),
        Engine(
            "blade",
            "Dual network, BLADE-style",
            "Learns two vectors per product, as a source and as a target, that flow along the edges in turn.",
            _fit_blade,
        ),
        Engine(
            "daemon",
            "Dual network, DAEMON as printed",
            "The published predecessor to the letter: matrices, ReLU and unit norm between layers.",
            _fit_daemon,
        ),
        Engine(
            "ease",
            "Linear model (EASE)",
            "Predicts each target of a product from its other targets, in closed form.",
            fit_ease,
        ),
        Engine(
            "cocitation",
            "Co-citation",
            "Recommends what is bought after the same products as the known targets.",
            fit_cocitation,
        ),
        Engine(
            "ppr",
            "Personalised PageRank",
            "Recommends where a random walk along the edges is most often found.",
            fit_ppr,
        ),
        Engine(
            "strap",
            "Walks both ways, factorised (STRAP)",
            "Two vectors per product from random walks along and against the edges.",
            fit_strap,
        ),
        Engine(
            "hope",
            "Walks of every length, factorised (HOPE)",
            "Two vectors per product from the number of walks between products, long ones discounted.",
            fit_hope,
        ),
        Engine(
            "lightgcn",
            "LightGCN",
            "A light graph network on the graph in which every product stands twice, as a source and as a target.",
            _fit_lightgcn,
        ),
        Engine(
            "popularity",
            "Popularity",
            "Recommends what most products lead to, whatever the query.",
            fit_popularity,
        ),
        Engine("random", "Random", "Knows nothing: what chance alone reaches.", fit_random),
    )
}
