"""Tune and prove a holdout: which test its rows call for, and what resampled groups say beside it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.engine.protocol import Engine, Filter
from core.holdout.data import Holdout
from core.jobs import Job
from core.thresholds.certificate import Certificate
from core.thresholds.clustered import bound_clustered, count_blocks
from core.thresholds.data import Cuts
from core.thresholds.evidence import Evidence, tune_and_prove
from core.thresholds.halves import Halves, Split
from core.thresholds.objective import Objective
from core.thresholds.policy import Scope
from core.thresholds.precision_test import BernsteinTest, BinomialTest, PrecisionTest
from core.thresholds.sampling import ALL_ROWS, Sampling
from core.thresholds.tuning import Method, tune


def prove(
    holdout: Holdout,
    engine: Engine,
    halves: Halves,
    objective: Objective,
    *,
    method: Method,
    split: Split,
    delta: float,
    rng: np.random.Generator,
    sampling: Sampling = ALL_ROWS,
    scope: Scope = "overall",
    largest_weight: float | None = None,
    where: Sequence[Filter] = (),
) -> Job[Evidence]:
    """Tune on one half and certify on the other, by a test that is valid for weights and groups where there are any.

    Parameters
    ----------
    holdout, engine, halves, split, where
        The halves as counted, and what they were counted from.
    largest_weight
        A weight that no row can exceed, from the sampling design; where it is not given, the largest one seen.

    Raises
    ------
    InfeasibleTarget, InputError
        As in :func:`core.thresholds.evidence.tune_and_prove`.

    Notes
    -----
    Where rows have groups, the design effect is measured on the tuning half, on the rule that was tuned there, so that
    nothing of the confirmation half enters the test. The certified rule is then bounded once more, by resampling whole
    groups of the confirmation half.
    """
    grouped, effect = holdout.roles.group is not None, 1.0
    if grouped:
        cuts = tune(halves.tuned, sampling.in_sample(objective), method=method).cuts
        blocks, _ = yield from count_blocks(holdout, engine, halves.tuned, cuts, split=split, where=where)
        effect = blocks.design_effect
    test = choose_test(halves.tuned, holdout, largest_weight=largest_weight, design_effect=effect)
    evidence = tune_and_prove(
        halves, objective, method=method, split=split, delta=delta, rng=rng, sampling=sampling, scope=scope, test=test
    )
    proof = evidence.proof
    if not grouped or proof is None or not isinstance(proof.outcome, Certificate):
        return evidence
    _, rest = yield from count_blocks(holdout, engine, halves.tuned, proof.outcome.cuts, split=split, where=where)
    return replace(evidence, proof=replace(proof, groups=bound_clustered(rest, delta=delta, rng=rng)))


def choose_test(
    cuts: Cuts, holdout: Holdout, *, largest_weight: float | None, design_effect: float = 1.0
) -> PrecisionTest:
    """The test that is valid for these rows: exact without weights, Bernstein's bound with them."""
    if cuts.weights is None:
        return BinomialTest(design_effect)
    return BernsteinTest(largest_weight or holdout.rows.ranges["weight"][1], design_effect)
