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
from core.thresholds.evidence import Evidence, prove_tuned, tune_all
from core.thresholds.halves import Halves, Split
from core.thresholds.objective import Objective
from core.thresholds.policy import Scope
from core.thresholds.precision import BernsteinTest, BinomialTest
from core.thresholds.sampling import ALL_ROWS, Sampling
from core.thresholds.tuning import Method

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
        As in :func:`core.thresholds.evidence.tune_and_prove`; or a row weighs more than the largest weight.

    Notes
    -----
    Where rows have groups, the design effect is the largest of several: of the tuned rule, and of rules from the
    narrowest to the widest of the sequence, on either half. That of one rule would be too small for another whose rows
    come from few groups. The certified rule must also pass a bootstrap of whole groups
    of the confirmation half; a further condition only lowers the probability of error.
    """
    tuned = tune_all(halves.tuned, objective, method=method, sampling=sampling)
    test = choose_test(halves.tuned, holdout, largest_weight=largest_weight)
    settle = partial(prove_tuned, tuned, halves.confirm, split=split, delta=delta, rng=rng, scope=scope)
    if holdout.roles.group is None or objective.kind != "precision":
        return settle(test=test)
    tuning = tuned.tuning
    trial = Trial.of(tuning.candidates, halves.confirm, delta=delta, scope=scope, test=test)
    rules = spread_rules(trial, tuning.cuts, target=tuning.objective.target)
    measure = partial(measure_groups, holdout, engine, halves.tuned, scope=scope, split=split, where=where)
    groups, _ = yield from measure(rules)
    evidence = settle(test=replace(test, design_effect=groups.design_effect))
    if evidence.cuts is not None:
        _, blocks = yield from measure(np.array([evidence.cuts]))
        groups = replace(groups, bound=bound_clustered(blocks, delta=delta, rng=rng))
    return apply_groups(evidence, groups)


def spread_rules(trial: Trial, tuned: tuple[int, ...], *, target: float) -> IntArray:
    """The tuned rule first, then rules of the sequence, from the narrowest to the widest."""
    order = trial.sequence(target)
    by_width = order[np.argsort(trial.frontier.accepted[order])]
    chosen = by_width[np.unique(np.linspace(0, len(order) - 1, RULES - 1).astype(np.int64))] if len(order) else order
    return np.concatenate([[tuned], trial.frontier.cuts[chosen]])


def apply_groups(evidence: Evidence, groups: Groups) -> Evidence:
    """Keep what is known of the groups; take the certificate back where resampled groups do not reach the target."""
    proof, bound = evidence.proof, groups.bound
    if proof is None:
        return evidence
    outcome = proof.outcome
    if bound is None or not isinstance(outcome, Certificate) or bound.lower > outcome.target:
        return replace(evidence, proof=replace(proof, groups=groups))
    reason = (
        f"The test at effective counts passes, but whole groups resampled put the precision above {bound.lower:.4g} "
        f"only, and the target is {outcome.target:.6g}."
    )
    refusal = Refusal.take_back(outcome, reason=reason)
    return replace(evidence, proof=replace(proof, groups=groups, outcome=refusal, gain=None))


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
