"""Delay laws of simulated worlds."""

import numpy as np
import pytest

from core.delay.laws import DAY, HOUR, DelayLaw, Kind
from core.errors import InputError

KINDS: tuple[Kind, ...] = ("exponential", "weibull", "log_normal", "mixture")


@pytest.mark.parametrize("kind", KINDS)
def test_draws_follow_the_law(kind: Kind) -> None:
    # largest gap between the two distribution functions, n = 20,000: below 1.95/√n for one seed in 1,000
    law = DelayLaw(kind)
    shift = np.full(20_000, 0.7)
    drawn = np.sort(law.draw(shift, rng=np.random.default_rng(3)))
    gap = np.abs(law.arrived_by(drawn, shift=shift) - (np.arange(20_000) + 0.5) / 20_000)
    assert gap.max() < 1.95 / np.sqrt(20_000)


@pytest.mark.parametrize("kind", ["exponential", "weibull", "log_normal"])
def test_half_is_in_at_the_median_of_the_row(kind: Kind) -> None:
    law = DelayLaw(kind, median=2.0)
    shift = np.array([0.0, np.log(3.0)])
    np.testing.assert_allclose(law.arrived_by(np.array([2.0, 6.0]) * DAY, shift=shift), 0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_in_at_age_0_or_before(kind: Kind) -> None:
    assert np.array_equal(DelayLaw(kind).arrived_by(np.array([0.0, -5.0]), shift=np.zeros(2)), [0.0, 0.0])


def test_a_mixture_adds_its_parts() -> None:
    # fast: half of 0.4 at its median of 2 hours; slow: Φ(ln(2/48)) of 0.6 at median 2 days and spread 1
    law = DelayLaw("mixture", median=2.0, spread=1.0, fast_share=0.4, fast_hours=2.0)
    found = law.arrived_by(np.array([2 * HOUR]), shift=np.zeros(1))
    np.testing.assert_allclose(found, 0.4 * 0.5 + 0.6 * 0.000742, atol=1e-5)  # Φ(−3.178) = 0.000742


@pytest.mark.parametrize(
    ("change", "message"),
    [({"kind": "gamma"}, "no delay law 'gamma'"), ({"median": 0.0}, "median must be"), ({"fast_share": 1.5}, "fast")],
)
def test_a_bad_law_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DelayLaw(**change)  # type: ignore[arg-type]
