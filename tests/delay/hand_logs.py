"""Logs small enough to work by hand; times and delays in days from a Monday."""

from collections.abc import Sequence

import numpy as np

from core.delay.data import Log
from core.delay.laws import DAY
from core.delay.simulate import START

NONE = float("nan")


def hand_log(
    time: Sequence[float],
    delay: Sequence[float],
    *,
    until: float = 100.0,
    signal: Sequence[float] | None = None,
    segment: Sequence[int] | None = None,
) -> Log:
    """A log with one feature, one signal and segments a and b."""
    rows = len(time)
    return Log(
        time=START + DAY * np.array(time, dtype=np.float64),
        delay=DAY * np.array(delay, dtype=np.float64),
        signal_delay=DAY * np.array([NONE] * rows if signal is None else signal, dtype=np.float64)[:, None],
        features=np.arange(rows, dtype=np.float64)[:, None],
        segment=np.array([0] * rows if segment is None else segment, dtype=np.int64),
        feature_names=("x",),
        signal_names=("cart",),
        segment_names=("a", "b"),
        until=float(START + DAY * until),
    )


def day(number: float) -> float:
    """UTC seconds of a day of such a log."""
    return float(START + DAY * number)
