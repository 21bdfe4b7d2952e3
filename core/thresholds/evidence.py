"""A rule with its proof, beside the single threshold with its own: what a person signs, and what a pipeline reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np

from core.engine.protocol import Among
from core.errors import InfeasibleTarget, InputError
from core.holdout.data import Holdout
from core.holdout.segments import name_filter
from core.thresholds.apply import counts_of, thresholds_of
from core.thresholds.certificate import Certificate, Counts, Refusal
from core.thresholds.certify import Trial
from core.thresholds.clustered import FEW_GROUPS, Groups
from core.thresholds.data import Cuts
from core.thresholds.gain import Gain, measure_gain
from core.thresholds.halves import Halves, Split
from core.thresholds.objective import Objective
from core.thresholds.policy import Columns, Confirmation, Policy, Scope, Versions
from core.thresholds.precision import BINOMIAL, BernsteinTest, PrecisionTest
from core.thresholds.sampling import ALL_ROWS, Sampling
from core.thresholds.tuning import Method, Tuning, reach, tune


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """What the confirmation half said.

    Attributes
    ----------
    split, delta, test
        How the rows were divided, the probability of error that was allowed, and how precision was tested.
    confirm
        Cuts of the confirmation half.
    outcome
        For the method's rules.
    baseline
        For the single threshold, by the same sequence; None where no single threshold meets the target.
    gain
        Of the one over the other, by recall on the confirmation half; None where neither was certified, or the
        certificate was taken back.
    groups
        What is known of the groups; None where rows have none.
    """

    split: Split
    delta: float
    test: PrecisionTest
    confirm: Cuts
    outcome: Certificate | Refusal
    baseline: Certificate | Refusal | None
    gain: Gain | None
    groups: Groups | None = None

    def confirmation(self, cuts: tuple[int, ...], *, delta: float) -> Confirmation:
        """What a policy says of a rule that was certified at delta."""
        test, counts = self.test, counts_of(self.confirm, cuts)
        return Confirmation(
            delta=delta,
            scope=self.outcome.scope,
            design_effect=test.design_effect,
            largest_weight=test.largest if isinstance(test, BernsteinTest) else None,
            split=self.split.method,
            counts=counts,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A tuned rule, the tuned single threshold, and the proof of both where it was asked for.

    Attributes
    ----------
    objective, sampling
        What was asked for in the population, and which shares of its classes the holdout has. The tunings and the proof
        are of the sampled rows, where the target is another one.
    tuning, baseline
        On the tuning rows; ``baseline`` is None where no single threshold meets the target.
    proof
        None where all rows were used for tuning.
    """

    objective: Objective
    sampling: Sampling
    tuning: Tuning
    baseline: Tuning | None
    proof: Proof | None

    @property
    def cuts(self) -> tuple[int, ...] | None:
        """Cuts of the rule to use: the certified one, or the tuned one where no proof was asked; None if refused."""
        if self.proof is None:
            return self.tuning.cuts
        return self.proof.outcome.cuts if isinstance(self.proof.outcome, Certificate) else None

    def policy(self, holdout: Holdout, *, where: Sequence[Among] = ()) -> Policy:
        """The rule to use as a policy; ``where`` is the filter under which the rows were counted.

        Raises
        ------
        InputError
            The proof was refused.
        """
        if self.cuts is None:
            raise InputError(
                "No rule was certified, so there is no policy.", fix="Lower the target, or bring more rows."
            )
        return make_policy(self, self.cuts, holdout, where=where)

    def to_json(self) -> dict[str, Any]:
        """Plain values: method, tuned, sampling, bound, baseline; test, confirmed or refused, and gain of a proof.

        Counts are those of the holdout's rows; precisions, with their bounds, those of the population.
        """
        of, sampling = self.tuning.frontier.of, self.sampling
        tuned = Counts.of_rule(of, self.cuts or self.tuning.cuts)
        baseline = self._describe_baseline()
        found: dict[str, Any] = {"method": self.tuning.method, "tuned": describe(tuned, of, sampling)}
        if not sampling.even:
            found["sampling"] = {name: getattr(sampling, name) for name in Sampling.__slots__}
        found["bound"] = _describe_bound(self, tuned)
        if self.proof is not None:
            found |= _describe_proof(self.proof, sampling)
        return found | {"baseline": baseline, "gain": _describe_gain(self.proof.gain if self.proof else None)}

    def _describe_baseline(self) -> dict[str, Any] | None:
        """The single threshold: the certified one on both halves, or the tuned one with its refusal."""
        if self.baseline is None:
            return None
        of, outcome = self.tuning.frontier.of, self.proof.baseline if self.proof else None
        tuned = outcome.tuned if isinstance(outcome, Certificate) else self.baseline.counts
        found: dict[str, Any] = {"tuned": describe(tuned, of, self.sampling)}
        if self.proof is not None and outcome is not None:
            found |= _describe_outcome(outcome, self.proof.confirm, self.sampling)
        return found


def tune_all(cuts: Cuts, objective: Objective, *, method: Method, sampling: Sampling = ALL_ROWS) -> Evidence:
    """Tune on these rows, without a proof.

    Raises
    ------
    InfeasibleTarget
        No rule of the method meets the target.
    InputError
        Rows are weighted, and sampling rates are given as well.
    """
    _check_sampling(cuts, sampling)
    asked = sampling.in_sample(objective)
    tuning = tune(cuts, asked, method=method)
    return Evidence(objective, sampling, tuning, _tune_single(cuts, asked), None)


def tune_and_prove(
    halves: Halves,
    objective: Objective,
    *,
    method: Method,
    split: Split,
    delta: float,
    rng: np.random.Generator,
    sampling: Sampling = ALL_ROWS,
    scope: Scope = "overall",
    test: PrecisionTest = BINOMIAL,
) -> Evidence:
    """Tune on one half, and certify what was found on the other; the single threshold likewise.

    Raises
    ------
    InfeasibleTarget, InputError
        As in :func:`tune_all` and :func:`prove_tuned`.
    """
    tuned = tune_all(halves.tuned, objective, method=method, sampling=sampling)
    return prove_tuned(tuned, halves.confirm, split=split, delta=delta, rng=rng, scope=scope, test=test)


def prove_tuned(
    tuned: Evidence,
    confirm: Cuts,
    *,
    split: Split,
    delta: float,
    rng: np.random.Generator,
    scope: Scope = "overall",
    test: PrecisionTest = BINOMIAL,
) -> Evidence:
    """Certify what was tuned, and the single threshold, on the other half.

    Raises
    ------
    InputError
        The objective is not a precision; delta is out of range; rows are weighted, and the test is not.
    """
    objective = tuned.tuning.objective
    if objective.kind != "precision":
        raise InputError(
            f"Only a precision can be certified, not a {objective.kind}.", fix="Give a target precision, or tune only."
        )
    trial = Trial.of(tuned.tuning.candidates, confirm, delta=delta, scope=scope, test=test)
    outcome, baseline, gain = trial.certify(objective.target), None, None
    if tuned.baseline is not None:
        other = Trial.of(tuned.baseline.candidates, confirm, delta=delta, scope=scope, test=test)
        baseline = other.certify(objective.target)
        if isinstance(outcome, Certificate) or isinstance(baseline, Certificate):
            gain = measure_gain(trial, other, target=objective.target, rng=rng)
    return replace(tuned, proof=Proof(split, delta, test, confirm, outcome, baseline, gain))


def _check_sampling(cuts: Cuts, sampling: Sampling) -> None:
    if cuts.weighted and not sampling.even:
        raise InputError("Weights and sampling rates are both given.", fix="Give one of them: they say the same.")


def _tune_single(cuts: Cuts, objective: Objective) -> Tuning | None:
    try:
        return tune(cuts, objective, method="single")
    except InfeasibleTarget:
        return None


def make_policy(evidence: Evidence, cuts: tuple[int, ...], holdout: Holdout, *, where: Sequence[Among] = ()) -> Policy:
    """A rule on the tuning's cuts as a policy; confirmed only if it is the one that was certified.

    Parameters
    ----------
    where
        The filter under which the rows were counted.
    """
    tuning, proof, of = evidence.tuning, evidence.proof, evidence.tuning.frontier.of
    certified = proof is not None and isinstance(proof.outcome, Certificate) and proof.outcome.cuts == cuts
    confirmed = None
    if proof is not None and certified:
        confirmed = proof.confirmation(cuts, delta=proof.delta)
    return Policy(
        columns=Columns(holdout.roles.score, holdout.roles.uncertainty, holdout.roles.uncertainty_kind),
        level_edges=tuple(of.level_edges.tolist()),
        thresholds=thresholds_of(of, np.array(cuts)),
        outside="reject",
        only=name_filter(holdout, where),
        objective=evidence.objective,
        sampling=evidence.sampling,
        method=tuning.method.replace("_", "-"),
        seed=proof.split.seed if proof else 0,
        weighted=of.weights is not None,
        tuned=counts_of(of, cuts),
        confirmed=confirmed,
        data_digest=holdout.digest,
        versions=Versions.here(),
    )


def find_cautions(evidence: Evidence, holdout: Holdout) -> list[str]:
    """What the certificate takes for granted, and this holdout gives reason to doubt."""
    group, proof, found = holdout.roles.group, evidence.proof, list[str]()
    if proof is None:
        return found
    if isinstance(proof.test, BernsteinTest) and proof.test.largest == holdout.rows.ranges["weight"][1]:
        found.append(
            f"The largest weight, {proof.test.largest:.6g}, is that of a row of this file. The proof holds if the "
            "sampling design allows no larger one; else give that."
        )
    if group is not None and proof.split.method == "time":
        found.append(f"Split by time, rows of one {group[:80]!r} stand in both halves.")
    if proof.groups is not None and proof.groups.few:
        found.append(
            f"The accepted rows tell as much as {proof.groups.effective:.3g} groups of equal size. With fewer "
            f"than {FEW_GROUPS} the proof is not reliable."
        )
    return found


def describe(counts: Counts, of: Cuts, sampling: Sampling = ALL_ROWS) -> dict[str, Any]:
    """Counts as plain values, weight in a weighted holdout; Wilson intervals at 95 %, at effective rows there.

    A precision and its interval are those of the population that the rows were sampled from.
    """
    found: dict[str, Any] = {
        "n": _number(counts.rows, of),
        "positives": _number(counts.positives, of),
        "outside": of.outside,
        "accepted": _number(counts.accepted, of),
        "tp": _number(counts.tp, of),
    }
    for name, base, ends, carry in (
        ("precision", counts.accepted, counts.precision_interval, sampling.in_population),
        ("recall", counts.positives, counts.recall_interval, float),
    ):
        found[name] = carry(counts.tp / base) if base else None
        found[f"{name}_lo"], found[f"{name}_hi"] = map(carry, ends) if base else (None, None)
    return found


def _number(units: int, of: Cuts) -> float:
    return units if not of.weighted else units * of.unit


def _describe_bound(evidence: Evidence, tuned: Counts) -> dict[str, Any]:
    """The bound in the objective's own terms, and how far below it the chosen rule lies."""
    tuning, sampling = evidence.tuning, evidence.sampling
    upper, reached = float(tuning.upper), float(reach(tuning.objective, tuned))
    if evidence.objective.kind == "recall":
        name, upper, reached = "precision_upper", sampling.in_population(upper), sampling.in_population(reached)
    elif evidence.objective.kind == "cost":
        scale = tuning.frontier.of.unit / sampling.keep_positives
        name, upper, reached = "saved_upper", upper * scale, reached * scale
    else:
        positives = tuning.frontier.of.positives
        name, upper, reached = "recall_upper", upper / positives, reached / positives
    return {name: upper, "gap": max(upper - reached, 0.0), "optimal": tuning.optimal and tuned == tuning.counts}


def _describe_proof(proof: Proof, sampling: Sampling) -> dict[str, Any]:
    """How precision was tested, and the answer for the rule."""
    test, groups = proof.test, proof.groups
    how: dict[str, Any] = {"scope": proof.outcome.scope, "design_effect": test.design_effect}
    if isinstance(test, BernsteinTest):
        how["largest_weight"] = test.largest
    if groups is not None:
        how["groups"] = {"effective": groups.effective, "few": groups.few}
        if groups.bound is not None:
            how["groups"]["precision_lower"] = sampling.in_population(groups.bound.lower)
    return {"test": how, **_describe_outcome(proof.outcome, proof.confirm, sampling)}


def _describe_outcome(outcome: Certificate | Refusal, confirm: Cuts, sampling: Sampling) -> dict[str, Any]:
    if isinstance(outcome, Certificate):
        proven = {
            "precision_lower": sampling.in_population(outcome.precision_lower),
            "delta": outcome.delta,
            "p_value": outcome.p_value,
            "tested": outcome.tested,
        }
        return {"confirmed": describe(outcome.confirmed, confirm, sampling) | proven}
    best = outcome.best_certifiable_precision
    return {
        "refused": {
            "reason": outcome.reason if sampling.even else f"Of the sampled rows: {outcome.reason}",
            "best_certifiable_precision": None if best is None else sampling.in_population(best),
            "more_accepted_rows_needed": outcome.more_accepted_rows_needed,
        }
    }


def _describe_gain(gain: Gain | None) -> dict[str, Any] | None:
    if gain is None:
        return None
    names = ("ratio", "ratio_lo", "ratio_hi", "difference", "difference_lo", "difference_hi")
    found = {name: value if isfinite(value := getattr(gain, name)) else None for name in names}
    return {
        "recall_ratio": found["ratio"], "lo": found["ratio_lo"], "hi": found["ratio_hi"],
        "recall_difference": found["difference"], "difference_lo": found["difference_lo"],
        "difference_hi": found["difference_hi"], "confidence": gain.confidence, "n": gain.positives,
        "verdict": gain.verdict,
    }  # fmt: skip
