"""From a frontier tuned on one half to a rule whose precision is proven on the other, or a refusal."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from core.arrays import FloatArray, IntArray
from core.errors import InputError
from core.thresholds.certificate import Certificate, Counts, Refusal
from core.thresholds.data import Cuts
from core.thresholds.frontier import Frontier
from core.thresholds.policy import Scope
from core.thresholds.precision import BINOMIAL, PrecisionTest, Tally, check_delta, check_half, check_target

FEWEST_ACCEPTED = 30
GRID = 1_000  # targets tried after a refusal: 1/GRID, 2/GRID, …


def certify(
    frontier: Frontier,
    confirm: Cuts,
    *,
    target: float,
    delta: float,
    scope: Scope = "overall",
    test: PrecisionTest = BINOMIAL,
) -> Certificate | Refusal:
    r"""Test the rules of a frontier on fresh rows, in an order fixed beforehand, and return the best that holds.

    Definition
        Rules that accept fewer than 30 rows (times the design effect) on the tuning half A, or miss the target
        there, are dropped. The others are
        sorted by A's p-value of H0 "precision <= target" (ties: more accepted first); those that find fewer positives
        on A than the first of them are dropped too, as they could end the sequence and not win it. The rest is tested
        in that order on the confirmation half B,

        .. math:: p_r = P(\mathrm{Bin}(n_r, \sigma) \ge t_r) \le \delta

        (or the p-value of another test) until the first failure (fixed-sequence testing). With scope ``each level``, p
        is the largest of the levels that accepted rows on A: the null is then that *some* level is at or below the
        target (intersection-union test, which needs no correction).

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
    test
        For independent rows that weigh alike, unless another is given; it may depend on A, not on B.

    Returns
    -------
    Certificate or Refusal
        Among the certified rules, the one with most true positives on B; ties go to fewer accepted rows.

    Raises
    ------
    InputError
        Target or delta is out of range; the halves are not on the same edges; a half is weighted, and the test is not;
        a row weighs more than the largest weight.

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
    for class-sampled rows `sampling`, for weighted ones `precision`, for another base rate `shift`. Cost
    O(rules · levels); a refusal looks through up to 1,000 targets more.

    References
    ----------
    Angelopoulos, Bates, Candès, Jordan, Lei (2025), Learn then test, Annals of Applied Statistics 19(2),
    arXiv:2110.01052.
    Laufer-Goldshtein, Fisch, Barzilay, Jaakkola (2023), Efficiently controlling multiple risks with Pareto testing,
    arXiv:2210.07913.
    Hsu & Berger (1999), Stepwise confidence intervals without multiplicity adjustment for dose-response and toxicity
    studies, JASA 94.
    """
    return Trial.of(frontier, confirm, delta=delta, scope=scope, test=test).certify(target)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A frontier that is to be tested, with all that does not depend on the target.

    Attributes
    ----------
    frontier, confirm, delta, scope, test
        As given to :func:`certify`.
    fewest
        A rule that accepts fewer rows of the tuning half is not tested.
    enough
        int64: the rules that accept so many.
    """

    frontier: Frontier
    confirm: Cuts
    delta: float
    scope: Scope
    test: PrecisionTest
    fewest: int
    enough: IntArray

    @classmethod
    def of(cls, frontier: Frontier, confirm: Cuts, *, delta: float, scope: Scope, test: PrecisionTest) -> "Trial":
        """Check what :func:`certify` is given, but for the target."""
        check_delta(delta)
        check_halves(frontier.of, confirm, test=test)
        rows = Tally.of_rules(frontier.of, frontier.cuts).total().rows[:, 0]
        fewest = ceil(FEWEST_ACCEPTED * test.design_effect)
        return cls(frontier, confirm, delta, scope, test, fewest, np.flatnonzero(rows >= fewest))

    def certify(self, target: float) -> Certificate | Refusal:
        """Test the sequence, and grant or refuse."""
        check_target(target)
        order = self.sequence(target)
        if not len(order):
            reason = f"No rule accepts {self.fewest:,} rows or more on the tuning half and meets the target there."
            best, none = self._best_certifiable(target), _none(self.confirm)
            return Refusal(reason, target, self.delta, self.scope, 0, none, best_certifiable_precision=best)
        p = self.p_values(Tally.of_rules(self.confirm, self.frontier.cuts[order]), order, target)
        failed = np.flatnonzero(p > self.delta)
        passed = int(failed[0]) if len(failed) else len(order)
        if passed == 0:
            return self._refuse(order, p_value=float(p[0]), target=target)
        return self._grant(order, p[:passed], target=target)

    def sequence(self, target: float) -> IntArray:
        """Numbers of the rules to test, in order; nothing of the confirmation half enters."""
        frontier = self.frontier
        rules = self.enough[frontier.precision[self.enough] >= target]
        p = self.p_values(Tally.of_rules(frontier.of, frontier.cuts[rules]), rules, target)
        order = rules[np.lexsort((-frontier.accepted[rules], p))]
        return np.asarray(order[frontier.tp[order] >= frontier.tp[order[:1]]])

    def p_values(self, tally: Tally, rules: IntArray, target: float) -> FloatArray:
        """One per rule, from what rules accept on each level; (…, rules)."""
        claimed = self._claimed(rules)
        return np.asarray(np.where(claimed, self.test.p_values(self._tested(tally), target), 0.0).max(axis=-1))

    def _lower_bounds(self, rules: IntArray) -> FloatArray:
        tally = self._tested(Tally.of_rules(self.confirm, self.frontier.cuts[rules]))
        return np.asarray(np.where(self._claimed(rules), self.test.lower_bounds(tally, self.delta), 1.0).min(axis=-1))

    def _tested(self, tally: Tally) -> Tally:
        """One test a rule, or one a level."""
        return tally if self.scope == "each level" else tally.total()

    def _claimed(self, rules: IntArray) -> npt.NDArray[np.bool_]:
        """(rules, tests): whether anything is claimed."""
        if self.scope == "each level":
            return np.asarray(Tally.of_rules(self.frontier.of, self.frontier.cuts[rules]).rows > 0)
        return np.ones((len(rules), 1), dtype=np.bool_)

    def _grant(self, order: IntArray, p: FloatArray, *, target: float) -> Certificate:
        """Choose among the rules that passed, which are the first ones of the order: as many as there are p-values."""
        passed = self.frontier.cuts[order[: len(p)]]
        tally = Tally.of_rules(self.confirm, passed).total()
        chosen = int(np.lexsort((tally.w[:, 0], -tally.wy[:, 0]))[0])
        cuts = tuple(passed[chosen].tolist())
        alone = Tally.of_rules(self.confirm, cuts).total()
        # Hsu & Berger's bound, where the whole sequence passed; a bound on a grid may be rounded below the target.
        guaranteed = float(self._lower_bounds(order).min()) if len(p) == len(order) else target
        return Certificate(
            rule=int(order[chosen]),
            cuts=cuts,
            tuned=Counts.of_rule(self.frontier.of, cuts),
            confirmed=Counts.of_rule(self.confirm, cuts),
            target=target,
            delta=self.delta,
            scope=self.scope,
            precision_lower=max(guaranteed, target),
            pointwise_lower=self.test.lower_bounds(alone, self.delta).item(),
            p_value=float(p[chosen]),
            candidates=len(order),
            passed=len(p),
        )

    def _refuse(self, order: IntArray, *, p_value: float, target: float) -> Refusal:
        cuts = tuple(self.frontier.cuts[order[0]].tolist())
        tally, needed = Tally.of_rules(self.confirm, cuts).total(), None
        if self.scope == "overall":
            needed = self.test.rows_needed(tally, target=target, delta=self.delta)
        return Refusal(
            reason=f"The rule most likely to hold has {self.test.describe(tally)}; "
            f"chance alone gives that at a true precision of {target:.6g}"
            f"{' on its weakest level' if self.scope == 'each level' else ''} with probability {p_value:.3g}, "
            f"more than the allowed {self.delta:.3g}.",
            target=target,
            delta=self.delta,
            scope=self.scope,
            candidates=len(order),
            cuts=_none(self.confirm),
            tuned=Counts.of_rule(self.frontier.of, cuts),
            confirmed=Counts.of_rule(self.confirm, cuts),
            best_certifiable_precision=self._best_certifiable(target),
            more_accepted_rows_needed=None if needed is None else max(needed - int(tally.rows.item()), 1),
        )

    def _best_certifiable(self, target: float) -> float | None:
        """A sequence certifies a rule exactly if its first rule passes, so only that one is looked at."""
        for step in range(int(np.ceil(target * GRID)) - 1, 0, -1):
            first = self.sequence(step / GRID)[:1]
            tally = Tally.of_rules(self.confirm, self.frontier.cuts[first])
            if len(first) and self.p_values(tally, first, step / GRID)[0] <= self.delta:
                return step / GRID
        return None


def check_halves(tuned: Cuts, confirm: Cuts, *, test: PrecisionTest) -> None:
    """Raise unless two halves are counted on the same edges, and can be tested like this.

    Raises
    ------
    InputError
        The edges differ, or a half is weighted and the test is not.
    """
    pairs = ((tuned.edges, confirm.edges), (tuned.level_edges, confirm.level_edges))
    if tuned.more_is_certain != confirm.more_is_certain or not all(np.array_equal(a, b) for a, b in pairs):
        raise InputError("The two halves are not counted on the same edges.", fix="Count both with the tuning edges.")
    check_half(confirm, test)
    check_half(tuned, test)


def _none(half: Cuts) -> tuple[int, ...]:
    return (0,) * half.levels
