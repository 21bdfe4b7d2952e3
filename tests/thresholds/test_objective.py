"""What is asked is checked, and compared exactly."""

import math

import pytest

from core.errors import InputError
from core.thresholds.objective import Objective


@pytest.mark.parametrize(
    ("kind", "target", "ratio"),
    [
        ("precision", 0.9, (9, 10)),
        ("precision", 1.0, (1, 1)),
        ("precision", 1 / 3, (333_333, 1_000_000)),
        ("recall", 0.05, (1, 20)),
        ("cost", 2.5, (5, 2)),
        ("capacity", 5_000, (5_000, 1)),
    ],
)
def test_ratio(kind, target, ratio) -> None:
    assert Objective(kind, target).ratio == ratio


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("precision", 0.0),
        ("precision", 1.000001),
        ("precision", math.nan),
        ("precision", math.inf),
        ("recall", -0.1),
        ("recall", 1e-9),
        ("capacity", -1.0),
        ("capacity", math.inf),
        ("cost", 0.0),
        ("cost", 1e9),
        ("profit", 0.5),
    ],
)
def test_what_cannot_be_asked(kind, target) -> None:
    with pytest.raises(InputError) as caught:
        Objective(kind, target)
    assert caught.value.fix.endswith(".")
