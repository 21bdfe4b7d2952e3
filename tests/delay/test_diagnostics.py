"""What weights cost and what signals tell."""

import numpy as np
import pytest

from core.delay.data import SnapshotWeights
from core.delay.diagnostics import effective_size, measure_signals, summarise_weights
from core.delay.laws import DAY
from core.delay.simulate import START, Signal
from core.delay.snapshot import observe
from tests.delay.populations import AT, WINDOW, exact_log, small_log


def weights(*values: float) -> SnapshotWeights:
    rows = len(values)
    return SnapshotWeights(np.arange(rows), np.array([1.0] * 2 + [0.0] * (rows - 2)), np.array(values))


def test_equal_weights_count_every_row() -> None:
    assert effective_size(np.full(7, 2.5)) == pytest.approx(7)
    assert effective_size(np.array([1.0, 3.0])) == pytest.approx(16 / 10)
    assert effective_size(np.zeros(3)) == 0


def test_a_cap_is_described_with_what_it_took() -> None:
    # of weights 4 and 1 of conversions, 2 of 5 are lost at a cap of 2
    found = summarise_weights(weights(2.0, 1.0, 0.9, 0.9), uncapped=weights(4.0, 1.0, 0.9, 0.9))
    assert (found.rows, found.largest, found.clipped) == (4, 2.0, 0.25)
    assert found.lost == pytest.approx(0.4)
    assert found.frame().loc[0, "effective"] == pytest.approx(4.8**2 / 6.62)
    free = summarise_weights(weights(4.0, 1.0))
    assert (free.clipped, free.lost) == (0.0, 0.0)


def test_information_of_a_signal_is_worked_by_hand() -> None:
    # three kinds alike: y = 0.55 of 3 rows; sent by 0.8 of those and by 0.1 of the others
    table = measure_signals(observe(exact_log((35.0,), rows=1_000, signals=True), AT, window=WINDOW))
    found = table.signals[0]
    y = 0.55 / 3
    sent = 0.8 * y + 0.1 * (1 - y)

    def bits(p: float) -> float:
        return float(-p * np.log2(p) - (1 - p) * np.log2(1 - p))

    assert found.if_converting == pytest.approx(0.8)
    assert found.if_not == pytest.approx(0.1)
    assert found.entropy == pytest.approx(bits(y))
    expected = sent * bits(0.8 * y / sent) + (1 - sent) * bits(0.2 * y / (1 - sent))
    assert found.given_signal == pytest.approx(expected)
    assert table.frame().shape == (1, 5)


def test_signals_together_tell_at_least_what_one_does() -> None:
    log = small_log(signals=(Signal(), Signal("visit", 0.9, 0.4)))
    found = measure_signals(observe(log, START + 65 * DAY, window=30 * DAY)).signals
    assert [one.signal for one in found] == ["cart", "visit", "all signals"]
    assert found[2].given_signal <= min(found[0].given_signal, found[1].given_signal)
