"""What a policy did to the rows of one newer holdout: the counts that looks add up."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np

from core.arrays import FloatArray
from core.engine.protocol import Among, Axis, Between, CategoryAxis, Engine, Filter, Measure
from core.errors import InputError
from core.holdout.cells import WEIGHT_MEASURES, count_binomial_rows
from core.holdout.data import Holdout
from core.ingest.schema import PARTS
from core.intervals import wilson
from core.jobs import Job
from core.thresholds.apply import count_stored, total
from core.thresholds.clustered import FEW_GROUPS, Blocks
from core.thresholds.data import from_the_top
from core.thresholds.policy import LevelCounts, Policy
from core.thresholds.precision import Tally
from core.thresholds.sampling import Sampling

SCHEMA = "recscope-watch/1"


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a policy did to the rows of one holdout: all that later looks need.

    Attributes
    ----------
    digest, name
        Of the holdout.
    levels
        Counts of rows, per level in the order of the policy.
    accepted
        Sums over accepted rows; arrays of shape (levels,).
    weighted
        Whether rows weigh differently.
    design_effect
        How many accepted rows tell as much as an independent one.
    files
        SHA-256 of the bytes of each file of the holdout; none where it is not known.
    sampling
        At which rates the rows were drawn from the population.
    """

    digest: str
    name: str
    levels: tuple[LevelCounts, ...]
    accepted: Tally
    weighted: bool
    design_effect: float
    files: tuple[str, ...]
    sampling: Sampling

    @property
    def effective(self) -> Tally:
        """The sums over the design effect."""
        return self.over(self.design_effect)

    def over(self, design_effect: float) -> Tally:
        """The sums over a design effect."""
        return Tally(*(getattr(self.accepted, name) / design_effect for name in Tally.__slots__))

    def overlaps(self, other: "Look") -> bool:
        """Whether both are of the same data, or share a file, whatever columns were mapped."""
        return self.digest == other.digest or not set(self.files).isdisjoint(other.files)

    def to_json(self) -> dict[str, Any]:
        """Plain values; weights are left out where rows have none."""
        names = Tally.__slots__[1:]
        sums = np.stack([getattr(self.accepted, name) for name in names], axis=1).tolist()
        return {
            "levels": [asdict(level) for level in self.levels],
            "weights": [dict(zip(names, level, strict=True)) for level in sums] if self.weighted else None,
            "design_effect": self.design_effect,
            "sampling": asdict(self.sampling),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any], policy: Policy) -> "Look":
        """Rebuild a look from the payload that was recorded.

        Raises
        ------
        InputError
            It is no look at this policy, or a part of it cannot be.
        """
        if found.get("schema") != SCHEMA or found.get("policy_hash") != policy.hash:
            raise InputError(
                "An earlier look is not one at this policy.", fix="Give the looks that were recorded at this version."
            )
        try:
            look, data = found["look"], found["data"]
            levels = tuple(LevelCounts(**level) for level in look["levels"])
            sums = look["weights"]
            tally = of_counts(levels) if sums is None else _of_sums(levels, sums)
            effect, sampling = float(look["design_effect"]), Sampling(**look["sampling"])
            if len(levels) != policy.levels or not 1 <= effect < np.inf or policy.weighted != (sums is not None):
                raise ValueError
            digest, name, files = str(data["digest"]), str(data["name"]), tuple(map(str, data["files"]))
            return cls(digest, name, levels, tally, policy.weighted, effect, files, sampling)
        except (KeyError, TypeError, ValueError):
            raise InputError(
                "An earlier look is damaged.", fix="Verify the ledger, and give the looks as it holds them."
            ) from None


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % interval; NaN, 0 and 1 where there is nothing to share."""

    value: float
    lo: float
    hi: float

    @classmethod
    def of(cls, part: float, whole: float, rows: float) -> "Rate":
        """Wilson's interval of part / whole at an effective number of rows."""
        value = part / whole if whole > 0 else float("nan")
        lo, hi = wilson(np.nan_to_num(value) * rows, rows)
        return cls(value, float(lo), float(hi))


def count_look(
    policy: Policy, holdout: Holdout, engine: Engine, where: Sequence[Among], sampling: Sampling
) -> Job[tuple[Look, Rate]]:
    """Count a look, and its recall; two scans with weights, one more per level with groups.

    Parameters
    ----------
    where
        The policy's filter on this holdout.
    sampling
        The rates at which its rows were drawn.
    """
    levels = yield from count_stored(policy, holdout.rows, engine=engine, where=where)
    whole, tally = total(levels), of_counts(levels)
    tp, positives, rows = float(whole.true_positives), float(whole.positives), float(whole.positives)
    if policy.weighted:
        tally, every = yield from _sum_weights(policy, holdout, engine, levels, where)
        accepted, everything = tally.total(), every.total()
        tp, positives = float(accepted.wy[0]), float(everything.wy[0])
        rows = float(count_binomial_rows(positives, tp, everything.w2y[0], accepted.w2y[0]))
    look = Look(holdout.digest, holdout.name, levels, tally, policy.weighted, 1.0, holdout.files, sampling)
    if holdout.roles.group is None:
        return look, Rate.of(tp, positives, rows)
    effect, of_recall = yield from _measure_groups(policy, holdout, engine, where)
    return replace(look, design_effect=effect), Rate.of(tp, positives, rows / of_recall)


def _sum_weights(
    policy: Policy, holdout: Holdout, engine: Engine, levels: tuple[LevelCounts, ...], where: Sequence[Among]
) -> Job[tuple[Tally, Tally]]:
    """Sums over accepted rows and over all rows, per level."""
    thresholds = np.array(policy.thresholds)
    edges = np.unique([0.0, *thresholds[(thresholds > 0) & (thresholds <= 1)], np.nextafter(1.0, np.inf)])
    axes = [Axis("uncertainty", _reach(policy, holdout)), Axis("score", edges)]
    sums = (yield from engine.count(holdout.rows, axes, WEIGHT_MEASURES, where=where)).sums
    cells, every = len(edges) - 1, np.arange(policy.levels)
    at = np.clip(cells - np.searchsorted(edges, thresholds), 0, cells)
    above = [from_the_top(sums[measure]) for measure in WEIGHT_MEASURES]
    rows, accepted = (np.array([float(getattr(one, name)) for one in levels]) for name in ("rows", "accepted"))
    return Tally(accepted, *(one[every, at] for one in above)), Tally(rows, *(one[:, -1] for one in above))


def _measure_groups(
    policy: Policy, holdout: Holdout, engine: Engine, where: Sequence[Among]
) -> Job[tuple[float, float]]:
    """Design effects of the precision and of the recall; one scan per level."""
    edges = _reach(policy, holdout)
    ends = [*edges[:-1].tolist(), float(np.nextafter(edges[-1], np.inf))]
    precise, recalled, effects = list[Blocks](), list[Blocks](), list[float]()
    most = np.zeros(PARTS)
    for threshold, (lo, hi) in zip(policy.thresholds, pairwise(ends), strict=True):
        inside: list[Filter] = [*where, Between("uncertainty", lo, hi)]
        rows, of_precision, of_recall = yield from _count_parts(holdout, engine, threshold, inside)
        most += rows
        effects.append(float(of_precision.design_effects[0]))
        precise.append(of_precision)
        recalled.append(of_recall)
    whole = reduce(add, precise)
    effect = float(whole.design_effects[0])
    if policy.confirmed is not None and policy.confirmed.scope == "each level":
        effect = max(effect, *effects)
    if whole.effective_groups[0] < FEW_GROUPS:
        effect = max(float(most.max()), 1.0)
    return effect, float(reduce(add, recalled).design_effects[0])


def _count_parts(
    holdout: Holdout, engine: Engine, threshold: float, where: Sequence[Filter]
) -> Job[tuple[FloatArray, Blocks, Blocks]]:
    """Of one level and each part: accepted rows, and what the precision and the recall are made of."""
    top = float(np.nextafter(1.0, np.inf))
    edges = np.unique(np.clip([0.0, threshold, top], 0.0, top))
    weighted: tuple[Measure, ...] = WEIGHT_MEASURES if holdout.rows.weighted else ("rows", "positives") * 2
    axes: list[Axis | CategoryAxis] = [CategoryAxis("part", PARTS), Axis("score", edges)]
    sums = (yield from engine.count(holdout.rows, axes, ("rows", *weighted), where=where)).sums
    last = edges[-2] >= threshold  # whether the upper cell is accepted: not where the threshold is beyond all scores
    accepted = {name: one[:, -1].astype(np.float64) * last for name, one in sums.items()}
    w, wy, w2, w2y = (accepted[name][None, :] for name in weighted)
    all_wy, all_w2y = (sums[name].sum(axis=1).astype(np.float64)[None, :] for name in weighted[1::2])
    return accepted["rows"], Blocks(w, wy, w2, w2y), Blocks(all_wy, wy, all_w2y, w2y)


def _reach(policy: Policy, holdout: Holdout) -> FloatArray:
    """Level edges, the outer ones at the ends of these rows where the nearest level decides."""
    edges = np.array(policy.level_edges)
    if policy.outside == "nearest":
        lo, hi = holdout.rows.ranges["uncertainty"]
        edges[0], edges[-1] = min(edges[0], lo), max(edges[-1], hi)
    return edges


def of_counts(levels: Sequence[LevelCounts]) -> Tally:
    """Accepted rows that weigh alike, per level."""
    rows, tp = (np.array([float(getattr(one, name)) for one in levels]) for name in ("accepted", "true_positives"))
    return Tally(rows, rows, tp, rows, tp)


def _of_sums(levels: Sequence[LevelCounts], sums: Sequence[Mapping[str, Any]]) -> Tally:
    """Read recorded sums; what no rows have is a ValueError."""
    columns = [np.array([float(level[name]) for level in sums]) for name in Tally.__slots__[1:]]
    if len(sums) != len(levels) or any(not np.isfinite(one).all() or np.any(one < 0) for one in columns):
        raise ValueError
    return Tally(of_counts(levels).rows, *columns)
