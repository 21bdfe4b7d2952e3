"""The closed form against its value table, an independent integral, exact special cases and simulated rows."""

import warnings

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import log_expit

from core.errors import InputError
from core.holdout.closed_form import (
    PARAMETERS,
    BetaWorld,
    clipped_share,
    expected_positivity,
    odds_corrected,
    positivity_curve,
)
from core.holdout.simulate import DeviceLaw, simulate_beta_world
from core.holdout.world_fit import fit_world

# Worked out from the hypergeometric ratio for a = (1, 9), b = (1, 1): (tau, score) -> positivity at n = 3, 8, 30, 100,
# 1000 and without uncertainty. By hand for tau = 1, s = .2, n = 3: k = .2*5 - 1 = 0, (1 + 0)/(10 + 3) = .077.
TABLE = {
    (1, 0.2): (0.077, 0.111, 0.160, 0.185, 0.198, 0.200),
    (1, 0.6): (0.231, 0.333, 0.480, 0.556, 0.595, 0.600),
    (3, 0.2): (0.057, 0.066, 0.073, 0.076, 0.077, 0.077),
    (3, 0.6): (0.185, 0.232, 0.290, 0.318, 0.332, 0.333),
    (3, 0.8): (0.255, 0.332, 0.449, 0.522, 0.566, 0.571),
    (10, 0.2): (0.034, 0.030, 0.026, 0.025, 0.024, 0.024),
    (10, 0.6): (0.134, 0.137, 0.135, 0.132, 0.131, 0.130),
    (10, 0.8): (0.199, 0.227, 0.260, 0.277, 0.285, 0.286),
}


def integrate_slowly(world: BetaWorld, *, k: float, n: float) -> float:
    """E[q] by adaptive quadrature over the log odds v of the TRAINING rate r; q = r/(tau - (tau - 1)r)."""

    def log_density(v):
        thinned = np.logaddexp(np.log(world.tau) + log_expit(-v), log_expit(v))  # log(tau - (tau - 1)r)
        return (world.a1 + k) * log_expit(v) + (world.a0 + n - k) * log_expit(-v) - (world.a1 + world.a0) * thinned

    top = minimize_scalar(lambda v: -log_density(v), bounds=(-60, 60), options={"xatol": 1e-10}).x
    reach = [1e-4, 1e-4]
    for side, sign in enumerate((-1, 1)):
        while log_density(top) - log_density(top + sign * reach[side]) < 45:
            reach[side] *= 1.5

    def weight(v):
        return np.exp(log_density(v) - log_density(top))

    def test_rate(v):
        return np.exp(log_expit(v) - np.logaddexp(np.log(world.tau) + log_expit(-v), log_expit(v)))

    options = {"epsabs": 0.0, "epsrel": 1e-11, "limit": 400}
    parts = [(top - reach[0], top), (top, top + reach[1])]
    mass = sum(quad(weight, lo, hi, **options)[0] for lo, hi in parts)
    mean = sum(quad(lambda v: weight(v) * test_rate(v), lo, hi, **options)[0] for lo, hi in parts)
    return mean / mass


@pytest.mark.parametrize(("tau", "score"), TABLE)
def test_matches_the_value_table(tau, score):
    world = BetaWorld(tau=tau)
    *finite, limit = TABLE[tau, score]
    assert expected_positivity(score, [3, 8, 30, 100, 1000], world=world).round(3).tolist() == finite
    assert odds_corrected(score, tau=tau).round(3) == limit


def test_is_linear_in_the_score_without_thinning():
    world = BetaWorld(a1=2.0, a0=5.0, b1=1.5, b0=0.5, tau=1.0)
    score, n = np.linspace(0.35, 0.75, 9), np.array([[5.0], [40.0], [1e6]])
    a, b = 7.0, 2.0
    exact = score + (a * (2 / 7 - score) - b * (0.75 - score)) / (a + n)
    np.testing.assert_allclose(expected_positivity(score, n, world=world), exact, rtol=1e-12)


@pytest.mark.parametrize("tau", [0.05, 1.0, 100.0])
def test_without_evidence_is_the_base_rate(tau):
    # n = 0 leaves k = 0 whatever the score, hence p = a1 and E = a1/a.
    world = BetaWorld(a1=0.4, a0=7.6, tau=tau)
    np.testing.assert_allclose(expected_positivity([0.0, 0.5, 1.0], 0, world=world), 0.05, rtol=1e-10)


@pytest.mark.parametrize("tau", [0.05, 0.3, 3.0, 100.0])
@pytest.mark.parametrize("a", [(1.0, 9.0), (0.05, 0.5), (300.0, 30.0)])
def test_agrees_with_adaptive_quadrature(tau, a):
    world = BetaWorld(a1=a[0], a0=a[1], tau=tau)
    points = [(share * n, n) for n in (1.0, 30.0, 3e3, 1e6) for share in (0.0, 0.3, 1.0)]
    slow = [integrate_slowly(world, k=k, n=n) for k, n in points]
    fast = [float(expected_positivity((1 + k) / (2 + n), n, world=world)) for k, n in points]
    np.testing.assert_allclose(fast, slow, rtol=1e-9)


def test_extreme_worlds_give_probabilities_and_no_warning():
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(60):
            a1, a0, b1, b0, tau = np.exp(rng.uniform(np.log(1e-3), np.log(1e6), 5))
            world = BetaWorld(a1=a1, a0=a0, b1=b1, b0=b0, tau=tau)
            found = expected_positivity([[0.0], [1e-9], [0.5], [1.0]], [0, 1e-3, 1, 1e3, 1e6, 1e12], world=world)
            assert np.all((found >= 0) & (found <= 1))


@pytest.mark.parametrize("tau", [0.2, 1.0, 3.0, 10.0])
def test_increases_with_the_score(tau):
    n = np.array([[3.0], [30.0], [3000.0]])
    score = np.linspace(0.2, 0.8, 40)
    assert np.all(np.diff(expected_positivity(score, n, world=BetaWorld(tau=tau)), axis=1) > 0)


def test_more_uncertainty_can_raise_or_lower_positivity():
    evidence = [3, 8, 30, 100, 1000]
    assert np.all(np.diff(expected_positivity(0.2, evidence, world=BetaWorld(tau=10))) < 0)
    assert np.all(np.diff(expected_positivity(0.8, evidence, world=BetaWorld(tau=10))) > 0)
    assert np.all(np.diff(expected_positivity(0.2, evidence, world=BetaWorld(tau=3))) > 0)


def test_tends_to_the_odds_correction():
    score = np.linspace(0, 1, 11)[1:-1]
    for tau in (0.05, 3.0, 100.0):
        found = expected_positivity(score, 1e9, world=BetaWorld(tau=tau))
        np.testing.assert_allclose(found, odds_corrected(score, tau=tau), rtol=1e-6)


def test_shapes_blocks_and_order():
    rng = np.random.default_rng(1)
    score, evidence = rng.random((100, 90)), rng.integers(0, 500, (100, 90))
    whole = expected_positivity(score, evidence, world=BetaWorld())
    assert whole.shape == (100, 90)
    np.testing.assert_array_equal(whole.T, expected_positivity(score.T, evidence.T, world=BetaWorld()))
    assert expected_positivity(0.5, 3, world=BetaWorld()).shape == ()
    assert expected_positivity([], [], world=BetaWorld()).shape == (0,)


def test_a_score_that_the_prior_cannot_give_is_moved_to_the_end():
    world = BetaWorld()
    # At n = 8 the model can say (1 + 0)/10 to (1 + 8)/10.
    assert expected_positivity(0.02, 8, world=world) == expected_positivity(0.1, 8, world=world)
    assert expected_positivity(0.98, 8, world=world) == expected_positivity(0.9, 8, world=world)


def test_clipped_share_counts_rows_and_leaves_half_a_count():
    world = BetaWorld()
    # k = s*10 - 1 at n = 8: 0.06 -> -0.4 (within half a count), 0.04 -> -0.6, 0.5 -> 4, 0.96 -> 8.6.
    score = [0.06, 0.04, 0.5, 0.96]
    assert clipped_share(score, 8, world=world) == 0.5
    assert clipped_share(score, 8, world=world, weights=[1, 2, 6, 1]) == 0.3


def test_curve_is_log_spaced_and_tidy():
    curve = positivity_curve(0.6, evidence_lo=1, evidence_hi=1e4, world=BetaWorld(), points=5)
    np.testing.assert_allclose(curve.evidence, [1, 10, 100, 1000, 10000])
    frame = curve.frame()
    assert list(frame.columns) == ["score", "evidence", "positivity"]
    np.testing.assert_array_equal(frame["positivity"], expected_positivity(0.6, curve.evidence, world=BetaWorld()))
    assert not curve.positivity.flags.writeable


@pytest.mark.parametrize("tau", [1.0, 3.0, 10.0])
def test_simulated_cells_follow_the_formula_and_not_the_score(tau):
    world = BetaWorld(tau=tau)
    law = (DeviceLaw("any", share=1.0, median=8.0, spread=0.8),)
    rows = simulate_beta_world(400_000, world=world, evidence_law=law, rng=np.random.default_rng(5))
    cells = rows.groupby(["score", "evidence"])["label"].agg(["size", "sum"]).reset_index()
    cells = cells[cells["size"] >= 1000]
    assert len(cells) > 60

    def rms(positivity):
        error = cells["sum"] - cells["size"] * positivity
        return float(np.sqrt((error**2 / (cells["size"] * positivity * (1 - positivity))).mean()))

    # With z standard normal, rms over 60 or more cells stays within 1 +- 3/sqrt(2*60).
    assert 0.72 < rms(expected_positivity(cells["score"], cells["evidence"], world=world)) < 1.28
    assert rms(cells["score"]) > 4
    assert rms(odds_corrected(cells["score"], tau=tau)) > 4


def cut_cells(rows, *, levels=20, bins=20):
    """Mean score, mean evidence, rows, positives of equally filled cells: by evidence, then by score."""
    cells = []
    for level in np.array_split(np.argsort(rows["evidence"].to_numpy(), kind="stable"), levels):
        by_score = level[np.argsort(rows["score"].to_numpy()[level], kind="stable")]
        cells += [rows.iloc[cell] for cell in np.array_split(by_score, bins)]
    return np.array([(c["score"].mean(), c["evidence"].mean(), len(c), c["label"].sum()) for c in cells], dtype=float).T


def test_fit_intervals_hold_the_truth():
    truth, start = BetaWorld(), BetaWorld(a1=3.0, a0=4.0, tau=1.0)
    held, held_by_third = 0, 0
    for seed in range(20):
        rows = simulate_beta_world(30_000, world=truth, rng=np.random.default_rng(seed))
        fit = fit_world(*cut_cells(rows, levels=12, bins=12), start=start)
        assert fit.converged
        assert fit.identified
        for name, error in zip(fit.free, fit.standard_errors, strict=True):
            distance = abs(np.log(getattr(fit.world, name) / getattr(truth, name)))
            held += distance <= 1.96 * error
            held_by_third += distance <= 1.96 * error / 3
    # 60 intervals at 95 %: 57 expected; below 50 has probability 1e-4. A third of the width would hold about 29.
    assert held >= 50
    assert held_by_third < 45


def test_fit_reports_what_the_cells_cannot_tell():
    rows = simulate_beta_world(50_000, world=BetaWorld(), rng=np.random.default_rng(3))
    cells = cut_cells(rows)
    every = fit_world(*cells, start=BetaWorld(), free=PARAMETERS)
    assert not every.identified
    assert np.isnan(every.standard_errors[:4]).all()
    assert every.standard_errors[4] < 0.1
    # tau acts only through evidence.
    idle = fit_world([0.2, 0.8], [0, 0], [100, 100], [10, 10], start=BetaWorld(), free=("tau",))
    assert not idle.identified
    assert np.isnan(idle.intervals[0]).all()


def test_the_prior_is_told_only_by_differences():
    base = expected_positivity([0.3, 0.6], [5, 50], world=BetaWorld(a1=2.0, a0=9.0, b1=1.5, b0=1.5))
    moved = expected_positivity([0.3, 0.6], [5, 50], world=BetaWorld(a1=2.4, a0=8.6, b1=1.9, b0=1.1))
    np.testing.assert_allclose(base, moved, rtol=1e-12)


def test_fit_ignores_empty_cells_takes_fractions_and_any_order():
    score, evidence = (x.ravel() for x in np.meshgrid([0.2, 0.4, 0.6, 0.8], [2.0, 10.0, 50.0]))
    n = np.full(12, 1e4)
    positives = n * expected_positivity(score, evidence, world=BetaWorld())
    fit = fit_world(score, evidence, n, positives, start=BetaWorld(tau=1.0))
    np.testing.assert_allclose([fit.world.a1, fit.world.a0, fit.world.tau], [1, 9, 3], rtol=1e-3)
    with_gap = (np.append(x, x_new) for x, x_new in ((score, np.nan), (evidence, np.nan), (n, 0), (positives, 0)))
    backwards = (x[::-1] for x in with_gap)
    again = fit_world(*backwards, start=BetaWorld(tau=1.0))
    np.testing.assert_allclose(again.world.tau, fit.world.tau, rtol=1e-6)
    np.testing.assert_allclose(again.log_likelihood, fit.log_likelihood, rtol=1e-9)


def test_fit_frame_has_every_parameter():
    fit = fit_world([0.2, 0.8], [5, 50], [1000, 1000], [60, 480], start=BetaWorld(), free=("tau",))
    frame = fit.frame()
    assert list(frame.columns) == ["parameter", "value", "lo", "hi", "fitted"]
    assert frame["parameter"].tolist() == list(PARAMETERS)
    assert frame["fitted"].tolist() == [False, False, False, False, True]
    assert frame["lo"].isna().tolist() == [True, True, True, True, False]
    assert frame["lo"].iloc[4] < frame["value"].iloc[4] < frame["hi"].iloc[4]


def test_one_class_only_is_at_the_end_and_says_so():
    fit = fit_world([0.3, 0.6, 0.8], [5, 9, 50], [40, 40, 40], [0, 0, 0], start=BetaWorld())
    assert not fit.identified


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_world_names_the_field(name, value):
    with pytest.raises(InputError, match=f"^{name} must be between"):
        BetaWorld(**{name: value})


@pytest.mark.parametrize(
    ("score", "evidence", "found"),
    [
        (1.2, 3, r"score must be in \[0, 1\]; entry 0 has 1.2"),
        ([0.5, np.nan], 3, "entry 1 has nan"),
        (0.5, [3, -1], "evidence must be at least 0 and finite; entry 1 has -1"),
        (0.5, np.inf, "entry 0 has inf"),
        ([0.1, 0.2], [1, 2, 3], r"score has shape \(2,\), evidence \(3,\)"),
        ("high", 3, "score must be numbers"),
    ],
)
def test_points_are_checked(score, evidence, found):
    with pytest.raises(InputError, match=found) as caught:
        expected_positivity(score, evidence, world=BetaWorld())
    assert caught.value.fix


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"n": [10]}, "one entry per cell"),
        ({"n": [10, -1, 10, 10]}, "n must be at least 0"),
        ({"positives": [1, 11, 1, 1]}, "positives must be from 0 to n; entry 1 has 11"),
        ({"score": [0.1, 0.2, 0.3, 1.5]}, "score must be in"),
        ({"n": [10, 10, 0, 0], "positives": [1, 1, 0, 0]}, "3 parameters cannot be fitted to 2 cells"),
        ({"free": ()}, "free must name different parameters"),
        ({"free": ("tau", "tau")}, "free must name different parameters"),
        ({"free": ("q",)}, "free must name different parameters"),
    ],
)
def test_cells_are_checked(change, found):
    cells = {
        "score": [0.1, 0.2, 0.3, 0.4],
        "evidence": [1, 2, 3, 4],
        "n": [10, 10, 10, 10],
        "positives": [1, 1, 1, 1],
    } | change
    free = cells.pop("free", ("a1", "a0", "tau"))
    with pytest.raises(InputError, match=found):
        fit_world(**cells, start=BetaWorld(), free=free)


def test_other_settings_are_checked():
    with pytest.raises(InputError, match="evidence range"):
        positivity_curve(0.5, evidence_lo=0, evidence_hi=10, world=BetaWorld())
    with pytest.raises(InputError, match="points must be a whole number"):
        positivity_curve(0.5, evidence_lo=1, evidence_hi=10, world=BetaWorld(), points=1)
    with pytest.raises(InputError, match="tau must be between"):
        odds_corrected(0.5, tau=0)
    with pytest.raises(InputError, match="weights"):
        clipped_share([0.5, 0.5], 3, world=BetaWorld(), weights=[0, 0])
    with pytest.raises(InputError, match="weights"):
        clipped_share([], [], world=BetaWorld())
