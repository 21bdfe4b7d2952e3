"""The size of the test, run by ``bench/holdout.py``: worlds where uncertainty says nothing once the score is known.

Prints JSON: of so many draws of the labels, how many the test rejects at 5 %, beside a coarse score × level table.
"""

import json
import sys
from collections.abc import Callable

import numpy as np

from core.holdout.cube import CountCube
from core.holdout.effect import deviance_test
from core.intervals import wilson
from tests.oracles import coarse_table_test
from tests.worlds import CURVES, Rows, correlated_uncertainty, draw_scores

SEED = 20_260_105
NOMINAL = 0.05
# scores, curve, rows, draws, share of negatives that is kept (each then weighs its inverse)
WORLDS = (
    ("heavy", "calibrated", 50_000, 200, 1.0),
    ("skewed", "stepped", 50_000, 200, 1.0),
    ("heavy", "calibrated", 1_000_000, 100, 1.0),
    ("skewed", "stepped", 1_000_000, 100, 1.0),
    ("skewed", "thinned", 100_000, 200, 0.2),
)


def main() -> None:
    found = [_reject(*world) for world in WORLDS]
    met = all(world["test_lo"] <= NOMINAL for world in found)
    json.dump({"nominal": NOMINAL, "worlds": found, "met": {"no world rejects clearly too often": met}}, sys.stdout)


def _reject(scores: str, curve: str, n: int, draws: int, keep: float) -> dict[str, object]:
    rng = np.random.default_rng([SEED, n])
    score = draw_scores(scores, n, rng)
    rows, rate = Rows(score, correlated_uncertainty(score, 0.8, rng)), CURVES[curve](score)
    tests: dict[str, Callable[[CountCube], float]] = {
        "test": lambda cube: deviance_test(cube).p_value,
        "table": coarse_table_test,
    }
    rejected = dict.fromkeys(tests, 0)
    for _ in range(draws):
        label = rng.random(n) < rate
        share = np.where(label, 1.0, keep)
        cube = rows.cube(label, 1 / share, which=rng.random(n) < share)
        for name, method in tests.items():
            rejected[name] += method(cube) < NOMINAL
    line: dict[str, object] = {"scores": scores, "curve": curve, "rows": n, "negatives_kept": keep, "draws": draws}
    for name, count in rejected.items():
        lo, hi = wilson(count, draws)
        line |= {f"{name}_share": count / draws, f"{name}_lo": round(float(lo), 4), f"{name}_hi": round(float(hi), 4)}
    return line


if __name__ == "__main__":
    main()
