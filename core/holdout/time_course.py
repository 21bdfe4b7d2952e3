"""Positivity over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pandas as pd

from core.engine.protocol import Among, Axis, Engine
from core.errors import InputError
from core.holdout.cells import Cells
from core.holdout.data import Holdout
from core.holdout.positivity import measures_of
from core.jobs import Job

DAY = 86_400

Unit = Literal["hour", "day", "week", "month"]


@dataclass(frozen=True, slots=True, eq=False)
class TimeCourse:
    """Positivity per time bucket.

    Attributes
    ----------
    starts
        UTC start of each bucket.
    unit
        Width of a bucket.
    cells
        Sums of shape (buckets,).
    """

    starts: tuple[datetime, ...]
    unit: Unit
    cells: Cells
    confidence: float

    def frame(self) -> pd.DataFrame:
        """Columns time, rows, positives, mean_score, mean_uncertainty, rate, lo, hi."""
        return pd.DataFrame({"time": list(self.starts)}).join(self.cells.frame(confidence=self.confidence))


def positivity_over_time(
    holdout: Holdout, engine: Engine, *, where: Sequence[Among] = (), confidence: float = 0.95
) -> Job[TimeCourse]:
    """Positivity per hour, day, week or month (UTC), whichever gives a readable number of buckets.

    Raises
    ------
    InputError
        The holdout has no time column.
    """
    if holdout.roles.time is None:
        raise InputError("This holdout has no time column.", fix="Map one when you upload the file.")
    starts, unit = _buckets(*holdout.rows.ranges["time"])
    axis = Axis("time", np.array([start.timestamp() for start in starts], dtype=np.float64))
    counts = yield from engine.count(holdout.rows, [axis], measures_of(holdout), where=where)
    return TimeCourse(tuple(starts[:-1]), unit, Cells.from_counts(counts), confidence)


def _buckets(first: float, last: float) -> tuple[list[datetime], Unit]:
    """Bucket starts and the end of the last one; the end lies beyond the last event."""
    days = (last - first) / DAY
    unit: Unit = "hour" if days <= 3 else "day" if days <= 120 else "week" if days <= 3 * 365 else "month"
    alias = {"hour": "h", "day": "D", "week": "W-MON", "month": "MS"}[unit]
    begin = pd.Timestamp(first, unit="s", tz=UTC).floor("h" if unit == "hour" else "D")
    if unit == "week":
        begin -= pd.Timedelta(days=begin.weekday())
    if unit == "month":
        begin = begin.replace(day=1)
    starts = pd.date_range(begin, pd.Timestamp(last, unit="s", tz=UTC) + pd.Timedelta(days=32), freq=alias)
    used = int(starts.searchsorted(pd.Timestamp(last, unit="s", tz=UTC), side="right"))
    return [start.to_pydatetime() for start in starts[: used + 1]], unit
