"""Cuts of a cube, counted from the top."""

import numpy as np
import pytest

from core.errors import InputError, TooLarge
from core.holdout.cells import Cells
from core.holdout.cube import CountCube
from core.thresholds import data
from core.thresholds.data import Cuts

EDGES = np.array([0.0, 0.5, 0.8, 1.0])
ROWS, POSITIVES = np.array([[4, 2, 1], [5, 0, 2]]), np.array([[1, 1, 1], [0, 0, 2]])


def make_cube(rows: np.ndarray, positives: np.ndarray, weight: float | np.ndarray = 1.0) -> CountCube:
    """Each row of a cell weighs as much as ``weight`` says for that cell."""
    w, wy = rows * weight, positives * weight
    cells = Cells(rows, positives, w, wy, w * weight, wy * weight, w, w)
    return CountCube(np.array([0.0, 1.0, 2.0]), EDGES, cells, False, 0)


def test_by_hand() -> None:
    cuts = Cuts.from_cube(make_cube(ROWS, POSITIVES))
    assert cuts.accepted.tolist() == [[0, 1, 3, 7], [0, 2, 2, 7]]
    assert cuts.tp.tolist() == [[0, 1, 2, 3], [0, 2, 2, 2]]
    assert (cuts.rows, cuts.positives, cuts.levels, cuts.bins, cuts.unit) == (14, 5, 2, 3, 1.0)
    assert cuts.threshold(np.array([0, 1, 2, 3])).tolist() == [np.inf, 0.8, 0.5, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        cuts.tp[0, 0] = 1


def test_weights_are_counted_in_small_units() -> None:
    weight = np.array([[1.0, 2.0, 0.25], [3.0, 1.0, 0.5]])
    cuts = Cuts.from_cube(make_cube(ROWS, POSITIVES, weight))
    assert cuts.accepted[:, -1] * cuts.unit == pytest.approx([4 + 4 + 0.25, 15 + 0 + 1])
    assert cuts.tp[:, -1] * cuts.unit == pytest.approx([1 + 2 + 0.25, 1.0])
    assert (cuts.tp <= cuts.accepted).all()


def test_weights_that_are_all_alike_are_rows() -> None:
    assert Cuts.from_cube(make_cube(ROWS, POSITIVES, 2.0)).unit == 1.0


@pytest.mark.parametrize("positives", [np.zeros_like(ROWS), ROWS])
def test_one_label_is_refused(positives: np.ndarray) -> None:
    with pytest.raises(InputError, match="do not have both labels"):
        Cuts.from_cube(make_cube(ROWS, positives))


def test_more_rows_than_products_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MOST_ROWS", 13)
    with pytest.raises(TooLarge, match="14 rows; at most 13"):
        Cuts.from_cube(make_cube(ROWS, POSITIVES))
