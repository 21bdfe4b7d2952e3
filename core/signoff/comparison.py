"""Two policies on the same rows: what each does, and what changes from the one to the other."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from core.arrays import FloatArray, IntArray
from core.engine.protocol import Axis, Engine, Filter, Measure
from core.errors import InputError
from core.holdout.data import Holdout
from core.holdout.segments import filter_rows
from core.ingest.schema import PARTS
from core.intervals import normal, wilson
from core.jobs import Job
from core.signoff.rows import decide_cells, find_split, score_axis, uncertainty_axis
from core.thresholds.policy import Columns, Policy
from core.thresholds.sampling import Sampling

if TYPE_CHECKING:
    import pandas as pd

Half = Literal["confirmation", "all"]

OPTIMISTIC = "optimistic: the proposed thresholds were tuned on these rows"
PRESENT_OPTIMISTIC = "flattering the present thresholds, which were tuned on some of these rows"
BLOCKS = 200  # of the parts that groups are drawn into: enough for a variance, few enough to count
HALF_A_ROW = 0.5
_MEASURES: tuple[Measure, ...] = ("rows", "positives")
_WEIGHT_MEASURES: tuple[Measure, ...] = ("weight", "weight_positives", "weight_squared", "weight_squared_positives")
# Which rows the present and the proposed policy accept, by region: neither, present only, proposed only, both.
_ACCEPTED = np.array([[0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]])


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval; all three None where nothing is accepted, or there is no positive."""

    value: float | None
    lo: float | None
    hi: float | None


UNKNOWN = Estimate(None, None, None)


@dataclass(frozen=True, slots=True)
class Side:
    """What one policy does to the rows.

    Attributes
    ----------
    policy_hash, level_edges, thresholds
        The policy and its cutoffs; ``inf`` accepts none.
    accepted, true_positives
        Rows; weight where rows have weights, rows of the population where they were sampled by class.
    precision, recall
        With Wilson's intervals at the effective number of rows.
    """

    policy_hash: str
    level_edges: tuple[float, ...]
    thresholds: tuple[float, ...]
    accepted: float
    true_positives: float
    precision: Estimate
    recall: Estimate


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changes from the present policy to the proposed one, on the same rows.

    Attributes
    ----------
    rows, positives
        Rows on which they were compared, and the positives among them.
    present, proposed
        What each does.
    precision, recall
        Proposed minus present.
    volume
        Relative change of what is accepted: proposed / present - 1.
    half
        Which rows: ``confirmation``, those of the proposed policy's data that it was not tuned on, or ``all``.
    method
        How the intervals of the changes were found, and which policy was tuned on these rows, as a sentence.
    """

    rows: int
    positives: int
    present: Side
    proposed: Side
    precision: Estimate
    recall: Estimate
    volume: Estimate
    half: Half
    method: str

    def frame(self) -> "pd.DataFrame":
        """One line per measure (accepted, precision, recall).

        Columns measure, present, present_lo, present_hi, proposed, proposed_lo, proposed_hi, change, change_lo,
        change_hi; the change of what is accepted is relative.
        """
        import pandas as pd

        ends = [(Estimate(side.accepted, None, None), side.precision, side.recall) for side in self.sides]
        changes = self.volume, self.precision, self.recall
        lines = [
            (measure, *(getattr(one, name) for one in found for name in Estimate.__slots__))
            for measure, *found in zip(("accepted", "precision", "recall"), *ends, changes, strict=True)
        ]
        names = [f"{what}{end}" for what in ("present", "proposed", "change") for end in ("", "_lo", "_hi")]
        return pd.DataFrame(lines, columns=["measure", *names])

    def cutoffs(self) -> "pd.DataFrame":
        """One line per policy and level: policy, level, low, high, threshold (``inf`` accepts none)."""
        import pandas as pd

        lines = [
            (name, i + 1, side.level_edges[i], side.level_edges[i + 1], threshold)
            for name, side in zip(("present", "proposed"), self.sides, strict=True)
            for i, threshold in enumerate(side.thresholds)
        ]
        return pd.DataFrame(lines, columns=["policy", "level", "low", "high", "threshold"])

    @property
    def sides(self) -> tuple[Side, Side]:
        """The present one, and the proposed one."""
        return self.present, self.proposed

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Comparison":
        """Rebuild the record from :meth:`to_json`, also from a submission in a ledger."""
        estimates = {name: _estimate_of(found[name]) for name in ("precision", "recall", "volume")}
        sides = {name: _side_of(found[name]) for name in ("present", "proposed")}
        return cls(**{**found, **estimates, **sides})

    def to_json(self) -> dict[str, Any]:
        """Plain values; a threshold that accepts none is None."""
        found = asdict(self)
        for name in ("present", "proposed"):
            thresholds = found[name]["thresholds"]
            found[name]["thresholds"] = [None if value == math.inf else value for value in thresholds]
            found[name]["level_edges"] = list(found[name]["level_edges"])
        return found


def _estimate_of(found: Mapping[str, Any]) -> Estimate:
    return Estimate(*(None if found[end] is None else float(found[end]) for end in Estimate.__slots__))


def _side_of(found: Mapping[str, Any]) -> Side:
    return Side(
        policy_hash=found["policy_hash"],
        level_edges=tuple(map(float, found["level_edges"])),
        thresholds=tuple(math.inf if value is None else float(value) for value in found["thresholds"]),
        accepted=float(found["accepted"]),
        true_positives=float(found["true_positives"]),
        precision=_estimate_of(found["precision"]),
        recall=_estimate_of(found["recall"]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Weight of the rows by who accepts them.

    Attributes
    ----------
    weight, squares
        float64 (4 regions, 2 labels, blocks): Σw and Σw². Regions: neither policy accepts, the present one only, the
        proposed one only, both. One block where every row stands for itself.
    rows
        Number of rows.
    grouped
        Whether blocks hold whole groups, so that only blocks are independent.
    """

    weight: FloatArray
    squares: FloatArray
    rows: int
    grouped: bool

    def variance(self, influence: FloatArray) -> float:
        r"""Variance of a statistic that is linear in the weights, of influence (4 regions, 2 labels).

        Definition
            .. math:: \max\Big(\sum_{rl} e_{rl}^2 Q_{rl},\; \frac{G}{G - 1} \sum_g \big(\sum_{rl} e_{rl} W_{rlg}\big)^2
                \Big)

            with Q = Σw² and, only where rows have groups, G blocks g of whole groups that have rows.
        """
        alone = float(np.sum(influence**2 * self.squares.sum(axis=2)))
        if not self.grouped:
            return alone
        parts = np.einsum("rl,rlg->g", influence, self.weight)
        blocks = int(np.count_nonzero(self.weight.sum(axis=(0, 1))))
        return max(alone, float(np.sum(parts**2)) * blocks / max(blocks - 1, 1))

    def careful_variance(self, influence: FloatArray) -> float:
        """The same with half a row more in every region and label, so that it is never nought."""
        each = self.squares.sum() / max(self.rows, 1)
        return self.variance(influence) + HALF_A_ROW * float(each * np.sum(influence**2))


def compare_policies(present: Policy, proposed: Policy, holdout: Holdout, engine: Engine) -> Job[Comparison]:
    r"""Compare two policies on rows that the proposed one was not tuned on, where there are such; levels may differ.

    Definition
        A change d of precision or recall has the interval d ± 1.96·s. It is paired: s² is the variance of the
        difference of both influences, row by row, so rows that both policies treat alike cancel. Precision p_k of what
        policy k accepts, weight A_k, has influence a_k(y - p_k)/A_k; recall r_k of positives of weight P has
        y(a_k - r_k)/P; the logarithm of A_2/A_1 has a_2/A_2 - a_1/A_1.

    Parameters
    ----------
    present, proposed
        The policy in force, and the one that is to replace it.
    holdout
        Rows with the columns that both read.

    Raises
    ------
    InputError
        A policy reads other columns than the holdout has, they are for differently filtered rows, or there are more
        cells than an engine counts.

    Notes
    -----
    One or two scans, over the cells between all level edges and all thresholds: in a cell neither policy parts rows.
    A confirmed policy is compared on its confirmation half, found by its split and seed. On rows that it was tuned on
    it looks better than it is; the method says so where there are no others. Half a row is added to each region and
    label in the variance, so that a change that no row shows is not called certain.
    Rows of a sample by class count with the inverse of their rate.

    References
    ----------
    Agresti & Min (2005), Simple improved confidence intervals for comparing matched proportions, Statistics in Medicine
    24 (the half row). Deville (1999), Variance estimation for complex statistics, Survey Methodology 25 (influences).
    """
    for policy in (present, proposed):
        _check_columns(policy, holdout)
    if _filters_of(present) != _filters_of(proposed):
        raise InputError(
            "The two policies are for differently filtered rows.", fix="Compare policies that were made for one filter."
        )
    where = [filter_rows(holdout, column, values) for column, values in proposed.only]
    half, parts = yield from _choose_rows(proposed, holdout, engine, where)
    axes = [uncertainty_axis((present, proposed), holdout), score_axis((present, proposed), holdout)]
    grouped = holdout.roles.group is not None
    blocks = BLOCKS if grouped else 1
    counted = [*axes, Axis("part", np.linspace(0, PARTS, blocks + 1))] if grouped else axes
    measures = (*_MEASURES, *(_WEIGHT_MEASURES if holdout.rows.weighted else ()))
    shape = (*(axis.cells for axis in axes), blocks)
    sums = {str(name): np.zeros(shape) for name in measures}
    for part in parts:
        found = yield from engine.count(holdout.rows, counted, measures, where=[*where, *part])
        for name in measures:
            sums[name] += np.reshape(found.sums[name], shape)
    regions = _gather(sums, _regions_of((present, proposed), axes), proposed.sampling, grouped=grouped)
    cautions = _find_cautions(present, proposed, holdout, half=half)
    return _compare(regions, present, proposed, positives=int(sums["positives"].sum()), half=half, cautions=cautions)


def _filters_of(policy: Policy) -> dict[str, frozenset[str]]:
    return {column: frozenset(values) for column, values in policy.only}


def _choose_rows(
    proposed: Policy, holdout: Holdout, engine: Engine, where: Sequence[Filter]
) -> Job[tuple[Half, list[list[Filter]]]]:
    """The confirmation half, as filters of its parts; all rows where the policy was not confirmed on this holdout."""
    if proposed.confirmed is None or proposed.data_digest != holdout.digest:
        return "all", [[]]
    halves = yield from find_split(proposed, proposed.confirmed, holdout, engine, where)
    return "confirmation", [[part] for part in halves.confirmed]


def _find_cautions(present: Policy, proposed: Policy, holdout: Holdout, *, half: Half) -> list[str]:
    """Which of both policies was tuned on rows on which they are compared."""
    found = [OPTIMISTIC] if half == "all" and proposed.data_digest == holdout.digest else []
    if present.data_digest == holdout.digest and not (
        half == "confirmation" and _split_of(present) == _split_of(proposed)
    ):
        found.append(PRESENT_OPTIMISTIC)
    return found


def _split_of(policy: Policy) -> tuple[object, ...]:
    """What divides its rows in two."""
    split = policy.confirmed.split if policy.confirmed else None
    return split, 0 if split == "time" else policy.seed, _filters_of(policy)


def _check_columns(policy: Policy, holdout: Holdout) -> None:
    roles = holdout.roles
    if policy.columns != Columns(roles.score, roles.uncertainty, roles.uncertainty_kind):
        raise InputError(
            "A policy reads other columns than these rows have.",
            fix="Compare on rows with the columns of both policies, mapped as they were for them.",
        )


def _regions_of(policies: Sequence[Policy], axes: Sequence[Axis]) -> IntArray:
    """The region of each cell."""
    present, proposed = (decide_cells(policy, axes).astype(np.int64) for policy in policies)
    return present + 2 * proposed


def _gather(sums: dict[str, FloatArray], region: IntArray, sampling: Sampling, *, grouped: bool) -> Regions:
    if "weight" in sums:
        ones = sums["weight_positives"], sums["weight_squared_positives"]
        noughts = sums["weight"] - ones[0], sums["weight_squared"] - ones[1]
    else:
        rates = 1 / sampling.keep_positives, 1 / sampling.keep_negatives
        negatives = sums["rows"] - sums["positives"]
        ones, noughts = (
            (count * rate, count * rate**2) for count, rate in zip((sums["positives"], negatives), rates, strict=True)
        )
    weight, squares = (
        np.array([[label[region == r].sum(axis=0) for label in pair] for r in range(4)])
        for pair in zip(noughts, ones, strict=True)
    )
    return Regions(weight, squares, int(sums["rows"].sum()), grouped)


@dataclass(frozen=True, slots=True, eq=False)
class _Ratio:
    """A rate top / bottom, the share of each row's weight in the bottom (4 regions, 2 labels), and its influence."""

    top: float
    bottom: float
    share: FloatArray
    influence: FloatArray

    @classmethod
    def of(cls, weight: FloatArray, hit: FloatArray, share: FloatArray) -> "_Ratio":
        top, bottom = float(np.sum(weight * hit)), float(np.sum(weight * share))
        influence = (hit - share * (top / bottom)) / bottom if bottom > 0 else np.zeros_like(share)
        return cls(top, bottom, share, influence)


def _compare(
    regions: Regions, present: Policy, proposed: Policy, *, positives: int, half: Half, cautions: Sequence[str]
) -> Comparison:
    weight, positive = regions.weight.sum(axis=2), np.array([[0.0, 1.0]] * 4)
    accepts = [np.repeat(one[:, None], 2, axis=1) for one in _ACCEPTED]
    precision = [_Ratio.of(weight, accept * positive, accept) for accept in accepts]
    recall = [_Ratio.of(weight, accept * positive, positive) for accept in accepts]
    sides = [
        Side(
            policy_hash=policy.hash,
            level_edges=policy.level_edges,
            thresholds=policy.thresholds,
            accepted=p.bottom,
            true_positives=p.top,
            precision=_rate(regions, p),
            recall=_rate(regions, r),
        )
        for policy, p, r in zip((present, proposed), precision, recall, strict=True)
    ]
    by = "blocks of whole groups" if regions.grouped else "rows"
    return Comparison(
        rows=regions.rows,
        positives=positives,
        present=sides[0],
        proposed=sides[1],
        precision=_change(regions, *precision),
        recall=_change(regions, *recall),
        volume=_relative_change(regions, *precision),
        half=half,
        method=f"95 % normal intervals of paired differences, with influences of {by} and half a row added to each "
        f"region and label (Agresti and Min 2005){''.join(f'; {caution}' for caution in cautions)}.",
    )


def _rate(regions: Regions, ratio: _Ratio) -> Estimate:
    """A rate with Wilson's interval at the number of rows at which a binomial rate has this variance.

    Kish's number of rows where the rate is 0 or 1.
    """
    if not ratio.bottom > 0:
        return UNKNOWN
    rate, variance = ratio.top / ratio.bottom, regions.variance(ratio.influence)
    if 0 < rate < 1:
        n = rate * (1 - rate) / variance
    else:
        n = ratio.bottom**2 / float(np.sum(regions.squares.sum(axis=2) * ratio.share))
    lo, hi = wilson(rate * n, n)
    return Estimate(rate, float(lo), float(hi))


def _change(regions: Regions, before: _Ratio, after: _Ratio) -> Estimate:
    if not min(before.bottom, after.bottom) > 0:
        return UNKNOWN
    difference = after.top / after.bottom - before.top / before.bottom
    lo, hi = normal(difference, math.sqrt(regions.careful_variance(after.influence - before.influence)))
    return Estimate(difference, max(float(lo), -1.0), min(float(hi), 1.0))


def _relative_change(regions: Regions, before: _Ratio, after: _Ratio) -> Estimate:
    if not min(before.bottom, after.bottom) > 0:
        return UNKNOWN if before.bottom != after.bottom else Estimate(0.0, None, None)
    influence = after.share / after.bottom - before.share / before.bottom
    lo, hi = normal(math.log(after.bottom / before.bottom), math.sqrt(regions.careful_variance(influence)))
    return Estimate(after.bottom / before.bottom - 1, math.expm1(float(lo)), math.expm1(float(hi)))
