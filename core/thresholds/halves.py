"""A holdout → candidate cuts: of all rows, or of a half to tune on and a half to confirm on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from core.checks import check_count
from core.engine.protocol import Axis, Between, Counts, Engine, Filter
from core.errors import InputError
from core.holdout.cells import Cells
from core.holdout.cube import CountCube
from core.holdout.data import Holdout
from core.holdout.positivity import BINS_CAP, Binning, find_edges, measures_of, orient, values_above
from core.ingest.schema import PARTS
from core.jobs import Job
from core.rng import make_generator
from core.thresholds.data import Cuts
from core.thresholds.policy import SplitMethod

LEVELS, BINS = Binning("equal_weight", 3), 1_000
LEVELS_CAP = 100
SEED_CAP = 2**32
ALL_SCORES = 0.0, float(np.nextafter(1.0, np.inf))  # so that rows at 1 can be a bin
LOWEST = 1e-18  # share whose quantile is the smallest value


@dataclass(frozen=True, slots=True)
class Split:
    """How rows are divided in two.

    Attributes
    ----------
    method
        ``random``: each row by itself; ``group``: all rows of a group (a user) on one side; ``time``: the earlier half
        to tune on, the later one to confirm on.
    seed
        Which of the many random halves; not used by ``time``.
    """

    method: SplitMethod = "random"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check method and seed."""
        if self.method not in get_args(SplitMethod):
            raise InputError(f"There is no split {str(self.method)[:40]!r}.", fix="Choose random, time or group.")
        check_count(self.seed, 0, SEED_CAP, name="seed")


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """Cuts of the same edges on both halves.

    Attributes
    ----------
    tuned
        The half on which rules are found; its values made the edges.
    confirm
        The half on which they are proven; nothing of it entered the edges.
    """

    tuned: Cuts
    confirm: Cuts


def count_cuts(
    holdout: Holdout, engine: Engine, *, levels: Binning, bins: int, where: Sequence[Filter] = ()
) -> Job[Cuts]:
    """Candidate cuts of all rows.

    The score edges are the quantiles of the score within each level, ``bins`` of them a level, all in one list: a level
    may be cut at any of them.

    Raises
    ------
    InputError
        Levels or bins out of range, more levels than rows, no rows of both labels, a level without positives.
    """
    axes = yield from _find_axes(holdout, engine, levels=levels, bins=bins, where=where)
    counts = yield from engine.count(holdout.rows, axes, measures_of(holdout), where=where)
    return _check_levels(Cuts.from_cube(_cube(holdout, axes, counts)))


def count_halves(
    holdout: Holdout, engine: Engine, *, levels: Binning, bins: int, split: Split, where: Sequence[Filter] = ()
) -> Job[Halves]:
    """Candidate cuts of both halves; edges as in :func:`count_cuts`, from the tuning half alone.

    Raises
    ------
    InputError
        As in :func:`count_cuts`; or the split needs a column that is not mapped, or cannot part the rows.
    """
    sides, tuned = yield from find_sides(holdout, engine, split, where)
    inside = Between(sides.column, *sides.edges[tuned : tuned + 2].tolist())
    axes = yield from _find_axes(holdout, engine, levels=levels, bins=bins, where=[*where, inside])
    counts = yield from engine.count(holdout.rows, [sides, *axes], measures_of(holdout), where=where)
    sizes = (yield from engine.count(holdout.rows, [sides], ("rows",), where=where)).sums["rows"]
    first = {name: sums[tuned] for name, sums in counts.sums.items()}
    rest = {name: sums.sum(axis=0) - sums[tuned] for name, sums in counts.sums.items()}
    size = int(sizes[tuned])
    parts = ((first, size), (rest, int(sizes.sum()) - size))
    cubes = [_cube(holdout, axes, Counts(sums, rows - int(sums["rows"].sum()))) for sums, rows in parts]
    weighted = (cubes[0].cells + cubes[1].cells).weighted  # of both: one half alone may look alike
    cuts = [Cuts.from_cube(cube, weighted=weighted) for cube in cubes]
    return Halves(_check_levels(cuts[0]), cuts[1])


def find_sides(holdout: Holdout, engine: Engine, split: Split, where: Sequence[Filter]) -> Job[tuple[Axis, int]]:
    """An axis along which one cell is the tuning half, and the number of that cell."""
    if split.method == "time":
        return (yield from _find_time(holdout, engine, where)), 0
    if split.method == "group" and holdout.roles.group is None:
        raise InputError("No group column is mapped.", fix="Map the column that says whose row it is, or split by row.")
    if split.method == "random" and holdout.roles.group is not None:
        raise InputError(
            f"A random split would put rows of one {holdout.roles.group[:80]!r} on both sides.",
            fix="Split by group, or give the file again without a group column.",
        )
    start = int(make_generator(split.seed).integers(0, PARTS // 2 + 1))
    edges = np.unique([0, start, start + PARTS // 2, PARTS]).astype(np.float64)
    return Axis("part", edges), int(np.searchsorted(edges, start))


def _find_time(holdout: Holdout, engine: Engine, where: Sequence[Filter]) -> Job[Axis]:
    if holdout.roles.time is None:
        raise InputError("No time column is mapped.", fix="Map the time of the events, or split at random.")
    shares = np.array([LOWEST, 0.5, 1.0])
    first, middle, last = (yield from engine.quantiles(holdout.rows, "time", shares, where=where)).tolist()
    if middle == first:  # half of the rows or more have the earliest time: they are the earlier half
        later = yield from values_above(holdout, engine, "time", np.array([first]), where=where)
        if not len(later):
            raise InputError(f"{holdout.roles.time!r} is the same in every row.", fix="Split at random or by group.")
        middle = float(later[0])
    return Axis("time", np.array([first, middle, np.nextafter(last, np.inf)]))


def _find_axes(
    holdout: Holdout, engine: Engine, *, levels: Binning, bins: int, where: Sequence[Filter]
) -> Job[tuple[Axis, Axis]]:
    if levels.method != "edges" and levels.count > holdout.rows.count:
        raise InputError(
            f"{levels.count:,} levels are asked for, and there are {holdout.rows.count:,} rows.",
            fix="Choose fewer levels.",
        )
    ends = yield from engine.quantiles(holdout.rows, "uncertainty", np.array([LOWEST, 1.0]), where=where)
    level_edges = yield from find_edges(
        holdout, engine, "uncertainty", levels, cap=LEVELS_CAP, where=where, ends=tuple(ends.tolist())
    )
    count = check_count(bins, 1, max(BINS_CAP // (len(level_edges) - 1), 1), name="score bins a level")
    shares = np.arange(1, count) / count
    axis = Axis("uncertainty", level_edges)
    inner = yield from engine.quantiles(holdout.rows, "score", shares, by=axis, where=where)
    return axis, Axis("score", np.unique([*ALL_SCORES, *inner[np.isfinite(inner)]]))


def _check_levels(cuts: Cuts) -> Cuts:
    """Refuse a level that has rows and no positive: whatever its threshold, it can find nothing."""
    bare = np.flatnonzero((cuts.accepted[:, -1] > 0) & (cuts.tp[:, -1] == 0))
    if len(bare):
        rows = int(cuts.amount(cuts.accepted[bare[0], -1]))
        raise InputError(
            f"Level {bare[0] + 1} (1 is the least uncertain) has {rows:,} rows and no positive: no threshold can be "
            "found for it.",
            fix="Choose fewer levels, or type level edges that leave each some positives.",
        )
    return cuts


def _cube(holdout: Holdout, axes: tuple[Axis, Axis], counts: Counts) -> CountCube:
    cells = orient(Cells.from_counts(counts), holdout)
    return CountCube(axes[0].edges, axes[1].edges, cells, holdout.more_is_certain, counts.outside)
