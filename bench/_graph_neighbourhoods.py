"""Whose vectors the dual network aggregates, run by ``bench/graph.py``: four modes at one budget. Prints JSON."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench._graph_quality import SEEDS, tell
from bench._graph_worlds import read_photo
from core.graph.blade import fit_blade
from core.graph.breakdown import SHOWN, SLICES, slice_values
from core.graph.compare import Difference, compare_values
from core.graph.metrics import METRICS, measure_ranks
from core.graph.ranking import rank_edges
from core.graph.resample import Clusters, estimate_columns, make_clusters
from core.graph.split import Split, split_graph
from core.jobs import finish
from core.rng import make_generator

BUDGET = 10
MODES = ("full", "uniform", "ppr", "adaptive")
BY_DEGREE = ("ppr", "adaptive")  # the modes of the same budget as uniform
CHECKED = (("query out-degree", "0–2"), ("target in-degree", "0–2"))
GAIN = 1.10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    graph = read_photo(parser.parse_args().data)
    splits = [split_graph(graph, rng=make_generator(seed)) for seed in SEEDS]
    clusters = make_clusters(np.concatenate([split.test.source for split in splits]), rng=make_generator(0))
    values = {
        mode: np.concatenate([_measure(split, mode, seed) for seed, split in enumerate(splits)]) for mode in MODES
    }
    names = ["all", *(f"{by} {group}" for by, group in SLICES)]
    against = {
        mode: {one.metric: one for one in compare_values(values[mode], values["uniform"], clusters, names=names)}
        for mode in MODES
        if mode != "uniform"
    }
    found = {
        "metric": "HR@10",
        "seeds": list(SEEDS),
        "budget": BUDGET,
        "note": "full takes all neighbours, and so has no budget; of one budget are uniform, ppr and adaptive. The "
        "budget is that of training: to embed, uniform and adaptive take all neighbours, ppr as many as its budget",
        "modes": {mode: _tabulate(values[mode], names, clusters) for mode in MODES},
        "against_uniform": {mode: {name: tell(one) for name, one in table.items()} for mode, table in against.items()},
        "checks": [_check(f"{by} {group}", against) for by, group in CHECKED],
    }
    json.dump(found, sys.stdout)


def _measure(split: Split, mode: Any, seed: int) -> np.ndarray:
    """HR@10 of every test edge, then once per slice, NaN where the edge is outside it."""
    rng = make_generator(seed, 1)
    scorer = finish(fit_blade(split.fold, neighbourhood=mode, budget=BUDGET, rng=rng))
    ranks = rank_edges(scorer, split.test, known=split.graph.adjacency())
    values = measure_ranks(ranks, split.test)
    hits = values[:, [METRICS.index("HR@10")]]
    print(f"bench: {mode}, seed {seed}: {hits.mean():.4f}", file=sys.stderr, flush=True)
    at = SHOWN.index("HR@10") * len(SLICES)
    return np.column_stack([hits, slice_values(split, values)[:, at : at + len(SLICES)]])


def _tabulate(values: np.ndarray, names: list[str], clusters: Clusters) -> dict[str, Any]:
    found = estimate_columns(values, clusters)
    return {
        name: {key: round(value, 4) for key, value in found.entry(at).items()} | {"n": int(found.n[at])}
        for at, name in enumerate(names)
    }


def _check(name: str, against: dict[str, dict[str, Difference]]) -> dict[str, Any]:
    best = max(BY_DEGREE, key=lambda mode: against[mode][name].ratio)
    found = against[best][name]
    told = {"what": f"HR@10, {name}: best of {', '.join(BY_DEGREE)} / uniform", "mode": best, "peer": "uniform"}
    told |= {"target": f"at least {GAIN}, the difference above 0", "met": found.ratio >= GAIN and found.lo > 0}
    return told | tell(found) | {"verdict": found.verdict}


if __name__ == "__main__":
    main()
