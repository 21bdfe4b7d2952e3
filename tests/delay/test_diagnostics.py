"""What weights cost and what signals tell."""

from dataclasses import replace

import numpy as np
import pytest

from core.delay.arms import plan_arm, train_arm
from core.delay.data import FittedRule, Options, SnapshotWeights
from core.delay.diagnostics import effective_size, measure_signals, summarise_weights
from core.delay.laws import DAY
from core.delay.simulate import START, Signal
from core.delay.snapshot import observe
from tests.delay.hand_logs import NONE, day, hand_log
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


@pytest.mark.parametrize("arm", ["fnw", "is_signal"])
def test_only_weights_at_the_cap_count_as_clipped(arm: str) -> None:
    # a cap also moves p, and with it weights that are far below the cap
    snapshot = observe(small_log(), START + 62 * DAY, window=30 * DAY)
    capped, free = (train_arm(plan_arm(arm, options=Options(cap=cap)), snapshot).training for cap in (1.2, None))
    assert not isinstance(capped, FittedRule)
    assert not isinstance(free, FittedRule)
    found = summarise_weights(capped, uncapped=free)
    assert found.clipped == pytest.approx((capped.weight == 1.2).mean())
    assert (capped.weight < free.weight).mean() > 2 * found.clipped


def test_signals_after_the_window_are_none() -> None:
    # both rows are 90 days old; the second sent its signal on day 40, when no conversion could follow
    log = hand_log([0, 1, 2], [5, NONE, NONE], signal=[1, 40, NONE])
    found = measure_signals(observe(log, day(92), window=30 * DAY)).signals[0]
    assert (found.if_converting, found.if_not) == (1.0, 0.0)
    assert found.given_signal == 0


def test_any_signal_is_any_where_no_row_is_without() -> None:
    # signals cart and visit; rows send cart, visit, cart, and the first converts
    log = hand_log([0, 1, 2], [5, NONE, NONE], signal=[1, NONE, 1])
    both = replace(
        log, signal_delay=np.hstack([log.signal_delay, np.array([[NONE], [DAY], [NONE]])]),
        signal_names=("cart", "visit"),
    )  # fmt: skip
    found = measure_signals(observe(both, day(92), window=30 * DAY)).signals[2]
    assert (found.if_converting, found.if_not) == (1.0, 1.0)
