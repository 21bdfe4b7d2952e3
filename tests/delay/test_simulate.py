"""Simulated worlds: their truth is the truth of their rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.delay.laws import DAY, DelayLaw
from core.delay.simulate import PRESETS, START, Signal, World, log_frame, simulate_log, write_sample
from core.errors import InputError
from core.rng import make_generator

WORLD = World(days=20, daily=2_000, covariates=3, signals=(Signal(), Signal("visit", 0.9, 0.3, hours=0.1)))
LIMIT = 4.4


def test_a_seed_reproduces_bytes() -> None:
    one, two = (simulate_log(WORLD, rng=make_generator(5)) for _ in range(2))
    for name in ("time", "delay", "signal_delay", "features", "segment"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    assert simulate_log(WORLD, rng=make_generator(6)).delay.tobytes() != one.delay.tobytes()


@pytest.mark.parametrize("kind", ["exponential", "weibull", "log_normal", "mixture"])
def test_labels_follow_the_true_probability(kind: str) -> None:
    log = simulate_log(replace(WORLD, law=DelayLaw(kind)), rng=make_generator(1))  # type: ignore[arg-type]
    assert log.truth is not None
    y, p = log.final_label(30 * DAY), log.truth.p
    fast = np.argsort(log.truth.shift)[: len(log) // 2]
    for rows in (np.arange(len(log)), fast, np.flatnonzero(p > 0.2)):
        z = (y[rows] - p[rows]).sum() / np.sqrt((p[rows] * (1 - p[rows])).sum())
        assert abs(z) < LIMIT


def test_delays_follow_the_true_law() -> None:
    log = simulate_log(WORLD, rng=make_generator(2))
    assert log.truth is not None
    y = np.flatnonzero(log.final_label(30 * DAY))
    for age in (0.05, 1.0, 7.0, 25.0):
        f = log.truth.arrived_by(np.full(len(log), age * DAY))[y]
        z = ((log.delay[y] <= age * DAY) - f).sum() / np.sqrt((f * (1 - f)).sum())
        assert abs(z) < LIMIT
    assert np.array_equal(log.truth.arrived_by(np.full(len(log), 31 * DAY)), np.ones(len(log)))


def test_signals_follow_their_rates_and_bayes() -> None:
    log = simulate_log(WORLD, rng=make_generator(3))
    assert log.truth is not None
    y = log.final_label(30 * DAY)
    sent = np.isfinite(log.signal_delay)
    assert abs(sent[y > 0, 0].mean() - 0.75) < 0.03
    assert abs(sent[y == 0, 1].mean() - 0.3) < 0.01
    q = log.truth.p_given_signals
    for pattern in (sent.all(axis=1), sent[:, 0] & ~sent[:, 1], ~sent.any(axis=1)):
        z = (y - q)[pattern].sum() / np.sqrt((q * (1 - q))[pattern].sum())
        assert abs(z) < LIMIT


def test_a_signal_comes_before_its_conversion() -> None:
    log = simulate_log(WORLD, rng=make_generator(4))
    both = np.isfinite(log.signal_delay[:, 0]) & np.isfinite(log.delay)
    assert both.sum() > 1_000
    assert np.all(log.signal_delay[both, 0] <= log.delay[both])


def test_a_jump_moves_log_odds_on_its_day_and_not_before() -> None:
    world = World(days=10, daily=500, walk=0.0, jump_day=6)
    up, flat = (simulate_log(replace(world, jump=jump), rng=make_generator(0)) for jump in (0.6, 0.0))
    assert up.truth is not None
    assert flat.truth is not None
    day = np.repeat(np.arange(10), 500)
    assert np.all(up.truth.p[day >= 6] > flat.truth.p[day >= 6])


def test_new_campaigns_start_on_their_day() -> None:
    world = World(days=10, daily=500, new_campaigns=2, launch_day=7, new_share=0.5)
    log = simulate_log(world, rng=make_generator(0))
    day = np.repeat(np.arange(10), 500)
    new = log.segment >= world.campaigns
    assert not new[day < 7].any()
    assert abs(new[day >= 7].mean() - 0.5) < 0.05
    assert log.segment_names[-1] == "new campaign 2"


def test_likely_buyers_are_quicker_where_told() -> None:
    log = simulate_log(World(days=5, daily=2_000, law=DelayLaw(slope=0.0, agreement=0.5)), rng=make_generator(0))
    assert log.truth is not None
    assert np.corrcoef(log.truth.shift, log.truth.p)[0, 1] < -0.3


def test_a_shorter_window_makes_later_conversions_none() -> None:
    long, short = (simulate_log(replace(WORLD, window=w), rng=make_generator(0)) for w in (30.0, 1.0))
    assert short.final_label(DAY).sum() < 0.7 * long.final_label(30 * DAY).sum()
    assert np.nanmax(short.delay) <= DAY


def test_presets_drift_but_for_one() -> None:
    assert list(PRESETS) == ["stationary", "gradual", "jump_up", "jump_down", "new_campaigns", "heavy_tail"]
    assert World().walk > 0
    stationary = PRESETS["stationary"].world
    assert (stationary.walk, stationary.jump, stationary.new_campaigns) == (0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"days": 0}, "days must be a whole number"),
        ({"rate": 0.0}, "rate must be between"),
        ({"daily": 1_000_000, "days": 3_000}, "impressions must be a whole number"),
        ({"signals": (Signal(), Signal())}, "Two signals share a name: cart, cart"),
    ],
)
def test_a_bad_world_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        World(**change)  # type: ignore[arg-type]


def test_a_bad_signal_is_refused() -> None:
    with pytest.raises(InputError, match="if converting must be between 0 and 1"):
        Signal(if_converting=1.2)


def test_the_sample_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    first = write_sample(tmp_path).read_bytes()
    assert write_sample(tmp_path).read_bytes() == first
    frame = pd.read_parquet(tmp_path / "delay.parquet")
    assert len(frame) == 40_000
    assert list(frame.columns[:3]) == ["event_time", "conversion_time", "cart_time"]
    assert frame["conversion_time"].max() <= pd.Timestamp(START + 100 * DAY, unit="s", tz="UTC")


def test_a_file_holds_what_the_log_holds() -> None:
    log = simulate_log(World(days=40, daily=50), rng=make_generator(0))
    frame = log_frame(log)
    delay = (frame["conversion_time"] - frame["event_time"]).dt.total_seconds()
    np.testing.assert_allclose(delay, log.delay, atol=0.0011)
    early = log_frame(replace(log, until=START + 20 * DAY))
    known = log.time + log.delay <= START + 20 * DAY
    assert np.array_equal(early["conversion_time"].notna(), known)
