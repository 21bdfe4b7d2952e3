"""Weights as they are drawn."""

import numpy as np
import pytest

from core.delay.data import SnapshotWeights
from core.delay.diagnostics import WeightSummary
from core.delay.laws import DAY
from core.delay.snapshot import observe
from core.delay.weights import measure_shape, tabulate_weights
from core.errors import InputError
from tests.delay.hand_logs import NONE, day, hand_log


def test_the_shape_is_worked_by_hand() -> None:
    snapshot = observe(hand_log([0.05, 0.1, 2.5], [1, NONE, NONE]), day(3), window=30 * DAY)
    training = SnapshotWeights(np.arange(3), np.array([1.0, 0.0, 0.25]), np.array([2.0, 1.0, 0.8]))
    found = measure_shape(snapshot, training)
    frame = found.frame()
    assert (len(frame), frame["lo"].iloc[0], frame["hi"].iloc[-1]) == (40, 0, 2)
    assert frame["positives"].iloc[-1] == 1
    assert frame["negatives"].iloc[19] == 1  # 1 of 2 is the upper end of bin 20 of 40
    assert frame.loc[15, ["positives", "negatives"]].tolist() == [0.25, 0.75]  # 0.8 of 2
    ages = found.age_frame()
    assert ages["age"].tolist() == pytest.approx([0.5, 2.925])
    assert ages["positive_weight"].tolist() == pytest.approx([0.8, 2.0])
    assert ages["negative_weight"].tolist() == pytest.approx([0.8, 1.0])


def test_a_bucket_without_positives_has_no_mean() -> None:
    snapshot = observe(hand_log([0], [NONE]), day(3), window=30 * DAY)
    ages = measure_shape(snapshot, SnapshotWeights(np.arange(1), np.zeros(1), np.ones(1))).age_frame()
    assert np.isnan(ages["positive_weight"].iloc[0])


def test_an_empty_training_set_is_refused() -> None:
    snapshot = observe(hand_log([0], [NONE]), day(3), window=30 * DAY)
    with pytest.raises(InputError, match="empty"):
        measure_shape(snapshot, SnapshotWeights(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)))


def test_summaries_stand_side_by_side() -> None:
    frame = tabulate_weights([("naive", WeightSummary(10, 10.0, 1.0, 0.0, 0.0)),
                              ("is_signal", WeightSummary(10, 6.0, 4.0, 0.2, 0.1))]).frame()  # fmt: skip
    assert frame["arm"].tolist() == ["naive", "is_signal"]
    assert frame["effective_share"].tolist() == [1.0, 0.6]
    assert frame["clipped"].tolist() == [0.0, 0.2]
