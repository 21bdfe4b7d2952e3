"""Validators: what they let through, and the words with which they refuse."""

import re

import numpy as np
import pytest

from core.checks import as_floats, check_between, check_count, check_edges, check_entries
from core.errors import InputError

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("value", [0, 0.5, 1, np.float64(1)])
def test_between_holds_both_ends(value):
    assert check_between(value, 0, 1, name="score") == value


@pytest.mark.parametrize("value", [-1e-300, np.nextafter(1, 2), NAN, INF, -INF])
def test_between_refuses(value):
    with pytest.raises(InputError, match=r"^score must be between 0 and 1; it is ") as caught:
        check_between(value, 0, 1, name="score")
    assert caught.value.fix == "Choose a score in that range."


@pytest.mark.parametrize("value", [1, 100])
def test_count_holds_both_ends(value):
    assert check_count(value, 1, 100, name="levels") == value


@pytest.mark.parametrize("value", [0, 101, -5, 5.0, "5", True, None, NAN, 10**40])
def test_count_refuses(value):
    with pytest.raises(
        InputError, match="^levels must be a whole number from 1 to 100; it is " + re.escape(repr(value))
    ):
        check_count(value, 1, 100, name="levels")


@pytest.mark.parametrize("edges", [(0.0, 1.0), (-1.0, 0.0, 1e300), (0.3, float(np.nextafter(0.3, 1)))])
def test_edges_pass(edges):
    assert check_edges(edges, name="score edges") == edges


@pytest.mark.parametrize(
    ("edges", "shown"),
    [((), "nothing"), ((1.0,), "1"), ((0.0, 0.0), "0, 0"), ((1.0, 0.5), "1, 0.5"), ((0.0, NAN, 1.0), "0, nan, 1"),
     ((0.0, NAN), "0, nan"), ((-INF, 0.0), "-inf, 0"), ((0.0, INF), "0, inf"), ((-0.0, 0.0), "-0, 0")],
)  # fmt: skip
def test_edges_refuse(edges, shown):
    with pytest.raises(InputError, match=f"^score edges must be at least two increasing numbers; given: {shown}\\.$"):
        check_edges(edges, name="score edges")


def test_a_long_list_of_edges_is_shown_in_part():
    with pytest.raises(InputError) as caught:
        check_edges((1.0,) * 10_000, name="score edges")
    assert len(str(caught.value)) < 120


def test_floats():
    assert as_floats([1, 2.5], name="evidence").dtype == np.float64
    for wrong in ("many", ["1", "x"], [1, [2]], {"a": 1}):
        with pytest.raises(InputError, match=r"^evidence must be numbers"):
            as_floats(wrong, name="evidence")


def test_entries_name_the_first_that_is_wrong():
    array = np.array([[0.5, 2.0], [3.0, 0.1]])
    with pytest.raises(InputError, match=r"^score must be in \[0, 1\]; entry 1 has 2\.$"):
        check_entries(array, array <= 1, rule="score must be in [0, 1]", fix="Give probabilities.")
    check_entries(array, array <= 3, rule="at most 3", fix="-")
    check_entries(np.array([]), np.array([], dtype=bool), rule="anything", fix="-")
