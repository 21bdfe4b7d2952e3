"""The count cube: order of levels, coarser bins, and what lies outside."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.protocol import Counts
from core.errors import InputError
from core.holdout.cells import Cells
from core.holdout.cube import CountCube

EDGES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


def make_cube(rows, positives=None, *, more_is_certain=False, outside=0):
    """Cube over two levels [1, 2), [2, 5] of rows that all score 0.5."""
    rows = np.array(rows, np.int64)
    positives = np.zeros_like(rows) if positives is None else np.array(positives, np.int64)
    sums = {"rows": rows, "positives": positives, "score": rows * 0.5, "uncertainty": rows * 1.0}
    cells = Cells.from_counts(Counts(sums, 0))
    return CountCube(np.array([1.0, 2.0, 5.0]), EDGES, cells, more_is_certain, outside)


def test_level_one_is_the_least_uncertain():
    rows = [[1, 0, 0, 0], [0, 0, 0, 9]]
    assert make_cube(rows).level_bounds().tolist() == [[1, 2], [2, 5]]
    assert make_cube(rows).level_names() == ["1 · 1 – 2", "2 · 2 – 5"]
    evidence = make_cube(rows, more_is_certain=True)
    assert evidence.level_bounds().tolist() == [[2, 5], [1, 2]]
    assert evidence.level_names() == ["1 · 2 – 5", "2 · 1 – 2"]
    assert evidence.levels == 2
    assert evidence.rows == 10


def test_coarsen_by_hand():
    # Bins {0, 1} and {2, 3} join: rows 1 + 2 and 3 + 4.
    cube = make_cube([[1, 2, 3, 4], [0, 0, 0, 9]], [[0, 1, 1, 2], [0, 0, 0, 5]], outside=7)
    coarse = cube.coarsen(np.array([0.0, 0.5, 1.0]))
    assert coarse.cells.rows.tolist() == [[3, 7], [0, 9]]
    assert coarse.cells.positives.tolist() == [[1, 3], [0, 5]]
    assert coarse.outside == 7
    assert np.array_equal(coarse.level_edges, cube.level_edges)


def test_coarsen_to_inner_edges_counts_the_rest_as_outside():
    cube = make_cube([[1, 2, 3, 4], [0, 0, 0, 9]], outside=7)
    inner = cube.coarsen(np.array([0.25, 0.75]))
    assert inner.cells.rows.tolist() == [[5], [0]]
    assert inner.outside == 7 + 1 + 4 + 9
    assert inner.rows + inner.outside == cube.rows + cube.outside


def test_coarsen_to_the_same_edges_changes_nothing():
    cube = make_cube([[1, 2, 3, 4], [0, 0, 0, 9]])
    assert np.array_equal(cube.coarsen(EDGES).cells.rows, cube.cells.rows)


@pytest.mark.parametrize("edges", [[0.0, 0.3, 1.0], [0.0, 1.5], [-1.0, 1.0], [0.0, np.nextafter(1, 0)]])
def test_coarsen_refuses_an_edge_that_is_not_its_own(edges):
    with pytest.raises(InputError, match="not an edge of the count cube"):
        make_cube([[1, 2, 3, 4]] * 2).coarsen(np.array(edges))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_coarsening_adds_up_in_one_step_or_two(data):
    edges = np.linspace(0, 1, data.draw(st.integers(2, 30)) + 1)
    shape = (2, len(edges) - 1)
    rows = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 5, shape)
    cells = Cells.from_counts(Counts({"rows": rows, "positives": rows // 2, "score": rows * 0.5,
                                      "uncertainty": rows * 1.0}, 0))  # fmt: skip
    cube = CountCube(np.array([0.0, 1.0, 2.0]), edges, cells, False, 0)
    middle = [0, *sorted(data.draw(st.sets(st.integers(1, len(edges) - 2), max_size=9))), len(edges) - 1]
    last = sorted({0, len(edges) - 1, *data.draw(st.sets(st.sampled_from(middle)))})
    direct = cube.coarsen(edges[last])
    stepwise = cube.coarsen(edges[middle]).coarsen(edges[last])
    expected = np.stack([rows[:, a:b].sum(axis=1) for a, b in pairwise(last)], axis=1)
    assert np.array_equal(direct.cells.rows, expected)
    assert np.array_equal(stepwise.cells.rows, expected)
    assert direct.rows == cube.rows
