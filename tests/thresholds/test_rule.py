"""One rule as a page shows it: per level, its surface, snapping, and the target to start from."""

import numpy as np
import pytest

from core.errors import InputError
from core.intervals import wilson
from core.thresholds.certify import certify
from core.thresholds.precision import BernsteinTest
from core.thresholds.rule import FIRST_TARGET, Rule, snap_cut, suggest_target
from core.thresholds.sampling import Sampling
from core.thresholds.single import trace_single
from tests.thresholds.population import make_cuts, posterior_network, two_levels


def test_the_frame_counts_each_level() -> None:
    frame = Rule(two_levels(), (2, 1)).frame()
    assert frame["threshold"].tolist() == [0.5, 0.75]
    assert frame["rows"].tolist() == [160, 90]
    assert frame[["accepted", "tp", "fp"]].to_numpy().tolist() == [[80, 50, 30], [20, 8, 12]]
    assert frame["precision"].tolist() == [50 / 80, 8 / 20]
    assert frame["precision_lo"].tolist() == [float(wilson(50, 80)[0]), float(wilson(8, 20)[0])]
    assert frame["fewer_than_30"].tolist() == [False, True]  # 80 and 20 accepted
    assert frame["uncertainty_lo"].tolist() == [10.0, 0.0]  # evidence: the least uncertain level holds most


def test_a_level_that_accepts_none_has_no_precision_and_is_not_flagged() -> None:
    frame = Rule(two_levels(), (0, 1)).frame()
    assert frame[["threshold", "precision", "precision_lo", "precision_hi"]].iloc[0].isna().all()
    assert not frame["fewer_than_30"].iloc[0]


def test_with_weights_counts_are_weight_and_intervals_of_effective_rows() -> None:
    frame, rows = (Rule(two_levels(unit=unit), (2, 1)).frame() for unit in (0.5, 1.0))
    assert frame["accepted"].tolist() == [40, 10]
    assert frame["precision"].tolist() == [50 / 80, 8 / 20]
    assert frame["precision_lo"].tolist() == pytest.approx(rows["precision_lo"].tolist())  # every row weighs 1/2


@pytest.mark.parametrize("bins", [1, 2, 4, 25])
def test_the_surface_holds_every_row_once(bins: int) -> None:
    surface = Rule(two_levels(), (2, 1)).surface(bins=bins)
    assert surface.cube.rows == 250
    assert surface.cube.cells.positives.sum() == 69
    if bins >= 4:  # lowest score first: level 1 has 160 - 120, 120 - 80, 80 - 40, 40 rows
        assert surface.cube.cells.rows.tolist() == [[40, 40, 40, 40], [0, 30, 40, 20]]


@pytest.mark.parametrize("bad", [(1,), (1, 5), (-1, 0), (1, 1, 1)])
def test_a_rule_that_does_not_exist_is_refused(bad: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="The cuts are"):
        Rule(two_levels(), bad)


def test_every_threshold_snaps_to_its_own_cut() -> None:
    of = posterior_network(3).cuts
    for cut in (0, 1, of.bins // 2, of.bins):
        assert snap_cut(of, float(of.threshold(np.array(cut)))) == cut


def test_one_means_a_score_of_one_where_there_are_such_rows_and_more_accepts_none() -> None:
    edges = np.array([0.0, 0.5, 1.0, np.nextafter(1.0, np.inf)])  # as counted rows have them
    of = make_cuts([[4, 2, 3]], [[1, 1, 3]], edges=edges)
    for threshold, accepted in ((0.0, 9), (0.5, 5), (0.8, 3), (1.0, 3), (1.0001, 0), (np.inf, 0)):
        assert Rule(of, (snap_cut(of, threshold),)).counts.accepted == accepted
    none_at_one = make_cuts([[4, 5]], [[1, 4]], edges=edges[[0, 1, 3]])
    assert [snap_cut(none_at_one, threshold) for threshold in (0.5, 1.0, np.inf)] == [1, 0, 0]


def test_the_first_target_depends_on_the_tuning_rows_alone_and_one_threshold_would_pass_it_there() -> None:
    tuned = posterior_network(3).draw(60_000, np.random.default_rng(1))
    first = suggest_target(tuned, delta=0.05)
    assert 0.1 < first < FIRST_TARGET
    assert round(first / 0.05, 6).is_integer()
    assert hasattr(certify(trace_single(tuned), tuned, target=first, delta=0.05), "rule")


def test_the_first_target_is_nine_in_ten_where_that_holds_and_else_the_best_step() -> None:
    sure = make_cuts([[400] * 4], [[0, 0, 301, 399]])
    assert suggest_target(sure, delta=0.05) == FIRST_TARGET
    assert suggest_target(two_levels(), delta=0.05) == 0.5  # 38 of 60: its tail at 0.5 is 0.026, at 0.55 0.1
    weighted = suggest_target(two_levels(unit=0.5), delta=0.05, test=BernsteinTest(0.5))
    assert weighted < 0.5  # the same rows, by a test that does not know that they weigh alike


def test_of_a_sampled_file_precisions_are_those_of_the_population() -> None:
    frame = Rule(two_levels(), (2, 1), Sampling(1.0, 0.5)).frame()
    assert frame["precision"].tolist() == pytest.approx([50 / (50 + 2 * 30), 8 / (8 + 2 * 12)])
    assert (frame["precision_lo"] < frame["precision"]).all()
    assert (frame["precision_hi"] > frame["precision"]).all()
    assert frame["accepted"].tolist() == [80, 20]
