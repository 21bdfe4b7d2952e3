"""Paired comparison: by hand, its words, and that pairing shows what two intervals hide."""

import numpy as np
import pytest

from core.graph.compare import Comparison, compare_values
from core.graph.resample import estimate_columns, make_clusters


def rng(seed=0):
    return np.random.default_rng(seed)


def compared(mine, other, node=None):
    mine, other = (np.asarray(values, float)[:, None] for values in (mine, other))
    clusters = make_clusters(np.arange(len(mine)) if node is None else node, rng=rng())
    return compare_values(mine, other, clusters, names=["HR@10"])[0]


def test_by_hand():
    """Means 3/4 and 1/2: difference 1/4, ratio 3/2."""
    found = compared([1, 1, 1, 0], [1, 1, 0, 0])
    assert (found.value, found.other, found.difference, found.ratio) == (0.75, 0.5, 0.25, 1.5)
    assert 0 <= found.lo <= 0.25 <= found.hi <= 1
    assert 1 <= found.ratio_lo <= 1.5 <= found.ratio_hi


def test_an_engine_does_not_differ_from_itself():
    found = compared([1, 0, 1], [1, 0, 1])
    assert (found.difference, found.lo, found.hi, found.ratio_lo, found.ratio_hi) == (0, 0, 0, 1, 1)
    assert found.verdict == "no difference shown"


def test_swapped_the_difference_changes_sign():
    mine, other = rng(1).random(30), rng(2).random(30)
    one, back = compared(mine, other), compared(other, mine)
    assert (one.difference, one.lo, one.hi) == pytest.approx((-back.difference, -back.hi, -back.lo))


def test_pairing_shows_what_two_intervals_hide():
    """One engine finds 3 points more of what the other finds; across queries chances differ far more than that."""
    base = rng(3).random(400) * 0.8
    mine, clusters = base + 0.03, make_clusters(np.arange(400), rng=rng())
    alone = estimate_columns(np.column_stack([mine, base]), clusters)
    assert alone.lo[0] < alone.hi[1]
    assert compared(mine + rng(4).normal(0, 0.01, 400), base).verdict == "better"
    assert compared(base, mine).verdict == "worse"


def test_clusters_widen_the_interval():
    """Four sources of 50 alike rows tell less than 200 rows."""
    mine, other = np.repeat([1.0, 1, 1, 0], 50), np.repeat([0.0, 1, 0, 1], 50)
    by_row, by_source = compared(mine, other), compared(mine, other, np.repeat(np.arange(4), 50))
    assert by_row.verdict == "better"
    assert by_source.verdict == "no difference shown"


def test_nothing_found_by_the_other_has_no_ratio():
    found = compared([1, 0], [0, 0])
    assert np.isnan([found.ratio, found.ratio_lo, found.ratio_hi]).all()


def test_frame():
    frame = Comparison("ease", "cocitation", (compared([1, 1, 0], [0, 1, 0]),)).frame()
    assert frame.loc[0, ["engine", "against", "metric"]].tolist() == ["ease", "cocitation", "HR@10"]
    assert frame.loc[0, "difference"] == pytest.approx(1 / 3)
    assert frame.loc[0, "verdict"] == "no difference shown"


def test_one_edge_found_more_shows_nothing():
    """Were it enough, every engine would beat another somewhere: a third of the draws miss that edge."""
    assert compared([1] + [0] * 20, [0] * 21).lo == 0


@pytest.mark.parametrize(("apart", "verdict"), [(1, "no difference shown"), (5, "no difference shown"), (6, "better")])
def test_few_queries_show_nothing_however_well_they_agree(apart: int, verdict: str) -> None:
    """Five signs of one kind have probability 2 · 2⁻⁵ = 0.0625 by chance, six 0.031: no draw of one query varies."""
    found = compared([1] * apart, [0] * apart)
    assert found.verdict == verdict
    assert (found.difference, found.hi) == (1, 1)
    assert compared([0] * apart, [1] * apart).hi == (0 if apart < 6 else -1)
    among = compared([1] * apart + [0.5] * 100, [0.5] * (apart + 100))
    assert among.verdict == verdict
    assert (among.ratio_lo > 1) == (verdict == "better")


def test_many_edges_of_few_queries_count_as_few() -> None:
    assert compared([1] * 40, [0] * 40, np.repeat(np.arange(4), 10)).verdict == "no difference shown"
