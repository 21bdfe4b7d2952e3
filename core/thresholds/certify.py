"""From a frontier tuned on one half to a rule whose precision is proven on the other, or a refusal."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.errors import InputError
from core.intervals import wilson
from core.thresholds.binomial import lower_bound, rows_to_certify, tail
from core.thresholds.data import Cuts
from core.thresholds.frontier import Frontier

Scope = Literal["overall", "each level"]
FEWEST_ACCEPTED = 30
GRID = 1_000  # targets tried after a refusal: 1/GRID, 2/GRID, …


@dataclass(frozen=True, slots=True)
class Counts:
    """What a rule does on one half: all rows and positives, and those that it accepts."""

    rows: int
    positives: int
    accepted: int
    tp: int

    @classmethod
    def of_rule(cls, half: Cuts, cuts: tuple[int, ...]) -> "Counts":
        """Look a rule up in the cuts of a half."""
        at = np.arange(half.levels), np.asarray(cuts, dtype=np.int64)
        return cls(half.rows, half.positives, int(half.accepted[at].sum()), int(half.tp[at].sum()))

    @property
    def precision(self) -> float:
        """TP / accepted; NaN where nothing is accepted."""
        return self.tp / self.accepted if self.accepted else float("nan")

    @property
    def recall(self) -> float:
        """TP / positives; NaN without positives."""
        return self.tp / self.positives if self.positives else float("nan")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A rule whose true precision exceeds the target with confidence 1 - delta.

    Attributes
    ----------
    rule, cuts
        Number of the rule on the frontier, and its cut per level.
    tuned, confirmed
        Its counts on the half it was tuned on (optimistic) and on the other half.
    scope
        ``overall``: the precision of all accepted rows. ``each level``: that of every level that accepted rows on the
        tuning half.
    precision_lower
        Lower bound that holds with confidence 1 - delta although the rule was selected: the target, or more where the
        whole sequence passed.
    pointwise_lower
        Clopper-Pearson bound of this rule alone at delta, on all accepted rows. It ignores that the rule was selected:
        not a guarantee.
    p_value
        Of this rule on the confirmation half.
    candidates, passed
        Rules in the sequence, and how many of them were certified.
    """

    rule: int
    cuts: tuple[int, ...]
    tuned: Counts
    confirmed: Counts
    target: float
    delta: float
    scope: Scope
    precision_lower: float
    pointwise_lower: float
    p_value: float
    candidates: int
    passed: int

    @property
    def tested(self) -> int:
        """Number of tests made on the confirmation half: those passed, and the one that failed, if any."""
        return min(self.passed + 1, self.candidates)

    def frame(self) -> pd.DataFrame:
        """One line per half: half, rows, positives, accepted, tp, precision, recall, recall_lo, recall_hi (95 %)."""
        return _halves(self.tuned, self.confirmed)


@dataclass(frozen=True, slots=True)
class Refusal:
    """No rule could be certified.

    Attributes
    ----------
    reason
        Why, in plain words.
    tuned, confirmed
        Counts of the rule that came first in the sequence and failed; None where no rule accepts enough rows.
    best_certifiable_precision
        Largest target below the refused one, on a grid of 0.001, at which the sequence would certify a rule; None where
        there is none. It is *not* a certificate: it is the best of up to a thousand sequences on the same half, each of
        which may err with probability delta. It says what to try on fresh rows.
    more_accepted_rows_needed
        About how many more accepted confirmation rows the failed rule needs if its precision stays as observed; None
        where that precision is not above the target, or where each level was asked for.
    """

    reason: str
    target: float
    delta: float
    scope: Scope
    candidates: int
    cuts: tuple[int, ...]
    tuned: Counts | None = None
    confirmed: Counts | None = None
    best_certifiable_precision: float | None = None
    more_accepted_rows_needed: int | None = None

    def frame(self) -> pd.DataFrame:
        """One line per half for the rule that failed, as in a certificate; empty where there is none."""
        if self.tuned is None or self.confirmed is None:
            return _halves()
        return _halves(self.tuned, self.confirmed)


def certify(
    frontier: Frontier, confirm: Cuts, *, target: float, delta: float, scope: Scope = "overall"
) -> Certificate | Refusal:
    r"""Test the rules of a frontier on fresh rows, in an order fixed beforehand, and return the best that holds.

    Definition
        Rules that accept fewer than 30 rows on the tuning half A, or miss the target there, are dropped. The others are
        sorted by A's p-value of H0 "precision <= target" (ties: more accepted first); those that find fewer positives
        on A than the first of them are dropped too, as they could end the sequence and not win it. The rest is tested
        in that order on the confirmation half B,

        .. math:: p_r = P(\mathrm{Bin}(n_r, \sigma) \ge t_r) \le \delta

        until the first failure (fixed-sequence testing). With scope ``each level``, p is the largest of the levels that
        accepted rows on A: the null is then that *some* level is at or below the target (intersection-union test,
        which needs no correction).

    Parameters
    ----------
    frontier
        Rules traced on A.
    confirm
        Cuts of B on the same edges. The edges, like the rules, must not depend on B.
    target
        Precision to exceed, above 0 and at most 1. A target of 1 is always refused.
    delta
        Probability of certifying a rule that is not better than the target, between 0 and 0.5.

    Returns
    -------
    Certificate or Refusal
        Among the certified rules, the one with most true positives on B; ties go to fewer accepted rows.

    Raises
    ------
    InputError
        Target or delta is out of range; the halves are not on the same edges; a half is weighted.

    Notes
    -----
    Why B may also choose: an error needs the first rule of the sequence with precision <= target to pass, which has
    probability at most delta. Otherwise *all* certified rules are good, so any choice among them is, whatever it looks
    at. (Family-wise error; Learn then Test calls this fixed-sequence testing, Pareto Testing takes the sequence from a
    frontier.)

    What bound may be claimed: the sequence certifies "precision > target" and no more. A selected rule's own
    Clopper-Pearson bound is not simultaneous with that. Only where every rule of the sequence passed is a better bound
    valid, the smallest of their Clopper-Pearson bounds (after Hsu & Berger 1999): if no rule is at or below the
    target, the claim errs only if the bound of the worst rule does.

    Assumptions: rows of B are independent draws from where the rule will be used. For clustered rows see `clustered`,
    for class-sampled and weighted rows `weights`, for another base rate `shift`. Cost O(rules · levels); a refusal
    looks through up to 1,000 targets more.

    References
    ----------
    Angelopoulos, Bates, Candès, Jordan, Lei (2025), Learn then test, Annals of Applied Statistics 19(2),
    arXiv:2110.01052.
    Laufer-Goldshtein, Fisch, Barzilay, Jaakkola (2023), Efficiently controlling multiple risks with Pareto testing,
    arXiv:2210.07913.
    Hsu & Berger (1999), Stepwise confidence intervals without multiplicity adjustment for dose-response and toxicity
    studies, JASA 94.
    """
    check_level(delta, target=target)
    check_halves(frontier.of, confirm)
    order = _sequence(frontier, target=target, scope=scope)
    if not len(order):
        reason = f"No rule accepts {FEWEST_ACCEPTED} rows or more on the tuning half and meets the target there."
        best = _best_certifiable(frontier, confirm, target=target, delta=delta, scope=scope)
        return Refusal(reason, target, delta, scope, 0, _none(confirm), best_certifiable_precision=best)
    p = _p_values(confirm, frontier, order, target=target, scope=scope)
    failed = np.flatnonzero(p > delta)
    passed = int(failed[0]) if len(failed) else len(order)
    if passed == 0:
        return _refuse(frontier, confirm, order, p_value=float(p[0]), target=target, delta=delta, scope=scope)
    return _grant(frontier, confirm, order, p[:passed], target=target, delta=delta, scope=scope)


def check_halves(tuned: Cuts, confirm: Cuts) -> None:
    """Raise unless two halves are counted on the same edges, in whole rows.

    Raises
    ------
    InputError
        The edges differ, or a half is weighted.
    """
    pairs = ((tuned.edges, confirm.edges), (tuned.level_edges, confirm.level_edges))
    if tuned.more_is_certain != confirm.more_is_certain or not all(np.array_equal(a, b) for a, b in pairs):
        raise InputError("The two halves are not counted on the same edges.", fix="Count both with the tuning edges.")
    check_whole_rows(confirm)
    check_whole_rows(tuned)


def check_whole_rows(half: Cuts) -> None:
    """Raise if a half is weighted: weights have no exact binomial tail.

    Raises
    ------
    InputError
        One unit is not one row.
    """
    if half.unit != 1.0:
        raise InputError(
            "A weighted holdout has no exact binomial test.",
            fix="Count without weights and give the sampling rates of the classes, or use the bound for weights.",
        )


def check_level(delta: float, *, target: float) -> None:
    """Raise unless 0 < delta < 0.5 and 0 < target <= 1.

    Raises
    ------
    InputError
        One of them is outside, or NaN.
    """
    if not 0 < target <= 1:
        raise InputError(f"The target is {target!r}.", fix="Give a precision above 0 and at most 1.")
    if not 0 < delta < 0.5:
        raise InputError(f"Delta is {delta!r}.", fix="Give a probability of error above 0 and below 0.5, such as 0.1.")


def _sequence(frontier: Frontier, *, target: float, scope: Scope) -> IntArray:
    meets = np.nan_to_num(frontier.precision) >= target
    rules = np.flatnonzero((frontier.accepted >= FEWEST_ACCEPTED) & meets)
    p = _p_values(frontier.of, frontier, rules, target=target, scope=scope)
    order = rules[np.lexsort((-frontier.accepted[rules], p))]
    return order[frontier.tp[order] >= frontier.tp[order[:1]]]


def _p_values(half: Cuts, frontier: Frontier, rules: IntArray, *, target: float, scope: Scope) -> FloatArray:
    accepted, tp, claimed = _tests(half, frontier, rules, scope=scope)
    return np.asarray(np.where(claimed, tail(tp, accepted, target), 0.0).max(axis=1))


def _tests(half: Cuts, frontier: Frontier, rules: IntArray, *, scope: Scope) -> tuple[IntArray, IntArray, IntArray]:
    """(rules, tests): rows, positives and whether anything is claimed: one test a rule, or one a level."""
    levels, cuts = np.arange(half.levels), frontier.cuts[rules]
    accepted, tp = half.accepted[levels, cuts], half.tp[levels, cuts]
    if scope == "each level":
        return accepted, tp, (frontier.of.accepted[levels, cuts] > 0).astype(np.int64)
    total, hits = accepted.sum(axis=1, keepdims=True), tp.sum(axis=1, keepdims=True)
    return total, hits, np.ones_like(total)


def _grant(
    frontier: Frontier, confirm: Cuts, order: IntArray, p: FloatArray, *, target: float, delta: float, scope: Scope
) -> Certificate:
    """Choose among the rules that passed, which are the first ones of the order: as many as there are p-values."""
    accepted, tp, _ = _tests(confirm, frontier, order[: len(p)], scope="overall")
    chosen = int(np.lexsort((accepted[:, 0], -tp[:, 0]))[0])
    cuts = tuple(frontier.cuts[order[chosen]].tolist())
    confirmed = Counts.of_rule(confirm, cuts)
    whole = len(p) == len(order)
    return Certificate(
        rule=int(order[chosen]),
        cuts=cuts,
        tuned=Counts.of_rule(frontier.of, cuts),
        confirmed=confirmed,
        target=target,
        delta=delta,
        scope=scope,
        precision_lower=_guaranteed(confirm, frontier, order, delta=delta, scope=scope) if whole else target,
        pointwise_lower=float(lower_bound(confirmed.tp, confirmed.accepted, delta)),
        p_value=float(p[chosen]),
        candidates=len(order),
        passed=len(p),
    )


def _guaranteed(confirm: Cuts, frontier: Frontier, order: IntArray, *, delta: float, scope: Scope) -> float:
    """Hsu & Berger's bound for a sequence that passed to its end; it is not below the target, as every test passed."""
    accepted, tp, claimed = _tests(confirm, frontier, order, scope=scope)
    return float(np.where(claimed, lower_bound(tp, accepted, delta), 1.0).min())


def _refuse(
    frontier: Frontier, confirm: Cuts, order: IntArray, *, p_value: float, target: float, delta: float, scope: Scope
) -> Refusal:
    cuts = tuple(frontier.cuts[order[0]].tolist())
    tuned, confirmed = Counts.of_rule(frontier.of, cuts), Counts.of_rule(confirm, cuts)
    needed = None
    if scope == "overall":
        needed = rows_to_certify(confirmed.tp, confirmed.accepted, target=target, delta=delta)
    return Refusal(
        reason=f"The rule most likely to hold has {confirmed.tp:,} positives among {confirmed.accepted:,} accepted "
        f"confirmation rows; chance alone gives that at a true precision of {target:.6g}"
        f"{' on its weakest level' if scope == 'each level' else ''} with probability {p_value:.3g}, "
        f"more than the allowed {delta:.3g}.",
        target=target,
        delta=delta,
        scope=scope,
        candidates=len(order),
        cuts=_none(confirm),
        tuned=tuned,
        confirmed=confirmed,
        best_certifiable_precision=_best_certifiable(frontier, confirm, target=target, delta=delta, scope=scope),
        more_accepted_rows_needed=None if needed is None else needed - confirmed.accepted,
    )


def _best_certifiable(frontier: Frontier, confirm: Cuts, *, target: float, delta: float, scope: Scope) -> float | None:
    """A sequence certifies a rule exactly if its first rule passes, so only that one is looked at."""
    for step in range(int(np.ceil(target * GRID)) - 1, 0, -1):
        first = _sequence(frontier, target=step / GRID, scope=scope)[:1]
        if len(first) and _p_values(confirm, frontier, first, target=step / GRID, scope=scope)[0] <= delta:
            return step / GRID
    return None


def _none(half: Cuts) -> tuple[int, ...]:
    return (0,) * half.levels


def _halves(*counts: Counts) -> pd.DataFrame:
    lines = []
    for half, c in zip(("tuned", "confirmed"), counts, strict=False):
        lo, hi = wilson(c.tp, c.positives)
        line = (half, c.rows, c.positives, c.accepted, c.tp, c.precision, c.recall, float(lo), float(hi))
        lines.append(line)
    names = ["half", "rows", "positives", "accepted", "tp", "precision", "recall", "recall_lo", "recall_hi"]
    return pd.DataFrame(lines, columns=names)
