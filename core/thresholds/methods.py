"""All methods at one question: what each finds, how far it is from the bound, and what fresh rows say."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

import numpy as np
import pandas as pd

from core.errors import InfeasibleTarget, InputError, RecScopeError
from core.thresholds.certificate import Certificate, Counts, Refusal
from core.thresholds.certify import certify
from core.thresholds.data import Cuts
from core.thresholds.frontier import Frontier
from core.thresholds.objective import Objective
from core.thresholds.policy import Scope
from core.thresholds.precision import BINOMIAL, PrecisionTest, Tally
from core.thresholds.sampling import ALL_ROWS, Sampling
from core.thresholds.tuning import Method, Tuning, tune

NAMES: dict[Method, str] = {
    "exact": "Exact optimum",
    "mist": "Isotonic (MIST)",
    "ew_dpmt": "Equal-weight program (EW-DPMT)",
    "greedy": "Greedy",
    "single": "One threshold",
    "recalibrated": "One threshold, recalibrated",
}


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one method says; ``reason`` is why it says nothing, or why it was not certified."""

    method: Method
    tuning: Tuning | None
    outcome: Certificate | Refusal | None
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Answers of all methods to the same question, on the same rows.

    Attributes
    ----------
    objective
        The question.
    answers
        One per method.
    sampling
        Which shares of the classes the rows hold: precisions are those of the population.
    """

    objective: Objective
    answers: tuple[Answer, ...]
    sampling: Sampling = ALL_ROWS

    def frame(self) -> pd.DataFrame:
        """One line per method.

        Columns method, recall_tuned (of the method's best rule on the tuning rows), gap (of that rule to the bound, in
        positives as a share of all; for kind recall in precision; for kind cost in costs of a false negative),
        certified (missing where not tested), recall_certified_tuned and recall_confirmed (of the certified
        rule on both halves), note. Each recall has its 95 % Wilson interval in _lo and _hi.
        """
        return pd.DataFrame([_line(answer) for answer in self.answers]).astype({"certified": "boolean"})

    def curves(self) -> pd.DataFrame:
        """One line per rule of every method, by rising recall.

        Columns method, recall, precision, precision_lo, precision_hi (95 % Wilson interval on the tuning rows),
        accepted, tp. Rules that accept nothing are left out.
        """
        parts = [_curve(answer.tuning, self.sampling) for answer in self.answers if answer.tuning is not None]
        empty = pd.DataFrame(
            columns=["method", "recall", "precision", "precision_lo", "precision_hi", "accepted", "tp"]
        )
        return pd.concat(parts, ignore_index=True) if parts else empty

    def settle(self, method: Method, outcome: Certificate | Refusal) -> "Comparison":
        """With the outcome of one method, which was asked more than the others."""
        answers = tuple(
            replace(one, outcome=outcome, reason=_reason(outcome)) if one.method == method else one
            for one in self.answers
        )
        return replace(self, answers=answers)

    def answer(self, method: Method) -> Answer:
        """The answer of one method."""
        return next(answer for answer in self.answers if answer.method == method)


def compare_methods(
    tuned: Cuts,
    objective: Objective,
    *,
    confirm: Cuts | None = None,
    delta: float = 0.1,
    sampling: Sampling = ALL_ROWS,
    scope: Scope = "overall",
    test: PrecisionTest = BINOMIAL,
) -> Comparison:
    """Ask every method, and certify each by itself where a confirmation half is given.

    Notes
    -----
    Each certificate errs with probability at most delta *by itself*. Choosing among methods by what the confirmation
    half says is another look at it: see :mod:`core.thresholds.proof_log`.
    """
    asked = sampling.in_sample(objective)
    prove = None
    if confirm is not None and objective.kind == "precision":
        prove = partial(certify, confirm=confirm, target=asked.target, delta=delta, scope=scope, test=test)
    answers = tuple(_ask(method, tuned, asked, prove) for method in get_args(Method))
    return Comparison(objective, answers, sampling)


def _ask(
    method: Method, tuned: Cuts, objective: Objective, prove: Callable[[Frontier], Certificate | Refusal] | None
) -> Answer:
    try:
        tuning = tune(tuned, objective, method=method)
    except (InfeasibleTarget, InputError) as error:
        return Answer(method, None, None, _why(error))
    if prove is None:
        return Answer(method, tuning, None, "")
    outcome = prove(tuning.candidates)
    return Answer(method, tuning, outcome, _reason(outcome))


def _reason(outcome: Certificate | Refusal) -> str:
    return outcome.reason if isinstance(outcome, Refusal) else ""


def _why(error: RecScopeError) -> str:
    return f"{error} {error.fix}"


def _line(answer: Answer) -> dict[str, object]:
    outcome, tuning = answer.outcome, answer.tuning
    granted = outcome if isinstance(outcome, Certificate) else None
    return {
        "method": NAMES[answer.method],
        **_rate("recall_tuned", None if tuning is None else tuning.counts),
        "gap": float("nan") if tuning is None else _gap(tuning),
        "certified": None if outcome is None else granted is not None,
        **_rate("recall_certified_tuned", None if granted is None else granted.tuned),
        **_rate("recall_confirmed", None if granted is None else granted.confirmed),
        "note": answer.reason,
    }


def _rate(name: str, counts: Counts | None) -> dict[str, float]:
    """Recall with its interval; NaN where there is none."""
    values = (float("nan"),) * 3 if counts is None else (counts.recall, *counts.recall_interval)
    return dict(zip((name, f"{name}_lo", f"{name}_hi"), values, strict=True))


def _gap(tuning: Tuning) -> float:
    gap = float(tuning.upper - tuning.goal)
    of = tuning.frontier.of
    scale = {"recall": 1.0, "cost": of.unit}.get(tuning.objective.kind, 1 / of.positives)
    return max(gap, 0.0) * scale


def _curve(tuning: Tuning, sampling: Sampling) -> pd.DataFrame:
    frontier = tuning.frontier
    kept = np.flatnonzero(frontier.accepted > 0)
    kept = kept[np.lexsort((-frontier.precision[kept], frontier.recall[kept]))]
    lo, hi = (
        sampling.in_population(end[:, 0]) for end in Tally.of_rules(frontier.of, frontier.cuts[kept]).total().interval()
    )
    return pd.DataFrame(
        {
            "method": tuning.method,
            "recall": frontier.recall[kept],
            "precision": sampling.in_population(frontier.precision[kept]),
            "precision_lo": lo,
            "precision_hi": hi,
            "accepted": frontier.accepted[kept] * frontier.of.unit,
            "tp": frontier.tp[kept] * frontier.of.unit,
        }
    )
