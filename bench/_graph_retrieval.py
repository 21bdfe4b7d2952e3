"""The ten best of a million products for one query, run by ``bench/graph.py``. Prints JSON."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from core.graph.approximate import has_faiss
from core.graph.retrieve import retrieve
from core.graph.scorers import Factors

ITEMS, DIMENSIONS, K, QUERIES = 1_000_000, 64, 10, 50
MOST_MS = 60


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=ITEMS)
    items = parser.parse_args().items
    rng = np.random.default_rng(0)
    factors = Factors(*(rng.standard_normal((items, DIMENSIONS), dtype=np.float32) for _ in range(2)))
    nothing = csr_array((1, items), dtype=np.float32)
    queries = rng.choice(items, QUERIES, replace=False)

    def ours(query: int) -> np.ndarray:
        return retrieve(factors, np.array([query]), k=K, known=nothing, with_known=True).node

    peers = {"numpy: all scores, argpartition": _numpy_peer(factors)} | _faiss_peer(factors)
    taken: dict[str, list[float]] = {name: [] for name in ("recscope", *peers)}
    for query in queries.tolist():  # in turn, so that whatever else the machine does hits all alike
        expected = _clock(lambda at=query: ours(at), taken["recscope"])
        for name, peer in peers.items():
            found = _clock(lambda at=query, by=peer: by(at), taken[name])
            assert set(found) == set(expected)
    middle = {name: float(np.median(one)) for name, one in taken.items()}
    json.dump(
        {
            "items": items,
            "dimensions": DIMENSIONS,
            "queries": QUERIES,
            "p50_ms": {name: round(value, 2) for name, value in middle.items()},
            "p95_ms": {name: round(float(np.quantile(one, 0.95)), 2) for name, one in taken.items()},
            "times_the_peer": {name: round(middle["recscope"] / middle[name], 3) for name in peers},
            "same_lists": True,
            "checks": [
                {
                    "what": f"p50 in ms of the top {K} of one query, exact",
                    "value": round(middle["recscope"], 2),
                    "target": f"at most {MOST_MS}",
                    "met": middle["recscope"] <= MOST_MS,
                }
            ],
        },
        sys.stdout,
    )


def _numpy_peer(factors: Factors) -> Callable[[int], np.ndarray]:
    def find(query: int) -> np.ndarray:
        scores = factors.target @ factors.source[query]
        scores[query] = -np.inf
        best = np.argpartition(-scores, K)[:K]
        return best[np.argsort(-scores[best])]

    return find


def _faiss_peer(factors: Factors) -> dict[str, Callable[[int], np.ndarray]]:
    if not has_faiss():
        return {}
    faiss: Any = import_module("faiss")
    index = faiss.IndexFlatIP(DIMENSIONS)
    index.add(factors.target)

    def find(query: int) -> np.ndarray:
        found = index.search(factors.source[[query]], K + 1)[1][0]
        return found[found != query][:K]

    return {"FAISS, flat": find}


def _clock(work: Callable[[], np.ndarray], taken: list[float]) -> np.ndarray:
    started = time.perf_counter()
    found = work()
    taken.append(1_000 * (time.perf_counter() - started))
    return found


if __name__ == "__main__":
    main()
