"""Arms side by side: trained at a moment, scored on the days that follow, over seeds or over retrainings."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from core.arrays import FloatArray
from core.checks import check_count
from core.delay.arms import DEFAULT_ARMS, Plan, plan_arm, train_arm
from core.delay.data import FittedRule, Log, Options
from core.delay.diagnostics import effective_size
from core.delay.laws import DAY
from core.delay.metrics import METRICS, score_predictions
from core.delay.simulate import START, World, simulate_log
from core.delay.snapshot import observe, show_time
from core.errors import InputError
from core.jobs import Job, Progress
from core.rng import make_generator

MEASURES = (*METRICS, "ess")
CONFIDENCE = 0.95
REFERENCE, BOUND = "naive", "oracle"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When models are trained and scored.

    Attributes
    ----------
    at
        Days from the start of a simulated world to the first training.
    cadence
        Days between two trainings; each model is scored on the days until the next.
    rounds
        Trainings.
    """

    at: int = 60
    cadence: int = 1
    rounds: int = 1

    def __post_init__(self) -> None:
        """Check every field."""
        check_count(self.at, 1, 3_650, name="day of the first training")
        check_count(self.cadence, 1, 365, name="cadence")
        check_count(self.rounds, 1, 1_000, name="trainings")

    @property
    def days(self) -> int:
        """Days that a simulated world needs."""
        return self.at + self.cadence * self.rounds


@dataclass(frozen=True, slots=True)
class Paired:
    """Mean difference of a measure between two arms over the same runs.

    Attributes
    ----------
    arm, against, measure
        arm − against in that measure.
    difference, se
        Mean, and its standard error.
    t
        difference/se; NaN where the error is 0 or there is one run.
    """

    arm: str
    against: str
    measure: str
    difference: float
    se: float
    t: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """Share of the regret between naive and oracle that an arm wins back, with Fieller's interval.

    Attributes
    ----------
    arm
        Name.
    share
        (naive − arm)/(naive − oracle), of means; NaN where naive is no worse than the oracle.
    lo, hi
        95 % interval; infinite where the denominator may be 0.
    """

    arm: str
    share: float
    lo: float
    hi: float


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Every measure of every arm in every run.

    Attributes
    ----------
    plans
        Arms.
    runs
        Names of the runs: seeds, or dates of training.
    values
        Shape (runs, arms, measures), measures as in ``MEASURES``.
    """

    plans: tuple[Plan, ...]
    runs: tuple[str, ...]
    values: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arms."""
        return tuple(plan.name for plan in self.plans)

    @property
    def measure(self) -> str:
        """The measure that decides: regret where truth is known, else log-loss."""
        return "log_loss" if np.isnan(self.values[:, :, 0]).all() else "regret"

    def of(self, arm: str, measure: str) -> FloatArray:
        """One value per run.

        Raises
        ------
        InputError
            The arm was not compared.
        """
        if arm not in self.names:
            raise InputError(f"{arm[:80]!r} was not compared.", fix=f"Choose among {', '.join(self.names)}.")
        return self.values[:, self.names.index(arm), MEASURES.index(measure)]

    def paired(self, arm: str, against: str, *, measure: str | None = None) -> Paired:
        """Compare two arms run by run."""
        measure = measure or self.measure
        mean, se = _mean_and_error(self.of(arm, measure) - self.of(against, measure))
        return Paired(arm, against, measure, mean, se, mean / se if se > 0 else float("nan"))

    def recovery(self, arm: str) -> Recovery:
        """How much of the regret between naive and oracle the arm wins back."""
        naive = self.of(REFERENCE, self.measure)
        won, gap = naive - self.of(arm, self.measure), naive - self.of(BOUND, self.measure)
        if not gap.mean() > 0:
            return Recovery(arm, float("nan"), float("-inf"), float("inf"))
        return Recovery(arm, float(won.mean() / gap.mean()), *_fieller(won, gap))

    def frame(self) -> pd.DataFrame:
        """One row per arm: name, title, family, and per measure the mean and its standard error over runs."""
        columns: dict[str, Any] = {
            "arm": self.names,
            "title": [plan.arm.title for plan in self.plans],
            "family": [plan.arm.family for plan in self.plans],
        }
        for measure in MEASURES:
            found = [_mean_and_error(self.of(name, measure)) for name in self.names]
            columns[measure] = [mean for mean, _ in found]
            columns[f"{measure}_se"] = [se for _, se in found]
        return pd.DataFrame(columns)

    def pairs(self) -> tuple[Paired, ...]:
        """Each arm against naive, and each arm with signals against its twin without, where both were compared."""
        found = []
        for plan in self.plans:
            others = [other for other in (REFERENCE, plan.arm.twin) if other in self.names and other != plan.name]
            found += [self.paired(plan.name, other) for other in others if other is not None]
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Plain values; NaN and infinity become None."""
        rows = {
            name: {
                measure: dict(zip(("value", "se"), map(_plain, _mean_and_error(self.of(name, measure))), strict=True))
                for measure in MEASURES
            }
            for name in self.names
        }
        with_gap = {REFERENCE, BOUND} <= set(self.names)
        recovered = [self.recovery(name) for name in self.names] if with_gap else []
        return {
            "runs": list(self.runs),
            "arms": rows,
            "paired": [
                {"arm": pair.arm, "against": pair.against, "measure": pair.measure,
                 "difference": _plain(pair.difference), "se": _plain(pair.se), "t": _plain(pair.t)}
                for pair in self.pairs()
            ],
            "recovery": [
                {"arm": found.arm, "share": _plain(found.share), "lo": _plain(found.lo), "hi": _plain(found.hi)}
                for found in recovered
            ],
        }  # fmt: skip


def compare_arms(
    world: World,
    *,
    arms: Sequence[str] = DEFAULT_ARMS,
    seeds: Sequence[int],
    schedule: Schedule,
    options: Options,
) -> Job[Comparison]:
    """Train every arm in the same simulated worlds and score it on the following days against truth.

    Parameters
    ----------
    world
        The world; its number of days is set by the schedule.
    arms
        As typed, e.g. ``drop_last(3)``.
    seeds
        One world each, and one run each; measures are averaged over the trainings of a run.
    schedule
        When models are trained and scored.
    options
        Options of the arms.

    Raises
    ------
    InputError
        No seeds, no arms or an arm twice; or an arm cannot be trained.
    """
    plans = _plan(arms, options)
    if not seeds:
        raise InputError("There are no seeds.", fix="Choose at least one.")
    world = replace(world, days=schedule.days)
    found = np.empty((len(seeds), len(plans), len(MEASURES)))
    for run, seed in enumerate(seeds):
        yield Progress(run / len(seeds), f"world {run + 1} of {len(seeds)}")
        log = simulate_log(world, rng=make_generator(seed))
        rounds = np.empty((schedule.rounds, len(plans), len(MEASURES)))
        for turn in range(schedule.rounds):
            at = START + DAY * (schedule.at + schedule.cadence * turn)
            before = run + turn / schedule.rounds
            rounds[turn] = yield from _score_arms(
                log, plans, at, schedule, window=world.window * DAY,
                share=(before / len(seeds), 1.0 / len(seeds) / schedule.rounds),
            )  # fmt: skip
        found[run] = rounds.mean(axis=0)
    return Comparison(plans, tuple(f"seed {seed}" for seed in seeds), found)


def compare_on_log(
    log: Log,
    *,
    at: float,
    window: float,
    arms: Sequence[str] = DEFAULT_ARMS,
    schedule: Schedule,
    options: Options,
) -> Job[Comparison]:
    """Train every arm on a log as it was known at a date and score it on the later days whose labels are final.

    Parameters
    ----------
    log
        The log.
    at
        Date of the first training, UTC seconds; ``schedule.at`` is not used.
    window
        Attribution window, seconds.
    arms, options
        As in :func:`compare_arms`.
    schedule
        Cadence and trainings. Each training is a run; errors are over them, and none can be given of one. Trainings
        close to each other share most of their rows, so that these errors are rather too small.

    Raises
    ------
    InputError
        ``at`` lies outside the log, or no later day has final labels.
    """
    plans = _plan(arms, options)
    dates = [at + DAY * schedule.cadence * turn for turn in range(schedule.rounds)]
    found = np.empty((len(dates), len(plans), len(MEASURES)))
    for run, date in enumerate(dates):
        share = run / len(dates), 1.0 / len(dates)
        found[run] = yield from _score_arms(log, plans, date, schedule, window=window, share=share)
    return Comparison(plans, tuple(show_time(date) for date in dates), found)


def _plan(arms: Sequence[str], options: Options) -> tuple[Plan, ...]:
    plans = tuple(plan_arm(arm, options=options) for arm in arms)
    names = [plan.name for plan in plans]
    if not names or len(set(names)) != len(names):
        raise InputError(f"Choose each arm once; given: {', '.join(names) or 'none'}.", fix="Choose different arms.")
    return plans


def _score_arms(
    log: Log, plans: tuple[Plan, ...], at: float, schedule: Schedule, *, window: float, share: tuple[float, float]
) -> Job[FloatArray]:
    """Measures of every arm trained at a moment, shape (arms, measures)."""
    snapshot = observe(log, at, window=window)
    later = (log.time >= at) & (log.time < at + schedule.cadence * DAY) & log.is_final(window)
    rows = np.flatnonzero(later)
    if not rows.size:
        raise InputError(
            f"No impression of the {schedule.cadence} days after {show_time(at)} has a final label by "
            f"{show_time(log.until)}.",
            fix=f"Choose an as-of date before {show_time(log.until - window)}.",
        )
    label = log.final_label(window)[rows]
    p = log.truth.p[rows] if log.truth and log.truth.window == window else None  # truth of another window is none
    features, segment = log.features[rows], log.segment[rows]
    found = np.empty((len(plans), len(MEASURES)))
    for i, plan in enumerate(plans):
        yield Progress(share[0] + share[1] * i / len(plans), f"train {plan.name} as of {show_time(at)}")
        trained = train_arm(plan, snapshot, log=log)
        scores = score_predictions(trained.model.predict(features, segment), label, p=p)
        training = trained.training
        size = float("nan") if isinstance(training, FittedRule) else effective_size(training.weight)
        found[i] = *astuple(scores), size
    return found


def _mean_and_error(values: FloatArray) -> tuple[float, float]:
    """Mean over runs and its standard error; NaN for the error of one run."""
    runs = len(values)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(runs)) if runs > 1 else float("nan")


def _fieller(above: FloatArray, below: FloatArray) -> tuple[float, float]:
    """Fieller's interval of mean(above)/mean(below), paired by run."""
    runs = len(above)
    if runs < 2:
        return float("-inf"), float("inf")
    t2 = float(stdtrit(runs - 1, 0.5 + CONFIDENCE / 2)) ** 2
    (saa, sab), (_, sbb) = t2 * np.cov(above, below) / runs
    a, b = float(above.mean()), float(below.mean())
    leading = b * b - sbb
    if leading <= 0:
        return float("-inf"), float("inf")
    middle, half = a * b - sab, np.sqrt(max((a * b - sab) ** 2 - leading * (a * a - saa), 0.0))
    return float((middle - half) / leading), float((middle + half) / leading)


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
