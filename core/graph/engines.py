"""Every engine by name, in the order in which they are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from core.graph.chance import fit_random
from core.graph.cocitation import fit_cocitation
from core.graph.ease import fit_ease
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


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
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
            "popularity",
            "Popularity",
            "Recommends what most products lead to, whatever the query.",
            fit_popularity,
        ),
        Engine("random", "Random", "Knows nothing: what chance alone reaches.", fit_random),
    )
}
