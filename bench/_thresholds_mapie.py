"""One contestant of the certificate bench, run by ``bench/thresholds.py`` in a process of its own. Prints JSON.

Each starts from the same rows in memory and ends with a certified rule, or none; a judge then looks its true precision
and recall up in a table. Seconds are taken after the imports. Peak memory is that of the whole process.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from bench._thresholds_world import BINS, LEVELS, Drawn, Truth
from bench._thresholds_world import draw as draw_rows
from core.arrays import FloatArray, IntArray

SEED = 20_260_105
ROWS, TARGET, DELTA = 100_000, 0.30, 0.1
# Shares of a level that its ten cuts accept; the eleventh cut accepts none. Chosen by hand around the true optimum at
# this target (0.05, 0.07 and 0.08 of the levels by rising evidence): MAPIE is told where to look, RecScope is not.
SHARES = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.10)
KILOBYTES_PER_MEBIBYTE = 1_024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=CONTESTANTS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    json.dump(CONTESTANTS[arguments.name](arguments.folder, arguments.seeds), sys.stdout)


def _peak_mib(of: int = resource.RUSAGE_SELF) -> float:
    return round(resource.getrusage(of).ru_maxrss / KILOBYTES_PER_MEBIBYTE, 1)


def draw(folder: Path, seeds: int) -> dict[str, Any]:
    """Rows of each seed, in random order: the first half is to tune or learn on, the rest to confirm on."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for seed in range(seeds):
        rows = draw_rows(ROWS, np.random.default_rng([SEED, seed]))
        table = {"score": rows.score, "evidence": rows.evidence, "label": rows.label.astype(np.int8)}
        np.savez(folder / f"rows{seed}.npz", **table)
        pq.write_table(pa.table(table), folder / f"rows{seed}.parquet")
    return {}


def _read(folder: Path, seed: int) -> Drawn:
    with np.load(folder / f"rows{seed}.npz") as found:
        return Drawn(found["score"], found["evidence"], found["label"].astype(np.int64))


FIRST, SECOND, ALL = slice(0, ROWS // 2), slice(ROWS // 2, ROWS), slice(0, ROWS)
Certified = tuple[FloatArray, list[float] | None]  # edges between levels, thresholds by rising evidence


def _contest(folder: Path, seeds: int, work: Callable[[Drawn], Certified]) -> dict[str, Any]:
    imports, seconds, rules = _peak_mib(), [], []
    for seed in range(seeds):
        rows = _read(folder, seed)
        started = time.perf_counter()
        inner, thresholds = work(rows)
        seconds.append(time.perf_counter() - started)
        plain = None if thresholds is None else [None if np.isinf(t) else float(t) for t in thresholds]
        rules.append({"inner": inner.tolist(), "thresholds": plain})
    return {"seconds": seconds, "rules": rules, "imports_mib": imports, "peak_mib": _peak_mib()}


def _recscope(method: str) -> Callable[[Path, int], dict[str, Any]]:
    """Count both halves, tune on one, certify on the other: the product's defaults."""

    def run(folder: Path, seeds: int) -> dict[str, Any]:
        from core.thresholds.certificate import Certificate
        from core.thresholds.certify import certify
        from core.thresholds.objective import Objective
        from core.thresholds.tuning import tune

        objective = Objective("precision", TARGET)

        def work(rows: Drawn) -> Certified:
            inner, tuned, confirm = rows.halves()
            outcome = certify(tune(tuned, objective, method=method).candidates, confirm, target=TARGET, delta=DELTA)
            if not isinstance(outcome, Certificate):
                return inner, None
            return inner, tuned.threshold(np.array(outcome.cuts))[::-1].tolist()

        return _contest(folder, seeds, work)

    return run


def recscope_whole(folder: Path, seeds: int) -> dict[str, Any]:
    """The same, then what the product adds: the single threshold with its own certificate, and the gain."""
    from core.rng import make_generator
    from core.thresholds.evidence import tune_and_prove
    from core.thresholds.halves import Halves, Split
    from core.thresholds.objective import Objective

    objective = Objective("precision", TARGET)

    def work(rows: Drawn) -> Certified:
        inner, *halves = rows.halves()
        evidence = tune_and_prove(
            Halves(*halves), objective, method="exact", split=Split(), delta=DELTA, rng=make_generator(0)
        )
        if evidence.cuts is None:
            return inner, None
        return inner, halves[0].threshold(np.array(evidence.cuts))[::-1].tolist()

    return _contest(folder, seeds, work)


def recscope_file(folder: Path, seeds: int) -> dict[str, Any]:
    """From a Parquet file on disk: parse and check it in a child process, count by the engine, tune, certify."""
    from core.engine.duck import DuckEngine
    from core.holdout.data import ColumnRoles
    from core.holdout.load import load_holdout
    from core.jobs import finish
    from core.settings import Settings
    from core.thresholds.certify import certify
    from core.thresholds.halves import LEVELS as DEFAULT_LEVELS
    from core.thresholds.halves import Split, count_halves
    from core.thresholds.objective import Objective
    from core.thresholds.tuning import tune

    roles, settings = ColumnRoles("score", ("evidence",), "evidence", "label"), Settings.from_environment()
    engine, objective = DuckEngine(settings), Objective("precision", TARGET)
    imports, seconds, parsing = _peak_mib(), [], []
    for seed in range(seeds):
        path, started = folder / f"rows{seed}.parquet", time.perf_counter()
        holdout = finish(load_holdout([path], roles, name=path.name, settings=settings))
        parsing.append(time.perf_counter() - started)
        halves = finish(count_halves(holdout, engine, levels=DEFAULT_LEVELS, bins=BINS, split=Split()))
        certify(tune(halves.tuned, objective, method="exact").candidates, halves.confirm, target=TARGET, delta=DELTA)
        seconds.append(time.perf_counter() - started)
    memory = {"imports_mib": imports, "peak_mib": _peak_mib(), "parser_mib": _peak_mib(resource.RUSAGE_CHILDREN)}
    return {"seconds": seconds, "parse_seconds": parsing, **memory}


def _mapie(fwer: str) -> Callable[[Path, int], dict[str, Any]]:
    """The grid of all triples of cuts but the empty one; the controller chooses the valid one with most recall."""

    def run(folder: Path, seeds: int) -> dict[str, Any]:
        import warnings

        from mapie.risk_control import BinaryClassificationController

        warnings.filterwarnings("ignore", message="No predict parameters were found")

        def accept(x: FloatArray, *thresholds: float) -> IntArray:
            return (x[:, 0] >= np.array(thresholds, dtype=np.float64)[x[:, 1].astype(np.int64)]).astype(np.int64)

        def work(rows: Drawn) -> Certified:
            learn = ALL if fwer == "bonferroni_holm" else FIRST
            inner = rows.level_edges(learn)
            level = np.searchsorted(inner, rows.evidence, side="right")
            controller = BinaryClassificationController(
                accept, "precision", TARGET, 1 - DELTA, list_predict_params=_grid(rows, level, learn), fwer_method=fwer
            )
            x = np.column_stack([rows.score, level])
            if fwer == "split_fixed_sequence":
                controller.learn_fixed_sequence_order(x[FIRST], rows.label[FIRST], binary=True)
                controller.calibrate(x[SECOND], rows.label[SECOND])
            else:
                controller.calibrate(x, rows.label)
            best = controller.best_predict_param
            return inner, None if best is None else [float(threshold) for threshold in best]

        return _contest(folder, seeds, work)

    return run


def _grid(rows: Drawn, level: IntArray, part: slice) -> FloatArray:
    """(1330, levels)."""
    score, of = rows.score[part], level[part]
    cuts = [np.append(np.quantile(score[of == i], 1 - np.array(SHARES)), np.inf) for i in range(LEVELS)]
    return np.array(list(product(*cuts)))[:-1]


def judge(_folder: Path, _seeds: int) -> dict[str, Any]:
    """True recall and precision of the rules on standard input, by contestant; no rule finds nothing."""
    truth = Truth()
    found: dict[str, Any] = {}
    for name, rules in json.load(sys.stdin).items():
        lines = []
        for rule in rules:
            if rule["thresholds"] is None:
                lines.append({"recall": 0.0, "precision": None})
                continue
            thresholds = np.array([np.inf if t is None else t for t in rule["thresholds"]])
            lines.append(truth.judge(np.array(rule["inner"]), thresholds))
        found[name] = lines
    return found


CONTESTANTS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "draw": draw,
    "recscope": _recscope("exact"),
    "recscope_mist": _recscope("mist"),
    "recscope_whole": recscope_whole,
    "recscope_file": recscope_file,
    "mapie_holm": _mapie("bonferroni_holm"),
    "mapie_split": _mapie("split_fixed_sequence"),
    "judge": judge,
}

if __name__ == "__main__":
    main()
