"""Records: what a log must be."""

from dataclasses import replace

import numpy as np
import pytest

from core.delay.data import Log, Options, SignalServed, SnapshotWeights, StreamWeights
from core.delay.laws import DAY
from core.errors import InputError


def tiny() -> Log:
    return Log(
        time=np.array([0.0, 10.0, 20.0]), delay=np.array([5.0, np.nan, 40.0]),
        signal_delay=np.array([[1.0], [np.nan], [2.0]]), features=np.array([[0.5], [1.5], [2.5]]),
        segment=np.array([0, 0, 1]), feature_names=("x",), signal_names=("cart",), segment_names=("a", "b"), until=50.0,
    )  # fmt: skip


def test_final_labels_end_at_the_window() -> None:
    log = tiny()
    assert np.array_equal(log.final_label(30.0), [1.0, 0.0, 0.0])
    assert np.array_equal(log.final_label(40.0), [1.0, 0.0, 1.0])  # on the edge counts
    assert np.array_equal(log.is_final(30.0), [True, True, True])
    assert np.array_equal(log.is_final(35.0), [True, True, False])  # 20 + 35 > 50


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tiny().delay[0] = 1.0


def test_rows_are_taken_together() -> None:
    part = tiny().take(np.array([False, True, True]))
    assert len(part) == 2
    assert np.array_equal(part.segment, [0, 1])
    assert part.truth is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": np.array([0.0, 30.0, 20.0])}, "in order of time"),
        ({"time": np.array([0.0, np.nan, 20.0])}, "time must be finite"),
        ({"delay": np.array([-5.0, np.nan, 40.0])}, "delay must not be negative; entry 0 has -5"),
        ({"signal_delay": np.array([[1.0], [-2.0], [2.0]])}, "signal delay must not be negative; entry 1 has -2"),
        ({"features": np.array([[0.5], [np.inf], [2.5]])}, "features must be finite"),
        ({"segment": np.array([0, 2, 1])}, "each segment needs a name; entry 1 has 2"),
        ({"delay": np.array([5.0])}, r"delay has shape \(1,\)"),
        ({"signal_names": ("cart", "visit")}, "signal_delay has shape"),
    ],
)
def test_a_bad_log_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(tiny(), **change)


def test_an_empty_log_is_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        tiny().take(np.zeros(3, dtype=bool))


def test_a_signal_mapped_as_feature_is_refused_with_its_reason() -> None:
    with pytest.raises(SignalServed, match="'cart' is mapped as feature and as signal: a signal comes after"):
        replace(tiny(), feature_names=("cart",))


@pytest.mark.parametrize(
    "change", [{"lookback": 0.0}, {"drop": -1.0}, {"cap": 0.5}, {"ridge": float("nan")}, {"wait": -1.0}]
)
def test_bad_options_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(change))} must be between"):
        Options(**change)


def test_options_count_in_days() -> None:
    assert Options().lookback * DAY == 2_592_000


def test_training_sets_are_tables() -> None:
    arrays = np.array([4, 7]), np.array([1.0, 0.3]), np.array([2.0, 1.0])
    for training in (SnapshotWeights(*arrays), StreamWeights(*arrays)):
        assert training.frame().to_dict("list") == {"row": [4, 7], "label": [1.0, 0.3], "weight": [2.0, 1.0]}
