"""One part of the frontier bench, run by ``bench/thresholds.py`` in a process of its own. Prints JSON."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from core.arrays import FloatArray
from core.engine.duck import DuckEngine
from core.errors import InfeasibleTarget
from core.holdout.load import find_holdout, holdout_store
from core.holdout.positivity import Binning
from core.jobs import Job, finish
from core.settings import Settings
from core.thresholds.data import Cuts
from core.thresholds.ew_dpmt import trace_ew_dpmt
from core.thresholds.exact import ExactSolution, solve_exact
from core.thresholds.frontier import Frontier
from core.thresholds.greedy import trace_greedy
from core.thresholds.halves import count_cuts
from core.thresholds.mist import bound_goal, trace_mist
from core.thresholds.objective import Objective
from core.thresholds.recalibrated import trace_recalibrated
from core.thresholds.single import trace_single
from tests.thresholds.population import make_cuts

LEVELS, BINS = 5, 1_000
TARGET, TARGETS = 0.3, 200
SOLVERS: dict[str, Callable[[Cuts], Frontier]] = {
    "single": trace_single,
    "recalibrated": trace_recalibrated,
    "greedy": trace_greedy,
    "mist": trace_mist,
    "ew_dpmt": trace_ew_dpmt,
}
SEED, SEEDS = 20_260_105, 3
EXACT_TARGETS = (0.15, 0.2, 0.3, 0.4, 0.5)
# levels, cuts of each level, rows; the last is what count_cuts makes of 10 levels with 1,000 quantiles each
SIZES = {"10x1000": (10, 1_000, 1_000_000), "20x5000": (20, 5_000, 5_000_000), "10x10000": (10, 10_000, 2_000_000)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=PARTS)
    json.dump(PARTS[parser.parse_args().name](), sys.stdout)


@contextmanager
def _adding(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started


class _TimedEngine:
    """Adds up how long each kind of question to the engine takes."""

    def __init__(self, engine: DuckEngine) -> None:
        self.engine, self.seconds = engine, dict[str, float]()

    def quantiles(self, *arguments: Any, **options: Any) -> Job[FloatArray]:
        with _adding(self.seconds, "quantiles"):
            return (yield from self.engine.quantiles(*arguments, **options))

    def count(self, *arguments: Any, **options: Any) -> Job[Any]:
        with _adding(self.seconds, "counts"):
            return (yield from self.engine.count(*arguments, **options))


def frontiers() -> dict[str, Any]:
    """Stored Parquet → cuts → every frontier and one exact solution; then lookups of new targets."""
    settings = Settings.from_environment()
    digest = holdout_store(settings).digests()[0]
    engine = _TimedEngine(DuckEngine(settings))
    seconds: dict[str, float] = {}
    with _adding(seconds, "cube"):
        holdout = find_holdout(digest, settings=settings)
        assert holdout is not None
        cuts = finish(count_cuts(holdout, engine, levels=Binning("equal_weight", LEVELS), bins=BINS))
    found: dict[str, Frontier] = {}
    for name, trace in SOLVERS.items():
        with _adding(seconds, name):
            found[name] = trace(cuts)
    with _adding(seconds, "exact"):
        solution = solve_exact(cuts, Objective("precision", TARGET))
    return {
        "seconds": seconds,
        "engine_seconds": engine.seconds,
        "cuts": {"levels": cuts.levels, "of_each_level": cuts.bins, "rows": cuts.rows},
        "rules": {name: len(frontier.tp) for name, frontier in found.items()},
        "exact": {"target": TARGET, "optimal": solution.optimal, "recall": solution.tp / cuts.positives},
        "recall": {name: _recall(frontier) for name, frontier in found.items()},
        "lookup_milliseconds": _look_up(found),
    }


def _recall(frontier: Frontier) -> float | None:
    rule = _best(frontier, Objective("precision", TARGET))
    return None if rule is None else float(frontier.recall[rule])


def _look_up(found: dict[str, Frontier]) -> dict[str, Any]:
    """Best rule and bound at many targets, some of them out of reach; and the best rule of every frontier."""
    mist = found["mist"]
    one, every = [], []
    for target in np.linspace(0.11, 0.95, TARGETS).tolist():
        objective = Objective("precision", target)
        started = time.perf_counter()
        with suppress(InfeasibleTarget):  # naming the best that can be reached is an answer too
            mist.best(objective)
            bound_goal(mist, objective)
        one.append(time.perf_counter() - started)
        for frontier in found.values():
            if frontier is not mist:
                _best(frontier, objective)
        every.append(time.perf_counter() - started)
    return {"rule_and_bound": _spread(one), "rules_of_all_frontiers_and_bound": _spread(every)}


def _best(frontier: Frontier, objective: Objective) -> int | None:
    try:
        return frontier.best(objective)
    except InfeasibleTarget:
        return None


def _spread(seconds: list[float]) -> dict[str, float]:
    milliseconds = 1_000 * np.array(seconds)
    p50, p95 = np.quantile(milliseconds, (0.5, 0.95))
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "worst": round(float(milliseconds.max()), 3)}


def exact() -> dict[str, Any]:
    """Solve worlds like that of the cube bench from scratch, relaxation and incumbent included."""
    found: dict[str, Any] = {}
    for name, (levels, bins, rows) in SIZES.items():
        lines = []
        for seed in range(SEEDS):
            cuts = _world(levels, bins, rows, np.random.default_rng([SEED, levels, seed]))
            for target in EXACT_TARGETS:
                lines.append({"seed": seed, "cuts_of_each_level": cuts.bins} | _solve(cuts, target))
        seconds = [line["seconds"] for line in lines]
        found[name] = {
            "rows": rows,
            "solved": len(lines),
            "milliseconds": _spread(seconds),
            "proven_optimal": sum(line["optimal"] for line in lines),
            "largest_gap_positives": max(line["gap_positives"] for line in lines),
            "each": [line | {"seconds": round(line["seconds"], 4)} for line in lines],
        }
    return found


def _solve(cuts: Cuts, target: float) -> dict[str, Any]:
    started = time.perf_counter()
    solution: ExactSolution = solve_exact(cuts, Objective("precision", target))
    seconds = time.perf_counter() - started
    mist = trace_mist(cuts)
    return {
        "target": target,
        "seconds": seconds,
        "optimal": solution.optimal,
        "tp": solution.tp,
        "tp_of_mist": int(mist.tp[mist.best(Objective("precision", target))]),
        "gap_positives": float(solution.upper - solution.goal),
    }


def _world(levels: int, bins: int, rows: int, rng: np.random.Generator) -> Cuts:
    """Rows as ``bench/_cube.py`` writes them, on edges chosen as ``count_cuts`` does: quantiles of each level."""
    rate, evidence = rng.beta(1, 9, rows), 20 * np.exp(1.6 * rng.standard_normal(rows))
    seen = 3 * rate / (1 + 2 * rate)
    score = rng.beta(1 + evidence * seen, 1 + evidence * (1 - seen))
    inner = np.quantile(evidence, np.arange(1, levels) / levels)
    level = levels - 1 - np.searchsorted(inner, evidence, side="right")
    each = np.arange(1, bins // levels + 1) * levels / (bins + levels)
    edges = np.unique(np.concatenate([[0, 1], *(np.quantile(score[level == i], each) for i in range(levels))]))
    width = len(edges) - 1
    cell = level * width + np.searchsorted(edges[1:-1], score, side="right")
    label = rng.random(rows) < rate
    counts = (np.bincount(of, minlength=levels * width).reshape(levels, width) for of in (cell, cell[label]))
    return make_cuts(*counts, edges=edges)


PARTS: dict[str, Callable[[], dict[str, Any]]] = {"frontiers": frontiers, "exact": exact}

if __name__ == "__main__":
    main()
