"""One contestant of the cube bench, run by ``bench/holdout.py`` in a process of its own. Prints JSON.

Seconds are taken after the imports. Peak memory is that of the whole process, interpreter and imports included.
"""

import argparse
import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SEED = 20_260_105
BATCH_ROWS = 500_000
LEVELS, BINS, QUANTILES, STEPS = 5, 20, 200, 1_000
KILOBYTES_PER_MEBIBYTE = 1_024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=CONTESTANTS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=0)
    arguments = parser.parse_args()
    found = CONTESTANTS[arguments.name](arguments.folder, arguments.rows)
    found["peak_mib"] = _peak_mib()
    json.dump(found, sys.stdout)


def _peak_mib(of: int = resource.RUSAGE_SELF) -> float:
    return round(resource.getrusage(of).ru_maxrss / KILOBYTES_PER_MEBIBYTE, 1)


def _timed(work: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
    """What the work returns, with its seconds and the memory that the imports before it took."""
    imports, processor, started = _peak_mib(), time.process_time(), time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    return result, {
        "seconds": seconds,
        "processor_seconds": time.process_time() - processor,
        "imports_mib": imports,
    }


def generate(folder: Path, rows: int) -> dict[str, Any]:
    """Write a Beta-like world: test rate Beta(1, 9), log-normal evidence, negatives thinned to a third in training."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(SEED)
    schema = pa.schema([("score", pa.float64()), ("evidence", pa.float64()), ("label", pa.int8())])
    with pq.ParquetWriter(folder / "rows.parquet", schema) as writer:
        for start in range(0, rows, BATCH_ROWS):
            n = min(BATCH_ROWS, rows - start)
            rate = rng.beta(1, 9, n)
            evidence = 20 * np.exp(1.6 * rng.standard_normal(n))
            seen = 3 * rate / (1 + 2 * rate)
            score = rng.beta(1 + evidence * seen, 1 + evidence * (1 - seen))
            label = (rng.random(n) < rate).astype(np.int8)
            writer.write_table(pa.table([score, evidence, label], schema=schema))
    return {}


def ingest(folder: Path, _rows: int) -> dict[str, Any]:
    """Parse, check and store the rows once."""
    from core.holdout.data import ColumnRoles
    from core.holdout.load import load_holdout
    from core.jobs import finish
    from core.settings import Settings

    roles, settings = ColumnRoles("score", ("evidence",), "evidence", "label"), Settings.from_environment()
    files = [folder / "rows.parquet"]
    _, found = _timed(lambda: finish(load_holdout(files, roles, name=files[0].name, settings=settings)))
    return found | {"peak_mib_of_parser": _peak_mib(resource.RUSAGE_CHILDREN)}


def recscope(_folder: Path, _rows: int) -> dict[str, Any]:
    """Stored Parquet → edges, cube, surface, test."""
    from core.engine.duck import DuckEngine
    from core.holdout.exploration import explore
    from core.holdout.load import find_holdout, holdout_store
    from core.holdout.positivity import Binning
    from core.jobs import finish
    from core.settings import Settings

    settings = Settings.from_environment()
    digest = holdout_store(settings).digests()[0]
    levels, bins = Binning("equal_weight", LEVELS), Binning("equal_width", BINS)

    def work() -> Any:
        holdout = find_holdout(digest, settings=settings)
        found = finish(explore(holdout, DuckEngine(settings), levels=levels, bins=bins))
        return found.cube, found.surface(), found.test

    result, found = _timed(work)
    return found | {"answer": _answer(*result)}


def pandas(folder: Path, _rows: int) -> dict[str, Any]:
    """The same from the source table, as a practised user of pandas would: integer codes, one groupby."""
    import pandas as pd

    from core.engine.protocol import Counts
    from core.holdout.cells import Cells
    from core.holdout.cube import CountCube
    from core.holdout.effect import deviance_test
    from core.holdout.positivity import make_surface

    def work() -> Any:
        frame = pd.read_parquet(folder / "rows.parquet", columns=["score", "evidence", "label"])
        level_edges, bin_edges, score_edges = _edges(frame)
        frame["level"] = pd.cut(frame["evidence"], _closed(level_edges), right=False, labels=False)
        frame["bin"] = pd.cut(frame["score"], _closed(score_edges), right=False, labels=False)
        table = frame.groupby(["level", "bin"], observed=True, sort=False).agg(
            rows=("label", "size"), positives=("label", "sum"), score=("score", "sum"), uncertainty=("evidence", "sum")
        )
        sums = _dense(table, (len(level_edges) - 1, len(score_edges) - 1))
        cube = CountCube(level_edges, score_edges, Cells.from_counts(Counts(sums, 0)), more_is_certain=True, outside=0)
        return cube, make_surface(cube, bin_edges), deviance_test(cube)

    result, found = _timed(work)
    return found | {"answer": _answer(*result)}


def _dense(table: Any, shape: tuple[int, int]) -> dict[Any, Any]:
    """The sums as arrays; level 0 has the most evidence, as in the cube."""
    level, bin_ = (table.index.get_level_values(name).to_numpy() for name in ("level", "bin"))
    sums = {}
    for name in table.columns:
        sums[name] = np.zeros(shape, dtype=np.int64 if name in ("rows", "positives") else np.float64)
        sums[name][shape[0] - 1 - level, bin_] = table[name].to_numpy()
    return sums


def _edges(frame: Any) -> tuple[Any, Any, Any]:
    evidence, score = frame["evidence"].to_numpy(), frame["score"].to_numpy()
    inner = np.quantile(evidence, _shares(LEVELS), method="inverted_cdf")
    quantiles = np.quantile(score, _shares(QUANTILES), method="inverted_cdf")
    level_edges = np.concatenate([[evidence.min()], inner, [evidence.max()]])
    bin_edges = np.arange(BINS + 1) / BINS
    steps = np.arange(STEPS + 1) / STEPS
    return level_edges, bin_edges, np.unique(np.concatenate([steps, bin_edges, quantiles]))


def _shares(parts: int) -> Any:
    """Shares a hair lower, since 7/200 of ten million rows is above 350,000 in floats and would be one rank more."""
    return np.arange(1, parts) / parts * (1 - 1e-12)


def _closed(edges: Any) -> Any:
    """Edges whose last cell, half open as pandas counts it, holds the last edge."""
    return np.append(edges[:-1], np.nextafter(edges[-1], np.inf))


def scikit_learn(folder: Path, _rows: int) -> dict[str, Any]:
    """One precision-recall curve of rows already in memory; only the call is timed."""
    import pandas as pd
    from sklearn.metrics import precision_recall_curve

    frame = pd.read_parquet(folder / "rows.parquet", columns=["score", "label"])
    label, score = frame["label"].to_numpy(), frame["score"].to_numpy()
    return _timed(lambda: precision_recall_curve(label, score))[1]


def _answer(cube: Any, surface: Any, test: Any) -> dict[str, Any]:
    """What two contestants must agree on: edges and counts to the bit, the test as rounded."""
    from core.holdout.verdict import state_verdict

    arrays = (
        cube.level_edges, cube.score_edges, cube.cells.rows, cube.cells.positives, surface.cube.cells.rows,
    )  # fmt: skip
    counts = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
    return {
        "counts_sha256": counts,
        "rows": cube.rows,
        "cells": int(cube.cells.rows.size),
        "deviance": float(f"{test.deviance:.6g}"),
        "sentence": state_verdict(test),
    }


CONTESTANTS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "generate": generate,
    "ingest": ingest,
    "recscope": recscope,
    "pandas": pandas,
    "scikit_learn": scikit_learn,
}

if __name__ == "__main__":
    main()
