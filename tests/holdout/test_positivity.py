"""Edges, the counting pass and the surface, against pandas and against worked cases."""

import re

import numpy as np
import pandas as pd
import pytest

from core.engine.protocol import Among
from core.errors import InputError
from core.holdout.positivity import Binning, build_cube, make_surface, slice_step, suggest_edges
from core.jobs import finish
from tests.oracles import sums_by_loop

FIVE, TEN = Binning("equal_weight", 5), Binning("equal_width", 10)


def surface_of(holdout, engine, *, levels=FIVE, bins=TEN, where=(), minimum_rows=30):
    cube, edges = finish(build_cube(holdout, engine, levels=levels, bins=bins, where=where))
    return make_surface(cube, edges, minimum_rows=minimum_rows)


def test_every_cell_is_what_a_loop_counts(engine, make_holdout, world):
    frame = surface_of(make_holdout(world), engine).frame()
    level_edges = [*frame["uncertainty_lo"].unique(), frame["uncertainty_hi"].max()]
    axes = [(world["uncertainty"].tolist(), level_edges), (world["score"].tolist(), [i / 10 for i in range(11)])]
    rows, outside = sums_by_loop(axes, np.ones(len(world)))
    positives, _ = sums_by_loop(axes, world["label"].tolist())
    scores, _ = sums_by_loop(axes, world["score"].tolist())
    assert outside == 0
    assert frame["rows"].tolist() == rows.ravel().tolist()
    assert frame["positives"].tolist() == positives.ravel().tolist()
    filled = frame["rows"] > 0
    assert frame["rate"][filled].to_numpy() == pytest.approx((positives / np.where(rows, rows, 1)).ravel()[filled])
    several = frame["rows"] > 1
    means = (scores / np.where(rows, rows, 1)).ravel()
    assert frame["mean_score"][several].to_numpy() == pytest.approx(means[several])
    assert frame.loc[~filled, ["rate", "lo", "hi"]].isna().all(axis=None)


def test_by_hand(engine, make_holdout):
    # Levels [0, 1), [1, 2]; bins [0, .5), [.5, 1]. Row 1 lies on the edge .5, row 2 on the edge 1 of the levels, row 3
    # on both last edges. Level 1: .2 → bin 0, .5 → bin 1. Level 2: .4 → bin 0, 1.0 → bin 1.
    frame = pd.DataFrame({"score": [0.2, 0.5, 0.4, 1.0], "uncertainty": [0.0, 0.9, 1.0, 2.0], "label": [0, 1, 0, 1]})
    levels, bins = Binning.typed("0,1,2", name="levels"), Binning.typed("0 ; .5; 1", name="bins")
    for kind, order in (("std", [0, 1]), ("evidence", [1, 0])):
        cells = surface_of(make_holdout(frame, kind=kind), engine, levels=levels, bins=bins).cube.cells
        assert cells.rows.tolist() == [[1, 1], [1, 1]]
        assert cells.score[order].tolist() == [[0.2, 0.5], [0.4, 1.0]]
        assert cells.positives.tolist() == [[0, 1], [0, 1]]


def test_more_evidence_comes_first(engine, make_holdout, world):
    holdout = make_holdout(world.assign(uncertainty=world["uncertainty"] * 1000 + 1), kind="evidence")
    frame = surface_of(holdout, engine).frame()
    means = frame.groupby("level")["uncertainty_lo"].first()
    assert means.is_monotonic_decreasing
    top = world["uncertainty"] * 1000 + 1 >= frame["uncertainty_lo"].max()
    assert frame.loc[frame["level"] == 1, "rows"].sum() == top.sum()


def test_equal_weight_levels_differ_by_no_more_than_the_ties_on_an_edge(engine, make_holdout, world):
    for count in (2, 5, 20):
        cube, _ = finish(build_cube(make_holdout(world), engine, levels=Binning("equal_weight", count), bins=TEN))
        ties = world["uncertainty"].value_counts().max()
        assert cube.levels == count
        assert np.abs(cube.cells.rows.sum(axis=1) - len(world) / count).max() <= 2 * ties


def test_ties_leave_fewer_levels(engine, make_holdout):
    # Uncertainty 0 in 90 of 100 rows: the quintiles are all 0; of five levels the zeros are one and the ones another.
    frame = pd.DataFrame(
        {"score": np.linspace(0, 1, 100), "uncertainty": [0.0] * 90 + [1.0] * 10, "label": [0, 1] * 50}
    )
    cube, _ = finish(build_cube(make_holdout(frame), engine, levels=FIVE, bins=TEN))
    assert cube.level_edges.tolist() == [0, 1, np.nextafter(1, 2)]
    assert cube.rows == 100


@pytest.mark.parametrize("zeros", [30, 50, 70])
@pytest.mark.parametrize("count", [2, 5])
def test_two_values_of_uncertainty_are_two_levels(engine, make_holdout, zeros, count):
    frame = pd.DataFrame({"score": np.linspace(0, 1, 100), "uncertainty": 1.0 * (np.arange(100) >= zeros), "label": 1})
    cube, _ = finish(build_cube(make_holdout(frame), engine, levels=Binning("equal_weight", count), bins=TEN))
    assert cube.cells.rows.sum(axis=1).tolist() == [zeros, 100 - zeros]
    assert cube.outside == 0


def test_rows_that_share_a_value_in_the_middle_are_a_level_of_their_own(engine, make_holdout):
    """1 in 30 %, 2 in 50 %, 3 in 20 %: three levels, not 1 against 2 and 3 together."""
    values = [1.0] * 30 + [2.0] * 50 + [3.0] * 20
    frame = pd.DataFrame({"score": np.linspace(0, 1, 100), "uncertainty": values, "label": [0, 1] * 50})
    cube, _ = finish(build_cube(make_holdout(frame), engine, levels=FIVE, bins=TEN))
    assert cube.cells.rows.sum(axis=1).tolist() == [30, 50, 20]


def test_rows_that_share_the_smallest_value_are_a_level_of_their_own(engine, make_holdout):
    """Evidence 0 in 3 rows of 10: with K = 5 the cut at the second value, not at a quantile above it."""
    frame = pd.DataFrame({"score": np.linspace(0, 1, 10), "uncertainty": [0.0] * 3 + [1, 2, 3, 4, 5, 6, 7], "label": 1})
    cube, _ = finish(
        build_cube(make_holdout(frame), engine, levels=Binning("equal_weight", 5), bins=Binning("equal_weight", 1))
    )
    assert cube.level_edges[1] == 1.0
    assert cube.cells.rows.sum(axis=1)[0] == 3
    assert cube.levels <= 5


def test_tied_scores(engine, make_holdout):
    frame = pd.DataFrame({"score": 0.3, "uncertainty": [1.0, 2.0, 3.0, 4.0], "label": [0, 1, 1, 1]})
    surface = surface_of(
        make_holdout(frame), engine, bins=Binning("equal_weight", 20), levels=Binning("equal_width", 2)
    )
    assert surface.cube.score_edges.tolist() == [0, 0.3, 1]
    assert surface.cube.cells.rows.tolist() == [[0, 2], [0, 2]]  # [1, 2.5) and [2.5, 4]
    assert surface.cube.cells.positives.tolist() == [[0, 1], [0, 2]]


def test_neighbouring_floats_cannot_be_cut_into_many_levels(engine, make_holdout):
    lo, hi = 0.3, float(np.nextafter(0.3, 1))
    frame = pd.DataFrame({"score": [0.1, 0.2], "uncertainty": [lo, hi], "label": [0, 1]})
    cube, _ = finish(build_cube(make_holdout(frame), engine, levels=Binning("equal_width", 5), bins=TEN))
    assert cube.level_edges.tolist() == [lo, hi]
    assert cube.rows == 2


@pytest.mark.parametrize("count", [10, 20, 100, 1_000])
def test_a_decimal_score_lies_in_the_bin_that_it_begins(engine, make_holdout, count):
    # linspace(0, 1, 11)[7] is 0.7000000000000001: the score 0.7 would be counted below 0.7.
    edges = [float(f"{i / count:.3f}") for i in range(count)]
    frame = pd.DataFrame({"score": edges, "uncertainty": [1.0, 2.0] * (count // 2), "label": [0, 1] * (count // 2)})
    surface = surface_of(
        make_holdout(frame), engine, bins=Binning("equal_width", count), levels=Binning("equal_width", 1)
    )
    assert surface.cube.cells.rows.tolist() == [[1] * count]
    assert surface.cube.score_edges.tolist() == [*edges, 1.0]


def test_one_row(engine, make_holdout):
    frame = pd.DataFrame({"score": [0.7], "uncertainty": [2.0], "label": [1]})
    surface = surface_of(make_holdout(frame), engine, levels=Binning.typed("0,5", name="x"))
    assert surface.cube.cells.rows.tolist() == [[0] * 7 + [1] + [0] * 2]  # 0.7 lies in [.7, .8)
    assert not surface.shown.any()
    assert (
        surface_of(make_holdout(frame), engine, levels=Binning.typed("0,5", name="x"), minimum_rows=0).shown.sum() == 1
    )


def test_order_of_rows_changes_nothing(engine, make_holdout, world):
    one = surface_of(make_holdout(world), engine).frame()
    other = surface_of(make_holdout(world.sample(frac=1, random_state=0)), engine).frame()
    pd.testing.assert_frame_equal(one, other, rtol=1e-12)


def test_halves_add_up(engine, make_holdout, world):
    levels, bins = Binning.typed("0,0.1,0.3,2", name="x"), TEN
    whole, first, second = (
        surface_of(make_holdout(part), engine, levels=levels, bins=bins).cube.cells
        for part in (world, world[:1000], world[1000:])
    )
    both = first + second
    assert np.array_equal(both.rows, whole.rows)
    assert np.array_equal(both.positives, whole.positives)
    assert both.score == pytest.approx(whole.score)


def test_filter_and_weights(engine, make_holdout, world):
    weighted = world.assign(weight=np.random.default_rng(0).integers(0, 4, len(world)).astype(float))
    where = [Among("segment0", (1,))]
    surface = surface_of(make_holdout(weighted), engine, levels=Binning.typed("0,9", name="x"),
                         bins=Binning("equal_width", 1), where=where)  # fmt: skip
    kept = weighted[weighted.device == "tv"]
    line = surface.frame().iloc[0]
    assert line["rows"] == len(kept)
    assert line["rate"] == pytest.approx(np.average(kept.label, weights=kept.weight))
    assert float(surface.cube.cells.effective_rows[0, 0]) == pytest.approx(
        kept.weight.sum() ** 2 / (kept.weight**2).sum()
    )


def test_rows_outside_typed_edges_are_counted(engine, make_holdout, world):
    cube, edges = finish(
        build_cube(make_holdout(world), engine, levels=Binning.typed("0.1,0.2", name="x"),
                   bins=Binning.typed("0.2,0.4", name="x"))
    )  # fmt: skip
    coarse = cube.coarsen(edges)
    inside = world["uncertainty"].between(0.1, 0.2) & world["score"].between(0.2, 0.4)
    assert coarse.rows == inside.sum()  # both ends count, though the fine cube runs on above .4
    assert coarse.rows + coarse.outside == len(world)


def test_small_cells_are_not_shown(engine, make_holdout, world):
    surface = surface_of(make_holdout(world), engine, minimum_rows=50)
    assert np.array_equal(surface.shown, surface.cube.cells.rows >= 50)
    with pytest.raises(InputError, match="minimum rows must be a whole number"):
        surface_of(make_holdout(world), engine, minimum_rows=-1)


@pytest.mark.parametrize(
    ("levels", "bins", "found"),
    [
        (Binning("equal_weight", 0), TEN, "levels must be a whole number from 1 to 100"),
        (Binning("equal_weight", 101), TEN, "levels must be a whole number from 1 to 100"),
        (FIVE, Binning("equal_width", 10_001), "bins must be a whole number from 1 to 10,000"),
        (FIVE, Binning("edges", 2, (0.5, 0.5)), "score edges must be at least two increasing numbers"),
        (Binning("edges", 1, (50.0, 60.0)), TEN, "No row lies inside these edges"),
        (FIVE, Binning("edges", 1, (-2.0, -1.0)), "No row lies inside these edges"),
    ],
)
def test_refuses(engine, make_holdout, world, levels, bins, found):
    with pytest.raises(InputError, match=re.escape(found)):
        finish(build_cube(make_holdout(world), engine, levels=levels, bins=bins))


def test_refuses_a_filter_that_leaves_nothing(engine, make_holdout, world):
    where = [Among("segment0", (0,)), Among("segment0", (1,))]
    with pytest.raises(InputError, match="No row"):
        finish(build_cube(make_holdout(world), engine, levels=Binning("equal_width", 2), bins=TEN, where=where))


@pytest.mark.parametrize("text", ["", "1", "1,1", "2,1", "a,b", "0,nan", "0,inf", "1e999,2", "0x1,2", ",,,"])
def test_typed_edges_refuse(text):
    with pytest.raises(InputError, match=r"^level edges must be"):
        Binning.typed(text, name="level edges")


@pytest.mark.parametrize("text", ["0,.5,1", " 0 ; 0.5 ;1 ", "0,0.5,1,", "0e0,5e-1,1"])
def test_typed_edges(text):
    assert Binning.typed(text, name="x") == Binning("edges", 2, (0.0, 0.5, 1.0))


@pytest.mark.parametrize("value_range", [(1, 3000), (0.0129, 1.4762), (-5, 5), (0, 1e-9), (1e9, 1e9 + 1), (0, 1e300)])
def test_suggested_edges_can_be_typed_and_hold_every_value(value_range):
    edges = Binning.typed(suggest_edges(value_range), name="x").edges
    assert len(edges) == 4
    assert edges[0] <= value_range[0]
    assert edges[-1] >= value_range[1]


@pytest.mark.parametrize("largest", [1.0, 0.97, 0.5, 0.04, 1e-3, 1e-7, 0.0])
def test_steps_are_round_and_at_most_a_thousand(largest):
    step = slice_step((0.0, largest))
    assert re.fullmatch(r"[125]e-\d\d|0\.0*[125]", repr(step))
    assert max(largest, 1e-6) / step <= 1000 * (1 + 1e-9)
