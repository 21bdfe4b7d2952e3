"""How much has converted by an age."""

import numpy as np
import pytest

from core.delay.laws import DAY
from core.delay.simulate import World, simulate_log
from core.delay.snapshot import observe
from core.delay.survival import estimate_arrival, estimate_rate
from core.intervals import wilson
from core.rng import make_generator
from tests.delay.hand_logs import NONE, day, hand_log


def test_product_limit_is_worked_by_hand() -> None:
    # Followed for 1 (converts), 2, 3 (converts), 4 days: S(1) = 3/4, S(3) = 3/4 · 1/2 = 3/8.
    log = hand_log([0, 0.5, 1, 2], [NONE, 3, 1, NONE])
    curve = estimate_rate(observe(log, day(4), window=30 * DAY))
    rate, lo, hi = curve.at(DAY * np.array([0.9, 1.0, 2.9, 3.0, 3.9]))
    # rows 0.5 d (age 3.5, converts at 3), 1 d (age 3, at 1), 0 d (age 4) and 2 d (age 2) without
    assert rate.tolist() == [0, 0.25, 0.25, 0.625, 0.625]
    # Greenwood at 1 day: Σ d/(n(n − d)) = 1/12; S^exp(±1.96·√(1/12)/|ln S|)
    spread = np.exp(1.959964 * np.sqrt(1 / 12) / -np.log(0.75))
    assert lo[1] == pytest.approx(1 - 0.75 ** (1 / spread), rel=1e-5)
    assert hi[1] == pytest.approx(1 - 0.75**spread, rel=1e-5)
    assert np.isnan([lo[0], hi[0]]).all()


def test_conversions_after_the_window_are_none_and_rows_are_followed_to_its_end() -> None:
    curve = estimate_rate(observe(hand_log([0, 1], [3, 1]), day(10), window=2 * DAY))
    assert curve.at(np.array([2 * DAY, 9 * DAY]))[0].tolist() == [0.5, 0.5]


def test_arrival_ends_at_1_without_a_band() -> None:
    curve = estimate_arrival(DAY * np.array([1.0, 2.0, 2.0, 4.0]))
    assert curve.rate.tolist() == [0.25, 0.75, 1.0]
    assert np.isfinite(curve.lo).tolist() == [True, True, False]


def test_the_curve_covers_the_eventual_rate_where_the_seen_rate_does_not() -> None:
    world = World(days=45, daily=300, covariates=1, walk=0.0, diurnal=0.0)
    hits = seen_hits = 0
    for seed in range(60):
        log = simulate_log(world, rng=make_generator(seed))
        assert log.truth is not None
        truth = log.truth.p.mean()
        snapshot = observe(log, day(45), window=30 * DAY)
        _, (lo,), (hi,) = estimate_rate(snapshot).at(np.array([30 * DAY]))
        hits += lo <= truth <= hi
        seen_lo, seen_hi = wilson(snapshot.label.sum(), len(snapshot))
        seen_hits += seen_lo <= truth <= seen_hi
    assert hits >= 52  # 95 % of 60 is 57; P(fewer than 52) is below 1 %
    assert seen_hits < 52
