"""Result frames as a person reads them."""

import numpy as np
import pandas as pd
import pytest

from core.tables import plain_name, readable


def test_an_estimate_takes_its_ends_whatever_they_are_called() -> None:
    frame = pd.DataFrame(
        {"ece": [0.13], "ece_lo": [0.124], "ece_hi": [0.136], "rate": [0.1], "lo": [0.09], "hi": [0.11]}
    )
    shown = readable(frame)
    assert shown.to_dict("list") == {"ECE": ["0.130 (0.124 to 0.136)"], "positivity": ["0.100 (0.090 to 0.110)"]}


def test_rate_and_effect_side_by_side_keep_their_own_ends() -> None:
    line = {"segment": "a", "rate": 0.5, "lo": 0.4, "hi": 0.6, "effect": -0.1, "effect_lo": -0.2, "effect_hi": 0.0}
    shown = readable(pd.DataFrame([line]))
    assert shown["effect"].tolist() == ["-0.100 (-0.200 to 0.000)"]
    assert shown["positivity"].tolist() == ["0.500 (0.400 to 0.600)"]
    assert list(shown.columns) == ["segment", "positivity", "effect"]


def test_ends_without_an_estimate_are_a_range_in_their_place() -> None:
    frame = pd.DataFrame({"level": [1], "uncertainty_lo": [99.0], "uncertainty_hi": [3000.0], "rows": [7]})
    assert readable(frame).to_dict("list") == {"level": [1], "uncertainty": ["99 to 3000"], "rows": [7]}


def test_a_narrower_interval_has_more_decimals_and_a_column_has_one_number_of_them() -> None:
    # half the median width: 0.000 05 → 5 decimals; never fewer than 3
    frame = pd.DataFrame({"rate": [0.1, 0.2, 0.3], "lo": [0.09995, 0.19995, 0.2], "hi": [0.10005, 0.20005, 0.4]})
    assert readable(frame)["positivity"].tolist() == [
        "0.10000 (0.09995 to 0.10005)",
        "0.20000 (0.19995 to 0.20005)",
        "0.30000 (0.20000 to 0.40000)",
    ]


@pytest.mark.parametrize(
    ("value", "lo", "hi", "cell"),
    [
        (np.nan, np.nan, np.nan, ""),
        (0.5, np.nan, np.nan, "0.5"),
        (0.5, -np.inf, np.inf, "0.5"),
        (0.5, 0.5, 0.5, "0.500 (0.500 to 0.500)"),
    ],
)
def test_missing_infinite_and_point_intervals(value: float, lo: float, hi: float, cell: str) -> None:
    assert readable(pd.DataFrame({"rate": [value], "lo": [lo], "hi": [hi]}))["positivity"].tolist() == [cell]


def test_a_missing_range_is_empty() -> None:
    assert readable(pd.DataFrame({"x_lo": [np.nan], "x_hi": [np.nan]}))["x"].tolist() == [""]


def test_other_columns_and_an_empty_frame_pass_through() -> None:
    frame = pd.DataFrame({"lo": [1.0], "hi": [2.0], "mean_score": [0.5]})
    assert readable(frame).to_dict("list") == {"lo": [1.0], "hi": [2.0], "mean score": [0.5]}
    assert readable(pd.DataFrame({"rate": [], "lo": [], "hi": []})).shape == (0, 1)


def test_the_frame_itself_is_left_alone() -> None:
    frame = pd.DataFrame({"rate": [0.1], "lo": [0.0], "hi": [0.2]})
    before = frame.copy()
    readable(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(("name", "plain"), [("log_loss", "log-loss"), ("score_lo", "score lo"), ("rows", "rows")])
def test_plain_names(name: str, plain: str) -> None:
    assert plain_name(name) == plain
