"""The true optimum for bins of any weight, or the best rule found and a proven bound."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from core.arrays import FloatArray, IntArray
from core.thresholds.data import Cuts
from core.thresholds.frontier import Frontier
from core.thresholds.mist import NO_PINS, Blocks, bound_goal, rank_blocks, trace_mist
from core.thresholds.objective import Objective

SCOUT, BUDGET = 2**14, 2**20
ROUNDING = 2.0**-44  # of sums and interpolations in float64 over up to 128 levels, relative to the largest term


@dataclass(frozen=True, slots=True, eq=False)
class ExactSolution:
    """The best rule for one objective, and what is proven about it.

    Attributes
    ----------
    frontier
        Holds the one rule.
    goal
        What it reaches, exactly: positives found, in units (kinds precision and capacity); precision (kind recall);
        cost saved against accepting none, in units of one false negative (kind cost).
    upper
        No rule on these cuts reaches more; equal to ``goal`` if ``optimal``.
    """

    frontier: Frontier
    goal: Fraction
    upper: Fraction

    @property
    def cuts(self) -> tuple[int, ...]:
        """Cut of each level."""
        return tuple(self.frontier.cuts[0].tolist())

    @property
    def accepted(self) -> int:
        """Rows accepted, in units."""
        return int(self.frontier.accepted[0])

    @property
    def tp(self) -> int:
        """Positives accepted, in units."""
        return int(self.frontier.tp[0])

    @property
    def optimal(self) -> bool:
        """Whether the rule is proven to be the best on these cuts."""
        return self.goal >= self.upper


def solve_exact(
    cuts: Cuts, objective: Objective, *, pinned: Mapping[int, int] = NO_PINS, budget: int = BUDGET
) -> ExactSolution:
    r"""Find the best rule on these cuts.

    Definition
        A multiple-choice knapsack: one cut :math:`j_k` of each level k, all numbers integers,

        .. math:: \max \sum_k v_k[j_k] \quad \text{subject to} \quad \sum_k s_k[j_k] \ge b

        - precision p/q: value v = c, slack s = q c - p n, b = 0;
        - capacity C: v = c, s = -n, b = -C;
        - recall p/q: Dinkelbach's iteration on the precision N/D reached so far, v = D c - N n, s = c, b = ⌈p P / q⌉;
        - cost p/q of a false positive: v = q c - p (n - c) without a constraint, so each level is solved by itself.

    Parameters
    ----------
    cuts
        Candidate cuts, with n rows and c positives at each.
    objective
        What to optimise.
    pinned
        Level → cut, for levels set by hand; the others are optimised around them.
    budget
        Most sums formed at each level, about 100 bytes each. A hard instance that overruns it ends with the best rule
        found, and the bound that holds for what was left out.

    Returns
    -------
    ExactSolution
        The rule; of equally good ones that with fewer rows (kind recall: with more positives) where the budget is not
        overrun. Never worse than the rule of MIST.

    Raises
    ------
    InfeasibleTarget
        No rule meets the target.
    InputError
        A pinned level or cut does not exist.

    Notes
    -----
    1. The incumbent is the best rule of MIST. The linear relaxation, which MIST all but solves, gives each cut a
       reduced cost; a cut whose reduced cost exceeds the gap between the relaxation and the incumbent goes.
    2. Levels are combined one by one. Of the sums (slack, value) only undominated ones are kept, and of these those
       that the relaxation of the levels to come could still lift to the incumbent.
    3. Each sum is also completed by whole blocks of the levels to come, which soon gives a better incumbent. A first
       pass that keeps few sums (``SCOUT``) finds one that is nearly always optimal; the second proves it.

    Counts are compared in integers. Only bounds are floats, and are raised by more than their rounding. NP-hard in
    general (subset sum), so no time is promised; the work is at most of order levels · ``budget``.

    References
    ----------
    Sinha and Zoltners (1979), The multiple-choice knapsack problem, Operations Research 27 (relaxation). Pisinger
    (1995), A minimal algorithm for the multiple-choice knapsack problem, European Journal of Operational Research 83
    (reduction). Dinkelbach (1967), On nonlinear fractional programming, Management Science 13.

    Examples
    --------
    At a precision of 0.7 level 1 is taken whole, 3 positives in 4 rows; one more bin would give 4 in 6.

    >>> accepted, tp = np.array([[0, 2, 4], [0, 2, 6]]), np.array([[0, 2, 3], [0, 1, 1]])
    >>> cuts = Cuts(np.array([0, 0.5, 1]), accepted, tp, 1.0, np.array([0.0, 1, 2]), False)
    >>> best = solve_exact(cuts, Objective("precision", 0.7))
    >>> best.cuts, best.tp, best.accepted, best.optimal
    ((2, 0), 3, 4, True)
    """
    if objective.kind == "cost":
        return _minimise_cost(cuts, objective, pinned)
    mist = trace_mist(cuts, pinned=pinned)
    blocks = rank_blocks(cuts, pinned=pinned)
    if objective.kind == "recall":
        return _maximise_precision(mist, objective, blocks, budget)
    solved = _Knapsack.of(cuts, objective, blocks).solve(mist.cuts[mist.best(objective)], budget)
    frontier = Frontier.of_cuts("exact", cuts, solved.rule[None])
    upper = min(Fraction(solved.upper), bound_goal(mist, objective))
    return ExactSolution(frontier, Fraction(int(frontier.tp[0])), upper)


def _minimise_cost(cuts: Cuts, objective: Objective, pinned: Mapping[int, int]) -> ExactSolution:
    start = rank_blocks(cuts, pinned=pinned).start
    numerator, denominator = objective.ratio
    saved = denominator * cuts.tp - numerator * (cuts.accepted - cuts.tp)
    free = np.array([level not in pinned for level in range(cuts.levels)])
    rule = np.where(free, np.argmax(saved, axis=1), start)
    goal = Fraction(int(saved[np.arange(cuts.levels), rule].sum()), denominator)
    return ExactSolution(Frontier.of_cuts("exact", cuts, rule[None]), goal, goal)


def _maximise_precision(mist: Frontier, objective: Objective, blocks: Blocks, budget: int) -> ExactSolution:
    """Dinkelbach: N/D being the best precision so far, take the rule with most D · TP - N · rows while that rises."""
    rule = mist.cuts[mist.best(objective)]
    while True:
        frontier = Frontier.of_cuts("exact", mist.of, rule[None])
        goal = Fraction(int(frontier.tp[0]), int(frontier.accepted[0]))
        knapsack = _Knapsack.of(mist.of, objective, blocks, precision=goal)
        solved = knapsack.solve(rule, budget)
        if np.array_equal(solved.rule, rule):
            above = Fraction(solved.upper, goal.denominator * knapsack.bound)  # rows >= TP >= bound
            return ExactSolution(frontier, goal, min(goal + above, bound_goal(mist, objective)))
        rule = solved.rule


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    """A rule, and a bound on the value of all rules."""

    rule: IntArray
    upper: int


@dataclass(frozen=True, slots=True, eq=False)
class _Knapsack:
    """Slack and value of each cut, int64 (levels, bins + 1), and of each block, int64 (blocks,)."""

    slack: IntArray
    value: IntArray
    bound: int
    blocks: Blocks
    block_slack: IntArray
    block_value: IntArray

    @classmethod
    def of(cls, cuts: Cuts, objective: Objective, blocks: Blocks, precision: Fraction = Fraction(0)) -> "_Knapsack":
        """State an objective as a knapsack; ``precision`` is what Dinkelbach's iteration has reached."""
        p, q = objective.ratio

        def measure(accepted: IntArray, tp: IntArray) -> tuple[IntArray, IntArray]:
            if objective.kind == "precision":
                return q * tp - p * accepted, tp
            if objective.kind == "capacity":
                return -accepted, tp
            return tp, precision.denominator * tp - precision.numerator * accepted

        bounds = {"precision": 0, "capacity": -cuts.units(objective.target), "recall": -(-p * cuts.positives // q)}
        slack, value = measure(cuts.accepted, cuts.tp)
        return cls(slack, value, bounds[objective.kind], blocks, *measure(blocks.rows, blocks.positives))

    def solve(self, start: IntArray, budget: int) -> _Solved:
        """Find the best rule, or one as good as the budget allows, never worse than ``start``."""
        search = _Search(self, start)
        search.run(min(SCOUT, budget))
        if search.dropped >= search.best_value:
            search.run(budget)
        return _Solved(search.best_rule, int(max(search.best_value, search.dropped)))


class _Relaxation:
    """The linear relaxation of some levels as a function of the slack that they must bring.

    Points (slack rising, value falling) are sums of whole blocks; between two of them one block is taken in part.
    """

    def __init__(self, knapsack: _Knapsack, levels: list[int]) -> None:
        self._of = np.flatnonzero(np.isin(knapsack.blocks.level, levels))
        slack, value = (
            np.concatenate([[0], np.cumsum(of[self._of])]) for of in (knapsack.block_slack, knapsack.block_value)
        )
        self.taken = _undominated(slack, value)[::-1]
        self.slack, self.value = slack[self.taken], value[self.taken]
        self._blocks = knapsack.blocks

    def ceiling(self, need: IntArray) -> FloatArray:
        """Most value with at least this slack, one block in part; -inf where there is none."""
        return np.asarray(np.interp(need, self.slack, self.value, right=-np.inf), dtype=np.float64)

    def price(self, need: int) -> float:
        """Value that one more unit of needed slack costs."""
        at = int(np.searchsorted(self.slack, need))
        if at in (0, len(self.slack)):
            return 0.0
        return float((self.value[at - 1] - self.value[at]) / (self.slack[at] - self.slack[at - 1]))

    def blocks_at(self, point: int) -> IntArray:
        """Numbers of the blocks behind one point."""
        return self._of[: self.taken[point]]


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Undominated sums over the levels so far, and the sum and the cut that each came from."""

    slack: IntArray
    value: IntArray
    parent: IntArray
    cut: IntArray
    ceiling: FloatArray


class _Search:
    """Combines the levels, keeping sums that may beat the best rule known."""

    def __init__(self, knapsack: _Knapsack, start: IntArray) -> None:
        self.knapsack = knapsack
        self.order = np.unique(knapsack.blocks.level).tolist()
        fixed = np.setdiff1d(np.arange(len(start)), self.order)
        self.base = knapsack.blocks.start
        self.root = [int(of[fixed, self.base[fixed]].sum()) for of in (knapsack.slack, knapsack.value)]
        at = np.arange(len(start))
        self.best_rule = start
        self.best_value = int(knapsack.value[at, start].sum())
        self.best_slack = int(knapsack.slack[at, start].sum())
        self.dropped = -np.inf
        self._price_cuts()

    def _price_cuts(self) -> None:
        """Bound what a rule with each cut can reach, from the multiplier of the relaxation."""
        whole, need = _Relaxation(self.knapsack, self.order), self.knapsack.bound - self.root[0]
        price = whole.price(need)
        slack, value = self.knapsack.slack[self.order], self.knapsack.value[self.order]
        size = np.abs(value).max(axis=1, initial=0).sum() + price * np.abs(slack).max(axis=1, initial=0).sum()
        self.margin = ROUNDING * float(size + abs(self.root[1]))
        worth = value + price * slack
        reduced = worth.max(axis=1, keepdims=True, initial=-np.inf) - worth
        self.ceilings = self.root[1] + worth.max(axis=1, initial=-np.inf).sum() - price * need - reduced

    def run(self, budget: int) -> None:
        """One pass over the levels that forms at most ``budget`` sums at each."""
        self.dropped = -np.inf
        slack, value, none = np.array([*self.root, 0], dtype=np.int64)[:, None]
        sums = _Sums(slack, value, none, none, np.full(1, np.inf))
        passed: list[_Sums] = []
        for done, level in enumerate(self.order, start=1):
            rest = _Relaxation(self.knapsack, self.order[done:])
            cuts = np.flatnonzero(self.ceilings[done - 1] + self.margin >= self.best_value)
            cuts = cuts[_undominated(self.knapsack.slack[level, cuts], self.knapsack.value[level, cuts])]
            parents = self._choose_parents(sums, max(budget // max(len(cuts), 1), 1))
            sums = self._add(sums, parents, level, cuts, rest)
            passed.append(sums)
            self._complete(passed, rest)

    def _choose_parents(self, sums: _Sums, most: int) -> IntArray:
        """Numbers of the sums that are built upon: all, or within the budget those with the highest ceilings."""
        alive = np.flatnonzero(sums.ceiling >= self.best_value)
        if len(alive) <= most:
            return alive
        by_ceiling = alive[np.argsort(-sums.ceiling[alive], kind="stable")]
        self.dropped = max(self.dropped, float(sums.ceiling[by_ceiling[most]]))
        return np.sort(by_ceiling[:most])

    def _add(self, sums: _Sums, parents: IntArray, level: int, cuts: IntArray, rest: _Relaxation) -> _Sums:
        slack = np.add.outer(self.knapsack.slack[level, cuts], sums.slack[parents]).ravel()
        value = np.add.outer(self.knapsack.value[level, cuts], sums.value[parents]).ravel()
        ceiling = value + rest.ceiling(self.knapsack.bound - slack) + self.margin
        kept = np.flatnonzero(ceiling >= self.best_value)
        kept = kept[_undominated(slack[kept], value[kept])]
        option, parent = np.divmod(kept, max(len(parents), 1))
        return _Sums(slack[kept], value[kept], parents[parent], cuts[option], ceiling[kept])

    def _complete(self, passed: list[_Sums], rest: _Relaxation) -> None:
        """Complete each sum by whole blocks of the levels to come, and keep the best rule."""
        sums = passed[-1]
        point = np.searchsorted(rest.slack, self.knapsack.bound - sums.slack)
        legal = np.flatnonzero(point < len(rest.slack))
        value = sums.value[legal] + rest.value[point[legal]]
        slack = sums.slack[legal] + rest.slack[point[legal]]
        if not len(legal):
            return
        top = np.lexsort((slack, value))[-1]
        if (value[top], slack[top]) > (self.best_value, self.best_slack):
            self.best_value, self.best_slack = int(value[top]), int(slack[top])
            self.best_rule = self._trace(passed, int(legal[top]), rest.blocks_at(int(point[legal[top]])))

    def _trace(self, passed: list[_Sums], at: int, blocks: IntArray) -> IntArray:
        rule = self.base.copy()
        np.maximum.at(rule, self.knapsack.blocks.level[blocks], self.knapsack.blocks.end[blocks])
        for level, sums in reversed(list(zip(self.order[: len(passed)], passed, strict=True))):
            rule[level], at = sums.cut[at], int(sums.parent[at])
        return rule


def _undominated(slack: IntArray, value: IntArray) -> IntArray:
    """Numbers of the points that no other point beats in both, by falling slack; one of each equal pair."""
    order = np.lexsort((value, slack))[::-1]
    value = value[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = value[1:] > np.maximum.accumulate(value)[:-1]
    return order[first]
