"""F(e | x) from finished cohorts."""

from dataclasses import replace

import numpy as np
import pytest

from core.delay.data import NoMatureCohort, NoSupport
from core.delay.delay_law import STRATA_CAP, check_support, fit_delay_law, log_age
from core.delay.laws import DAY
from core.delay.simulate import START, DelayLaw, World, simulate_log
from core.delay.snapshot import observe
from core.rng import make_generator
from tests.delay.populations import AT, WINDOW, exact_log, small_log, with_delays


def test_shares_of_an_exact_population_are_found() -> None:
    # late shares 0.1/0.2, 0.02/0.05, 0.25/0.3: by day 5 the rest has come
    log = exact_log((2.0, 35.0), rows=6_000, signals=False)
    snapshot = observe(log, AT, window=WINDOW)
    law = fit_delay_law(snapshot, ridge=0.0)
    found = law.arrived_by(snapshot, np.full(len(snapshot), 5 * DAY))
    kind = snapshot.features @ [1, 2]
    for x, share in enumerate((0.5, 0.6, 1 / 6)):
        np.testing.assert_allclose(found[kind == x], share, rtol=1e-12)
    assert np.array_equal(law.arrived_by(snapshot, np.full(len(snapshot), 10 * DAY)), np.ones(len(snapshot)))
    assert np.array_equal(law.arrived_by(snapshot, np.full(len(snapshot), 0.5 * DAY)), np.zeros(len(snapshot)))


def test_it_is_near_the_true_law_and_the_marginal_one_is_not() -> None:
    law = DelayLaw("log_normal", median=4.0, slope=0.8, agreement=0.0)
    log = simulate_log(World(days=61, daily=3_000, walk=0.0, law=law), rng=make_generator(1))
    assert log.truth is not None
    snapshot = observe(log, START + 60 * DAY, window=30 * DAY)
    ages = np.random.default_rng(0).uniform(0, 30, len(snapshot)) * DAY
    true = log.truth.arrived_by(np.append(ages, np.zeros(len(log) - len(ages))))[: len(ages)]
    estimate = fit_delay_law(snapshot, ridge=1.0)
    error = np.abs(estimate.arrived_by(snapshot, ages) - true).mean()
    pooled = np.searchsorted(estimate.everything, ages, side="right") / len(estimate.everything)
    assert len(estimate.middle) == STRATA_CAP
    assert error < 0.03
    assert np.abs(pooled - true).mean() > 3 * error


def test_young_conversions_do_not_enter() -> None:
    log = small_log()
    at = START + 62 * DAY
    young = log.time > at - 30 * DAY
    quick = with_delays(log, np.where(young, 1.0, log.delay), log.signal_delay)
    ours, theirs = (fit_delay_law(observe(o, at, window=30 * DAY), ridge=1.0) for o in (log, quick))
    assert np.array_equal(ours.everything, theirs.everything)


def test_it_does_not_fall_with_age() -> None:
    log = small_log()
    snapshot = observe(log, START + 62 * DAY, window=30 * DAY)
    law = fit_delay_law(snapshot, ridge=1.0)
    found = [law.arrived_by(snapshot, np.full(len(snapshot), age * DAY)) for age in np.geomspace(1e-4, 30, 40)]
    assert np.all(np.diff(found, axis=0) >= -1e-12)


def test_a_segment_without_finished_cohort_gets_the_law_of_an_average_one() -> None:
    log = small_log()
    at = START + 62 * DAY
    segment = np.where(log.time > at - 10 * DAY, 3, log.segment)
    names = (*log.segment_names, "new")
    other = replace(log, segment=segment, segment_names=names)
    snapshot = observe(other, at, window=30 * DAY)
    law = fit_delay_law(snapshot, ridge=1.0)
    assert law.coefficients[-1] == 0
    assert np.all(np.isfinite(law.arrived_by(snapshot, snapshot.age)))


def test_without_finished_cohorts_there_is_no_law() -> None:
    with pytest.raises(NoMatureCohort, match="No row is older than the attribution window of 30 days"):
        fit_delay_law(observe(small_log(), START + 30 * DAY, window=30 * DAY), ridge=1.0)


def test_support_is_only_asked_where_a_conversion_was_seen() -> None:
    check_support(np.array([0.0, 1.0]), np.array([0.0, 0.1]))
    with pytest.raises(NoSupport):
        check_support(np.array([1.0, 1.0]), np.array([0.0, 0.1]))


def test_the_logarithm_of_age_has_no_unit_and_ends_at_the_window() -> None:
    ages = np.array([0.0, 1.0, 30.0, 90.0])
    found = log_age(ages, 30.0)
    assert np.array_equal(found, log_age(ages * 8, 240.0))
    assert found[2] == found[3] == 0.0
    assert np.isfinite(found[0])
