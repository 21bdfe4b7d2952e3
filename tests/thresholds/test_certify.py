"""The certificate: by hand, against MAPIE, and in Monte Carlo where the naive rule must fail."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from core.arrays import IntArray
from core.errors import InputError
from core.thresholds.binomial import lower_bound, tail
from core.thresholds.certificate import Certificate, Refusal
from core.thresholds.certify import certify
from core.thresholds.data import Cuts, WeightSums
from core.thresholds.frontier import Frontier
from core.thresholds.mist import trace_mist
from core.thresholds.objective import Objective
from core.thresholds.policy import Scope
from core.thresholds.sampling import Sampling
from tests.thresholds.population import constant, every_rule, make_cuts, most_recall, posterior_network

TARGET, DELTA = 0.3, 0.1
SCOPES: tuple[Scope, ...] = ("overall", "each level")
RUNS = 1_000
HALF = 25_000

# Lowest score first. Rules from the top: 40 rows with 30 positives, 100 with 60, 200 with 65.
TUNED = make_cuts([[100, 60, 40]], [[5, 30, 30]])


def confirm(*positives: int) -> Cuts:
    return make_cuts([[100, 60, 40]], [positives])


def outcome(half: Cuts, target: float = 0.5, **options: float) -> Certificate | Refusal:
    return certify(every_rule(TUNED), half, target=target, delta=options.get("delta", DELTA))


def test_stops_at_the_first_failure() -> None:
    """28 of 40 has p = .008; 55 of 100 has p = .18 > .1: only the first rule is certified."""
    result = outcome(confirm(5, 27, 28))
    assert isinstance(result, Certificate)
    assert (result.rule, result.cuts, result.passed, result.tested, result.candidates) == (1, (1,), 1, 2, 2)
    assert (result.tuned.tp, result.confirmed.tp, result.confirmed.accepted) == (30, 28, 40)
    assert result.p_value == pytest.approx(binomtest(28, 40, 0.5, alternative="greater").pvalue)
    assert result.precision_lower == 0.5  # what the sequence certifies
    assert result.pointwise_lower == pytest.approx(float(lower_bound(28, 40, 0.1)))


def test_takes_most_true_positives_among_the_certified() -> None:
    """60 of 100 has p = .028: the second rule passes too and finds 60 positives, not 30."""
    result = outcome(confirm(5, 30, 30))
    assert isinstance(result, Certificate)
    assert (result.cuts, result.passed, result.confirmed.tp) == ((2,), 2, 60)
    assert (result.confirmed.recall, result.confirmed.precision) == (60 / 65, 0.6)


def test_a_later_rule_cannot_pass_after_a_failure() -> None:
    """18 of 40 fails; 68 of 100 would have passed, but came second."""
    assert isinstance(outcome(confirm(5, 50, 18)), Refusal)


def test_small_rules_are_dropped() -> None:
    tuned = make_cuts([[171, 29]], [[60, 29]])
    result = certify(every_rule(tuned), make_cuts([[171, 29]], [[60, 29]]), target=0.3, delta=DELTA)
    assert isinstance(result, Certificate)
    assert (result.cuts, result.candidates) == ((2,), 1)


def test_a_sequence_that_passed_whole_bounds_more_than_the_target() -> None:
    """One rule, 89 of 200: its Clopper-Pearson bound is then the guarantee (Hsu & Berger)."""
    tuned = make_cuts([[171, 29]], [[60, 29]])
    result = certify(every_rule(tuned), tuned, target=0.3, delta=DELTA)
    assert isinstance(result, Certificate)
    assert result.precision_lower == result.pointwise_lower == pytest.approx(float(lower_bound(89, 200, DELTA)))
    assert result.precision_lower > 0.3


def test_refusal_says_what_would_help() -> None:
    """22 of 40 has p = .32; at that precision the proof needs about (1.28 · .5 / .05)² = 164 rows."""
    result = outcome(confirm(5, 27, 22))
    assert isinstance(result, Refusal)
    assert result.cuts == (0,)
    assert result.confirmed is not None
    assert (result.confirmed.accepted, result.confirmed.tp) == (40, 22)
    assert "22 positives among 40 accepted" in result.reason
    assert result.more_accepted_rows_needed is not None
    assert 100 < result.more_accepted_rows_needed < 200
    needed = 40 + result.more_accepted_rows_needed
    assert tail(22 * needed // 40, needed, 0.5) <= DELTA


def test_best_certifiable_is_the_largest_that_certifies() -> None:
    half = confirm(5, 27, 22)
    result = outcome(half)
    assert isinstance(result, Refusal)
    grid = np.arange(1, 500) / 1_000
    good = [target for target in grid if isinstance(outcome(half, target), Certificate)]
    assert result.best_certifiable_precision == max(good)


def test_no_number_of_rows_helps_below_the_target() -> None:
    result = outcome(confirm(5, 27, 20))
    assert isinstance(result, Refusal)
    assert result.more_accepted_rows_needed is None


@pytest.mark.parametrize("tuned", [make_cuts([[5, 20]], [[1, 15]]), make_cuts([[29]], [[15]])])
def test_refuses_where_no_rule_accepts_enough(tuned: Cuts) -> None:
    result = certify(every_rule(tuned), tuned, target=0.5, delta=DELTA)
    assert isinstance(result, Refusal)
    assert "No rule accepts 30 rows" in result.reason
    assert result.frame().empty
    assert result.best_certifiable_precision is None


def test_certainty_is_always_refused() -> None:
    perfect = make_cuts([[100, 60]], [[0, 60]])
    result = certify(every_rule(perfect), perfect, target=1.0, delta=DELTA)
    assert isinstance(result, Refusal)
    assert result.best_certifiable_precision == 0.962  # 0.962 ** 60 = 0.098, 0.963 ** 60 = 0.104
    assert result.more_accepted_rows_needed is None


def test_frame_shows_both_halves() -> None:
    table = outcome(confirm(5, 27, 28)).frame()
    assert table["half"].tolist() == ["tuned", "confirmed"]
    assert table["tp"].tolist() == [30, 28]
    assert (table["recall_lo"] < table["recall"]).all()


def test_order_of_rules_does_not_matter() -> None:
    pop, rng = posterior_network(3), np.random.default_rng(0)
    a, b = pop.draw(HALF, rng), pop.draw(HALF, rng)
    frontier = trace_mist(a)
    shuffled = Frontier.of_cuts("mist", a, frontier.cuts[rng.permutation(len(frontier.cuts))])
    results = [certify(f, b, target=TARGET, delta=DELTA) for f in (frontier, shuffled)]
    assert results[0].cuts == results[1].cuts


@pytest.mark.parametrize("target", [0.0, -0.1, 1.1, float("nan")])
def test_bad_target(target: float) -> None:
    with pytest.raises(InputError, match="The target is"):
        outcome(TUNED, target)


@pytest.mark.parametrize("delta", [0.0, 0.5, -1.0, float("nan")])
def test_bad_delta(delta: float) -> None:
    with pytest.raises(InputError, match="Delta is"):
        outcome(TUNED, delta=delta)


def test_halves_must_share_edges_and_be_unweighted() -> None:
    with pytest.raises(InputError, match="not counted on the same edges"):
        outcome(replace(TUNED, edges=np.array([0.0, 0.2, 0.3, 1.0])))
    with pytest.raises(InputError, match="not counted on the same edges"):
        outcome(replace(TUNED, more_is_certain=False))
    sums = WeightSums(TUNED.accepted, TUNED.tp, 0.25 * TUNED.accepted, 0.25 * TUNED.tp)
    with pytest.raises(InputError, match="weighted holdout"):
        outcome(replace(TUNED, unit=0.5, weights=sums))


def test_each_level_needs_every_level() -> None:
    """Overall 70 of 100 proves 0.5; level 2 has only 21 of 40 (p = .44) and cannot."""
    half = make_cuts([[100, 60], [100, 40]], [[2, 49], [2, 21]])
    frontier = Frontier.of_cuts("by hand", half, np.array([[1, 1]]))
    assert isinstance(certify(frontier, half, target=0.5, delta=DELTA), Certificate)
    refused = certify(frontier, half, target=0.5, delta=DELTA, scope="each level")
    assert isinstance(refused, Refusal)
    assert "weakest level" in refused.reason
    alone = certify(Frontier.of_cuts("by hand", half, np.array([[1, 0]])), half, target=0.5, delta=DELTA)
    assert isinstance(alone, Certificate)


def holds(violations: int, *, runs: int = RUNS, delta: float = DELTA) -> bool:
    """Whether so many violations are compatible with a rate of delta; a valid method fails once in a thousand."""
    return bool(binomtest(violations, runs, delta, alternative="greater").pvalue > 1e-3)


@pytest.mark.parametrize("levels", [3, 5, 10])
def test_promise_holds_where_the_naive_rule_breaks_it(levels: int) -> None:
    """The naive rule is tuned on all rows, and its precision is read on them."""
    pop, rng = posterior_network(levels), np.random.default_rng(levels)
    broken = naive = certified = 0
    for _ in range(RUNS):
        a, b = pop.draw(HALF, rng), pop.draw(HALF, rng)
        both = replace(a, accepted=a.accepted + b.accepted, tp=a.tp + b.tp)
        naive += pop.precision(most_recall(trace_mist(both), TARGET)) <= TARGET
        result = certify(trace_mist(a), b, target=TARGET, delta=DELTA)
        if isinstance(result, Certificate):
            certified += 1
            broken += pop.precision(result.cuts) <= TARGET
    assert holds(broken)
    assert not holds(naive)
    assert certified > 0.85 * RUNS


@pytest.mark.parametrize("scope", SCOPES)
def test_worst_case(scope: Scope) -> None:
    """Where every rule has exactly the target, every certificate is an error: at most delta, and not far below it."""
    pop, rng = constant(3, 20), np.random.default_rng(1)
    wrong = bounded = 0
    for _ in range(RUNS):
        result = certify(trace_mist(pop.draw(3_000, rng)), pop.draw(3_000, rng), target=0.3, delta=DELTA, scope=scope)
        wrong += isinstance(result, Certificate)
        lower = certify(trace_mist(pop.draw(3_000, rng)), pop.draw(3_000, rng), target=0.2, delta=DELTA)
        bounded += isinstance(lower, Certificate) and lower.precision_lower >= 0.3
    assert holds(wrong)
    assert holds(bounded)
    if scope == "overall":
        assert wrong > 0.05 * RUNS


def test_each_level_promise_holds() -> None:
    pop, rng = posterior_network(3), np.random.default_rng(7)
    broken = overall = 0
    for _ in range(RUNS):
        frontier, b = trace_mist(pop.draw(HALF, rng)), pop.draw(HALF, rng)
        for scope in SCOPES:
            result = certify(frontier, b, target=TARGET, delta=DELTA, scope=scope)
            at = np.arange(3), np.array(result.cuts)
            claimed = frontier.of.accepted[at] > 0
            true = pop.cuts.tp[at][claimed] / pop.cuts.accepted[at][claimed]
            bad = isinstance(result, Certificate) and bool((true <= TARGET).any())
            broken, overall = (broken + bad, overall) if scope == "each level" else (broken, overall + bad)
    assert holds(broken)
    assert not holds(overall)  # the overall certificate does not bind each level


def test_class_sampled_holdout() -> None:
    """Negatives kept at 3 in 10: the transformed target holds, the plain one does not."""
    pop, rng = posterior_network(3), np.random.default_rng(8)
    sampled = Sampling(1.0, 0.3).in_sample(Objective("precision", TARGET)).target
    broken = {TARGET: 0, sampled: 0}
    for _ in range(400):
        a, b = (pop.draw(HALF, rng, keep=(0.3, 1.0)) for _ in range(2))
        for target in broken:
            result = certify(trace_mist(a), b, target=target, delta=DELTA)
            broken[target] += isinstance(result, Certificate) and pop.precision(result.cuts) <= TARGET
    assert holds(broken[sampled], runs=400)
    assert not holds(broken[TARGET], runs=400)


def test_mapie_is_an_independent_oracle() -> None:
    """MAPIE's p-value is min(Hoeffding, binomial tail), from rows; the binomial tail is never the larger.

    MAPIE takes ceil(n · (1 - tp/n)) for the false positives, which rounding can make one too many: its value is
    then the tail at one true positive fewer. Its fixed sequence stops where ours does.
    """
    from mapie import risk_control  # the import takes seconds

    pop, rng, at = posterior_network(3), np.random.default_rng(9), np.arange(3)
    a, b = pop.draw(20_000, rng), pop.draw(20_000, rng)
    frontier = trace_mist(a)
    result = certify(frontier, b, target=0.25, delta=DELTA)
    assert isinstance(result, Certificate)
    order = np.lexsort((-frontier.accepted, tail(frontier.tp, frontier.accepted, 0.25)))
    rules = frontier.cuts[order[frontier.accepted[order] >= 30]]
    controller = risk_control.BinaryClassificationController(
        lambda X, *cuts: (X[:, 1] < np.array(cuts)[X[:, 0]]).astype(int),
        risk="precision",
        target_level=0.25,
        confidence_level=1 - DELTA,
        list_predict_params=rules,
    ).calibrate(*_rows(b))
    accepted, tp = b.accepted[at, rules].sum(axis=1), b.tp[at, rules].sum(axis=1)
    rounded = np.ceil(accepted * (1 - tp / accepted))
    exact, theirs = tail(tp, accepted, 0.25), controller.p_values[:, 0]
    np.testing.assert_allclose(theirs, binom.cdf(rounded, accepted, 0.75), rtol=1e-7, atol=1e-12)
    same = rounded == accepted - tp
    assert same.sum() > 30
    np.testing.assert_allclose(exact[same], theirs[same], rtol=1e-7, atol=1e-12)
    assert np.all(exact <= theirs + 1e-12)
    found, of = a.tp[at, rules].sum(axis=1), a.accepted[at, rules].sum(axis=1)
    sequence = theirs[(found >= found[0]) & (found / of >= 0.25)]
    passed = risk_control.fwer_control.FWERFixedSequenceTesting().run(sequence, DELTA)
    assert passed.tolist() == list(range(result.passed))
    assert ((exact > 1e-4) & (exact < 0.999)).sum() >= 8


def _rows(half: Cuts) -> tuple[IntArray, IntArray]:
    """Rows (level, bin from the top) and labels with exactly these counts; cut j accepts bins 0 … j - 1."""
    rows, positives = np.diff(half.accepted, axis=1), np.diff(half.tp, axis=1)
    level, column = np.indices(rows.shape)
    cells = np.stack([level.ravel(), column.ravel()], axis=1)
    negatives = (rows - positives).ravel()
    X = np.concatenate([np.repeat(cells, positives.ravel(), axis=0), np.repeat(cells, negatives, axis=0)])
    return X, np.repeat([1, 0], [positives.sum(), negatives.sum()])
