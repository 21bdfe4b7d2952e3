"""Several engines on one split: fitted, ranked and measured, with all intervals from the same resampled sources."""

import time
import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.errors import InputError, RecScopeError
from core.graph.beyond import measure_lists
from core.graph.breakdown import break_down
from core.graph.data import Edges
from core.graph.direction import measure_direction
from core.graph.engines import ENGINES, Engine
from core.graph.evaluation import EngineResult, Evaluation, Failure
from core.graph.metrics import measure_ranks
from core.graph.ranking import most_queries, rank_in_blocks
from core.graph.resample import Clusters, estimate_columns, make_clusters
from core.graph.split import Split
from core.jobs import Job, between
from core.rng import make_generator

BOOTSTRAP, LISTS, QUERIES = 0, 1, 2  # streams of the seed; an engine's own is named by its name


def evaluate_engines(split: Split, engines: Sequence[str | Engine], *, seed: int) -> Job[Evaluation]:
    """Fit engines on the training edges of a split, and measure each on the test edges.

    Parameters
    ----------
    split
        From ``split_graph``.
    engines
        Names in ``ENGINES``, or engines of other settings under names of their own, without repeats.
    seed
        Of everything random but the split. An engine draws from a stream of its own name, so its result does not depend
        on which others are evaluated.

    Raises
    ------
    InputError
        No engine, an unknown or a repeated name.

    Notes
    -----
    An engine that refuses the graph for a typed reason (too large, too few edges) is reported in ``failed``, and the
    others go on. All share their resampled sources, so differences are paired. Of a large graph as many
    queries are drawn as ``most_queries`` tells, each with all of its test edges.
    """
    asked = _find_engines(engines)
    test_edges = len(split.test)
    split = replace(split, test=_draw_queries(split.test, split.graph.nodes, rng=make_generator(seed, QUERIES)))
    clusters = make_clusters(split.test.source, rng=make_generator(seed, BOOTSTRAP))
    results: list[EngineResult] = []
    failed: list[Failure] = []
    for i, engine in enumerate(asked):
        job = _evaluate_engine(split, engine, clusters, seed)
        try:
            results.append((yield from between(i / len(asked), (i + 1) / len(asked), job, prefix=f"{engine.name}: ")))
        except RecScopeError as error:
            failed.append(Failure(engine.name, str(error), error.fix))
    return Evaluation(split, test_edges, seed, clusters, tuple(results), tuple(failed))


def _draw_queries(test: Edges, nodes: int, *, rng: np.random.Generator) -> Edges:
    sources, most = np.unique(test.source), most_queries(nodes)
    if len(sources) <= most:
        return test
    return test.take(np.isin(test.source, rng.choice(sources, most, replace=False)))


def _find_engines(engines: Sequence[str | Engine]) -> list[Engine]:
    unknown = [name for name in engines if isinstance(name, str) and name not in ENGINES]
    if unknown or not engines:
        raise InputError(
            f"There is no engine called {unknown[0]!r}." if unknown else "No engine is named.",
            fix=f"Choose among: {', '.join(ENGINES)}.",
        )
    found = [ENGINES[engine] if isinstance(engine, str) else engine for engine in engines]
    if len({engine.name for engine in found}) < len(found):
        raise InputError("An engine is named twice.", fix="Name each engine once.")
    return found


def _evaluate_engine(split: Split, engine: Engine, clusters: Clusters, seed: int) -> Job[EngineResult]:
    rng, start = make_generator(seed, zlib.crc32(engine.name.encode())), time.perf_counter()
    scorer = yield from between(0, 0.8, engine.fit(split.fold, rng=rng))
    fitted = time.perf_counter()
    known = split.graph.adjacency()
    ranks = yield from between(0.8, 0.9, rank_in_blocks(scorer, split.test, known=known))
    ranked = time.perf_counter()
    lists = yield from between(0.9, 1, measure_lists(scorer, split.fold.graph, rng=make_generator(seed, LISTS)))
    values = measure_ranks(ranks, split.test)
    return EngineResult(
        name=engine.name,
        title=engine.title,
        ranks=ranks,
        values=values,
        metrics=estimate_columns(values, clusters),
        direction=measure_direction(scorer, split, ranks, clusters),
        breakdown=break_down(split, values, clusters),
        lists=lists,
        seconds_fit=fitted - start,
        seconds_rank=ranked - fitted,
    )
