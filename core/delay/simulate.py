"""Worlds whose labels arrive late and whose truth is known, and the generator of the sample log.

``python -m core.delay.simulate [folder]`` rebuilds ``delay.parquet``.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.optimize import brentq
from scipy.special import expit, logit

from core.arrays import FloatArray, IntArray
from core.checks import check_between, check_count
from core.delay.data import Log, Truth
from core.delay.laws import DAY, HOUR, DelayLaw
from core.errors import InputError
from core.rng import make_generator

START: Final = 1_767_571_200  # 2026-01-05 00:00 UTC, a Monday
ROWS_CAP: Final = 20_000_000
SAMPLE_SEED: Final = 20_230_806
_PI2: Final = 2 * np.pi


@dataclass(frozen=True, slots=True)
class Signal:
    """Something a user may do between impression and conversion, such as adding to the cart.

    Attributes
    ----------
    name
        For display.
    if_converting, if_not
        P(signal | conversion) and P(signal | none).
    hours
        Median delay in hours. A signal always comes before the conversion of its row.
    drift
        Standard deviation per day of the random walk of the log-odds of ``if_not``: above 0, what a signal means
        changes.
    """

    name: str = "cart"
    if_converting: float = 0.75
    if_not: float = 0.08
    hours: float = 0.5
    drift: float = 0.0

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("if_converting", "if_not"):
            check_between(getattr(self, name), 0, 1, name=name.replace("_", " "))
        check_between(self.hours, 1e-6, 1e6, name="hours")
        check_between(self.drift, 0, 10, name="drift of a signal")


@dataclass(frozen=True, slots=True)
class World:
    """A world of impressions, signals and late conversions.

    Definition
        Day t has coefficients β(t), a random walk from a random direction. A row has covariates x ~ N(0, I), the hour
        of its day, and a campaign c. It would ever convert with log-odds a(t) + β(t)·x + γ(c) + diurnal ·
        cos(2π(hour − 20)/24) + jump · [t ≥ jump_day], after a delay of the law with ln median shifted by
        slope · x₀ + δ(c) − agreement · (log-odds − their mean). A conversion later than the window counts as none.

    Attributes
    ----------
    days, daily
        Days, and impressions per day.
    rate
        Share of impressions that would ever convert on the first day.
    covariates, spread
        Number of covariates, and standard deviation of the log-odds they make on the first day.
    campaigns, campaign_spread
        Campaigns from the first day on, and standard deviation of their log-odds and log delays.
    walk
        Standard deviation per day of the step of a and of each β.
    jump, jump_day
        Change of all log-odds, and the day it happens.
    new_campaigns, launch_day, new_share, new_spread
        Campaigns that start later, the day, the share of impressions they take, standard deviation of their log-odds.
    diurnal
        Amplitude over the hours of a day, in log-odds.
    window
        Attribution window in days.
    law
        Delay law.
    signals
        What is seen before a conversion.

    Raises
    ------
    InputError
        A number is out of range, or two signals share a name.
    """

    days: int = 61
    daily: int = 2_000
    rate: float = 0.1
    covariates: int = 8
    spread: float = 1.3
    campaigns: int = 6
    campaign_spread: float = 0.3
    walk: float = 0.03
    jump: float = 0.0
    jump_day: int = 56
    new_campaigns: int = 0
    launch_day: int = 50
    new_share: float = 0.4
    new_spread: float = 1.0
    diurnal: float = 0.2
    window: float = 30.0
    law: DelayLaw = field(default_factory=DelayLaw)
    signals: tuple[Signal, ...] = (Signal(),)

    def __post_init__(self) -> None:
        """Check every field."""
        for name, lo, hi in (
            ("days", 1, 3_650), ("daily", 1, 1_000_000), ("covariates", 1, 100), ("campaigns", 1, 100),
            ("jump_day", 0, 3_650), ("new_campaigns", 0, 100), ("launch_day", 0, 3_650),
        ):  # fmt: skip
            check_count(getattr(self, name), lo, hi, name=name.replace("_", " "))
        check_count(self.days * self.daily, 1, ROWS_CAP, name="impressions")
        for name, low, high in (
            ("rate", 1e-4, 0.9), ("spread", 0.0, 5.0), ("campaign_spread", 0.0, 5.0), ("walk", 0.0, 2.0),
            ("jump", -5.0, 5.0), ("new_share", 0.0, 1.0), ("new_spread", 0.0, 5.0), ("diurnal", 0.0, 5.0),
            ("window", 1e-3, 365.0),
        ):  # fmt: skip
            check_between(getattr(self, name), low, high, name=name.replace("_", " "))
        names = [signal.name for signal in self.signals]
        if len(set(names)) != len(names):
            raise InputError(f"Two signals share a name: {', '.join(names)}.", fix="Name each signal once.")

    @property
    def rows(self) -> int:
        """Impressions in all."""
        return self.days * self.daily


@dataclass(frozen=True, slots=True)
class Preset:
    """A world with a title in plain words."""

    title: str
    world: World


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "stationary": Preset("Nothing changes: waiting costs nothing", World(walk=0.0)),
        "gradual": Preset("Customers change a little every day", World()),
        "jump_up": Preset("A promotion starts: conversions rose four days ago", World(walk=0.0, jump=0.6)),
        "jump_down": Preset("A promotion ends: conversions fell four days ago", World(walk=0.0, jump=-0.6)),
        "new_campaigns": Preset(
            "New campaigns start, and all their labels are young", World(walk=0.02, new_campaigns=4)
        ),
        "heavy_tail": Preset(
            "Conversions take weeks, and customers change",
            World(walk=0.03, law=DelayLaw(median=9.0, spread=1.5, fast_share=0.15)),
        ),
    }
)
SAMPLE_WORLD: Final = World(days=100, daily=400, covariates=4)


def simulate_log(world: World, *, rng: np.random.Generator) -> Log:
    """Draw a log from a world.

    Parameters
    ----------
    world
        The world.
    rng
        Source of randomness; the same one gives the same bytes.

    Returns
    -------
    Log
        ``days · daily`` rows with their truth; conversions are known to the end of the last window. Features are the
        covariates and sine and cosine of the hour; the segment is the campaign.

    Notes
    -----
    Signals depend on whether the row converts inside the window. Cost O(rows).

    Examples
    --------
    >>> log = simulate_log(World(days=3, daily=5), rng=np.random.default_rng(0))
    >>> len(log), log.feature_names[-2:]
    (15, ('hour_sin', 'hour_cos'))
    """
    day = np.repeat(np.arange(world.days), world.daily)
    within = np.sort(rng.random((world.days, world.daily)), axis=1).ravel()
    x = rng.standard_normal((world.days, world.daily, world.covariates))
    campaign = _draw_campaign(world, day, rng)
    odds = _draw_log_odds(world, x, within, campaign, rng)
    x0 = x[:, :, 0].ravel()
    shift = world.law.slope * x0 - world.law.agreement * (odds - odds.mean())
    slow = rng.normal(0.0, world.campaign_spread, world.campaigns + world.new_campaigns)
    shift += slow[campaign]
    window = world.window * DAY
    delay = world.law.draw(shift, rng=rng)
    converts = (rng.random(world.rows) < expit(odds)) & (delay <= window)
    p = expit(odds) * world.law.arrived_by(np.full(world.rows, window), shift=shift)
    signal_delay, p_given_signals = _draw_signals(world, day, converts, delay, p, rng)
    hour = np.stack([np.sin(_PI2 * within), np.cos(_PI2 * within)], axis=1)
    return Log(
        time=START + DAY * (day + within),
        delay=np.where(converts, delay, np.nan),
        signal_delay=signal_delay,
        features=np.concatenate([x.reshape(world.rows, -1), hour], axis=1),
        segment=campaign,
        feature_names=(*(f"x{i}" for i in range(world.covariates)), "hour_sin", "hour_cos"),
        signal_names=tuple(signal.name for signal in world.signals),
        segment_names=_campaign_names(world),
        until=START + DAY * world.days + window,
        truth=Truth(p, p_given_signals, shift, world.law, window),
    )


def _campaign_names(world: World) -> tuple[str, ...]:
    old = (f"campaign {i + 1}" for i in range(world.campaigns))
    return (*old, *(f"new campaign {i + 1}" for i in range(world.new_campaigns)))


def _draw_campaign(world: World, day: IntArray, rng: np.random.Generator) -> IntArray:
    campaign = rng.integers(0, world.campaigns, world.rows)
    if world.new_campaigns:
        is_new = (day >= world.launch_day) & (rng.random(world.rows) < world.new_share)
        campaign = np.where(is_new, rng.integers(0, world.new_campaigns, world.rows) + world.campaigns, campaign)
    return campaign.astype(np.int64)


def _draw_log_odds(
    world: World, x: FloatArray, within: FloatArray, campaign: IntArray, rng: np.random.Generator
) -> FloatArray:
    direction = rng.standard_normal(world.covariates)
    steps = world.walk * rng.standard_normal((world.days, world.covariates + 1))
    steps[0] = 0.0
    path = np.cumsum(steps, axis=0)
    beta = path[:, 1:] + world.spread * direction / np.linalg.norm(direction)
    level = _base_log_odds(world) + path[:, 0]
    level[world.jump_day :] += world.jump
    effect = np.concatenate([
        rng.normal(0.0, world.campaign_spread, world.campaigns),
        rng.normal(0.0, world.new_spread, world.new_campaigns),
    ])  # fmt: skip
    odds = (x @ beta[:, :, None])[:, :, 0] + level[:, None]
    daily = world.diurnal * np.cos(_PI2 * (within - 20 / 24))
    return np.asarray(odds.ravel() + effect[campaign] + daily)


def _base_log_odds(world: World) -> float:
    """The constant at which the mean of expit(constant + spread · N(0, 1)) is the rate."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    spread = float(np.hypot(world.spread, world.campaign_spread))

    def excess(constant: float) -> float:
        return float(weights @ expit(constant + spread * nodes) / weights.sum()) - world.rate

    middle = float(logit(world.rate))
    return float(brentq(excess, middle - 20.0, middle + 20.0))


def _draw_signals(
    world: World, day: IntArray, converts: np.ndarray, delay: FloatArray, p: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw the delay of each signal, and P(y = 1 | x, all signals ever sent) by Bayes' rule."""
    found = np.empty((world.rows, len(world.signals)))
    with_y, without = p.copy(), 1 - p
    for i, signal in enumerate(world.signals):
        walk = np.cumsum(signal.drift * rng.standard_normal(world.days))
        if_not = expit(logit(signal.if_not) + walk)[day]
        sent = rng.random(world.rows) < np.where(converts, signal.if_converting, if_not)
        own = signal.hours * HOUR * np.exp(rng.standard_normal(world.rows))
        before = rng.random(world.rows) * delay  # a share of the way to the conversion
        found[:, i] = np.where(sent, np.where(converts, np.minimum(own, before), own), np.nan)
        with_y *= np.where(sent, signal.if_converting, 1 - signal.if_converting)
        without *= np.where(sent, if_not, 1 - if_not)
    return found, with_y / (with_y + without)


def log_frame(log: Log) -> pd.DataFrame:
    """A log as a table for a file: event_time, conversion_time, <signal>_time (UTC, ms), features, campaign.

    Conversions and signals after ``log.until`` are blank.
    """
    columns: dict[str, object] = {"event_time": _as_times(log.time), "conversion_time": _known(log, log.delay)}
    for i, name in enumerate(log.signal_names):
        columns[f"{name}_time"] = _known(log, log.signal_delay[:, i])
    columns |= {name: log.features[:, i].round(6) for i, name in enumerate(log.feature_names)}
    columns["campaign"] = np.asarray(log.segment_names, dtype=object)[log.segment]
    return pd.DataFrame(columns).astype({"campaign": "str"})


def _known(log: Log, delay: FloatArray) -> pd.Series:
    moment = log.time + delay
    return _as_times(np.where(moment <= log.until, moment, np.nan))


def _as_times(seconds: FloatArray) -> pd.Series:
    whole = np.where(np.isfinite(seconds), np.round(seconds * 1_000), np.iinfo(np.int64).min).astype(np.int64)
    return pd.Series(whole.view("datetime64[ms]")).dt.tz_localize("UTC")


def write_sample(folder: Path) -> Path:
    """Write ``delay.parquet`` into a folder, byte for byte the same every time.

    Parameters
    ----------
    folder
        Existing folder; the file is replaced.

    Returns
    -------
    Path
        100 days of 400 impressions. The log ends with its last day, so that the conversions of the last month are
        partly missing, as in a log from practice; an as-of date between day 61 and day 70 has mature rows before it and
        final labels after it.
    """
    log = replace(
        simulate_log(SAMPLE_WORLD, rng=make_generator(SAMPLE_SEED)), until=float(START + DAY * SAMPLE_WORLD.days)
    )
    path = folder / "delay.parquet"
    table = pa.Table.from_pandas(log_frame(log), preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, path, compression="zstd", compression_level=9, row_group_size=100_000, version="2.6")
    return path


def _main(arguments: Sequence[str]) -> int:
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2] / "sample_data"
    folder.mkdir(parents=True, exist_ok=True)
    path = write_sample(folder)
    print(f"{path} {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
