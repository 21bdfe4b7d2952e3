"""Where the bias of young labels comes from."""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.delay.arms import plan_arm, train_arm
from core.delay.auxiliary import recent_rows
from core.delay.compare import BOUND, REFERENCE, Comparison
from core.delay.data import Log, Options, Snapshot
from core.delay.laws import DAY
from core.delay.maturity import LAG_EDGES, Unit, group_by_time, log_ages, name_bucket
from core.delay.snapshot import mature_rows, observe
from core.delay.survival import estimate_rate
from core.errors import InputError
from core.intervals import normal, wilson

DELAY_BINS = 40
_Z = float(normal(0.0, 1.0)[1])


@dataclass(frozen=True, slots=True, eq=False)
class DelayDistribution:
    """Delays of mature conversions.

    Attributes
    ----------
    edges
        Shape (bins + 1,): seconds, evenly on a logarithmic scale; shorter delays are in the first bin.
    conversions
        Shape (bins,).
    median
        Seconds.
    """

    edges: FloatArray
    conversions: IntArray
    median: float

    def frame(self) -> pd.DataFrame:
        """One row per bin: lo, hi (days), conversions, share, arrived (share with a delay up to hi)."""
        share = self.conversions / self.conversions.sum()
        return pd.DataFrame({
            "lo": self.edges[:-1] / DAY, "hi": self.edges[1:] / DAY, "conversions": self.conversions, "share": share,
            "arrived": np.cumsum(share),
        })  # fmt: skip


def measure_distribution(snapshot: Snapshot) -> DelayDistribution:
    """Count the delays of mature conversions on a logarithmic scale.

    Raises
    ------
    NoMatureCohort
        No row is mature, or none of them converted.
    """
    mature = mature_rows(snapshot)
    delay = mature.delay[mature.label > 0]
    ages = log_ages(snapshot.window)
    edges = np.geomspace(ages[0], snapshot.window, DELAY_BINS + 1)
    bin_ = np.clip(np.searchsorted(edges, delay, side="left") - 1, 0, DELAY_BINS - 1)
    return DelayDistribution(edges, np.bincount(bin_, minlength=DELAY_BINS), float(np.median(delay)))


@dataclass(frozen=True, slots=True, eq=False)
class RateByAge:
    """Conversion rate seen so far by age of the rows, beside the curve that it should follow.

    Attributes
    ----------
    age
        Shape (ages,): mean age of the rows of each age bucket with rows, days.
    rows, conversions
        Shape (ages,).
    curve_age, curve, lo, hi
        Shape (points,): Kaplan–Meier rate by age (days) and its 95 % band.
    eventual
        The rate at the end of the window.
    """

    age: FloatArray
    rows: IntArray
    conversions: IntArray
    curve_age: FloatArray
    curve: FloatArray
    lo: FloatArray
    hi: FloatArray
    eventual: float

    def frame(self) -> pd.DataFrame:
        """One row per age: age (days), rows, conversions, rate with 95 % Wilson interval, eventual."""
        lo, hi = wilson(self.conversions, self.rows)
        return pd.DataFrame({
            "age": self.age, "rows": self.rows, "conversions": self.conversions, "rate": self.conversions / self.rows,
            "rate_lo": lo, "rate_hi": hi, "eventual": self.eventual,
        })  # fmt: skip

    def curve_frame(self) -> pd.DataFrame:
        """One row per point of the curve: age (days), rate, rate_lo, rate_hi."""
        return pd.DataFrame({"age": self.curve_age, "rate": self.curve, "rate_lo": self.lo, "rate_hi": self.hi})


def measure_rate_by_age(snapshot: Snapshot) -> RateByAge:
    """Compare the rate seen at each age with the eventual one.

    Raises
    ------
    NoMatureCohort
        No row is mature, or none of them converted.
    """
    mature_rows(snapshot)
    bucket = np.searchsorted(np.array(LAG_EDGES) * DAY, snapshot.age, side="right") - 1
    _, bucket = np.unique(bucket, return_inverse=True)
    rows = np.bincount(bucket)
    curve = estimate_rate(snapshot)
    ages = np.append(0.0, log_ages(snapshot.window))
    rate, lo, hi = curve.at(ages)
    return RateByAge(
        np.bincount(bucket, weights=snapshot.age) / rows / DAY, rows,
        np.bincount(bucket, weights=snapshot.label).astype(np.int64),
        ages / DAY, rate, lo, hi, float(rate[-1]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Baking:
    """Conversion rate of each cohort by age, as far as all its rows have come: a triangle.

    Attributes
    ----------
    start
        Shape (cohorts,): UTC seconds.
    age
        Shape (ages,): days.
    rows
        Shape (cohorts,).
    conversions
        Shape (cohorts, ages): conversions with a delay up to that age; NaN where a row of the cohort is younger.
    """

    start: FloatArray
    age: FloatArray
    rows: IntArray
    conversions: FloatArray

    def frame(self) -> pd.DataFrame:
        """One row per cohort and age that is known: start, age (days), rows, conversions, rate with Wilson interval."""
        cohort, at = np.nonzero(np.isfinite(self.conversions))
        found, rows = self.conversions[cohort, at], self.rows[cohort]
        lo, hi = wilson(found, rows)
        return pd.DataFrame({
            "start": pd.to_datetime(self.start[cohort], unit="s", utc=True), "age": self.age[at], "rows": rows,
            "conversions": found.astype(np.int64), "rate": found / rows, "rate_lo": lo, "rate_hi": hi,
        })  # fmt: skip


def measure_baking(snapshot: Snapshot, *, unit: Unit = "week") -> Baking:
    """Follow each cohort while it bakes."""
    start, cohort = group_by_time(snapshot.time, unit)
    inside = [day for day in LAG_EDGES[1:] if day * DAY < snapshot.window]
    age = np.array([*inside, snapshot.window / DAY])
    count = len(start)
    first_age = np.searchsorted(age * DAY, snapshot.delay, side="left")  # NaN sorts behind every age
    seen = np.flatnonzero(snapshot.label)
    new = np.bincount(cohort[seen] * len(age) + first_age[seen], minlength=count * len(age))
    youngest = np.full(count, np.inf)
    np.minimum.at(youngest, cohort, snapshot.age)
    known = youngest[:, None] >= age * DAY
    return Baking(start, age, np.bincount(cohort), np.where(known, np.cumsum(new.reshape(count, -1), axis=1), np.nan))


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Rows of each day by what their label says at a moment and what it will say.

    Attributes
    ----------
    start
        Shape (days,): UTC seconds.
    true_positive
        Converted, and seen.
    delayed_positive
        Will convert, and counts as negative so far (a fake negative).
    true_negative
        Will not convert.
    unknown
        Not converted so far, and the log ends before the window does.
    """

    start: FloatArray
    true_positive: IntArray
    delayed_positive: IntArray
    true_negative: IntArray
    unknown: IntArray

    def frame(self) -> pd.DataFrame:
        """One row per day: start and the four counts."""
        counts = {field.name: getattr(self, field.name) for field in fields(self)}
        return pd.DataFrame(counts | {"start": pd.to_datetime(self.start, unit="s", utc=True)})


def count_outcomes(log: Log, at: float, *, window: float) -> Outcomes:
    """Count true negatives, delayed positives and true positives over time.

    Raises
    ------
    InputError
        The moment lies outside the log.
    """
    snapshot = observe(log, at, window=window)
    rows = slice(0, len(snapshot))
    seen = snapshot.label > 0
    final, converts = log.is_final(window)[rows], log.final_label(window)[rows] > 0
    start, day = group_by_time(snapshot.time, "day")
    found = (seen, ~seen & converts, ~converts & final, ~converts & ~final)
    return Outcomes(start, *(np.bincount(day[part], minlength=len(start)) for part in found))


@dataclass(frozen=True, slots=True, eq=False)
class BiasTable:
    """How far labels as seen, and the naive model trained on them, fall short of final labels.

    Attributes
    ----------
    part
        ``age`` or ``segment`` of each line.
    name
        Age bucket or segment.
    rows, seen, final
        Rows of the training window with a final label, conversions seen at the moment, and final conversions.
    predicted
        Σ p̂ of the naive model.
    """

    part: tuple[str, ...]
    name: tuple[str, ...]
    rows: IntArray
    seen: IntArray
    final: IntArray
    predicted: FloatArray

    def frame(self) -> pd.DataFrame:
        """One row per line.

        part, name, rows, seen, final; labels: seen/final; pcoc: predicted/final, with the 95 % interval that the number
        of final conversions leaves (exp(±1.96/√final)).
        """
        any_final = self.final > 0
        labels, pcoc, factor = (
            np.divide(above, below, out=np.full(len(self.rows), np.nan), where=any_final)
            for above, below in ((self.seen, self.final), (self.predicted, self.final), (_Z, np.sqrt(self.final)))
        )
        return pd.DataFrame({
            "part": self.part, "name": self.name, "rows": self.rows, "seen": self.seen, "final": self.final,
            "labels": labels, "pcoc": pcoc, "pcoc_lo": pcoc * np.exp(-factor), "pcoc_hi": pcoc * np.exp(factor),
        })  # fmt: skip


def measure_bias(log: Log, at: float, *, window: float, options: Options) -> BiasTable:
    """Measure naive calibration by age of the label and by segment, on the rows that it was trained on.

    Raises
    ------
    InputError
        The moment lies outside the log, or no row of the training window has a final label.
    """
    snapshot = observe(log, at, window=window)
    rows = recent_rows(snapshot, options)
    rows = rows[log.is_final(window)[rows]]
    if not rows.size:
        raise InputError(
            "No row of the training window has a final label in this log.", fix="Choose an earlier as-of date."
        )
    trained = train_arm(plan_arm(REFERENCE, options=options), snapshot)
    guess = trained.model.predict(snapshot.features[rows], snapshot.segment[rows])
    bucket = np.searchsorted(np.array(LAG_EDGES) * DAY, snapshot.age[rows], side="right") - 1
    parts = (
        ("age", [*map(name_bucket, LAG_EDGES, (*LAG_EDGES[1:], np.inf))], bucket),
        ("segment", [*snapshot.segment_names], snapshot.segment[rows]),
    )
    sums = (np.ones(len(rows)), snapshot.label[rows], log.final_label(window)[rows], guess)
    part, name, columns = [], [], []
    for kind, names, code in parts:
        table = np.array([np.bincount(code, weights=values, minlength=len(names)) for values in sums])
        there = np.flatnonzero(table[0])
        part += [kind] * len(there)
        name += [names[i] for i in there]
        columns.append(table[:, there])
    count, seen, final, predicted = np.concatenate(columns, axis=1)
    return BiasTable(
        tuple(part), tuple(name), count.astype(np.int64), seen.astype(np.int64), final.astype(np.int64), predicted
    )


@dataclass(frozen=True, slots=True, eq=False)
class ErrorSplit:
    """Error of every arm, split into what late labels did and what the age of the training window did.

    Definition
        error(arm) = [error(arm) − error(oracle)] + error(oracle): delay bias + window staleness. The error is the
        regret, or the PCOC less 1.

    Attributes
    ----------
    measure
        ``regret`` or ``pcoc``.
    arms
        Names; the oracle last.
    delay_bias, delay_se
        Shape (arms,): mean over runs and its standard error.
    staleness, staleness_se
        The same of the oracle, alike for every arm.
    """

    measure: str
    arms: tuple[str, ...]
    delay_bias: FloatArray
    delay_se: FloatArray
    staleness: float
    staleness_se: float

    def frame(self) -> pd.DataFrame:
        """One row per arm."""
        return pd.DataFrame({
            "arm": self.arms, "delay_bias": self.delay_bias, "delay_bias_se": self.delay_se,
            "staleness": self.staleness, "staleness_se": self.staleness_se,
        })  # fmt: skip


def split_error(comparison: Comparison, *, measure: str = "regret") -> ErrorSplit:
    """Split the error of each arm.

    Raises
    ------
    InputError
        The oracle was not compared.
    """
    target = 1.0 if measure == "pcoc" else 0.0
    oracle = comparison.of(BOUND, measure) - target
    pairs = [comparison.paired(name, BOUND, measure=measure) for name in comparison.names]
    runs = len(oracle)
    error = float(oracle.std(ddof=1) / np.sqrt(runs)) if runs > 1 else float("nan")
    return ErrorSplit(
        measure, comparison.names, np.array([pair.difference for pair in pairs]),
        np.array([pair.se for pair in pairs]), float(oracle.mean()), error,
    )  # fmt: skip
