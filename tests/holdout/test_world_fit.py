"""The closed form over a stored holdout's own evidence, and its fit there."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from core.engine.duck import DuckEngine
from core.errors import InputError
from core.holdout.closed_form import BetaWorld, expected_positivity
from core.holdout.data import Holdout
from core.holdout.positivity import Binning, build_cube
from core.holdout.world_fit import curve_over, fit_holdout, share_outside
from core.jobs import finish

MakeHoldout = Callable[..., Holdout]


def rows(evidence: list[float]) -> pd.DataFrame:
    """One row per evidence, labels in turn."""
    count = len(evidence)
    return pd.DataFrame({"score": np.linspace(0.1, 0.9, count), "uncertainty": evidence, "label": np.arange(count) % 2})


@pytest.mark.parametrize(
    ("evidence", "lo", "hi"),
    [
        ([3.0, 10.0, 300.0], 3.0, 300.0),
        ([0.0, 10.0, 300.0], 0.5, 300.0),  # a logarithmic axis has no zero
        ([0.0, 0.2, 0.4], 0.2, 0.4),  # all evidence below a half: from half the largest
    ],
)
def test_the_curve_spans_the_evidence_that_the_holdout_has(
    make_holdout: MakeHoldout, evidence: list[float], lo: float, hi: float
) -> None:
    world = BetaWorld()
    curve = curve_over(make_holdout(rows(evidence), kind="evidence"), score=0.8, world=world)
    assert (curve.evidence[0], curve.evidence[-1]) == (lo, hi)
    np.testing.assert_allclose(curve.positivity, expected_positivity(0.8, curve.evidence, world=world))


@pytest.mark.parametrize("kind", ["variance", "std", "entropy"])
def test_without_an_evidence_count_there_is_no_curve_and_no_fit(
    make_holdout: MakeHoldout, engine: DuckEngine, kind: str
) -> None:
    holdout = make_holdout(rows([1.0, 2.0, 3.0]), kind=kind)
    with pytest.raises(InputError, match="no evidence count"):
        curve_over(holdout, score=0.5, world=BetaWorld())
    with pytest.raises(InputError, match="no evidence count"):
        finish(fit_holdout(holdout, engine, start=BetaWorld()))


def test_the_share_of_rows_that_a_prior_cannot_score(make_holdout: MakeHoldout, engine: DuckEngine) -> None:
    """At evidence 8 and prior (1, 1) a model says 0.1 to 0.9, half a count more allowed: 0.04 and 0.96 are outside."""
    frame = pd.DataFrame(
        {"score": [0.04, 0.06, 0.5, 0.5, 0.96], "uncertainty": [8.0, 8, 8, 7, 8], "label": [0, 1] * 2 + [1]}
    )
    levels, bins = Binning("equal_width", 1), Binning("equal_width", 10)
    cube, _ = finish(build_cube(make_holdout(frame, kind="evidence"), engine, levels=levels, bins=bins))
    assert share_outside(cube, world=BetaWorld()) == pytest.approx(0.4)
    assert share_outside(cube, world=BetaWorld(b1=0.1, b0=0.1)) == 0
