"""One epoch of the dual network on a drawn graph, run by ``bench/graph.py`` in a process of its own. Prints JSON."""

import argparse
import json
import resource
import sys
import time
from inspect import signature

import numpy as np

from bench._graph_worlds import draw_large
from core.graph.blade import fit_blade
from core.graph.data import Edges, Fold, Graph
from core.graph.hops import normalise_edges
from core.graph.scorers import Factors
from core.jobs import finish
from core.rng import make_generator

SMALL = 1_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("edges", type=int)
    graph = draw_large(parser.parse_args().edges)
    _run_epoch(draw_large(SMALL))  # what torch loads at its first step has no part in the cost of an edge
    started, spent = time.perf_counter(), time.process_time()
    model = _run_epoch(graph)
    seconds, spent = time.perf_counter() - started, time.process_time() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert np.isfinite(model.source).all()
    vectors = model.source
    del model
    out = normalise_edges(graph.edges, graph.nodes)
    started = time.process_time()
    out @ vectors
    product = time.process_time() - started
    usual = {one.name: one.default for one in signature(fit_blade).parameters.values()}
    json.dump(
        {
            "nodes": graph.nodes,
            "edges": len(graph.edges),
            "seconds": seconds,
            "processor_seconds": spent,
            "peer_processor_seconds": product * usual["folds"] * usual["hops"] * 2 * 2,  # two roles, there and back
            "peak_mib": peak,
        },
        sys.stdout,
    )


def _run_epoch(graph: Graph) -> Factors:
    nothing = np.zeros(0, dtype=np.int64)
    fold = Fold(graph, Edges(nothing, nothing))
    return finish(fit_blade(fold, epochs=1, rng=make_generator(0)))


if __name__ == "__main__":
    main()
