"""Is it real? Size and power of the test, and a sentence that never says more than the rows do."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binom, chi2
from sklearn.linear_model import LogisticRegression

from core.errors import InputError
from core.holdout.closed_form import BetaWorld
from core.holdout.cube import CountCube
from core.holdout.effect import UncertaintyTest, deviance_test
from core.holdout.simulate import simulate_beta_world
from core.holdout.verdict import state_verdict
from tests.oracles import coarse_table_test, curve_test
from tests.worlds import CURVES, SHIFTS, Rows, correlated_uncertainty, draw_scores, entropy, simulate_null_world

RUNS = 100
HALVES = (0.0, 0.5, 1.0)
LEAST, MOST = binom.interval(0.999, RUNS, 0.05)

Method = Callable[[CountCube], float]


def p_value(cube: CountCube) -> float:
    return deviance_test(cube).p_value


def share_rejected(rows: Rows, rate: np.ndarray, method: Method, *, runs: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    return float(np.mean([method(rows.cube(rng.random(len(rate)) < rate)) < 0.05 for _ in range(runs)]))


def null_world(scores: str, curve: str, uncertainty: str, n: int) -> tuple[Rows, np.ndarray]:
    """Positivity depends on the score alone; uncertainty goes with the score, or is a function of it."""
    rng = np.random.default_rng([len(curve), n])
    score = draw_scores(scores, n, rng)
    by_score = entropy(score) if uncertainty == "entropy" else correlated_uncertainty(score, 0.8, rng)
    return Rows(score, by_score), CURVES[curve](score)


class TestSize:
    """No effect of uncertainty: at most 5 % of tests at 5 % may say that there is one."""

    @pytest.mark.parametrize("n", [2_000])
    @pytest.mark.parametrize(("scores", "curve"), [("heavy", "calibrated"), ("skewed", "stepped")])
    def test_where_uncertainty_goes_with_the_score(self, scores: str, curve: str, n: int) -> None:
        rows, rate = null_world(scores, curve, "correlated", n)
        assert LEAST <= RUNS * share_rejected(rows, rate, p_value, runs=RUNS, seed=1) <= MOST

    @pytest.mark.parametrize("n", [2_000])
    def test_a_coarse_table_rejects_there(self, n: int) -> None:
        """G² of score decile × level against score decile: the score varies inside a decile."""
        rows, rate = null_world("heavy", "calibrated", "correlated", n)
        assert RUNS * share_rejected(rows, rate, coarse_table_test, runs=RUNS, seed=1) > MOST

    @pytest.mark.parametrize("curve", ["stepped", "kinked"])
    def test_where_uncertainty_is_a_function_of_the_score(self, curve: str) -> None:
        rows, rate = null_world("skewed", curve, "entropy", 50_000)
        assert RUNS * share_rejected(rows, rate, p_value, runs=RUNS, seed=2) <= MOST

    @pytest.mark.parametrize("curve", ["stepped", "kinked"])
    def test_a_smooth_curve_is_not_enough_there(self, curve: str) -> None:
        """Cubic in the logit, levels added: they make up for the bends that the cubic cannot follow."""
        rows, rate = null_world("skewed", curve, "entropy", 50_000)
        assert share_rejected(rows, rate, curve_test, runs=20, seed=2) > 0.5

    @pytest.mark.parametrize("n", [2_000])
    def test_where_positives_are_few(self, n: int) -> None:
        """Click-through scores around 0.002: 4 positives, or 100."""
        rows, rate = null_world("clicks", "calibrated", "correlated", n)
        assert RUNS * share_rejected(rows, rate, p_value, runs=RUNS, seed=3) <= MOST

    def test_tied_scores(self) -> None:
        rows, rate = null_world("three", "calibrated", "correlated", 2_000)
        assert LEAST <= RUNS * share_rejected(rows, rate, p_value, runs=RUNS, seed=5) <= MOST

    def test_random_weights(self) -> None:
        """Weights that know nothing of the labels; taken for counts of rows they would make noise look real."""
        rows, rate = null_world("skewed", "thinned", "correlated", 2_000)
        rng = np.random.default_rng(6)
        runs = 100
        most = binom.ppf(0.999, runs, 0.05)
        found, as_counts = [], []
        for _ in range(runs):
            label, weight = rng.random(len(rate)) < rate, rng.exponential(1, len(rate)) ** 2
            cube = rows.cube(label, weight)
            found.append(p_value(cube) < 0.05)
            as_counts.append(p_value(pretend_counts(cube)) < 0.05)
        assert sum(found) <= most
        assert sum(as_counts) > most

    @pytest.mark.parametrize(("of_positives", "of_negatives"), [(1.0, 0.2), (0.2, 1.0)])
    def test_rows_sampled_by_label(self, of_positives: float, of_negatives: float) -> None:
        rows, rate = null_world("skewed", "thinned", "correlated", 4_000)
        rng = np.random.default_rng(7)
        rejected = 0
        for _ in range(RUNS):
            label = rng.random(len(rate)) < rate
            share = np.where(label, of_positives, of_negatives)
            cube = rows.cube(label, 1 / share, which=rng.random(len(rate)) < share)
            rejected += p_value(cube) < 0.05
        assert rejected <= MOST


def pretend_counts(cube: CountCube) -> CountCube:
    """Weights read as if each stood for that many rows."""
    c = cube.cells
    cells = replace(
        c,
        rows=np.rint(c.weight).astype(np.int64),
        positives=np.rint(c.weight_positives).astype(np.int64),
        weight_squared=c.weight,
        weight_squared_positives=c.weight_positives,
    )
    return replace(cube, cells=cells)


class TestPower:
    @pytest.mark.parametrize("tau", [1.0, 3.0])
    def test_beta_world(self, tau: float) -> None:
        """Evidence matters there by the closed form; 20,000 rows tell in at least 11 of 12 draws."""
        found = [beta_test(20_000, tau=tau, seed=seed) for seed in range(12)]
        assert sum(test.supported for test in found) >= 11
        assert all(test.overall.effect < 0 for test in found)

    def test_null_world_of_the_samples(self) -> None:
        frames = [simulate_null_world(20_000, rng=np.random.default_rng(seed)) for seed in range(12)]
        found = [p_value(Rows(f.score.to_numpy(), f.variance.to_numpy()).cube(f.label.to_numpy())) for f in frames]
        assert sum(p < 0.05 for p in found) <= 3

    @pytest.mark.parametrize("levels", [2, 20])
    def test_any_number_of_levels(self, levels: int) -> None:
        rng = np.random.default_rng(8)
        score = draw_scores("skewed", 20_000, rng)
        rows = Rows(score, correlated_uncertainty(score, 0.5, rng), levels=levels)
        rate = expit(logit(score) - 0.5 * (rows.uncertainty > 0))
        test = deviance_test(rows.cube(rng.random(20_000) < rate))
        assert test.p_value < 1e-6
        assert test.overall.hi < 0


def beta_test(n: int, *, tau: float, seed: int) -> UncertaintyTest:
    frame = simulate_beta_world(n, world=BetaWorld(tau=tau), rng=np.random.default_rng([seed, n]))
    rows = Rows(frame.score.to_numpy(), frame.evidence.to_numpy().astype(float), more_is_certain=True)
    return deviance_test(rows.cube(frame.label.to_numpy()))


class TestLikelihood:
    def test_two_tied_scores_and_two_levels_by_scikit_learn(self) -> None:
        """With two scores every curve is saturated: it is score + level + level × score against score."""
        score = np.repeat([0.25, 0.75], 400)
        level = np.tile([0.0, 1.0], 400)
        rng = np.random.default_rng(9)
        label = rng.random(800) < np.where(score < 0.5, 0.2, 0.6) + 0.1 * level
        test = deviance_test(Rows(score, level, edges=HALVES).cube(label))
        high = score > 0.5
        null = likelihood_of(np.column_stack([high]), label)
        full = likelihood_of(np.column_stack([high, level, level * high]), label)
        assert test.df == 2
        assert test.deviance == pytest.approx(2 * (full - null), rel=1e-4)
        assert test.p_value == pytest.approx(chi2.sf(test.deviance, 2))

    def test_rows_in_another_order_and_levels_turned_round(self) -> None:
        rng = np.random.default_rng(10)
        score = draw_scores("skewed", 3_000, rng)
        uncertainty = correlated_uncertainty(score, 0.5, rng)
        label = rng.random(3_000) < score
        order = rng.permutation(3_000)
        there = deviance_test(Rows(score, uncertainty).cube(label))
        again = deviance_test(Rows(score[order], uncertainty[order]).cube(label[order]))
        back = deviance_test(Rows(score, uncertainty, more_is_certain=True).cube(label))
        assert again.deviance == pytest.approx(there.deviance, rel=1e-6)
        assert again.overall.effect == pytest.approx(there.overall.effect)
        assert back.deviance == pytest.approx(there.deviance, rel=1e-6)
        assert (back.overall.effect, back.overall.lo) == pytest.approx((-there.overall.effect, -there.overall.hi))

    def test_every_weight_two_is_every_weight_one(self) -> None:
        rng = np.random.default_rng(11)
        score = draw_scores("skewed", 2_000, rng)
        rows, label = Rows(score, rng.standard_normal(2_000)), rng.random(2_000) < score
        one, two = deviance_test(rows.cube(label)), deviance_test(rows.cube(label, np.full(2_000, 2.0)))
        assert (two.deviance, two.df) == pytest.approx((one.deviance, one.df))
        for part in ("effect", "lo", "hi"):
            assert getattr(two.overall, part) == pytest.approx(getattr(one.overall, part))

    def test_weights_of_the_sampling_restore_the_population(self) -> None:
        """Negatives kept at a tenth, each weighing ten: the effect is that of all rows, the interval holds it."""
        rng = np.random.default_rng(12)
        score = draw_scores("skewed", 100_000, rng)
        rows = Rows(score, correlated_uncertainty(score, 0.3, rng))
        label = rng.random(100_000) < expit(logit(score) + SHIFTS["less"](rows.level, score))
        share = np.where(label, 1.0, 0.1)
        kept = rng.random(100_000) < share
        population = deviance_test(rows.cube(label)).overall
        weighted = deviance_test(rows.cube(label, 1 / share, which=kept)).overall
        sampled = deviance_test(rows.cube(label, which=kept)).overall
        assert weighted.lo <= population.effect <= weighted.hi
        assert weighted.effect == pytest.approx(population.effect, abs=0.02)
        assert not sampled.lo <= population.effect <= sampled.hi
        assert weighted.hi - weighted.lo > population.hi - population.lo


def likelihood_of(columns: np.ndarray, label: np.ndarray) -> float:
    model = LogisticRegression(C=np.inf, tol=1e-12, max_iter=2_000).fit(columns, label)
    rate = model.predict_proba(columns)[:, 1]
    return float(np.sum(np.where(label, np.log(rate), np.log1p(-rate))))


class TestEdges:
    def test_one_level_is_an_error(self) -> None:
        rows = Rows(np.array([0.1, 0.9]), np.array([1.0, 1.0]), levels=1)
        with pytest.raises(InputError, match="one uncertainty level"):
            deviance_test(rows.cube(np.array([0, 1])))

    @pytest.mark.parametrize("label", [(0, 1), (1, 0), (0, 0), (1, 1)])
    def test_two_rows_cannot_tell(self, label: tuple[int, int]) -> None:
        test = deviance_test(Rows(np.array([0.4, 0.4]), np.array([0.0, 1.0]), edges=HALVES).cube(np.array(label)))
        assert (test.df, test.deviance, test.p_value) == (0, 0.0, 1.0)
        assert state_verdict(test).startswith("These data cannot tell")

    def test_one_class_cannot_tell(self) -> None:
        rng = np.random.default_rng(13)
        rows = Rows(rng.random(500), rng.random(500))
        for label in (np.zeros(500), np.ones(500)):
            test = deviance_test(rows.cube(label))
            assert test.df == 0
            assert test.overall.lo <= 0 <= test.overall.hi

    def test_a_constant_score(self) -> None:
        """Level against level at one score: 100 of 500 against 200 of 500."""
        label = np.concatenate([np.arange(500) < 100, np.arange(500) < 200])
        test = deviance_test(Rows(np.full(1_000, 0.3), np.repeat([0.0, 1.0], 500), edges=HALVES).cube(label))
        assert test.df == 1
        assert test.overall.effect == pytest.approx(0.2)
        assert test.overall.lo > 0

    def test_a_level_without_positives(self) -> None:
        rng = np.random.default_rng(14)
        score = draw_scores("skewed", 2_000, rng)
        rows = Rows(score, rng.random(2_000))
        test = deviance_test(rows.cube((rng.random(2_000) < score) & (rows.level < 4)))
        assert np.isfinite(test.deviance)
        assert test.p_value < 1e-6
        assert -1 <= test.overall.lo < test.overall.hi < 0

    def test_a_tiny_level(self) -> None:
        rng = np.random.default_rng(15)
        score = draw_scores("skewed", 2_000, rng)
        uncertainty = np.where(np.arange(2_000) < 3, 9.0, rng.random(2_000))
        rows = Rows(score, uncertainty, edges=(0.0, 0.3, 0.6, 5.0, 9.0))
        test = deviance_test(rows.cube(rng.random(2_000) < score))
        assert np.isfinite([test.deviance, test.overall.lo, test.overall.hi]).all()

    def test_scores_of_zero_and_one(self) -> None:
        rng = np.random.default_rng(16)
        score = rng.choice([0.0, 0.5, 1.0], 2_000)
        test = deviance_test(Rows(score, rng.random(2_000)).cube(rng.random(2_000) < 0.1 + 0.8 * score))
        assert 0 < test.p_value <= 1

    def test_more_levels_and_bins_than_fit_are_thinned(self) -> None:
        rng = np.random.default_rng(17)
        score = draw_scores("skewed", 20_000, rng)
        rows = Rows(score, rng.random(20_000), levels=100)
        test = deviance_test(rows.cube(rng.random(20_000) < score))
        assert test.levels == 100
        assert test.p_value > 1e-4


class TestOutcome:
    def test_sign_flip_world(self) -> None:
        """τ = 10: more uncertainty raises positivity at low scores and lowers it at high ones (docs/holdout.md)."""
        for seed in range(3):
            test = beta_test(500_000, tau=10.0, seed=seed)
            assert test.changes_sign
            assert "direction changes with the score" in state_verdict(test)
            assert test.bands[0].lo > 0 > test.bands[-1].hi

    def test_frame_has_every_number(self) -> None:
        test = beta_test(5_000, tau=3.0, seed=0)
        frame = test.frame()
        assert list(frame.columns) == ["scores", "score_lo", "score_hi", "rows", "effect", "lo", "hi"]
        assert list(frame["scores"]) == ["all", "band 1", "band 2", "band 3"]
        assert frame["rows"].iloc[1:].sum() == frame["rows"].iloc[0]
        assert frame["effect"].iloc[0] == test.overall.effect
