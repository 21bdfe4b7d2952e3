"""How well engines rank, run by ``bench/graph.py``: on Amazon Photo, and on graphs of other natures. Prints JSON.

Every engine is evaluated with its defaults on the split by pair; seeds are pooled one below the other, and intervals
resample the sources.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench._graph_worlds import WORLDS, read_photo
from core.graph.compare import Difference, compare_values
from core.graph.data import Fold, Graph
from core.graph.direction import MEASURES
from core.graph.engines import ENGINES, Engine
from core.graph.evaluate import evaluate_engines
from core.graph.evaluation import EngineResult
from core.graph.metrics import METRICS
from core.graph.resample import Clusters, estimate_columns, make_clusters
from core.graph.scorers import Scorer
from core.graph.split import split_graph
from core.jobs import Job, finish
from core.rng import make_generator

SEEDS = (0, 1, 2)
SHOWN = ("HR@10", "MRR@20")
SIMPLE = ("cocitation", "ppr", "strap", "hope", "lightgcn", "popularity")
BEATEN_BY, EASE_BEATEN_BY, COCITATION_BEATEN_BY = 1.15, 1.05, 1.06
MOST_SECONDS = 120
WORSE = 0.01
NAMES = [name for name in ENGINES if name != "random"]
CLOSED = ("ease", "cocitation", "ppr", "strap", "hope", "popularity")  # learn nothing from validation edges
MORE = ", validation edges too"
LESS = "ensemble, members from training edges only"


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One engine on several splits."""

    results: list[EngineResult]
    processor_seconds: list[float]

    def values(self) -> np.ndarray:
        return np.concatenate([result.values for result in self.results])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=("photo", "others"))
    parser.add_argument("data", type=Path, nargs="?")
    arguments = parser.parse_args()
    json.dump(_photo(read_photo(arguments.data)) if arguments.task == "photo" else _others(), sys.stdout)


def _photo(graph: Graph) -> dict[str, Any]:
    alike = [_tell_validation(ENGINES[name]) for name in CLOSED]
    measured, failed, clusters = measure(graph, SEEDS, [*(ENGINES[name] for name in NAMES), _tell_less(), *alike])
    return {
        "graph": {"nodes": graph.nodes, "edges": len(graph.edges), "split": "pair, 75/5/20", "seeds": list(SEEDS)},
        "engines": {name: describe(one, clusters) for name, one in measured.items()},
        "failed": failed,
        "checks": [*_compare(measured, clusters), *_directions(measured), *_seconds(measured)],
        "same_edges_for_all": _compare_alike(measured, clusters),
    }


def _tell_validation(engine: Engine) -> Engine:
    """The engine, fitted on training and validation edges."""

    def fit(fold: Fold, **options: Any) -> Job[Scorer]:
        return (yield from engine.fit(fold.joined(), **options))

    return replace(engine, name=engine.name + MORE, fit=fit)


def _tell_less() -> Engine:
    """The ensemble, whose members are not fitted again on training and validation edges once the weights are known."""
    engine = ENGINES["ensemble"]
    return replace(engine, name=LESS, fit=partial(engine.fit, again=False))


def measure(
    graph: Graph, seeds: Sequence[int], engines: Sequence[Engine]
) -> tuple[dict[str, Measured], dict[str, str], Clusters]:
    """Each engine by itself, so that its time is its own; and clusters of the pooled test edges by source."""
    measured: dict[str, Measured] = {}
    failed: dict[str, str] = {}
    splits = {seed: split_graph(graph, rng=make_generator(seed)) for seed in seeds}
    for engine in engines:
        results: list[EngineResult] = []
        spent: list[float] = []
        for seed, split in splits.items():
            started = time.process_time()
            evaluation = finish(evaluate_engines(split, [engine], seed=seed))
            spent.append(time.process_time() - started)
            results += evaluation.engines
            failed |= {failure.name: failure.reason for failure in evaluation.failed}
            found = [round(float(result.metrics.value[METRICS.index("HR@10")]), 4) for result in evaluation.engines]
            print(f"bench: {graph.name}, {engine.name}, seed {seed}: {spent[-1]:.1f} s, HR@10 {found}", file=sys.stderr)
        if engine.name not in failed:
            measured[engine.name] = Measured(results, spent)
    sources = np.concatenate([split.test.source for split in splits.values()])
    return measured, failed, make_clusters(sources, rng=make_generator(0))


def describe(one: Measured, clusters: Clusters) -> dict[str, Any]:
    """Pooled metrics with intervals, and those of each seed."""
    pooled = estimate_columns(one.values(), clusters)
    found: dict[str, Any] = {}
    for metric in METRICS:
        at = METRICS.index(metric)
        seeds = [round(float(result.metrics.value[at]), 4) for result in one.results]
        found[metric] = {name: round(value, 4) for name, value in pooled.entry(at).items()} | {"seeds": seeds}
    return found | {
        "direction_auc": [round(float(result.direction.engine.value[0]), 4) for result in one.results],
        "seconds_fit": [round(result.seconds_fit, 2) for result in one.results],
        "processor_seconds_of_the_evaluation": [round(value, 2) for value in one.processor_seconds],
    }


def compare(measured: dict[str, Measured], name: str, peer: str, clusters: Clusters) -> dict[str, Difference]:
    """Two engines on the same test edges, by metric."""
    found = compare_values(measured[name].values(), measured[peer].values(), clusters)
    return {difference.metric: difference for difference in found}


def find_best(measured: dict[str, Measured], names: Sequence[str], metric: str) -> str | None:
    """The engine with the highest pooled value of a metric."""
    there = [name for name in names if name in measured]
    at = METRICS.index(metric)
    return max(there, key=lambda name: float(np.nanmean(measured[name].values()[:, at])), default=None)


def tell(difference: Difference) -> dict[str, float]:
    """Ratio and difference with their intervals."""
    names = ("ratio", "ratio_lo", "ratio_hi", "difference", "lo", "hi")
    return {name: round(getattr(difference, name), 4) for name in names}


def _compare(measured: dict[str, Measured], clusters: Clusters) -> list[dict[str, Any]]:
    asked = [("ensemble", SIMPLE, metric, BEATEN_BY) for metric in SHOWN]
    asked += [("ensemble", ("ease",), metric, EASE_BEATEN_BY) for metric in SHOWN]
    asked += [("blade", ("cocitation",), "HR@10", COCITATION_BEATEN_BY)]
    return [_compare_one(measured, clusters, *one) for one in asked]


def _compare_alike(measured: dict[str, Measured], clusters: Clusters) -> dict[str, Any]:
    """The two ways to let the ensemble and its peers learn from the same edges."""
    more = {name: name + MORE for name in CLOSED}
    settings = {
        "all know training edges only": (LESS, SIMPLE, "ease"),
        "all know validation edges too": ("ensemble", [more[name] for name in SIMPLE if name in more], more["ease"]),
    }
    found: dict[str, Any] = {
        "what": "by default the ensemble alone fits its members on validation edges too, once its weights are known"
    }
    for told, (name, peers, ease) in settings.items():
        best = {metric: find_best(measured, peers, metric) for metric in SHOWN}
        found[told] = [
            {"what": metric, "peer": peer} | tell(compare(measured, name, peer, clusters)[metric])
            for metric in SHOWN
            for peer in (best[metric], ease)
            if peer in measured and name in measured
        ]
    return found


def _compare_one(
    measured: dict[str, Measured], clusters: Clusters, name: str, peers: Sequence[str], metric: str, target: float
) -> dict[str, Any]:
    peer = find_best(measured, peers, metric)
    told = {"what": f"{metric} of {name} / {'best of ' * (len(peers) > 1)}{', '.join(peers)}", "peer": peer}
    told |= {"target": f"at least {target}, the difference above 0"}
    if name not in measured or peer is None:
        return told | {"met": None}
    found = compare(measured, name, peer, clusters)[metric]
    return told | tell(found) | {"met": found.ratio >= target and found.lo > 0}


def _directions(measured: dict[str, Measured]) -> list[dict[str, Any]]:
    """The engine against the in-degree, paired, seed by seed."""
    found = []
    for name in ("blade", "ensemble"):
        told: dict[str, Any] = {"what": f"direction AUC of {name}", "peer": "the in-degree of the target alone"}
        told |= {"target": "difference above 0 at every seed", "met": None}
        if name in measured:
            gains = [result.direction.gains[MEASURES.index("direction AUC")] for result in measured[name].results]
            told |= {"seeds": [{"value": round(gain.value, 4)} | tell(gain) for gain in gains]}
            told |= {"met": all(gain.lo > 0 for gain in gains)}
        found.append(told)
    return found


def _seconds(measured: dict[str, Measured]) -> list[dict[str, Any]]:
    found = []
    for name in ("blade", "ensemble"):
        told: dict[str, Any] = {"what": f"seconds to fit {name}, slowest seed", "target": f"at most {MOST_SECONDS}"}
        told |= {"peer": "cocitation", "met": None}
        if name in measured:
            slowest, peer = (max(one.seconds_fit for one in measured[which].results) for which in (name, "cocitation"))
            told |= {"value": round(slowest, 1), "times_the_peer": round(slowest / peer, 1)}
            told |= {"met": slowest <= MOST_SECONDS}
        found.append(told)
    return found


def _others() -> dict[str, Any]:
    found: dict[str, Any] = {
        "what": "the default engine against the best single one of each graph, chosen on the test edges in its favour",
        "rule": f"never worse: the lower end of the paired difference is above -{WORSE}",
    }
    return found | {name: _world(make()) for name, make in WORLDS.items()}


def _world(graph: Graph) -> dict[str, Any]:
    measured, failed, clusters = measure(graph, SEEDS[:1], [ENGINES[name] for name in NAMES])
    checks = []
    for metric in SHOWN:
        best = find_best(measured, [name for name in NAMES if name != "ensemble"], metric)
        told: dict[str, Any] = {"what": f"{metric} of ensemble / best single engine", "peer": best, "met": None}
        if best is not None and "ensemble" in measured:
            difference = compare(measured, "ensemble", best, clusters)[metric]
            told |= tell(difference) | {"met": difference.lo > -WORSE}
        checks.append(told | {"target": f"difference above -{WORSE}"})
    one_way = 1 - float(np.isin(graph.edges.reversed().keys(graph.nodes), graph.edges.keys(graph.nodes)).mean())
    return {
        "nodes": graph.nodes,
        "edges": len(graph.edges),
        "one_way": round(one_way, 3),
        "engines": {name: describe(one, clusters) for name, one in measured.items()},
        "failed": failed,
        "checks": checks,
    }


if __name__ == "__main__":
    main()
