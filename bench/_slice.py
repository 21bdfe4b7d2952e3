"""The slice bench, run by ``bench/holdout.py``: slices of the sample's cube at random positions. Prints JSON."""

import json
import sys
import time

import numpy as np
import pandas as pd

from core.engine.duck import DuckEngine
from core.holdout.data import Holdout
from core.holdout.exploration import Exploration, explore
from core.holdout.load import load_sample
from core.holdout.positivity import BINS, LEVELS
from core.holdout.slices import slice_at_score
from core.jobs import finish
from core.settings import Settings

SEED = 20_260_105
POSITIONS = 1_000
LARGEST_P95_MS = 20


def main() -> None:
    settings = Settings.from_environment()
    sample = finish(load_sample(settings))
    found = finish(explore(sample, DuckEngine(settings), levels=LEVELS, bins=BINS))
    ours, theirs = _measure(found, _rows(sample, found))
    p50, p95 = np.quantile(ours, [0.5, 0.95])
    peer_p50, peer_p95 = np.quantile(theirs, [0.5, 0.95])
    json.dump(
        {
            "rows": sample.rows.count,
            "positions": POSITIONS,
            "p50_ms": round(p50, 3),
            "p95_ms": round(p95, 3),
            "peer": "pandas: boolean mask on the rows in memory, then groupby level",
            "peer_p50_ms": round(peer_p50, 3),
            "peer_p95_ms": round(peer_p95, 3),
            "speedup_of_p50": round(peer_p50 / p50, 2),
            "speedup_of_p95": round(peer_p95 / p95, 2),
            "counts_equal": True,
            "met": {f"p95 at most {LARGEST_P95_MS} ms": bool(p95 <= LARGEST_P95_MS)},
        },
        sys.stdout,
    )


def _rows(sample: Holdout, found: Exploration) -> pd.DataFrame:
    """The stored rows with their level, the least uncertain one first."""
    rows = pd.read_parquet(sample.rows.path, columns=["score", "uncertainty", "label"])
    lower = found.cube.level_edges[1:-1]
    rows["level"] = found.cube.levels - np.searchsorted(lower, rows["uncertainty"], side="right")
    return rows


def _measure(found: Exploration, rows: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Milliseconds of both at each position, in turn; their counts must agree."""
    rng = np.random.default_rng(SEED)
    ours, theirs = [], []
    for score, half_width in zip(rng.random(POSITIONS), rng.uniform(0.01, 0.1, POSITIONS), strict=True):
        started = time.perf_counter()
        cut = slice_at_score(found.cube, score=score, half_width=half_width)
        frame = cut.frame()
        between = time.perf_counter()
        table = _recount(rows, cut.score_lo, cut.score_hi)
        ours.append(1e3 * (between - started))
        theirs.append(1e3 * (time.perf_counter() - between))
        expected = table.reindex(frame["level"], fill_value=0)
        assert (frame[["rows", "positives"]].to_numpy() == expected[["rows", "positives"]].to_numpy()).all()
    return ours, theirs


def _recount(rows: pd.DataFrame, lo: float, hi: float) -> pd.DataFrame:
    inside = rows["score"] >= lo
    inside &= (rows["score"] < hi) if hi < 1 else (rows["score"] <= hi)
    return (
        rows[inside]
        .groupby("level")
        .agg(
            rows=("label", "size"),
            positives=("label", "sum"),
            mean_score=("score", "mean"),
            mean_uncertainty=("uncertainty", "mean"),
            rate=("label", "mean"),
        )
    )


if __name__ == "__main__":
    main()
