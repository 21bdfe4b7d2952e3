"""Recall at precision, one threshold against one per level, run by ``bench/thresholds.py``. Prints JSON.

On the Frappe holdout and on a simulated world: tuned on one half, certified on the other, over several random halves
(Frappe) or draws (simulated). The gain of the first one is given whole; the others say how far it can be trusted.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from bench._thresholds_world import Truth, draw
from core.engine.duck import DuckEngine
from core.errors import InfeasibleTarget
from core.holdout.data import ColumnRoles, UncertaintyKind
from core.holdout.load import load_holdout
from core.jobs import finish
from core.rng import make_generator
from core.settings import Settings
from core.thresholds.certificate import Certificate
from core.thresholds.evidence import Evidence, tune_and_prove
from core.thresholds.halves import BINS, LEVELS, Halves, Split, count_halves
from core.thresholds.objective import Objective

SEED, DELTA, REPEATS = 20_260_105, 0.1, 10
FRAPPE_TARGETS = (0.8, 0.9, 0.95)
KINDS: dict[UncertaintyKind, str] = {"std": "logit_std", "evidence": "evidence"}
ROWS, SIMULATED_TARGETS = 200_000, (0.25, 0.30, 0.35)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("world", choices=("frappe", "simulated"))
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    json.dump(_frappe(arguments.data) if arguments.world == "frappe" else _simulated(), sys.stdout)


def _frappe(data: Path) -> dict[str, Any]:
    source = data / "frappe.parquet"
    if not source.is_file():
        return {"stopped": "there is no frappe.parquet in the data folder; name it with --data or RECSCOPE_DATA"}
    from bench._frappe import score_rows as score_holdout

    scored, _ = score_holdout(pd.read_parquet(source))
    settings = Settings.from_environment()
    engine = DuckEngine(settings)
    found: dict[str, Any] = {"n": len(scored), "positives": int(scored["label"].sum()), "levels": LEVELS.count}
    found["note"] = "random halves of the same rows: the interval of their mean is not one for fresh rows"
    with TemporaryDirectory(prefix="recscope-bench-") as name:
        path = Path(name) / "frappe_scored.parquet"
        scored.to_parquet(path, index=False)
        for kind, column in KINDS.items():
            roles = ColumnRoles("score", (column,), kind, "label")
            holdout = finish(load_holdout([path], roles, name=path.name, settings=settings))
            halves = [
                finish(count_halves(holdout, engine, levels=LEVELS, bins=BINS, split=Split(seed=seed)))
                for seed in range(REPEATS)
            ]
            found[column] = {str(target): _compare(halves, target) for target in FRAPPE_TARGETS}
    return found


def _simulated() -> dict[str, Any]:
    truth, halves, inners = Truth(), [], []
    for seed in range(REPEATS):
        inner, tuned, confirm = draw(ROWS, np.random.default_rng([SEED, ROWS, seed])).halves()
        halves.append(Halves(tuned, confirm))
        inners.append(inner)

    def judge(seed: int, cuts: tuple[int, ...]) -> dict[str, float]:
        return truth.judge(inners[seed], halves[seed].tuned.threshold(np.array(cuts))[::-1])

    found: dict[str, Any] = {"n": ROWS, "levels": LEVELS.count, "note": "fresh rows each time"}
    return found | {str(target): _compare(halves, target, judge) for target in SIMULATED_TARGETS}


Judge = Callable[[int, tuple[int, ...]], dict[str, float]]


def _compare(halves: Sequence[Halves], target: float, judge: Judge | None = None) -> dict[str, Any]:
    """The first halves in full, then over all of them: gains, certificates and refusals, and the truth if known."""
    runs = []
    for seed, pair in enumerate(halves):
        try:
            runs.append(
                tune_and_prove(
                    pair,
                    Objective("precision", target),
                    method="exact",
                    split=Split(seed=seed),
                    delta=DELTA,
                    rng=make_generator(seed),
                )
            )
        except InfeasibleTarget:
            runs.append(None)
    found = {"first": _describe(runs[0]), "repeats": len(runs), "over_all": _summarise(runs)}
    if judge is not None:
        found["truth_over_all"] = _judge(runs, judge)
    return found


def _describe(run: Evidence | None) -> dict[str, Any]:
    """Tuned and confirmed recall of both rules, and the gain with its interval."""
    if run is None:
        return {"verdict": "no rule meets the target on the tuning half"}
    whole = run.to_json()
    baseline = whole["baseline"] or {}
    gain = whole["gain"]
    found: dict[str, Any] = {
        "tuned_recall": {"per_level": round(run.tuning.counts.recall, 4), "single": _tuned_single(run)},
        "certified_recall": {"per_level": _confirmed(whole, "recall"), "single": _confirmed(baseline, "recall")},
        "confirmed_precision": {
            "per_level": _confirmed(whole, "precision"),
            "single": _confirmed(baseline, "precision"),
        },
    }
    if gain is None:
        return found | {"verdict": "no single threshold meets the target on the tuning half"}
    known = {name: round(value, 4) if isinstance(value, float) else value for name, value in gain.items()}
    return found | {"gain": known, "verdict": known.pop("verdict")}


def _tuned_single(run: Evidence) -> float | None:
    return round(run.baseline.counts.recall, 4) if run.baseline else None


def _confirmed(document: dict[str, Any], name: str) -> float | None:
    """Recall or precision on the confirmation half; None where the proof was refused."""
    return round(document["confirmed"][name], 4) if "confirmed" in document else None


def _summarise(runs: Sequence[Evidence | None]) -> dict[str, Any]:
    """A refused rule finds nothing: its recall is 0."""
    per_level, single = _certified(runs)
    verdicts = [run.proof.gain.kind for run in runs if run and run.proof and run.proof.gain]
    return {
        "certified_recall_per_level": round(float(per_level.mean()), 4),
        "certified_recall_single": round(float(single.mean()), 4),
        "refused_per_level": int((per_level == 0).sum()),
        "refused_single": int((single == 0).sum()),
        "ratio_of_means": round(float(per_level.mean() / single.mean()), 3) if single.any() else None,
        "difference": paired(per_level - single),
        "verdicts": {word: verdicts.count(word) for word in sorted(set(verdicts))},
    }


def _certified(runs: Sequence[Evidence | None]) -> tuple[np.ndarray, np.ndarray]:
    """Recall on the confirmation half of the certified rule, and of the certified single threshold."""
    found = []
    for run in runs:
        proof = run.proof if run else None
        outcomes = (proof.outcome, proof.baseline) if proof else (None, None)
        found.append([o.confirmed.recall if isinstance(o, Certificate) else 0.0 for o in outcomes])
    per_level, single = np.array(found).T
    return per_level, single


def _judge(runs: Sequence[Evidence | None], judge: Judge) -> dict[str, Any]:
    """True recall and precision of certified rules, from the table of the world."""
    found: dict[str, list[float]] = {"per_level": [], "single": []}
    violated = dict.fromkeys(found, 0)
    for seed, run in enumerate(runs):
        proof = run.proof if run else None
        for name, outcome in (("per_level", proof and proof.outcome), ("single", proof and proof.baseline)):
            if not isinstance(outcome, Certificate):
                found[name].append(0.0)
                continue
            true = judge(seed, outcome.cuts)
            found[name].append(true["recall"])
            violated[name] += true["precision"] < outcome.target
    per_level, single = np.array(found["per_level"]), np.array(found["single"])
    return {
        "recall_per_level": round(float(per_level.mean()), 4),
        "recall_single": round(float(single.mean()), 4),
        "ratio_of_means": round(float(per_level.mean() / single.mean()), 3) if single.any() else None,
        "difference": paired(per_level - single),
        "true_precision_below_target": violated,
    }


def paired(differences: np.ndarray) -> dict[str, Any]:
    """Mean and its 95 % interval (Student's t)."""
    from scipy.stats import t

    n, mean = len(differences), float(np.mean(differences))
    half = float(t.ppf(0.975, n - 1) * np.std(differences, ddof=1) / np.sqrt(n))
    return {"n": n, "mean": round(mean, 4), "lo": round(mean - half, 4), "hi": round(mean + half, 4)}


if __name__ == "__main__":
    main()
