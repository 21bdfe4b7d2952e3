"""What weights cost and what signals tell."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from core.arrays import FloatArray
from core.delay.data import BoolArray, Snapshot, SnapshotWeights, StreamWeights
from core.delay.snapshot import mature_rows

_LN2 = float(np.log(2.0))


@dataclass(frozen=True, slots=True)
class WeightSummary:
    """A training set in a few numbers.

    Attributes
    ----------
    rows
        Rows, duplicates counted.
    effective
        Effective sample size (Σw)²/Σw².
    largest
        Largest weight.
    clipped
        Share of rows whose weight is the cap; 0 without a cap.
    lost
        Share of the weight of conversions that the cap took, the direction of the bias: predictions fall by about it.
    """

    rows: int
    effective: float
    largest: float
    clipped: float
    lost: float

    def frame(self) -> pd.DataFrame:
        """One row."""
        return pd.DataFrame([asdict(self)])


def summarise_weights(
    capped: SnapshotWeights | StreamWeights, *, uncapped: SnapshotWeights | StreamWeights | None = None
) -> WeightSummary:
    """Describe the weights of a training set; ``uncapped`` is the same arm without its cap."""
    weight = capped.weight
    free = weight if uncapped is None else uncapped.weight
    of_positives = float((free * capped.label).sum())
    kept = float((np.minimum(weight, free) * capped.label).sum())
    largest = float(weight.max())
    return WeightSummary(
        rows=len(weight),
        effective=effective_size(weight),
        largest=largest,
        clipped=float(((weight < free) & (weight == largest)).mean()),  # others are smaller as p, too, is another
        lost=1.0 - kept / of_positives if of_positives > 0 else 0.0,
    )


def effective_size(weight: FloatArray) -> float:
    """Effective sample size (Σw)²/Σw²: how many rows of weight 1 would be as noisy.

    Examples
    --------
    >>> effective_size(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    squares = float(weight @ weight)
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


@dataclass(frozen=True, slots=True)
class SignalInformation:
    """What a signal tells of the final label, measured on mature rows.

    Attributes
    ----------
    signal
        Name.
    if_converting, if_not
        P(signal | y = 1), P(signal | y = 0), inside the attribution window; of all signals together, that of any.
    entropy, given_signal
        H(y) and H(y | signal), bits; the difference is their mutual information.
    """

    signal: str
    if_converting: float
    if_not: float
    entropy: float
    given_signal: float


@dataclass(frozen=True, slots=True)
class SignalTable:
    """Information of every signal, and of all of them together under the name ``all signals``."""

    signals: tuple[SignalInformation, ...]

    def frame(self) -> pd.DataFrame:
        """One row per signal."""
        return pd.DataFrame([asdict(signal) for signal in self.signals])


def measure_signals(snapshot: Snapshot) -> SignalTable:
    """Measure H(y | signal) before a signal is used.

    Raises
    ------
    NoMatureCohort
        No row is mature, or none of them converted.
    """
    mature = mature_rows(snapshot)
    sent = np.asarray(mature.signal_delay <= mature.window)
    columns = [(name, sent[:, [i]]) for i, name in enumerate(mature.signal_names)]
    if len(columns) > 1:
        columns.append(("all signals", sent))
    return SignalTable(tuple(_measure(name, part, mature.label) for name, part in columns))


def _measure(name: str, sent: BoolArray, label: FloatArray) -> SignalInformation:
    _, pattern = np.unique(sent, axis=0, return_inverse=True)
    code = pattern.ravel()
    rows = np.bincount(code).astype(np.float64)
    positives = np.bincount(code, weights=label)
    any_sent = np.logical_or.reduce(sent, axis=1)
    return SignalInformation(
        signal=name,
        if_converting=float(any_sent[label > 0].mean()),
        if_not=float(any_sent[label == 0].mean()) if (label == 0).any() else float("nan"),
        entropy=float(_bits(np.array([label.mean()]))[0]),
        given_signal=float(rows @ _bits(positives / np.maximum(rows, 1.0)) / rows.sum()),
    )


def _bits(p: FloatArray) -> FloatArray:
    inside = (p > 0) & (p < 1)
    q = np.where(inside, p, 0.5)
    return np.where(inside, -(q * np.log(q) + (1.0 - q) * np.log1p(-q)) / _LN2, 0.0)
