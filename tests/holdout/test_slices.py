"""Slices at a score, and the slider that moves them."""

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.holdout.positivity import Binning, build_cube
from core.holdout.slices import slice_at_score, slider_bounds
from core.jobs import finish

LEVELS, BINS = Binning("equal_weight", 4), Binning("equal_width", 20)


@pytest.fixture(scope="module")
def cube(engine, make_holdout, world):
    return finish(build_cube(make_holdout(world), engine, levels=LEVELS, bins=BINS))[0]


def within(frame, lo, hi):
    """Rows of a window: half open, but closed where it ends at 1."""
    return frame[(frame["score"] >= lo) & ((frame["score"] < hi) | ((hi >= 1) & (frame["score"] <= 1)))]


@pytest.mark.parametrize(
    ("score", "half_width", "lo", "hi"),
    [
        (0.3, 0.05, 0.25, 0.35),
        (0.29, 0.01, 0.28, 0.3),
        (0.0, 0.1, 0.0, 0.1),
        (1.0, 0.5, 0.5, 1.0),
        (0.5, 1.0, 0.0, 1.0),
    ],
)
def test_counts_are_what_pandas_counts_in_the_window(cube, world, score, half_width, lo, hi):
    cut = slice_at_score(cube, score=score, half_width=half_width)
    assert (cut.score_lo, cut.score_hi) == pytest.approx((lo, hi))
    frame, part = cut.frame(), within(world, lo, hi)
    at = np.clip(np.searchsorted(cube.level_edges, part["uncertainty"], side="right") - 1, 0, cube.levels - 1)
    found = part.groupby(at)["label"].agg(["size", "sum"]).reindex(range(cube.levels), fill_value=0)
    assert frame["rows"].tolist() == found["size"].tolist()
    assert frame["positives"].tolist() == found["sum"].tolist()
    assert cut.cells.rows.shape == (cube.levels,)
    assert cut.cube.rows + cut.cube.outside == len(world)


def test_a_window_narrower_than_a_bin_is_one_bin(cube):
    cut = slice_at_score(cube, score=0.3, half_width=1e-9)
    assert cut.score_hi > cut.score_lo
    assert np.sum((cube.score_edges >= cut.score_lo) & (cube.score_edges <= cut.score_hi)) == 2
    last = slice_at_score(cube, score=1.0, half_width=1e-9)
    assert last.score_hi == 1


def test_neighbouring_windows_add_up(cube):
    left, right = (slice_at_score(cube, score=s, half_width=0.1).cells for s in (0.2, 0.4))
    both = slice_at_score(cube, score=0.3, half_width=0.2).cells
    assert np.array_equal((left + right).rows, both.rows)
    assert np.array_equal((left + right).positives, both.positives)


def cube_of_one(engine, make_holdout, frame):
    return finish(build_cube(make_holdout(frame), engine, levels=Binning("equal_width", 2), bins=BINS))[0]


def test_by_hand(engine, make_holdout):
    # Each row twice. Scores .2 .3 .3 .4 with uncertainties 1 1 9 9: in [.25, .35) the certain level is positive.
    once = pd.DataFrame({"score": [0.2, 0.3, 0.3, 0.4], "uncertainty": [1.0, 1, 9, 9], "label": [0, 1, 0, 1]})
    frame = pd.concat([once, once], ignore_index=True)
    cube, _ = finish(build_cube(make_holdout(frame), engine, levels=Binning("equal_width", 2), bins=BINS))
    found = slice_at_score(cube, score=0.3, half_width=0.05).frame()
    assert list(found) == ["level", "uncertainty_lo", "uncertainty_hi", "rows", "positives", "mean_score",
                           "mean_uncertainty", "rate", "lo", "hi"]  # fmt: skip
    assert found["rate"].tolist() == [1, 0]
    assert found["mean_uncertainty"].tolist() == [1, 9]
    assert found["mean_score"].tolist() == pytest.approx([0.3, 0.3])
    single = slice_at_score(cube_of_one(engine, make_holdout, once), score=0.3, half_width=0.05).frame()
    assert single["rows"].tolist() == [1, 1]
    assert single[["mean_score", "mean_uncertainty"]].isna().all(axis=None)  # they would be the row
    empty = slice_at_score(cube, score=0.9, half_width=0.05).frame()
    assert empty["rows"].tolist() == [0, 0]
    assert empty[["rate", "lo", "hi"]].isna().all(axis=None)


def test_confidence_widens_the_interval(cube):
    narrow, wide = (slice_at_score(cube, score=0.3, half_width=0.1, confidence=c).frame() for c in (0.8, 0.99))
    assert (wide["lo"] < narrow["lo"]).all()
    assert (wide["hi"] > narrow["hi"]).all()


@pytest.mark.parametrize("largest", [0.97, 0.9, 0.29, 0.04])
def test_a_window_that_reaches_beyond_the_largest_score_holds_it(engine, make_holdout, largest):
    frame = pd.DataFrame({"score": [0.01, largest], "uncertainty": [1.0, 2.0], "label": [0, 1]})
    cube, _ = finish(build_cube(make_holdout(frame), engine, levels=Binning("equal_width", 1), bins=BINS))
    for half_width in (0.001, 0.01, 0.02):
        cut = slice_at_score(cube, score=largest - half_width / 2, half_width=half_width)
        assert cut.frame()["positives"].tolist() == [1]


@pytest.mark.parametrize(
    ("score", "half_width", "found"),
    [(-0.1, 0.1, "score must be between 0 and 1"), (1.1, 0.1, "score must be"), (float("nan"), 0.1, "score must be"),
     (0.5, 0.0, "half-width must be"), (0.5, 1.5, "half-width must be"), (0.5, float("nan"), "half-width must be")],
)  # fmt: skip
def test_refuses(cube, score, half_width, found):
    with pytest.raises(InputError, match=found):
        slice_at_score(cube, score=score, half_width=half_width)


@pytest.mark.parametrize("largest", [1.0, 0.97, 0.86, 0.84, 0.5, 0.1, 0.043, 0.005, 1e-4])
def test_the_slider_stands_on_edges_of_the_cube(engine, make_holdout, largest):
    score = np.linspace(0, largest, 50)
    frame = pd.DataFrame({"score": score, "uncertainty": np.arange(50.0), "label": [0, 1] * 25})
    cube, _ = finish(build_cube(make_holdout(frame), engine, levels=LEVELS, bins=BINS))
    bounds = slider_bounds((0.0, largest))
    assert largest <= bounds.top * (1 + 1e-9) <= 1 + 1e-9
    assert 0 < bounds.score <= bounds.top
    assert 0 < bounds.half_width < bounds.top
    assert bounds.format % bounds.score == bounds.format % round(bounds.score, 12)
    for i in range(int(largest / bounds.step) + 1):  # beyond the largest score an edge would hold nothing apart
        assert np.abs(cube.score_edges - i * bounds.step).min() < 1e-12
    cut = slice_at_score(cube, score=bounds.score, half_width=bounds.half_width)
    assert (cut.score_lo, cut.score_hi) == pytest.approx(
        (bounds.score - bounds.half_width, min(bounds.score + bounds.half_width, 1)), abs=1e-12
    )
