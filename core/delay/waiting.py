"""How long to wait for labels: bias against freshness, over waiting times, worlds and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.arrays import FloatArray
from core.delay.arms import plan_arm
from core.delay.compare import BOUND
from core.delay.data import FittedRule, Log, Options, Snapshot, StreamWeights, Training
from core.delay.laws import DAY
from core.delay.learner import fit_served
from core.delay.metrics import score_predictions
from core.delay.plain import fit_oracle
from core.delay.simulate import START, World, simulate_log
from core.delay.snapshot import observe
from core.errors import InputError
from core.jobs import Job, Progress
from core.rng import make_generator

WAITS = (0.0, 0.5, 1.0, 2.0, 4.0, 7.0, 10.0, 14.0, 21.0, 30.0)
ARMS = (BOUND, "naive", "is_snapshot", "is_signal")
MEASURES = ("regret", "pcoc")


@dataclass(frozen=True, slots=True)
class Minimum:
    """The waiting time with the least regret.

    Attributes
    ----------
    world, arm
        Where.
    wait
        Days, least mean regret over seeds.
    regret, se
        Its mean, and standard error over seeds.
    agreement
        Share of the seeds whose own minimum is the same: low where the curve is flat.
    """

    world: str
    arm: str
    wait: float
    regret: float
    se: float
    agreement: float


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """Regret against waiting time.

    Definition
        An arm that waits w days is trained on the rows of age w to w + lookback, so that every training set is of one
        length. The oracle has their final labels: its regret is all freshness. The rest of an arm's regret, arm −
        oracle at the same w, is what the labels still lack.

    Attributes
    ----------
    worlds, arms, waits
        Names of worlds, arms, days.
    seeds
        Seeds.
    values
        Shape (worlds, seeds, waits, arms, measures): regret and PCOC.
    """

    worlds: tuple[str, ...]
    arms: tuple[str, ...]
    waits: tuple[float, ...]
    seeds: tuple[int, ...]
    values: FloatArray

    def frame(self) -> pd.DataFrame:
        """One row per world, arm and waiting time.

        world, arm, wait (days); regret, regret_se, pcoc, pcoc_se; bias, bias_se: regret less the oracle's at the same
        wait; freshness, freshness_se: the oracle's regret less its regret without waiting; excess, excess_se: both
        together.
        """
        regret = self.values[..., 0]
        oracle = regret[..., [self.arms.index(BOUND)]]
        fresh = oracle[:, :, :1]
        parts = {
            "regret": regret, "pcoc": self.values[..., 1], "bias": regret - oracle,
            "freshness": np.broadcast_to(oracle - fresh, regret.shape), "excess": regret - fresh,
        }  # fmt: skip
        index = pd.MultiIndex.from_product([self.worlds, self.arms, self.waits], names=["world", "arm", "wait"])
        columns = {}
        for name, part in parts.items():
            mean, se = _mean_and_error(part)
            columns[name], columns[f"{name}_se"] = mean.ravel(), se.ravel()
        return pd.DataFrame(columns, index=index).reset_index()

    def minima(self) -> tuple[Minimum, ...]:
        """The minimum of each world and arm."""
        mean, se = _mean_and_error(self.values[..., 0])
        found = []
        for i, world in enumerate(self.worlds):
            for j, arm in enumerate(self.arms):
                at = int(np.argmin(mean[i, j]))
                own = np.argmin(self.values[i, :, :, j, 0], axis=1)
                same = float((own == at).mean())
                found.append(Minimum(world, arm, self.waits[at], float(mean[i, j, at]), float(se[i, j, at]), same))
        return tuple(found)

    def minima_frame(self) -> pd.DataFrame:
        """One row per world and arm: world, arm, wait (days), regret, se, agreement."""
        return pd.DataFrame(self.minima())


def sweep_waiting(
    worlds: Mapping[str, World],
    *,
    waits: Sequence[float] = WAITS,
    arms: Sequence[str] = ARMS,
    seeds: Sequence[int],
    at: int = 70,
    options: Options,
) -> Job[Waiting]:
    """Train arms at every waiting time in simulated worlds, and score them on the day that follows.

    Parameters
    ----------
    worlds
        Name → world, such as one with more drift or a weaker signal; days are set by ``at``.
    waits
        Days, increasing, from 0.
    arms
        The oracle, and arms that weigh a snapshot.
    seeds
        One world each.
    at
        Day of the training; a jump of a world keeps its distance from it.
    options
        Options of the arms.

    Raises
    ------
    InputError
        No worlds, seeds or waits; a wait is longer than the log; the oracle is missing; an arm has no weights to a row.
    """
    _check_plan(worlds, waits, arms, seeds, at)
    found = np.empty((len(worlds), len(seeds), len(waits), len(arms), len(MEASURES)))
    for i, world in enumerate(worlds.values()):
        moved = _move(world, at)
        for j, seed in enumerate(seeds):
            log = simulate_log(moved, rng=make_generator(seed))
            snapshot = observe(log, float(START + DAY * at), window=world.window * DAY)
            for k, wait in enumerate(waits):
                share = (i + (j + k / len(waits)) / len(seeds)) / len(worlds)
                yield Progress(share, f"wait {wait:g} days, world {j + 1} of {len(seeds)}")
                for m, arm in enumerate(arms):
                    found[i, j, k, m] = _score(log, snapshot, arm, wait, options)
    return Waiting(tuple(worlds), tuple(arms), tuple(waits), tuple(seeds), found)


def _check_plan(
    worlds: Mapping[str, World], waits: Sequence[float], arms: Sequence[str], seeds: Sequence[int], at: int
) -> None:
    if not worlds or not seeds or not waits:
        raise InputError("There is nothing to sweep.", fix="Choose at least one world, one seed and one waiting time.")
    if BOUND not in arms:
        raise InputError("The oracle is missing.", fix="Add it: freshness is measured by it.")
    if not 0 <= min(waits) <= max(waits) < at:
        raise InputError(
            f"Waiting {max(waits):g} days needs more than the {at} days before the training.",
            fix="Choose waiting times from 0 to below the day of the training.",
        )


def _move(world: World, at: int) -> World:
    """The world with as many days as are needed, its events as far before the training as before its end."""
    by = at + 1 - world.days
    return replace(world, days=at + 1, jump_day=max(world.jump_day + by, 0), launch_day=max(world.launch_day + by, 0))


def _score(log: Log, snapshot: Snapshot, arm: str, wait: float, options: Options) -> tuple[float, float]:
    plan = plan_arm(arm, options=replace(options, lookback=options.lookback + wait))
    fit = plan.arm.fit
    training = fit(snapshot, options=plan.options) if fit else fit_oracle(snapshot, log, options=plan.options)
    old = _take_old(training, snapshot, wait, arm)
    model = fit_served(snapshot, old, ridge=options.ridge)
    rows = slice(len(snapshot), len(log))
    p = log.truth.p[rows] if log.truth else None
    scores = score_predictions(
        model.predict(log.features[rows], log.segment[rows]), log.final_label(snapshot.window)[rows], p=p
    )
    return scores.regret, scores.pcoc


def _take_old(training: Training, snapshot: Snapshot, wait: float, arm: str) -> Training:
    if isinstance(training, StreamWeights | FittedRule):
        raise InputError(f"{arm} has no weight for each row, so it cannot wait.", fix="Choose an arm on a snapshot.")
    old = snapshot.age[training.rows] >= wait * DAY
    return replace(training, rows=training.rows[old], label=training.label[old], weight=training.weight[old])


def _mean_and_error(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean over seeds and its standard error, shape (worlds, arms, waits)."""
    mean = values.mean(axis=1).swapaxes(1, 2)
    seeds = values.shape[1]
    if seeds < 2:
        return mean, np.full(mean.shape, np.nan)
    return mean, np.asarray(values.std(axis=1, ddof=1) / np.sqrt(seeds)).swapaxes(1, 2)
