"""All methods at one question: what each finds, how far it is from the bound, and what fresh rows say."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd

from core.errors import InfeasibleTarget, InputError, RecScopeError
from core.intervals import wilson
from core.thresholds.certify import Certificate, Refusal, certify
from core.thresholds.data import Cuts
from core.thresholds.objective import Objective
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
    """

    objective: Objective
    answers: tuple[Answer, ...]

    def frame(self) -> pd.DataFrame:
        """One line per method.

        Columns method, recall_tuned, precision_tuned, recall_confirmed with recall_confirmed_lo and _hi (95 % Wilson),
        gap (to the bound, in positives as a share of all; for kind recall in precision; for kind cost in costs of a
        false negative), certified (yes, no, or nothing where not tested), note.
        """
        return pd.DataFrame([_line(answer) for answer in self.answers])

    def curves(self) -> pd.DataFrame:
        """One line per rule of every method, by rising recall.

        Columns method, recall, precision, lo, hi (95 % Wilson interval of the precision on the tuning rows; NaN with
        weights), accepted, tp. Rules that accept nothing are left out.
        """
        parts = [_curve(answer.tuning) for answer in self.answers if answer.tuning is not None]
        empty = pd.DataFrame(columns=["method", "recall", "precision", "lo", "hi", "accepted", "tp"])
        return pd.concat(parts, ignore_index=True) if parts else empty

    def answer(self, method: Method) -> Answer:
        """The answer of one method."""
        return next(answer for answer in self.answers if answer.method == method)


def compare_methods(
    tuned: Cuts, objective: Objective, *, confirm: Cuts | None = None, delta: float = 0.1
) -> Comparison:
    """Ask every method, and certify each by itself where a confirmation half is given.

    Notes
    -----
    Each certificate errs with probability at most delta *by itself*. Choosing among methods by what the confirmation
    half says is another look at it: see :mod:`core.thresholds.ledger`.
    """
    return Comparison(objective, tuple(_ask(method, tuned, objective, confirm, delta) for method in get_args(Method)))


def _ask(method: Method, tuned: Cuts, objective: Objective, confirm: Cuts | None, delta: float) -> Answer:
    try:
        tuning = tune(tuned, objective, method=method)
    except (InfeasibleTarget, InputError) as error:
        return Answer(method, None, None, _why(error))
    if confirm is None or objective.kind != "precision":
        return Answer(method, tuning, None, "")
    outcome = certify(tuning.frontier, confirm, target=objective.target, delta=delta)
    return Answer(method, tuning, outcome, outcome.reason if isinstance(outcome, Refusal) else "")


def _why(error: RecScopeError) -> str:
    return f"{error} {error.fix}"


def _line(answer: Answer) -> dict[str, object]:
    nothing = float("nan")
    found: dict[str, object] = dict.fromkeys(
        ("recall_tuned", "precision_tuned", "recall_confirmed", "recall_confirmed_lo", "recall_confirmed_hi", "gap"),
        nothing,
    )
    if answer.tuning is not None:
        shown = answer.outcome.tuned if isinstance(answer.outcome, Certificate) else answer.tuning.counts
        found |= {"recall_tuned": shown.recall, "precision_tuned": shown.precision, "gap": _gap(answer.tuning)}
    if isinstance(answer.outcome, Certificate):
        counts = answer.outcome.confirmed
        lo, hi = wilson(counts.tp, counts.positives)
        found |= {
            "recall_confirmed": counts.recall,
            "recall_confirmed_lo": float(lo),
            "recall_confirmed_hi": float(hi),
        }
    certified = "" if answer.outcome is None else "yes" if isinstance(answer.outcome, Certificate) else "no"
    return {"method": NAMES[answer.method], **found, "certified": certified, "note": answer.reason}


def _gap(tuning: Tuning) -> float:
    gap = float(tuning.upper - tuning.goal)
    of = tuning.frontier.of
    scale = {"recall": 1.0, "cost": of.unit}.get(tuning.objective.kind, 1 / of.positives)
    return max(gap, 0.0) * scale


def _curve(tuning: Tuning) -> pd.DataFrame:
    frontier = tuning.frontier
    kept = np.flatnonzero(frontier.accepted > 0)
    kept = kept[np.lexsort((-frontier.precision[kept], frontier.recall[kept]))]
    accepted, tp = frontier.accepted[kept], frontier.tp[kept]
    lo, hi = wilson(tp, accepted)
    whole = frontier.of.unit == 1.0
    return pd.DataFrame(
        {
            "method": tuning.method,
            "recall": frontier.recall[kept],
            "precision": frontier.precision[kept],
            "lo": lo if whole else np.nan,
            "hi": hi if whole else np.nan,
            "accepted": accepted * frontier.of.unit,
            "tp": tp * frontier.of.unit,
        }
    )
