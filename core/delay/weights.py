"""Weights of a training set as they are drawn: how they spread, and how they go with age."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.delay.data import Snapshot, SnapshotWeights, StreamWeights
from core.delay.diagnostics import WeightSummary
from core.delay.laws import DAY
from core.delay.maturity import LAG_EDGES, sum_by
from core.errors import InputError

WEIGHT_BINS = 40


@dataclass(frozen=True, slots=True, eq=False)
class WeightShape:
    """How weights spread and how they go with age; a soft label counts for each class by its share.

    Attributes
    ----------
    edges
        Shape (bins + 1,): weights.
    positives, negatives
        Shape (bins,): entries of the training set with a weight in the bin.
    age
        Shape (ages,): mean age of the entries of each age bucket, days.
    positive_weight, negative_weight
        Shape (ages,): mean weight; NaN where a bucket has none.
    """

    edges: FloatArray
    positives: FloatArray
    negatives: FloatArray
    age: FloatArray
    positive_weight: FloatArray
    negative_weight: FloatArray

    def frame(self) -> pd.DataFrame:
        """One row per bin: lo, hi, positives, negatives."""
        return pd.DataFrame({
            "lo": self.edges[:-1], "hi": self.edges[1:], "positives": self.positives, "negatives": self.negatives,
        })  # fmt: skip

    def age_frame(self) -> pd.DataFrame:
        """One row per age: age (days), positive_weight, negative_weight."""
        return pd.DataFrame({
            "age": self.age, "positive_weight": self.positive_weight, "negative_weight": self.negative_weight,
        })  # fmt: skip


def measure_shape(snapshot: Snapshot, training: SnapshotWeights | StreamWeights) -> WeightShape:
    """Count weights by size and average them by age.

    Raises
    ------
    InputError
        The training set is empty.
    """
    weight, label = training.weight, training.label
    if not len(weight):
        raise InputError("The training set is empty.", fix="Choose a later as-of date or a longer training window.")
    edges = np.linspace(0.0, max(float(weight.max()), 1e-9), WEIGHT_BINS + 1)
    bin_ = np.clip(np.searchsorted(edges, weight, side="left") - 1, 0, WEIGHT_BINS - 1)
    days = snapshot.age[training.rows] / DAY
    _, bucket = np.unique(np.searchsorted(LAG_EDGES, days, side="right"), return_inverse=True)
    return WeightShape(
        edges,
        positives=sum_by(bin_, label, WEIGHT_BINS),
        negatives=sum_by(bin_, 1.0 - label, WEIGHT_BINS),
        age=np.bincount(bucket, weights=days) / np.bincount(bucket),
        positive_weight=_mean(bucket, weight, label),
        negative_weight=_mean(bucket, weight, 1.0 - label),
    )


@dataclass(frozen=True, slots=True)
class WeightTable:
    """Summaries of several arms side by side."""

    arms: tuple[str, ...]
    summaries: tuple[WeightSummary, ...]

    def frame(self) -> pd.DataFrame:
        """One row per arm: arm, rows, effective, largest, clipped, lost, effective_share (effective/rows)."""
        columns = list(WeightSummary.__dataclass_fields__)
        frame = pd.DataFrame([astuple(summary) for summary in self.summaries], columns=columns)
        frame.insert(0, "arm", list(self.arms))
        return frame.assign(effective_share=frame["effective"] / frame["rows"])


def tabulate_weights(summaries: Sequence[tuple[str, WeightSummary]]) -> WeightTable:
    """Put summaries side by side."""
    return WeightTable(tuple(name for name, _ in summaries), tuple(summary for _, summary in summaries))


def _mean(bucket: IntArray, weight: FloatArray, share: FloatArray) -> FloatArray:
    count = int(bucket.max()) + 1
    total = sum_by(bucket, share, count)
    mean = np.divide(sum_by(bucket, weight * share, count), total, out=np.full(count, np.nan), where=total > 0)
    return np.asarray(mean)
