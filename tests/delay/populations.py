"""Logs whose every frequency is exactly its probability, and small simulated ones."""

from dataclasses import replace

import numpy as np

from core.arrays import FloatArray
from core.delay.data import Log
from core.delay.laws import DAY
from core.delay.simulate import START, World, simulate_log

# conversion rate p and late conversions p_dp of three kinds of rows; early ones take 1 day, late ones 10
CELLS = ((0.20, 0.10), (0.05, 0.02), (0.30, 0.25))
P = np.array([p for p, _ in CELLS])
P_DP = np.array([p_dp for _, p_dp in CELLS])
AT = START + 100 * DAY
WINDOW = 30 * DAY
IF_CONVERTING, IF_NOT = 0.8, 0.1
KINDS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # features of the three kinds


def exact_log(ages: tuple[float, ...], *, rows: int, signals: bool) -> Log:
    """``rows`` rows of each kind at each age (days before AT); signals come after 1 hour, without regard to delay."""
    kind, delay, signal = [], [], []
    for x, (p, p_dp) in enumerate(CELLS):
        for share, after, sends in (
            (p - p_dp, 1.0, IF_CONVERTING),
            (p_dp, 10.0, IF_CONVERTING),
            (1 - p, np.nan, IF_NOT),
        ):
            count = _whole(rows * share)
            sent = _whole(count * sends) if signals else 0
            kind += [x] * count
            delay += [after * DAY] * count
            signal += [3_600.0] * sent + [np.nan] * (count - sent)
    times = np.repeat([AT - age * DAY for age in sorted(ages, reverse=True)], len(kind))
    x = np.tile(kind, len(ages))
    return Log(
        time=times, delay=np.tile(delay, len(ages)),
        signal_delay=np.tile(signal, len(ages))[:, None] if signals else np.empty((len(x), 0)),
        features=KINDS[x], segment=np.zeros(len(x), dtype=np.int64), feature_names=("second", "third"),
        signal_names=("cart",) if signals else (), segment_names=("all",), until=AT + WINDOW,
    )  # fmt: skip


def small_log(*, seed: int = 0, without_delay: bool = False, **changes: object) -> Log:
    """A simulated log of 70 days of 150 rows."""
    world = World(**{"days": 70, "daily": 150, "covariates": 3, "campaigns": 3, "walk": 0.02} | changes)  # type: ignore[arg-type]
    log = simulate_log(world, rng=np.random.default_rng(seed))
    return with_delays(log, log.delay * 0, log.signal_delay * 0) if without_delay else log


def with_delays(log: Log, delay: FloatArray, signal_delay: FloatArray) -> Log:
    """The same log with other delays, and without its truth."""
    return replace(log, delay=delay, signal_delay=signal_delay, truth=None)


def in_other_unit(log: Log, factor: float) -> Log:
    """The same log with times measured in a unit ``factor`` times smaller."""
    return replace(
        log, time=log.time * factor, delay=log.delay * factor, signal_delay=log.signal_delay * factor,
        until=log.until * factor, truth=None,
    )  # fmt: skip


def _whole(count: float) -> int:
    assert abs(count - round(count)) < 1e-9, count
    return round(count)
