"""Seconds to simulate a million impressions and to fit and score every arm on 100,000. Prints JSON.

Peers: drawing the random numbers that the simulation cannot do without; scikit-learn's LogisticRegression fitted on the
same weighted rows as the served model.
"""

import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from bench._delay_checks import at_most
from core.delay.arms import ARMS, plan_arm, train_arm
from core.delay.data import Log, Options, Snapshot, SnapshotWeights
from core.delay.laws import DAY
from core.delay.learner import fit_served, make_sample
from core.delay.metrics import score_predictions
from core.delay.simulate import START, World, simulate_log
from core.delay.snapshot import observe
from core.rng import make_generator

MILLION = World(days=100, daily=10_000)
HUNDRED_THOUSAND = World(days=100, daily=1_000)
TRAINED_DAY, REPEATS = 99, 3
SIMULATE_SECONDS, ARMS_SECONDS = 3, 60


def main() -> None:
    rng = make_generator(0)
    simulate = [_time(lambda: simulate_log(MILLION, rng=make_generator(0))) for _ in range(REPEATS)]
    draws = [_time(lambda: rng.standard_normal((MILLION.rows, MILLION.covariates))) for _ in range(REPEATS)]
    log = simulate_log(HUNDRED_THOUSAND, rng=make_generator(0))
    arms = run_arms(log)
    whole = sum(arm["seconds"] for arm in arms.values())
    json.dump(
        {
            "what": "wall-clock seconds, medians; every arm trains on all rows of 99 days and is scored on the last",
            "simulate": {
                "rows": MILLION.rows, "seconds": round(median(simulate), 3),
                "peer": "drawing the covariates alone", "peer_seconds": round(median(draws), 3),
            },
            "arms": {name: {key: round(value, 3) for key, value in arm.items()} for name, arm in arms.items()},
            "learner": _compare_learner(observe(log, START + TRAINED_DAY * DAY, window=30 * DAY)),
            "checks": [
                at_most("seconds to simulate 1,000,000 impressions", median(simulate), SIMULATE_SECONDS),
                at_most("seconds to fit and score every arm on 100,000 impressions", whole, ARMS_SECONDS),
            ],
        },
        sys.stdout,
    )  # fmt: skip


def run_arms(log: Log) -> dict[str, dict[str, float]]:
    """Wall-clock and processor seconds of each arm, fitted on all rows before the last day and scored on it."""
    window = 30 * DAY
    snapshot = observe(log, START + TRAINED_DAY * DAY, window=window)
    later = slice(len(snapshot), None)
    label, p = log.final_label(window)[later], log.truth.p[later] if log.truth else None
    found = {}
    for name in ARMS:
        plan = plan_arm(name, options=Options(lookback=float(TRAINED_DAY)))
        started, spent = time.perf_counter(), time.process_time()
        model = train_arm(plan, snapshot, log=log).model
        scores = score_predictions(model.predict(log.features[later], log.segment[later]), label, p=p)
        found[name] = {"seconds": time.perf_counter() - started, "processor_seconds": time.process_time() - spent}
        assert np.isfinite(scores.regret)
    return found


def _time(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _compare_learner(snapshot: Snapshot) -> dict[str, Any]:
    """The served model against scikit-learn on the weighted rows of ``is_signal``."""
    options = Options(lookback=float(TRAINED_DAY))
    training = train_arm(plan_arm("is_signal", options=options), snapshot).training
    assert isinstance(training, SnapshotWeights)
    rows = snapshot.take(training.rows)
    _, sample = make_sample(rows, ridge=options.ridge)
    columns = sample.design[:, 1:]
    ours, theirs, peer = [], [], LogisticRegression(C=1.0 / options.ridge, solver="newton-cholesky", tol=1e-8)
    for _ in range(REPEATS):
        ours.append(_time(lambda: fit_served(snapshot, training, ridge=options.ridge)))
        theirs.append(_time(lambda: peer.fit(columns, training.label, sample_weight=training.weight)))
    served = fit_served(snapshot, training, ridge=options.ridge).predict(rows.features, rows.segment)
    gap = float(np.abs(served - peer.predict_proba(columns)[:, 1]).max())
    return {
        "rows": len(training.rows), "seconds": round(median(ours), 3),
        "peer": "scikit-learn LogisticRegression(solver='newton-cholesky') on the same columns, labels and weights",
        "peer_seconds": round(median(theirs), 3), "times_the_peer": round(median(ours) / median(theirs), 2),
        "largest_difference_of_a_probability": gap,
        "checks": [at_most("largest difference of a probability from scikit-learn's", gap, 1e-5)],
    }  # fmt: skip


if __name__ == "__main__":
    main()
