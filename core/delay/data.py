"""Records of the delay page: the log, what was known of it at a moment, and what an arm trains on."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.arrays import FloatArray, IntArray
from core.checks import check_between, check_entries
from core.delay.laws import DelayLaw
from core.errors import InputError

BoolArray: TypeAlias = npt.NDArray[np.bool_]
WHY_NO_SIGNAL = (
    "a signal comes after the impression, so no score can have it: a model that learns from it would "
    "expect what is never there, and predict far too little"
)


class NoMatureCohort(InputError):
    """No row is old enough for its label to be final; ``first_at`` (UTC seconds) is when the first one is."""

    def __init__(self, message: str, *, fix: str, first_at: float) -> None:
        super().__init__(message, fix=fix)
        self.first_at = first_at


class NoSupport(InputError):
    """A conversion was seen at an age at which none can be seen: no finite weight corrects that."""


class SignalServed(InputError):
    """A pre-conversion signal was given as a feature of the served model."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a simulated log knows of itself.

    Attributes
    ----------
    p
        Shape (rows,): P(conversion inside the attribution window | x, time of the impression).
    p_given_signals
        Shape (rows,): the same, given which signals the row has ever sent.
    shift
        Shape (rows,): shift of the logarithm of the median delay.
    law
        The delay law.
    window
        Attribution window in seconds.
    """

    p: FloatArray
    p_given_signals: FloatArray
    shift: FloatArray
    law: DelayLaw
    window: float

    def arrived_by(self, age: FloatArray) -> FloatArray:
        """F(e | x) = P(delay ≤ e | conversion inside the window, x), one age per row."""
        share = self.law.arrived_by(np.minimum(age, self.window), shift=self.shift)
        return np.asarray(share / self.law.arrived_by(np.full_like(self.shift, self.window), shift=self.shift))

    def take(self, rows: IntArray | BoolArray) -> Self:
        """Some of the rows."""
        return type(self)(self.p[rows], self.p_given_signals[rows], self.shift[rows], self.law, self.window)


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """One row per impression, in order of time.

    Attributes
    ----------
    time
        Shape (rows,): UTC seconds since 1970, not decreasing.
    delay
        Shape (rows,): seconds to the conversion; NaN where there is none, or none that the log knows of.
    signal_delay
        Shape (rows, signals): seconds to each signal; NaN where there is none.
    features
        Shape (rows, features), finite.
    segment
        Shape (rows,): position in ``segment_names``.
    feature_names, signal_names, segment_names
        Names for display.
    until
        UTC seconds up to which conversions were recorded: a row is final once ``time + window`` is not after it.
    truth
        Known for simulated logs only.

    Raises
    ------
    InputError
        No rows, lengths that differ, times that fall, delays that are negative, features that are not finite, a
        segment without a name.
    SignalServed
        A signal is also a feature.
    """

    time: FloatArray
    delay: FloatArray
    signal_delay: FloatArray
    features: FloatArray
    segment: IntArray
    feature_names: tuple[str, ...]
    signal_names: tuple[str, ...]
    segment_names: tuple[str, ...]
    until: float
    truth: Truth | None = None

    def __post_init__(self) -> None:
        """Check shapes and values, and set the arrays read-only."""
        self._check_shapes()
        check_entries(self.time, np.isfinite(self.time), rule="time must be finite", fix="Leave such rows out.")
        check_entries(self.time[1:], np.diff(self.time) >= 0, rule="rows must be in order of time", fix="Sort them.")
        for name, delay in (("delay", self.delay), ("signal delay", self.signal_delay)):
            check_entries(delay, ~(delay < 0), rule=f"a {name} must not be negative", fix="Leave such rows out.")
        rule = "features must be finite"
        check_entries(self.features, np.isfinite(self.features), rule=rule, fix="Fill or leave out such rows.")
        named = (self.segment >= 0) & (self.segment < len(self.segment_names))
        check_entries(self.segment.astype(np.float64), named, rule="each segment needs a name", fix="Name it.")
        both = sorted(set(self.feature_names) & set(self.signal_names))
        if both:
            raise SignalServed(
                f"{both[0][:80]!r} is mapped as feature and as signal: {WHY_NO_SIGNAL}.", fix="Map it as signal only."
            )
        for field in fields(self):
            if isinstance(array := getattr(self, field.name), np.ndarray):
                array.flags.writeable = False

    def _check_shapes(self) -> None:
        rows = len(self.time)
        if not rows:
            raise InputError("The log has no rows.", fix="Give a log with at least one impression.")
        wanted: tuple[tuple[str, npt.NDArray[Any], tuple[int, ...]], ...] = (
            ("delay", self.delay, (rows,)),
            ("signal_delay", self.signal_delay, (rows, len(self.signal_names))),
            ("features", self.features, (rows, len(self.feature_names))),
            ("segment", self.segment, (rows,)),
        )
        for name, array, shape in wanted:
            if array.shape != shape:
                raise InputError(f"{name} has shape {array.shape}, not {shape}.", fix="Give one entry per row.")

    def __len__(self) -> int:
        return len(self.time)

    def final_label(self, window: float) -> FloatArray:
        """1 where the conversion came inside the window, else 0; final only where :meth:`is_final`."""
        return (self.delay <= window).astype(np.float64)

    def is_final(self, window: float) -> BoolArray:
        """Where the whole attribution window was recorded."""
        return np.asarray(self.time + window <= self.until)

    def take(self, rows: IntArray | BoolArray) -> "Log":
        """Some of the rows, by mask or increasing position."""
        return Log(
            self.time[rows], self.delay[rows], self.signal_delay[rows], self.features[rows], self.segment[rows],
            self.feature_names, self.signal_names, self.segment_names, self.until,
            self.truth.take(rows) if self.truth else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The log as it was known at one moment. It holds nothing that happened later.

    Attributes
    ----------
    at
        The moment, UTC seconds.
    window
        Attribution window in seconds.
    time
        Shape (rows,): impressions before ``at``, in order.
    age
        Shape (rows,): ``at − time``, seconds.
    delay
        Shape (rows,): delay of the conversions inside the window that were seen by ``at``; NaN elsewhere.
    signal_delay
        Shape (rows, signals): delay of the signals that were seen by ``at``; NaN elsewhere.
    features, segment, feature_names, signal_names, segment_names
        As in :class:`Log`.
    """

    at: float
    window: float
    time: FloatArray
    age: FloatArray
    delay: FloatArray
    signal_delay: FloatArray
    features: FloatArray
    segment: IntArray
    feature_names: tuple[str, ...]
    signal_names: tuple[str, ...]
    segment_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.time)

    @property
    def label(self) -> FloatArray:
        """Observed label v: 1 where a conversion was seen."""
        return (self.delay >= 0).astype(np.float64)

    @property
    def is_mature(self) -> BoolArray:
        """Where the attribution window has passed, so that the observed label is final."""
        return np.asarray(self.age >= self.window)

    def take(self, rows: IntArray | BoolArray) -> "Snapshot":
        """Some of the rows, by mask or position."""
        return Snapshot(
            self.at, self.window, self.time[rows], self.age[rows], self.delay[rows], self.signal_delay[rows],
            self.features[rows], self.segment[rows], self.feature_names, self.signal_names, self.segment_names,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class SnapshotWeights:
    """A training set in which every impression stands at most once.

    Attributes
    ----------
    rows
        Positions in the snapshot.
    label
        Same shape, 0 to 1; a fraction is a probability (soft label).
    weight
        Same shape, not negative.
    """

    rows: IntArray
    label: FloatArray
    weight: FloatArray

    def frame(self) -> pd.DataFrame:
        """One row per entry: row (position in the snapshot), label, weight."""
        return pd.DataFrame({"row": self.rows, "label": self.label, "weight": self.weight})


@dataclass(frozen=True, slots=True, eq=False)
class StreamWeights:
    """A training set of arrivals: an impression that converts late stands there twice, or more often.

    The weights answer the duplicates of their stream, so they mean nothing on a snapshot.

    Attributes
    ----------
    rows
        Positions in the snapshot, repeated.
    label, weight
        As in :class:`SnapshotWeights`.
    odds
        Whether the fitted probability b is served as b/(1 − b), at most 1 (fake negative calibration).
    """

    rows: IntArray
    label: FloatArray
    weight: FloatArray
    odds: bool = False

    def frame(self) -> pd.DataFrame:
        """One row per entry: row (position in the snapshot), label, weight."""
        return pd.DataFrame({"row": self.rows, "label": self.label, "weight": self.weight})


@dataclass(frozen=True, slots=True, eq=False)
class FittedRule:
    """The prediction of an arm whose loss is no weighted likelihood.

    Attributes
    ----------
    predict
        (features, segment) → probability.
    """

    predict: Callable[[FloatArray, IntArray], FloatArray]


Training: TypeAlias = SnapshotWeights | StreamWeights | FittedRule


@dataclass(frozen=True, slots=True)
class Options:
    """What the arms can be told; times in days.

    Attributes
    ----------
    lookback
        Length of the training window.
    drop
        ``drop_last``: the youngest rows left out.
    wait
        ``wait``: how old a row must be; None for the attribution window.
    deadline
        ``fsiw``, ``ulc``: how far the counterfactual deadline lies back.
    observation
        ``es_dfm``, ``defer``, ``defuse``: how long a row is waited for before it enters the stream.
    ridge
        Penalty ½ · ridge · ‖coefficients‖² of the standardised features.
    cap
        Largest weight, or None. A cap cuts the weights of young conversions, so it biases predictions downwards.
    """

    lookback: float = 30.0
    drop: float = 7.0
    wait: float | None = None
    deadline: float = 14.0
    observation: float = 0.25
    ridge: float = 1.0
    cap: float | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        check_between(self.lookback, 1e-6, 3_650, name="lookback")
        check_between(self.drop, 0, 3_650, name="drop")
        check_between(self.deadline, 1e-6, 3_650, name="deadline")
        check_between(self.observation, 0, 3_650, name="observation")
        check_between(self.ridge, 0, 1e9, name="ridge")
        if self.wait is not None:
            check_between(self.wait, 0, 3_650, name="wait")
        if self.cap is not None:
            check_between(self.cap, 1, 1e9, name="cap")
