"""How good predictions are, against final labels or against the probability behind them."""

from dataclasses import dataclass, fields

import numpy as np

from core.arrays import FloatArray

BINS = 15
SMALLEST = 1e-7  # predictions are cut to [SMALLEST, 1 − SMALLEST], so that one sure mistake stays finite


@dataclass(frozen=True, slots=True)
class Scores:
    """Measures of a prediction; NaN where a measure does not exist.

    Attributes
    ----------
    regret
        Mean Kullback–Leibler divergence from the true p to the prediction, nats; only where p is known.
    pcoc
        Predicted over observed conversions, Σp̂/Σy; 1 is right, below 1 means bids too low.
    log_loss
        Nats per row.
    ece
        Expected calibration error over 15 bins of equally many rows. Noise of labels adds to it: of n rows to a bin
        about √(2p(1 − p)/(πn)).
    auc
        Area under the ROC curve. Late labels hardly move it: they change the level more than the order.
    """

    regret: float
    pcoc: float
    log_loss: float
    ece: float
    auc: float


METRICS = tuple(field.name for field in fields(Scores))


def score_predictions(prediction: FloatArray, label: FloatArray, *, p: FloatArray | None = None) -> Scores:
    """Measure a prediction.

    Parameters
    ----------
    prediction
        p̂, shape (rows,).
    label
        Final labels, shape (rows,).
    p
        The true probability, if known. It then stands in for the labels in every measure, without their noise. Log-loss
        keeps its expectation; the calibration error loses what noise adds to it.

    Examples
    --------
    >>> found = score_predictions(np.array([0.2, 0.4]), np.array([0.0, 1.0]))
    >>> round(found.pcoc, 3), found.auc
    (0.6, 1.0)
    """
    guess = np.clip(prediction, SMALLEST, 1.0 - SMALLEST)
    outcome = label if p is None else p
    total = float(outcome.sum())
    loss = float(-np.mean(outcome * np.log(guess) + (1.0 - outcome) * np.log1p(-guess)))
    return Scores(
        regret=float("nan") if p is None else loss - _entropy(p),
        pcoc=float(prediction.sum()) / total if total > 0 else float("nan"),
        log_loss=loss,
        ece=calibration_error(prediction, outcome),
        auc=area_under_curve(prediction, outcome),
    )


def calibration_error(prediction: FloatArray, outcome: FloatArray) -> float:
    """Mean of |mean p̂ − mean outcome| over bins of equally many rows in order of p̂; equal p̂ share a bin.

    Examples
    --------
    >>> calibration_error(np.array([0.25, 0.75]), np.array([0.0, 1.0]))
    0.25
    """
    order = np.argsort(prediction, kind="stable")
    rows = len(order)
    bins = min(BINS, rows)
    sorted_ = prediction[order]
    starts = np.unique(np.searchsorted(sorted_, sorted_[np.arange(bins) * rows // bins], side="left"))
    gaps = np.add.reduceat((prediction - outcome)[order], starts)
    return float(np.abs(gaps).sum() / rows)


def area_under_curve(prediction: FloatArray, outcome: FloatArray) -> float:
    """P(p̂ of a conversion > p̂ of a row without) + ½ P(equal); an outcome between 0 and 1 is both, by its share.

    Examples
    --------
    >>> area_under_curve(np.array([0.1, 0.1, 0.3]), np.array([0.0, 1.0, 1.0]))
    0.75
    """
    _, level = np.unique(prediction, return_inverse=True)
    positive = np.bincount(level, weights=outcome)
    negative = np.bincount(level, weights=1.0 - outcome)
    pairs = float(positive.sum() * negative.sum())
    below = np.cumsum(negative) - 0.5 * negative
    return float(positive @ below) / pairs if pairs > 0 else float("nan")


def _entropy(p: FloatArray) -> float:
    inside = np.clip(p, np.finfo(np.float64).tiny, 1.0 - np.finfo(np.float64).epsneg)
    return float(-np.mean(p * np.log(inside) + (1.0 - p) * np.log1p(-inside)))
