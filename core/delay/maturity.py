"""How much of a log is in yet: by age, by cohort and by segment, and what the as-of date cuts off."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from scipy.stats import binom

from core.arrays import FloatArray, IntArray
from core.delay.data import Snapshot
from core.delay.laws import DAY
from core.delay.snapshot import mature_rows
from core.delay.survival import CONFIDENCE, RateCurve, estimate_arrival, estimate_rate
from core.intervals import wilson

Unit = Literal["day", "week"]

LAG_EDGES: Final = (*(float(day) for day in range(15)), 21.0, 30.0, 45.0, 60.0, 90.0)
CURVE_POINTS = 60
SHORTEST = 60.0  # seconds: where curves on a logarithmic axis begin
ALL = "all segments"
_MONDAY: Final = 4 * DAY  # 1970-01-05


@dataclass(frozen=True, slots=True, eq=False)
class Maturity:
    """Rows and conversions by age, in the lag buckets of advertising platforms.

    Attributes
    ----------
    at, window
        As-of date (UTC seconds) and attribution window (seconds).
    edges
        Days; the last bucket is open.
    rows, conversions
        Shape (buckets,): rows of that age, and how many of them are seen to have converted.
    expected
        How many are expected to have by now: Σ R(age), R from all rows (:class:`core.delay.survival.RateCurve`).
    eventual
        How many are expected once the window has passed: conversions + Σ (R(w) − R(e))/(1 − R(e)) over open rows.
    arrivals
        Shape (buckets,): conversions of mature rows by the bucket of their delay.
    unseen
        Mean share of the attribution window that lies after the as-of date.
    open_rows
        Rows whose window has not passed.
    """

    at: float
    window: float
    edges: tuple[float, ...]
    rows: IntArray
    conversions: IntArray
    expected: FloatArray
    eventual: FloatArray
    arrivals: IntArray
    unseen: float
    open_rows: int

    def frame(self) -> pd.DataFrame:
        """One row per bucket.

        age_lo, age_hi (days), rows, conversions, rate with 95 % Wilson interval, expected and eventual conversions;
        delays: share of mature conversions with a delay in the bucket; arrived: share with a delay below age_hi.
        """
        lo, hi = wilson(self.conversions, self.rows)
        any_rows = self.rows > 0
        rate = np.divide(self.conversions, self.rows, out=np.full(len(self.rows), np.nan), where=any_rows)
        share = self.arrivals / self.arrivals.sum()
        return pd.DataFrame({
            "age_lo": self.edges, "age_hi": [*self.edges[1:], np.inf], "rows": self.rows,
            "conversions": self.conversions, "rate": rate, "rate_lo": np.where(any_rows, lo, np.nan),
            "rate_hi": np.where(any_rows, hi, np.nan), "expected": self.expected, "eventual": self.eventual,
            "delays": share, "arrived": np.cumsum(share),
        })  # fmt: skip

    @property
    def missing(self) -> float:
        """Share of the eventual conversions that has not been seen."""
        total = float(self.eventual.sum())
        return 1.0 - float(self.conversions.sum()) / total if total > 0 else 0.0

    def warning(self) -> str | None:
        """What the as-of date cuts off, or None where every window has passed."""
        if not self.open_rows:
            return None
        return (
            f"The as-of date cuts off delays: {self.open_rows:,} of {int(self.rows.sum()):,} rows have not been "
            f"followed for the whole window of {self.window / DAY:g} days. {self.unseen:.0%} of all windows lies "
            f"ahead, and with it about {self.missing:.0%} of the conversions."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; the open end of the last bucket is None."""
        lines = self.frame().astype(object).where(lambda frame: frame.notna() & (frame != np.inf), None)
        return {
            "window_days": self.window / DAY, "rows": int(self.rows.sum()), "open_rows": self.open_rows,
            "unseen": self.unseen, "missing": self.missing, "warning": self.warning(),
            "ages": lines.to_dict(orient="records"),
        }  # fmt: skip


def measure_maturity(snapshot: Snapshot) -> Maturity:
    """Tabulate a snapshot by age.

    Raises
    ------
    NoMatureCohort
        No row is mature, or none of them converted; it tells from which date one is.
    """
    mature = mature_rows(snapshot)
    curve = estimate_rate(snapshot)
    bucket = _bucket_of(snapshot.age)
    expected, ahead = _expect(curve, snapshot)
    count = len(LAG_EDGES)
    conversions = sum_by(bucket, snapshot.label, count)
    return Maturity(
        at=snapshot.at,
        window=snapshot.window,
        edges=LAG_EDGES,
        rows=np.bincount(bucket, minlength=count),
        conversions=conversions.astype(np.int64),
        expected=sum_by(bucket, expected, count),
        eventual=conversions + sum_by(bucket, ahead, count),
        arrivals=np.bincount(_bucket_of(mature.delay[mature.label > 0]), minlength=count),
        unseen=float(np.mean(np.maximum(1.0 - snapshot.age / snapshot.window, 0.0))),
        open_rows=int((~snapshot.is_mature).sum()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Cohorts:
    """Conversions of the rows of each day or week, observed against expected.

    Attributes
    ----------
    unit
        ``day`` or ``week`` (from Monday), UTC.
    start
        Shape (cohorts,): UTC seconds.
    rows, conversions
        Rows, and conversions seen.
    expected, ahead
        Conversions expected by now, and still to come, as in :class:`Maturity`.
    """

    unit: Unit
    start: FloatArray
    rows: IntArray
    conversions: IntArray
    expected: FloatArray
    ahead: FloatArray

    def frame(self) -> pd.DataFrame:
        """One row per cohort.

        start, rows, conversions, expected with the 95 % range in which conversions should lie, outside (whether they do
        not), eventual with the range of the conversions still to come. Ranges are those of binomial counts of
        independent rows; the error of the curve is not in them.
        """
        lo, hi = _count_range(self.expected, self.rows)
        open_rows = self.rows - self.conversions
        ahead_lo, ahead_hi = _count_range(self.ahead, open_rows)
        return pd.DataFrame({
            "start": pd.to_datetime(self.start, unit="s", utc=True), "rows": self.rows,
            "conversions": self.conversions, "expected": self.expected, "expected_lo": lo, "expected_hi": hi,
            "outside": (self.conversions < lo) | (self.conversions > hi),
            "eventual": self.conversions + self.ahead, "eventual_lo": self.conversions + ahead_lo,
            "eventual_hi": self.conversions + ahead_hi,
        })  # fmt: skip


def measure_cohorts(snapshot: Snapshot, *, unit: Unit = "day") -> Cohorts:
    """Compare what each cohort has converted with what its age lets expect.

    Raises
    ------
    NoMatureCohort
        As :func:`measure_maturity`.
    """
    mature_rows(snapshot)
    start, cohort = group_by_time(snapshot.time, unit)
    expected, ahead = _expect(estimate_rate(snapshot), snapshot)
    return Cohorts(
        unit, start, np.bincount(cohort),
        sum_by(cohort, snapshot.label, len(start)).astype(np.int64),
        sum_by(cohort, expected, len(start)), sum_by(cohort, ahead, len(start)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class DelayCurves:
    """F(age) of each segment, from its mature conversions.

    Attributes
    ----------
    names
        Segments with mature conversions, most conversions first, after ``all segments``.
    conversions
        Shape (names,): mature conversions.
    age
        Shape (points,): seconds, evenly spread on a logarithmic scale up to the window.
    arrived, lo, hi
        Shape (names, points): F and its 95 % Kaplan–Meier band.
    unknown
        Segments without mature conversions, such as new campaigns: nothing tells how late they convert.
    """

    names: tuple[str, ...]
    conversions: IntArray
    age: FloatArray
    arrived: FloatArray
    lo: FloatArray
    hi: FloatArray
    unknown: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """One row per segment and age: segment, conversions, age (days), arrived, lo, hi."""
        points = len(self.age)
        return pd.DataFrame({
            "segment": np.repeat(np.array(self.names, dtype=object), points),
            "conversions": np.repeat(self.conversions, points),
            "age": np.tile(self.age / DAY, len(self.names)),
            "arrived": self.arrived.ravel(), "lo": self.lo.ravel(), "hi": self.hi.ravel(),
        })  # fmt: skip


def measure_delays(snapshot: Snapshot) -> DelayCurves:
    """Estimate F(age) by segment on mature rows: among younger rows quick conversions are seen first.

    Raises
    ------
    NoMatureCohort
        As :func:`measure_maturity`.
    """
    mature = mature_rows(snapshot)
    converted = mature.take(np.flatnonzero(mature.label))
    age = log_ages(snapshot.window)
    rows = np.bincount(converted.segment, minlength=len(snapshot.segment_names))
    known = [int(code) for code in np.argsort(-rows, kind="stable") if rows[code]]
    parts = [converted.delay, *(converted.delay[converted.segment == code] for code in known)]
    curves = np.array([estimate_arrival(part).at(age) for part in parts])
    return DelayCurves(
        names=(ALL, *(snapshot.segment_names[code] for code in known)),
        conversions=np.array([len(part) for part in parts]),
        age=age,
        arrived=curves[:, 0],
        lo=curves[:, 1],
        hi=curves[:, 2],
        unknown=tuple(name for name, count in zip(snapshot.segment_names, rows, strict=True) if not count),
    )


def group_by_time(time: FloatArray, unit: Unit) -> tuple[FloatArray, IntArray]:
    """Start of each day or week (from Monday) with rows, UTC, and which of them each time lies in."""
    length = DAY if unit == "day" else 7 * DAY
    origin = 0.0 if unit == "day" else _MONDAY
    start, cohort = np.unique(np.floor((time - origin) / length), return_inverse=True)
    return start * length + origin, cohort.astype(np.int64)


def name_bucket(lo: float, hi: float) -> str:
    """A bucket of ages in days, as text.

    Examples
    --------
    >>> name_bucket(14.0, 21.0), name_bucket(90.0, np.inf)
    ('14–21 d', '90 d and more')
    """
    return f"{lo:g} d and more" if np.isinf(hi) else f"{lo:g}–{hi:g} d"


def sum_by(code: IntArray, values: FloatArray, count: int) -> FloatArray:
    """Sum of the values of each code from 0 to count − 1."""
    return np.bincount(code, weights=values, minlength=count).astype(np.float64)


def log_ages(window: float) -> FloatArray:
    """Ages from a minute (or a thousandth of a short window) to the window, evenly on a logarithmic scale."""
    return np.geomspace(min(SHORTEST, window / 1_000), window, CURVE_POINTS)


def _bucket_of(age: FloatArray) -> IntArray:
    return np.searchsorted(np.array(LAG_EDGES) * DAY, age, side="right") - 1


def _expect(curve: RateCurve, snapshot: Snapshot) -> tuple[FloatArray, FloatArray]:
    """P(converted by now) of each row, and P(converts later) given what has been seen of it."""
    now = curve.at(np.minimum(snapshot.age, snapshot.window))[0]
    end = curve.at(np.array([snapshot.window]))[0][0]
    waits = (snapshot.label == 0) & (now < 1)
    return now, np.divide(end - now, 1.0 - now, out=np.zeros(len(now)), where=waits)


def _count_range(expected: FloatArray, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """95 % range of a binomial count with that mean."""
    share = np.divide(expected, rows, out=np.zeros(len(rows)), where=rows > 0)
    tail = (1.0 - CONFIDENCE) / 2.0
    lo, hi = (binom.ppf(q, rows, np.minimum(share, 1.0)) for q in (tail, 1.0 - tail))
    return np.maximum(lo, 0.0), np.maximum(hi, 0.0)
