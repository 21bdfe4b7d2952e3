"""A rule with its proof, beside the single threshold with its own: what a person signs, and what a pipeline reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from core.errors import InfeasibleTarget, InputError
from core.holdout.data import Holdout
from core.intervals import wilson
from core.thresholds.apply import counts_of, thresholds_of
from core.thresholds.certify import Certificate, Counts, Refusal, certify
from core.thresholds.data import Cuts
from core.thresholds.gain import Gain, measure_gain
from core.thresholds.halves import Halves, Split
from core.thresholds.mist import NO_PINS
from core.thresholds.objective import Objective
from core.thresholds.policy import Columns, Confirmation, Policy, Versions
from core.thresholds.tuning import Method, Tuning, reach, tune


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """What the confirmation half said.

    Attributes
    ----------
    split, delta
        How the rows were divided, and the probability of error that was allowed.
    confirm
        Cuts of the confirmation half.
    outcome
        For the method's rules.
    baseline
        For the single threshold, by the same procedure; None where no single threshold meets the target.
    gain
        Of the one over the other, by recall on the confirmation half.
    """

    split: Split
    delta: float
    confirm: Cuts
    outcome: Certificate | Refusal
    baseline: Certificate | Refusal | None
    gain: Gain | None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A tuned rule, the tuned single threshold, and the proof of both where it was asked for.

    Attributes
    ----------
    tuning, baseline
        On the tuning rows; ``baseline`` is None where no single threshold meets the target.
    proof
        None where all rows were used for tuning.
    """

    tuning: Tuning
    baseline: Tuning | None
    proof: Proof | None

    @property
    def cuts(self) -> tuple[int, ...] | None:
        """Cuts of the rule to use: the certified one, or the tuned one where no proof was asked; None if refused."""
        if self.proof is None:
            return self.tuning.cuts
        return self.proof.outcome.cuts if isinstance(self.proof.outcome, Certificate) else None

    def policy(self, holdout: Holdout) -> Policy:
        """The rule to use as a policy.

        Raises
        ------
        InputError
            The proof was refused; or the holdout is weighted, and its row counts are not known here.
        """
        if self.cuts is None:
            raise InputError(
                "No rule was certified, so there is no policy.", fix="Lower the target, or bring more rows."
            )
        return make_policy(self.tuning, self.cuts, holdout, proof=self.proof)

    def to_json(self) -> dict[str, Any]:
        """Plain values: tuned, bound, baseline, and confirmed or refused, gain, where a proof was asked for."""
        of = self.tuning.frontier.of
        chosen = self.cuts or self.tuning.cuts
        tuned = Counts.of_rule(of, chosen)
        baseline = None if self.baseline is None else {"tuned": describe(self.baseline.counts, of)}
        found: dict[str, Any] = {"method": self.tuning.method, "tuned": describe(tuned, of)}
        found["bound"] = _describe_bound(self.tuning, tuned)
        if self.proof is not None:
            found |= _describe_outcome(self.proof.outcome, self.proof.confirm)
            if baseline is not None and self.proof.baseline is not None:
                baseline |= _describe_outcome(self.proof.baseline, self.proof.confirm)
        return found | {"baseline": baseline, "gain": _describe_gain(self.proof.gain if self.proof else None)}


def tune_all(cuts: Cuts, objective: Objective, *, method: Method, pinned: Mapping[int, int] = NO_PINS) -> Evidence:
    """Tune on all rows, without a proof.

    Raises
    ------
    InfeasibleTarget
        No rule of the method meets the target.
    """
    tuning = tune(cuts, objective, method=method, pinned=pinned)
    return Evidence(tuning, _tune_single(cuts, objective), None)


def tune_and_prove(
    halves: Halves,
    objective: Objective,
    *,
    method: Method,
    split: Split,
    delta: float,
    rng: np.random.Generator,
    pinned: Mapping[int, int] = NO_PINS,
) -> Evidence:
    """Tune on one half, and certify what was found on the other; the single threshold likewise.

    Raises
    ------
    InfeasibleTarget
        No rule of the method meets the target, even on the tuning half.
    InputError
        The objective is not a precision; delta is out of range; the holdout is weighted.
    """
    if objective.kind != "precision":
        raise InputError(
            f"Only a precision can be certified, not a {objective.kind}.", fix="Give a target precision, or tune only."
        )
    tuning = tune(halves.tuned, objective, method=method, pinned=pinned)
    single = _tune_single(halves.tuned, objective)
    outcome = certify(tuning.frontier, halves.confirm, target=objective.target, delta=delta)
    if single is None:
        return Evidence(tuning, None, Proof(split, delta, halves.confirm, outcome, None, None))
    baseline = certify(single.frontier, halves.confirm, target=objective.target, delta=delta)
    gain = measure_gain(halves.confirm, outcome.cuts, baseline.cuts, rng=rng)
    return Evidence(tuning, single, Proof(split, delta, halves.confirm, outcome, baseline, gain))


def _tune_single(cuts: Cuts, objective: Objective) -> Tuning | None:
    try:
        return tune(cuts, objective, method="single")
    except InfeasibleTarget:
        return None


def make_policy(tuning: Tuning, cuts: tuple[int, ...], holdout: Holdout, *, proof: Proof | None) -> Policy:
    """A rule on the tuning's cuts as a policy; confirmed only if it is the one that was certified.

    Raises
    ------
    InputError
        The holdout is weighted: a policy states counts of rows.
    """
    of = tuning.frontier.of
    certified = proof is not None and isinstance(proof.outcome, Certificate) and proof.outcome.cuts == cuts
    confirmed = None
    if proof is not None and certified:
        confirmed = Confirmation(proof.delta, proof.split.method, counts_of(proof.confirm, cuts))
    return Policy(
        columns=Columns(holdout.roles.score, holdout.roles.uncertainty, holdout.roles.uncertainty_kind),
        level_edges=tuple(of.level_edges.tolist()),
        thresholds=thresholds_of(of, np.array(cuts)),
        outside="reject",
        objective=tuning.objective,
        method=tuning.method.replace("_", "-"),
        seed=proof.split.seed if proof else 0,
        tuned=counts_of(of, cuts),
        confirmed=confirmed,
        data_digest=holdout.digest,
        versions=Versions.here(),
    )


def describe(counts: Counts, of: Cuts) -> dict[str, Any]:
    """Counts as plain values; Wilson intervals at 95 %, none in a weighted holdout, whose units are weight."""
    found: dict[str, Any] = {
        "n": _number(counts.rows, of),
        "positives": _number(counts.positives, of),
        "accepted": _number(counts.accepted, of),
        "tp": _number(counts.tp, of),
    }
    for name, value, base in (
        ("precision", counts.precision, counts.accepted),
        ("recall", counts.recall, counts.positives),
    ):
        lo, hi = wilson(counts.tp, base)
        known = base > 0
        whole = known and of.unit == 1.0
        found[name] = value if known else None
        found[f"{name}_lo"], found[f"{name}_hi"] = (float(lo), float(hi)) if whole else (None, None)
    return found


def _number(units: int, of: Cuts) -> float:
    return units if of.unit == 1.0 else units * of.unit


def _describe_bound(tuning: Tuning, tuned: Counts) -> dict[str, Any]:
    """The bound in the objective's own terms, and how far below it the chosen rule lies."""
    kind = tuning.objective.kind
    name, scale = {
        "recall": ("precision_upper", 1.0),
        "cost": ("saved_upper", tuning.frontier.of.unit),
    }.get(kind, ("recall_upper", 1 / tuning.frontier.of.positives))
    upper = float(tuning.upper) * scale
    gap = upper - float(reach(tuning.objective, tuned)) * scale
    return {name: upper, "gap": max(gap, 0.0), "optimal": tuning.optimal and tuned == tuning.counts}


def _describe_outcome(outcome: Certificate | Refusal, confirm: Cuts) -> dict[str, Any]:
    if isinstance(outcome, Certificate):
        proven = {
            "precision_lower": outcome.precision_lower,
            "delta": outcome.delta,
            "p_value": outcome.p_value,
            "tested": outcome.tested,
        }
        return {"confirmed": describe(outcome.confirmed, confirm) | proven}
    return {
        "refused": {
            "reason": outcome.reason,
            "best_certifiable_precision": outcome.best_certifiable_precision,
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
