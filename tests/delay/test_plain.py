"""Arms without correction."""

from dataclasses import replace

import numpy as np
import pytest

from core.delay.data import Options
from core.delay.laws import DAY
from core.delay.plain import fit_drop_last, fit_naive, fit_oracle, fit_wait
from core.delay.simulate import START
from core.delay.snapshot import observe
from core.errors import InputError
from tests.delay.populations import small_log

AT = START + 65 * DAY
OPTIONS = Options(lookback=20.0, drop=5.0)


def test_each_arm_trains_on_its_ages() -> None:
    snapshot = observe(small_log(), AT, window=30 * DAY)
    for found, youngest, oldest in (
        (fit_naive(snapshot, options=OPTIONS), 0, 20),
        (fit_drop_last(snapshot, options=OPTIONS), 5, 20),
        (fit_wait(snapshot, options=OPTIONS), 30, 50),
        (fit_wait(snapshot, options=replace(OPTIONS, wait=10.0)), 10, 30),
    ):
        days = snapshot.age[found.rows] / DAY
        assert youngest <= days.min() < youngest + 0.1
        assert oldest - 0.1 < days.max() <= oldest
        assert np.array_equal(found.label, snapshot.label[found.rows])
        assert np.all(found.weight == 1)


def test_the_oracle_has_final_labels_and_leaves_out_the_rest() -> None:
    log = small_log()
    snapshot = observe(log, AT, window=30 * DAY)
    found = fit_oracle(snapshot, log, options=OPTIONS)
    assert np.array_equal(found.label, log.final_label(30 * DAY)[found.rows])
    assert found.label.sum() > snapshot.label[found.rows].sum()
    ended = replace(log, until=AT + 20 * DAY)  # rows of the last 10 days are not final yet
    days = snapshot.age[fit_oracle(snapshot, ended, options=OPTIONS).rows] / DAY
    assert days.min() >= 10


def test_dropping_everything_is_refused() -> None:
    with pytest.raises(InputError, match="last 20 days leaves nothing of 20 days"):
        fit_drop_last(observe(small_log(), AT, window=30 * DAY), options=replace(OPTIONS, drop=20.0))
