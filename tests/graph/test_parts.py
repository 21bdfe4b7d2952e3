"""Sums of parts: by hand, and rows, columns and pairs of one matrix."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from core.graph.parts import Ensemble, Part
from core.graph.scorers import Product
from tests.graph.tiny_graphs import Table


def make_sum(nodes=6):
    rng = np.random.default_rng(0)
    tables = [Table(rng.standard_normal((nodes, nodes)).astype(np.float32)) for _ in range(3)]
    bends = zip(tables, ("plain", "root", "log"), (1.0, -2.0, 0.5), strict=True)
    parts = tuple(Part(bend, table, bend, 0.5, weight) for table, bend, weight in bends)
    return Ensemble(parts, "all", ("all", "one"), (0.5, 0.25))


@pytest.mark.parametrize(
    ("bend", "score", "value"),
    [
        ("plain", -3.0, -12.0),  # 2 · (-3 · 2)
        ("root", 8.0, 16.0),  # 2 · 16^(3/4)
        ("root", -8.0, -16.0),
        ("log", 1.0, 2 * np.log(3)),
        ("log", -1.0, 0.0),
    ],
)
def test_a_part_by_hand(bend, score, value):
    part = Part("x", Table(np.zeros((1, 1), np.float32)), bend, 2.0, 2.0)
    assert part.value(np.array([score], dtype=np.float32))[0] == pytest.approx(value)


def test_rows_columns_and_pairs_agree():
    total, everyone = make_sum(), np.arange(6)
    rows = total.score_from(everyone)
    np.testing.assert_allclose(total.score_into(everyone).T, rows, rtol=1e-6)
    source, target = np.divmod(np.arange(36), 6)
    np.testing.assert_allclose(total.score_pairs(source, target), rows.ravel(), rtol=1e-6)
    assert rows.dtype == np.float32
    assert total.nodes == 6


def test_the_terms_sum_to_the_score():
    total = make_sum()
    for source, target in ((0, 1), (3, 2), (5, 5)):
        terms = total.terms(source, target)
        assert terms.part.tolist() == ["plain", "root", "log"]
        assert terms.value.sum() == pytest.approx(total.score_from(np.array([source]))[0, target], rel=1e-6)


def test_a_part_divides_what_it_adds_as_its_scorer_divides_its_score():
    # score(0 → 2) = 2 · 5 (through 1) + 3 · 2 (through 2) = 16; ½ · 16^(3/4) = 4 in shares of 10 : 6
    left, right = np.zeros((3, 3), np.float32), np.zeros((3, 3), np.float32)
    left[0, 1:], right[1:, 2] = (2, 3), (5, 2)
    through = Part("kin", Product(csr_array(left), right), "root", 1.0, 0.5)
    flat = Part("flat", Table(np.full((3, 3), 2, np.float32)), "plain", 1.0, 1.0)
    terms = Ensemble((through, flat), "all", (), ()).terms(0, 2)
    assert terms.part.tolist() == ["kin: shared neighbour"] * 2 + ["flat"]
    assert terms.value == pytest.approx([2.5, 1.5, 2.0])
    assert (terms.node[:2].tolist(), terms.through.tolist()) == ([1, 2], [True, True, False])
    nothing = Ensemble((through, flat), "all", (), ()).terms(1, 2)  # there is nothing to divide
    assert (nothing.part.tolist(), nothing.value.tolist()) == (["kin", "flat"], [0, 2])


def test_scores_of_the_parts_are_not_used_up():
    total, everyone = make_sum(), np.arange(6)
    assert (total.score_from(everyone) == total.score_from(everyone)).all()


def test_frames():
    total = make_sum()
    assert total.frame()["weight"].tolist() == [1.0, -2.0, 0.5]
    compared = total.compared_frame()
    assert compared["sum"].tolist() == ["all", "one"]
    assert compared["chosen"].tolist() == [True, False]
