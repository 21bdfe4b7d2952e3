"""Tune and prove a holdout: which test its rows call for, and what resampled groups say beside it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from core.arrays import IntArray
from core.engine.protocol import Engine, Filter
from core.errors import InputError
from core.holdout.data import Holdout
from core.jobs import Job
from core.thresholds.certificate import Certificate, Refusal
from core.thresholds.certify import Trial
from core.thresholds.clustered import Groups, bound_clustered, measure_groups
from core.thresholds.data import Cuts
from core.thresholds.evidence import Evidence, Proof, tune_and_prove
from core.thresholds.halves import Halves, Split
from core.thresholds.objective import Objective
from core.thresholds.policy import Scope
from core.thresholds.precision_test import BernsteinTest, BinomialTest
from core.thresholds.sampling import ALL_ROWS, Sampling
from core.thresholds.tuning import Method, tune

RULES = 8  # whose design effects are measured


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
    Where rows have groups, the design effect is the largest of several: of the tuned rule, and of
    rules from the widest to the narrowest of the sequence, on either half. One number for all of them would be
    too small for a rule whose rows come from few groups. The certified rule must also pass a bootstrap of whole groups
    of the confirmation half; a further condition only lowers the probability of error.
    """
    asked = sampling.in_sample(objective)
    test = choose_test(halves.tuned, holdout, largest_weight=largest_weight)
    if holdout.roles.group is None or objective.kind != "precision":
        return tune_and_prove(
            halves, objective,
            method=method, split=split, delta=delta, rng=rng, sampling=sampling, scope=scope, test=test,
        )  # fmt: skip
    tuning = tune(halves.tuned, asked, method=method)
    trial = Trial.of(tuning.candidates, halves.confirm, delta=delta, scope=scope, test=test)
    rules = spread_rules(trial, tuning.cuts, target=asked.target)
    measure = partial(measure_groups, holdout, engine, halves.tuned, scope=scope, split=split, where=where)
    groups, _ = yield from measure(rules)
    evidence = tune_and_prove(
        halves, objective,
        method=method, split=split, delta=delta, rng=rng, sampling=sampling, scope=scope,
        test=replace(test, design_effect=groups.design_effect),
    )  # fmt: skip
    proof = evidence.proof
    if proof is None or not isinstance(proof.outcome, Certificate):
        return replace(evidence, proof=replace(proof, groups=groups) if proof else None)
    _, blocks = yield from measure(np.array([proof.outcome.cuts]))
    bound = bound_clustered(blocks, delta=delta, rng=rng)
    return replace(evidence, proof=_check_bound(proof, replace(groups, bound=bound)))


def spread_rules(trial: Trial, tuned: tuple[int, ...], *, target: float) -> IntArray:
    """The tuned rule first, then rules of the sequence, from the narrowest to the widest."""
    order = trial.sequence(target)
    by_width = order[np.argsort(trial.frontier.accepted[order])]
    chosen = by_width[np.unique(np.linspace(0, len(order) - 1, RULES - 1).astype(np.int64))] if len(order) else order
    return np.concatenate([[tuned], trial.frontier.cuts[chosen]])


def _check_bound(proof: Proof, groups: Groups) -> Proof:
    """Take the certificate back where whole groups, resampled, do not reach the target."""
    outcome, bound = proof.outcome, groups.bound
    if bound is None or not isinstance(outcome, Certificate) or bound.lower > outcome.target:
        return replace(proof, groups=groups)
    reason = (
        f"Rows counted as independent pass, but whole groups resampled put the precision above {bound.lower:.4g} only, "
        f"which is not above {outcome.target:.6g}."
    )
    return replace(proof, groups=groups, outcome=Refusal.of_certificate(outcome, reason=reason), gain=None)


def choose_test(cuts: Cuts, holdout: Holdout, *, largest_weight: float | None) -> BinomialTest | BernsteinTest:
    """The test that is valid for these rows: exact without weights, Bernstein's bound with them.

    Raises
    ------
    InputError
        A row weighs more than the largest weight.
    """
    if cuts.weights is None:
        return BinomialTest()
    seen = holdout.rows.ranges["weight"][1]
    if largest_weight is not None and not largest_weight >= seen:
        raise InputError(
            f"The largest weight is given as {largest_weight:.6g}; a row of the file weighs {seen:.6g}.",
            fix="Give the largest weight that the sampling design allows: 1 over its smallest rate.",
        )
    return BernsteinTest(seen if largest_weight is None else largest_weight)
