"""Models that help to weigh labels."""

import numpy as np
import pytest

from core.delay.auxiliary import (
    Share,
    aged_columns,
    cap_weights,
    fit_share,
    fit_signal_evidence,
    late_share,
    recent_rows,
    settle,
    spread_over,
)
from core.delay.data import Options
from core.delay.delay_law import fit_delay_law
from core.delay.laws import DAY
from core.delay.learner import Sample, find_scaling
from core.delay.simulate import START, Signal, World, simulate_log
from core.delay.snapshot import observe
from core.errors import InputError
from core.rng import make_generator
from tests.delay.populations import AT, IF_CONVERTING, IF_NOT, WINDOW, exact_log, small_log


def test_a_certain_answer_is_exact() -> None:
    design = np.ones((3, 1))
    for answer in (0.0, 1.0):
        share = fit_share(design, np.full(3, answer), ridge=1.0)
        assert np.array_equal(share.probability(design), np.full(3, answer))
    assert fit_share(design, np.array([0.0, 1.0, 1.0]), ridge=1.0).probability(design)[0] == pytest.approx(2 / 3)
    assert isinstance(share, Share)


def test_no_rows_are_refused() -> None:
    with pytest.raises(InputError, match="No row is left"):
        fit_share(np.ones((0, 1)), np.ones(0), ridge=1.0)


def test_late_share_is_worked_by_hand() -> None:
    # p = 0.2, F = 0.5: 0.1 late of 0.9 unconverted; a signal nine times as likely among them: 0.9 of 0.9 + 0.8
    assert late_share(np.array([0.2]), np.array([0.5]))[0] == pytest.approx(1 / 9)
    assert late_share(np.array([0.2]), np.array([0.5]), np.array([9.0]))[0] == pytest.approx(9 / 17)
    assert late_share(np.array([1.0]), np.array([1.0]))[0] == 0  # nobody is left to convert


def test_signal_evidence_of_an_exact_population_is_the_likelihood_ratio() -> None:
    log = exact_log((5.0, 35.0), rows=6_000, signals=True)
    snapshot = observe(log, AT, window=WINDOW)
    law = fit_delay_law(snapshot, ridge=0.0)
    recent = snapshot.take(recent_rows(snapshot, Options(lookback=10.0)))
    ratio = fit_signal_evidence(snapshot, law, recent.age, ridge=0.0).ratio(recent)
    seen = np.isfinite(recent.signal_delay[:, 0])
    np.testing.assert_allclose(ratio[seen], IF_CONVERTING / IF_NOT, rtol=1e-6)
    np.testing.assert_allclose(ratio[~seen], (1 - IF_CONVERTING) / (1 - IF_NOT), rtol=1e-6)


def test_signals_predict_late_conversions_as_they_happen() -> None:
    log = simulate_log(World(days=61, daily=2_000, walk=0.0), rng=make_generator(3))
    assert log.truth is not None
    snapshot = observe(log, START + 60 * DAY, window=30 * DAY)
    rows = recent_rows(snapshot, Options())
    recent = snapshot.take(rows)
    law = fit_delay_law(snapshot, ridge=1.0)
    late = late_share(
        log.truth.p[rows],
        log.truth.arrived_by(np.append(snapshot.age, np.zeros(len(log) - len(snapshot))))[rows],
        fit_signal_evidence(snapshot, law, recent.age, ridge=1.0).ratio(recent),
    )
    open_ = recent.label == 0
    y = log.final_label(30 * DAY)[rows]
    for part in (np.isfinite(recent.signal_delay[:, 0]), ~np.isfinite(recent.signal_delay[:, 0]), recent.age < 5 * DAY):
        group = open_ & part
        assert y[group].mean() == pytest.approx(late[group].mean(), rel=0.12)


def test_evidence_of_a_useless_signal_is_about_1() -> None:
    world = World(days=61, daily=1_500, walk=0.0, signals=(Signal("noise", 0.3, 0.3),))
    snapshot = observe(simulate_log(world, rng=make_generator(0)), START + 60 * DAY, window=30 * DAY)
    old = snapshot.age[snapshot.age > 2 * DAY]
    law = fit_delay_law(snapshot, ridge=1.0)
    ratio = fit_signal_evidence(snapshot, law, old, ridge=1.0).ratio(snapshot.take(snapshot.age > 2 * DAY))
    assert np.abs(np.log(ratio)).mean() < 0.25


def test_values_are_spread_evenly_and_without_chance() -> None:
    values = np.arange(100.0)
    found = spread_over(values, 1_000)
    assert np.array_equal(found, spread_over(values[::-1], 1_000))
    counts = np.bincount(found.astype(int), minlength=100)
    assert counts.min() >= 8
    assert counts.max() <= 12


def test_settling_ends_at_the_fixed_point() -> None:
    # labels 0.5·p + 0.25 at every round: p = 0.5
    sample = Sample(np.ones((4, 1)), 0.0)
    ones = np.ones(4)
    label, _ = settle(sample, np.array([0.0, 0.0, 0.0, 1.0]), lambda p: (0.5 * p + 0.25, ones))
    np.testing.assert_allclose(label, 0.5, atol=1e-7)


def test_what_does_not_settle_is_refused() -> None:
    # each round asks for the opposite of the last
    sample = Sample(np.ones((4, 1)), 0.0)
    with pytest.raises(InputError, match="do not come to agree") as caught:
        settle(sample, np.array([0.0, 0.0, 0.0, 1.0]), lambda p: (1.0 * (p < 0.5) * 0.6 + 0.2, np.ones(4)))
    assert "larger ridge" in caught.value.fix


def test_caps_cut() -> None:
    assert np.array_equal(cap_weights(np.array([0.5, 3.0]), 2.0), [0.5, 2.0])
    assert np.array_equal(cap_weights(np.array([0.5, 3.0]), None), [0.5, 3.0])


def test_aged_columns_hold_age_and_its_products() -> None:
    snapshot = observe(small_log(), START + 62 * DAY, window=30 * DAY)
    scaling = find_scaling(snapshot)
    found = aged_columns(scaling, snapshot)
    plain = scaling.columns(snapshot.features, snapshot.segment)
    z = found[:, plain.shape[1]]
    assert np.array_equal(found[:, : plain.shape[1]], plain)
    assert np.array_equal(found[:, plain.shape[1] + 1], z * z)
    assert np.array_equal(found[:, -1], z * plain[:, len(scaling.mean)])


def test_an_empty_training_window_is_refused() -> None:
    log = exact_log((5.0, 35.0), rows=100, signals=False)
    with pytest.raises(InputError, match="younger than 2 days"):
        recent_rows(observe(log, AT, window=WINDOW), Options(lookback=2.0))
