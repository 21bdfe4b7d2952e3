"""Sums per cell: rates, intervals, and that they add up."""

from dataclasses import fields

import numpy as np
import pytest

from core.engine.protocol import Counts
from core.holdout.cells import Cells, ratio
from core.intervals import wilson

NAMES = [field.name for field in fields(Cells)]


def plain_cells(rows, positives, *, score=None, uncertainty=None):
    """Cells of unweighted rows."""
    rows, positives = np.array(rows, np.int64), np.array(positives, np.int64)
    zeros = np.zeros(rows.shape)
    sums = {"rows": rows, "positives": positives, "score": zeros if score is None else np.array(score, float),
            "uncertainty": zeros if uncertainty is None else np.array(uncertainty, float)}  # fmt: skip
    return Cells.from_counts(Counts(sums, 0))


def weighted_cells(weight, label, score):
    """One cell of weighted rows."""
    w, y, s = (np.array(v, float) for v in (weight, label, score))
    return Cells(
        rows=np.array([len(w)]),
        positives=np.array([int(y.sum())]),
        weight=np.array([w.sum()]),
        weight_positives=np.array([(w * y).sum()]),
        weight_squared=np.array([(w**2).sum()]),
        weight_squared_positives=np.array([(w**2 * y).sum()]),
        score=np.array([(w * s).sum()]),
        uncertainty=np.array([0.0]),
    )


def test_rates_and_means_by_hand():
    # 3 of 4 rows positive, scores sum to 2: rate .75, mean score .5. The second cell is empty.
    cells = plain_cells([4, 0], [3, 0], score=[2, 0], uncertainty=[8, 0])
    assert cells.rate[0] == 0.75
    assert cells.mean_score[0] == 0.5
    assert cells.mean_uncertainty[0] == 2
    assert cells.effective_rows.tolist() == [4, 0]
    assert np.isnan([cells.rate[1], cells.mean_score[1], cells.mean_uncertainty[1]]).all()


def test_weighted_by_hand():
    # Weights 1, 1, 2, label 1 on the last: rate 2/4. Effective rows (1 + 1 + 2)²/(1 + 1 + 4) = 16/6.
    cells = weighted_cells([1, 1, 2], [0, 0, 1], [0.2, 0.4, 0.6])
    assert cells.rate.tolist() == [0.5]
    assert cells.effective_rows == pytest.approx([16 / 6])
    assert cells.mean_score == pytest.approx([(0.2 + 0.4 + 1.2) / 4])
    lo, hi = map(float, wilson(0.5 * 16 / 6, 16 / 6))
    assert np.concatenate(cells.interval()) == pytest.approx([lo, hi])


def test_scaling_all_weights_changes_nothing():
    one, ten = (weighted_cells(np.array([1, 3, 2]) * k, [0, 1, 1], [0.1, 0.2, 0.9]).frame() for k in (1, 10))
    assert one.to_numpy() == pytest.approx(ten.to_numpy(), nan_ok=True)


def test_frame_has_one_line_per_cell_in_order_and_nothing_in_an_empty_one():
    frame = plain_cells([[4, 0], [1, 10]], [[3, 0], [1, 0]]).frame()
    assert list(frame) == ["rows", "positives", "mean_score", "mean_uncertainty", "rate", "lo", "hi"]
    assert frame["rows"].tolist() == [4, 0, 1, 10]
    assert frame.loc[1, ["rate", "lo", "hi"]].isna().all()
    assert frame.loc[0, ["lo", "hi"]].tolist() == pytest.approx([float(end) for end in wilson(3, 4)])
    assert (frame.loc[2, "hi"], frame.loc[3, "lo"]) == (1, 0)
    narrow, wide = plain_cells([4], [3]).frame(confidence=0.8), plain_cells([4], [3]).frame(confidence=0.99)
    assert wide["lo"][0] < narrow["lo"][0] < 0.75 < narrow["hi"][0] < wide["hi"][0]


def test_no_cells():
    empty = plain_cells([], [])
    assert len(empty.frame()) == 0
    assert int(empty.total().rows) == 0


def test_halves_add_up_and_sums_are_read_only():
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 9, (3, 4))
    positives = rng.integers(0, rows + 1)
    half = rng.integers(0, positives + 1)
    both = plain_cells(rows - positives + half, half) + plain_cells(positives - half, positives - half)
    whole = plain_cells(rows, positives)
    for name in NAMES:
        assert np.array_equal(getattr(both, name), getattr(whole, name))
        assert not getattr(whole.total(axis=0), name).flags.writeable


def test_total_and_merge_keep_every_row():
    cells = plain_cells([[1, 2, 3, 4], [5, 6, 7, 8]], [[0, 1, 1, 2], [5, 0, 7, 0]])
    assert cells.total(axis=1).rows.tolist() == [10, 26]
    assert cells.total(axis=0).positives.tolist() == [5, 1, 8, 2]
    assert int(cells.total().rows) == 36
    merged = cells.merge(np.array([0, 1, 3]), axis=1)  # cell 0; cells 1 and 2; cell 3
    assert merged.rows.tolist() == [[1, 5, 4], [5, 13, 8]]
    assert merged.positives.tolist() == [[0, 2, 2], [5, 7, 0]]


def test_ratio():
    assert ratio(np.array([1.0, 0.0, 3.0, 1.0]), np.array([2.0, 0.0, 0.0, -1.0])).tolist()[0] == 0.5
    assert np.isnan(ratio(np.array([0.0, 3.0, 1.0]), np.array([0.0, 0.0, -1.0]))).all()
    assert float(ratio(np.asarray(1.0), np.asarray(4.0))) == 0.25
