"""Slow, obvious versions of what core does quickly."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from scipy.special import logit, xlogy
from scipy.stats import chi2
from sklearn.linear_model import LogisticRegression

from core.engine.protocol import Axis, CategoryAxis, Counts, Measure
from core.holdout.cube import CountCube
from core.jobs import Job, Progress


def quantile_by_sorting(values: Sequence[float], share: Fraction) -> float:
    """Smallest value v with #(x <= v) >= share·n, in exact arithmetic."""
    return next(v for v in sorted(values) if sum(x <= v for x in values) >= share * len(values))


def cell_by_search(value: float, edges: Sequence[float]) -> int | None:
    """The cell [edges[i], edges[i + 1]) of a value, the last one closed; None where it lies in no cell."""
    for i in range(len(edges) - 1):
        last = i == len(edges) - 2
        if edges[i] <= value < edges[i + 1] or (last and value == edges[-1]):
            return i
    return None


def sums_by_loop(
    axes: Sequence[tuple[Sequence[float], Sequence[float]]], values: Sequence[float]
) -> tuple[np.ndarray, int]:
    """Sum of ``values`` per cell of the axes, each (column, edges), and the number of rows in no cell."""
    sums, outside = np.zeros([len(edges) - 1 for _, edges in axes]), 0
    for row, value in enumerate(values):
        at = tuple(cell_by_search(column[row], edges) for column, edges in axes)
        if None in at:
            outside += 1
        else:
            sums[at] += value
    return sums, outside


def coarse_table_test(cube: CountCube) -> float:
    """p of G² between score decile × level and score decile alone: what one does without thinking."""
    cells = cube.cells
    decile = np.minimum(10 * (np.cumsum(cells.rows.sum(axis=0)) - 1) // cells.rows.sum(), 9)
    n, k = (
        np.stack([counts[:, decile == i].sum(axis=1) for i in range(10)], axis=1)
        for counts in (cells.rows, cells.positives)
    )
    free = ((n > 0).sum(axis=0) - 1)[(k.sum(axis=0) > 0) & (n.sum(axis=0) > 0)].sum()
    gain = _binomial_likelihood(n, k, k / np.maximum(n, 1)) - _binomial_likelihood(
        n, k, k.sum(0) / np.maximum(n.sum(0), 1)
    )
    return float(chi2.sf(2 * gain, free))


def curve_test(cube: CountCube) -> float:
    """p of the levels beside a cubic curve of the logit, by scikit-learn: what one does with some thought."""
    level, bin_ = np.nonzero(cube.cells.rows)
    n, k = cube.cells.rows[level, bin_], cube.cells.positives[level, bin_]
    z = logit(np.clip(cube.cells.mean_score[level, bin_], 1e-6, 1 - 1e-6))
    z = (z - z.mean()) / z.std()
    curve = np.column_stack([z, z**2, z**3])
    inside = (level[:, None] == np.arange(1, cube.levels)).astype(float)
    fits = []
    for columns in (curve, np.hstack([curve, inside, inside * z[:, None]])):
        model = LogisticRegression(C=1e8, max_iter=500)
        model.fit(np.vstack([columns, columns]), np.repeat([1, 0], len(n)), sample_weight=np.concatenate([k, n - k]))
        fits.append(_binomial_likelihood(n, k, model.predict_proba(columns)[:, 1]))
    return float(chi2.sf(2 * (fits[1] - fits[0]), 2 * inside.shape[1]))


def _binomial_likelihood(n: np.ndarray, k: np.ndarray, rate: np.ndarray) -> float:
    return float(np.sum(xlogy(k, rate) + xlogy(n - k, 1 - rate)))


class SlowEngine:
    """Sums per cell by numpy, for rows that lie in memory: column → values. Stands in for the engine."""

    def __init__(self, columns: dict[str, np.ndarray]) -> None:
        self.columns = columns

    def count(
        self, rows: object, axes: Sequence[Axis | CategoryAxis], measures: Sequence[Measure], *, where: object = ()
    ) -> Job[Counts]:
        """As the protocol says; takes no filter."""
        assert not where
        yield Progress(0.5, "Counting rows")
        values = self._values()
        at = [self._cells(axis) for axis in axes]
        inside = np.logical_and.reduce([i >= 0 for i in at])
        shape = tuple(axis.cells for axis in axes)
        sums = {}
        flat = np.ravel_multi_index([i[inside] for i in at], shape)
        for measure in measures:
            total = np.bincount(flat, values[measure][inside], minlength=int(np.prod(shape))).reshape(shape)
            sums[measure] = total.astype(np.int64) if measure in ("rows", "positives") else total
        return Counts(sums, int((~inside).sum()))

    def _cells(self, axis: Axis | CategoryAxis) -> np.ndarray:
        column = self.columns[axis.column]
        if isinstance(axis, CategoryAxis):
            return column.astype(int)
        at = np.searchsorted(axis.edges, column, side="right") - 1
        at[column == axis.edges[-1]] = axis.cells - 1
        return np.where(at < axis.cells, at, -1)

    def _values(self) -> dict[str, np.ndarray]:
        score, y = self.columns["score"], self.columns["label"] * 1.0
        w = self.columns.get("weight", np.ones(len(y)))
        log_loss = -np.log(np.maximum(np.where(y == 1, score, 1 - score), 1e-15))
        brier = (score - y) ** 2
        return {
            "rows": np.ones(len(y), dtype=np.int64),
            "positives": y.astype(np.int64),
            "score": w * score,
            "uncertainty": w * self.columns["uncertainty"],
            "weight": w,
            "weight_positives": w * y,
            "weight_squared": w * w,
            "weight_squared_positives": w * w * y,
            "log_loss": w * log_loss,
            "log_loss_squared": w * log_loss**2,
            "brier": w * brier,
            "brier_squared": w * brier**2,
        }
