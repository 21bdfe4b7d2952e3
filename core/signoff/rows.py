"""The rows on which a policy was tuned and on which it was confirmed: found again, counted and tested again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from core.engine.protocol import Axis, Between, Engine, Filter, Measure
from core.errors import InputError
from core.holdout.cells import WEIGHT_MEASURES
from core.holdout.data import Holdout
from core.jobs import Job
from core.signoff.population import rows_of_policy
from core.thresholds.apply import count_stored
from core.thresholds.halves import Split, find_sides
from core.thresholds.objective import Objective
from core.thresholds.policy import Confirmation, LevelCounts, Policy
from core.thresholds.precision import BernsteinTest, BinomialTest, PrecisionTest, Tally

SLACK = 1e-6  # sums of weight are added in another order than when it was proven
TUNE_AGAIN = "Tune and prove it anew on this holdout."


@dataclass(frozen=True, slots=True)
class SplitRows:
    """Filters of both halves.

    Attributes
    ----------
    tuned
        Rows that the policy was tuned on.
    confirmed
        The others: one filter for each run of parts, or of time, that lies beside the tuned one.
    """

    tuned: Between
    confirmed: tuple[Between, ...]


def find_split(
    policy: Policy, proof: Confirmation, holdout: Holdout, engine: Engine, where: Sequence[Filter]
) -> Job[SplitRows]:
    """The halves of a confirmed policy, by the method and the seed that it names.

    Raises
    ------
    InputError
        Rows of this holdout cannot be split so.
    """
    sides, tuned = yield from find_sides(holdout, engine, Split(proof.split, policy.seed), where)
    filters = [Between(sides.column, lo, hi) for lo, hi in pairwise(sides.edges.tolist())]
    return SplitRows(filters[tuned], (*filters[:tuned], *filters[tuned + 1 :]))


def recount(policy: Policy, holdout: Holdout, engine: Engine) -> Job[None]:
    """Check that the counts of a policy are those of the rows, and that they prove what it says.

    Raises
    ------
    InputError
        Counts differ, the policy is confirmed for something else than a precision, or the test fails.

    Notes
    -----
    Both halves of a confirmed policy are counted again by its split and seed. A policy that is not confirmed was tuned
    on all rows or on a half that it does not name: it may claim no more than all rows. The design effect is taken as
    the policy says it.
    """
    where, proof = rows_of_policy(policy, holdout), policy.confirmed
    if proof is None:
        found = yield from count_stored(policy, holdout.rows, engine=engine, where=where)
        _check_counts(policy.tuned, found, at_most=True)
        return
    halves = yield from find_split(policy, proof, holdout, engine, where)
    _check_counts(policy.tuned, (yield from _count(policy, holdout, engine, where, [halves.tuned])))
    _check_counts(proof.counts, (yield from _count(policy, holdout, engine, where, halves.confirmed)))
    tally, test = _tally_of(proof.counts), _choose_test(policy, proof, holdout)
    if policy.weighted:
        tally = yield from _weigh(policy, holdout, engine, where, halves.confirmed)
    _check_proof(policy, proof, tally, test)


def _count(
    policy: Policy, holdout: Holdout, engine: Engine, where: Sequence[Filter], parts: Sequence[Between]
) -> Job[tuple[LevelCounts, ...]]:
    found = (LevelCounts(0, 0, 0, 0),) * policy.levels
    for part in parts:
        more = yield from count_stored(policy, holdout.rows, engine=engine, where=[*where, part])
        found = tuple(one + other for one, other in zip(found, more, strict=True))
    return found


def _check_counts(said: Sequence[LevelCounts], found: Sequence[LevelCounts], *, at_most: bool = False) -> None:
    for level, (one, other) in enumerate(zip(said, found, strict=True), start=1):
        pairs = [(getattr(one, name), getattr(other, name)) for name in LevelCounts.__slots__]
        if any(a > b or (a < b and not at_most) for a, b in pairs):
            raise InputError(f"The policy says other counts of level {level} than the rows have.", fix=TUNE_AGAIN)


def _choose_test(policy: Policy, proof: Confirmation, holdout: Holdout) -> PrecisionTest:
    if not policy.weighted:
        return BinomialTest(proof.design_effect)
    largest = proof.largest_weight
    if largest is None or not holdout.rows.weighted or not largest >= holdout.rows.ranges["weight"][1]:
        raise InputError("A row weighs more than the policy says that any row does.", fix=TUNE_AGAIN)
    return BernsteinTest(largest, proof.design_effect)


def _check_proof(policy: Policy, proof: Confirmation, tally: Tally, test: PrecisionTest) -> None:
    """Test again. With scope ``each level``, levels that accepted rows on the tuned half are claimed, as they were."""
    if policy.objective.kind != "precision":
        raise InputError(
            f"The policy says that a {policy.objective.kind} was confirmed; only a precision can be.", fix=TUNE_AGAIN
        )
    claimed = np.array([True])
    if proof.scope == "each level":
        claimed = np.array([level.accepted > 0 for level in policy.tuned])
    else:
        tally = tally.total()
    target = policy.sampling.in_sample(Objective("precision", policy.objective.target)).target
    p = float(np.where(claimed, test.p_values(tally, target), 0.0).max()) if claimed.any() else 1.0
    if not p <= proof.delta * (1 + SLACK):
        raise InputError(
            f"The confirmed counts do not show the target of {policy.objective.target:g}: chance alone gives them with "
            f"probability {p:.3g}, more than the stated {proof.delta:.3g}.",
            fix=TUNE_AGAIN,
        )


def _tally_of(counts: Sequence[LevelCounts]) -> Tally:
    rows, positives = (np.array([getattr(one, name) for one in counts], dtype=np.float64) for name in _ACCEPTED)
    return Tally(rows, rows, positives, rows, positives)


_ACCEPTED = ("accepted", "true_positives")


def _weigh(
    policy: Policy, holdout: Holdout, engine: Engine, where: Sequence[Filter], parts: Sequence[Between]
) -> Job[Tally]:
    """Sums of weight over what a policy accepts on each level."""
    axes = [uncertainty_axis((policy,), holdout), score_axis((policy,), holdout)]
    levels, placed = policy.place(axes[0].edges[:-1])
    accepted = decide_cells(policy, axes)
    measures: tuple[Measure, ...] = ("rows", *WEIGHT_MEASURES)
    sums = np.zeros((len(measures), policy.levels))
    for part in parts:
        found = (yield from engine.count(holdout.rows, axes, measures, where=[*where, part])).sums
        for i, measure in enumerate(measures):
            inside = np.where(accepted, found[measure], 0).sum(axis=1)[placed]
            sums[i] += np.bincount(levels[placed], inside, minlength=policy.levels)
    return Tally(*sums)


def uncertainty_axis(policies: Sequence[Policy], holdout: Holdout) -> Axis:
    """All level edges; a last level holds its upper edge, so that it ends right above."""
    lowest, highest = holdout.rows.ranges["uncertainty"]
    ends = [lowest, np.nextafter(highest, np.inf)]
    for policy in policies:
        ends += [*policy.level_edges, np.nextafter(policy.level_edges[-1], np.inf)]
    return Axis("uncertainty", np.unique(ends))


def score_axis(policies: Sequence[Policy], holdout: Holdout) -> Axis:
    """All thresholds."""
    lowest, highest = holdout.rows.ranges["score"]
    cuts = [value for policy in policies for value in policy.thresholds if value < np.inf]
    return Axis("score", np.unique([lowest, np.nextafter(highest, np.inf), *cuts]))


def decide_cells(policy: Policy, axes: Sequence[Axis]) -> npt.NDArray[np.bool_]:
    """Whether each cell of both axes is accepted: its lower corner is treated as all of it is."""
    values, scores = np.meshgrid(axes[0].edges[:-1], axes[1].edges[:-1], indexing="ij")
    return policy.decide(scores, values)
